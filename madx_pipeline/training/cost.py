"""What a training costs: its time over all sittings, its peak memory, what of the model it trains.

None of it is the same in two runs, so it stands in `artifact.json` and in no file. It is remembered beside every
checkpoint: a sitting that was killed counts to its last one, as the weights do, and what it did beyond is done again.
"""

from __future__ import annotations

import ctypes
import gc
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from madx_pipeline.adapter_model import AdapterModel
from madx_pipeline.durable import write_whole
from madx_pipeline.records import Json
from madx_pipeline.training import processes

_NOTE = "cost.json"
_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"
"""What makes Linux forget the largest resident set so far (proc(5))."""


@dataclass
class Cost:
    """What a training cost so far.

    Attributes:
        folder: Folder of its checkpoints, in which that is remembered between sittings.
        seconds: Wall time with evaluations and checkpoints.
        peak: Bytes, the largest of all sittings; None where it cannot be had.
    """

    folder: Path
    seconds: float = 0.0
    peak: int | None = None

    @classmethod
    def of_earlier_sittings(cls, folder: Path) -> Cost:
        """What is known of sittings before this one."""
        try:
            note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
            return cls(folder, float(note["seconds"]), note["peak"])
        except (OSError, ValueError, KeyError, TypeError):
            return cls(folder)

    @contextmanager
    def sitting(self) -> Iterator[TrainerCallback]:
        """Measures what happens inside, by a callback for its Trainer that leaves a note at every checkpoint."""
        began = time.monotonic() - self.seconds
        can_tell = forget_peak()

        def remember() -> None:
            now = peak_memory() if can_tell else None
            self.seconds = time.monotonic() - began
            self.peak = max((value for value in (self.peak, now) if value is not None), default=None)
            self._write()

        yield _AtCheckpoints(remember)
        remember()

    def numbers(self, model: AdapterModel) -> dict[str, Json]:
        """As `artifact.json` has it: seconds, bytes, numbers of parameters."""
        parameters = list(model.parameters())
        return {
            "training_seconds": round(self.seconds, 3),
            "peak_memory_bytes": self.peak,
            "trainable_parameters": sum(one.numel() for one in parameters if one.requires_grad),
            "parameters": sum(one.numel() for one in parameters),
            "device": "cuda" if torch.cuda.is_available() else "cpu",
            "processes": processes.count(),
        }

    def _write(self) -> None:
        """By the process that writes."""
        if not processes.is_first():
            return
        write_whole(self.folder / _NOTE, json.dumps({"seconds": self.seconds, "peak": self.peak}))


class _AtCheckpoints(TrainerCallback):  # type: ignore[misc]  # transformers carries no types
    """Has something done after every checkpoint that is complete."""

    def __init__(self, do: Callable[[], None]) -> None:
        self._do = do

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **unused: Any) -> None:
        """Called by the Trainer."""
        self._do()


def forget_peak() -> bool:
    """Starts counting peak memory anew; False where this system cannot."""
    gc.collect()  # a Trainer and its model refer to each other: the jobs before this one are not all gone yet
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return True
    try:
        _give_back_freed_memory()
        _FORGET.write_text(_FORGET_PEAK, encoding="ascii")
    except OSError:
        return False
    return True


def _give_back_freed_memory() -> None:
    """Without it a job would seem to need what the jobs before it in this process have freed and the C library kept."""
    if _FORGET.exists():
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
        if trim is not None:
            trim(0)


def peak_memory() -> int | None:
    """Bytes at most since `forget_peak`: allocated on the GPU, or resident in main memory with all libraries."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
