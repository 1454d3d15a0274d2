"""What one step of a training costs, whichever Trainer makes it: seconds, memory, floating point operations.

A step lasts from the end of the step before it to its own end, so that reading and collating its batch count too.
The first step of a training is never measured: it meets cold caches and memory that nobody has asked for yet.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import TrainerCallback

from madx_pipeline.stage import Workspace

Train = Callable[["StepWatch", int], float]
"""Trains so many steps, tells the watch when each ends, and gives the loss of the last."""


@dataclass
class StepWatch:
    """Notes when steps end, and the memory between the end of the first and of the second.

    Attributes:
        measures_memory: Whether memory is looked at, which costs a little time.
        ends: When each step ended, in seconds of a clock.
        cpu: Seconds of computing that all threads of this process had done by then.
        peak: Bytes that the second step needed above those in use before it.
    """

    measures_memory: bool = False

    def __post_init__(self) -> None:
        self.ends: list[float] = []
        self.cpu: list[float] = []
        self.peak = 0
        self._before = 0

    def step_ended(self) -> None:
        """To be called at the end of every step, after the optimizer."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())
        self.cpu.append(time.process_time())
        if self.measures_memory and len(self.ends) == 1:
            self._before = start_of_peak()
        if self.measures_memory and len(self.ends) == 2:
            self.peak = peak() - self._before

    @property
    def seconds(self) -> float:
        """Wall seconds of the last step."""
        return self.ends[-1] - self.ends[-2]

    @property
    def cpu_seconds(self) -> float:
        """Seconds of computing of the last step, all threads added."""
        return self.cpu[-1] - self.cpu[-2]


class Watched(TrainerCallback):  # type: ignore[misc]  # transformers carries no types
    """Tells a watch of the steps of a Trainer."""

    def __init__(self, watch: StepWatch) -> None:
        self._watch = watch

    def on_step_end(self, *unused: Any, **unused_too: Any) -> None:
        """A step has ended, its optimizer included."""
        self._watch.step_ended()


class _WatchedWorkspace(Workspace):
    """Tells a watch of the steps of `madx_pipeline.training.train`, and nobody of its progress."""

    watch: StepWatch

    def progress(self, done: int, total: int, **numbers: float) -> None:
        """Called at the end of every step."""
        self.watch.step_ended()


def watched_workspace(folder: Path, watch: StepWatch) -> Workspace:
    """Where a training in this empty folder works whose steps the watch is told of."""
    out = _WatchedWorkspace(folder, folder / "checkpoints")
    out.checkpoints.mkdir()
    out.watch = watch
    return out


def peak_of_a_step(train: Train) -> int:
    """Bytes that a second step needs above those in use before it; in a process of its own, or earlier ones count."""
    watch = StepWatch(measures_memory=True)
    train(watch, 2)
    return watch.peak


def operations_of_a_step(train: Train) -> int:
    """Floating point operations (a multiplication and an addition are two) of a training of one step."""
    with FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter:
        train(StepWatch(), 1)
    return int(counter.get_total_flops())


def start_of_peak() -> int:
    """Bytes in use now; from here on the peak is counted anew."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    ctypes.CDLL(None).malloc_trim(0)  # else memory that was freed counts as in use
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _resident("VmRSS")


def peak() -> int:
    """The most bytes in use since `start_of_peak`."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else _resident("VmHWM")


def _resident(what: str) -> int:
    """A line of /proc/self/status, in bytes."""
    rows = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (row,) = (row for row in rows if row.startswith(f"{what}:"))
    return int(row.split()[1]) * 1024


def _products(query: tuple[int, int, int, int], number: int) -> int:
    """Operations of so many products of (length, size) and (size, length) matrices in every row and head."""
    rows, heads, length, size = query
    return number * 2 * rows * heads * length * length * size


ATTENTION: dict[Any, Any] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: lambda query, *_, **__: _products(query, 2),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: lambda _, query, *__, **___: _products(
        query, 5
    ),
}
"""Torch counts the operations of attention on GPUs alone."""
