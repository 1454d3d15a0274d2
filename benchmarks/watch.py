"""What one step of a training costs, whichever Trainer makes it: seconds, memory, floating point operations.

A step lasts from the end of the step before it to its own end, so that reading and collating a batch count too. The
second step of a training is measured, and the training is left after it: the first meets cold caches and memory
that nobody has asked for yet, and in the last there is nothing more to read.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import TrainerCallback

from madx_pipeline.stage import Workspace

Train = Callable[["StepWatch"], None]
"""Trains three steps or more, telling the watch when each ends, and its loss as soon as that is known."""

MEASURED = 2
STEPS = MEASURED + 1


class MeasuredError(Exception):
    """Not an error: the step that is measured has ended, and the training is left."""


@dataclass
class StepWatch:
    """Notes when steps end, their losses, the operations of the first and the memory of the second.

    Attributes:
        counts: Whether operations and memory are looked at, which costs time.
        ends: When each step ended, in seconds of a clock.
        losses: Loss of each step, as whoever trains reports it; a Trainer says that of the last one too late.
        operations: Floating point operations of the first step; a multiplication and an addition are two.
        peak: Bytes that the second step needed above those in use before it.
        batches: How often a batch was collated so far, at the end of each step.
    """

    counts: bool = False
    ends: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    operations: int = 0
    peak: int = 0
    collated: int = 0
    _counter: Any = field(default=None, init=False, repr=False)

    def __call__(self, train: Train) -> StepWatch:
        """Watches a training up to the end of the step that is measured."""
        self._counter = FlopCounterMode(display=False, custom_mapping=ATTENTION)
        if self.counts:
            self._counter.__enter__()
        with suppress(MeasuredError):
            train(self)
        if len(self.ends) != MEASURED:
            raise RuntimeError(f"a training was left after {len(self.ends)} steps and not after {MEASURED}")
        return self

    def collating(self, collate: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The same, counted."""

        def counted(examples: Any) -> Any:
            self.collated += 1
            return collate(examples)

        return counted

    def step_ended(self) -> None:
        """To be called at the end of every step, after the optimizer.

        Raises:
            MeasuredError: After the step that is measured.
        """
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())
        self.batches.append(self.collated)
        if len(self.ends) == 1 and self.counts:
            self._counter.__exit__(None, None, None)
            self.operations = int(self._counter.get_total_flops())
            self._before = start_of_peak()
        if len(self.ends) == MEASURED:
            self.peak = peak() - self._before if self.counts else 0
            raise MeasuredError

    @property
    def seconds(self) -> float:
        """Wall seconds of the step that is measured."""
        return self.ends[1] - self.ends[0]

    @property
    def batches_read(self) -> int:
        """How many batches were collated in that time."""
        return self.batches[1] - self.batches[0]


class Watched(TrainerCallback):  # type: ignore[misc]  # transformers carries no types
    """Tells a watch of the steps of a Trainer, which logs the loss of a step after its end."""

    def __init__(self, watch: StepWatch) -> None:
        self._watch = watch

    def on_step_end(self, args: Any, state: Any, *unused: Any, **unused_too: Any) -> None:
        """A step has ended, its optimizer included."""
        self._watch.step_ended()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **unused: Any) -> None:
        """A step has been logged."""
        self._watch.losses.append(logs["loss"])


class _WatchedWorkspace(Workspace):
    """Tells a watch of the steps of `madx_pipeline.training.train`, and nobody of its progress."""

    watch: StepWatch

    def progress(self, done: int, total: int, **numbers: float) -> None:
        """Called at the end of every step."""
        self.watch.losses.append(numbers["loss"])
        self.watch.step_ended()


def watched_workspace(folder: Path, watch: StepWatch) -> Workspace:
    """Where a training in this empty folder works whose steps the watch is told of."""
    out = _WatchedWorkspace(folder, folder / "checkpoints")
    out.checkpoints.mkdir()
    out.watch = watch
    return out


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
