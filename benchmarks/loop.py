"""How much of a training step is not the model: reading, masking and packing, the Trainer's own work.

    python -m benchmarks.loop                  a random model in the shape of XLM-R base
    python -m benchmarks.loop --size miniature one in the shape of the built-in miniature

A language adapter is trained by `madx_pipeline.training.train` on a tokenised corpus, 64 lines a step, 16 at a time as
the stage page has it, under torch's profiler. What is neither forward pass nor backward pass nor optimizer is outside.
The first step and the last do not count: one meets cold caches, in the other there is nothing more to read.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks.machine import has_gpu
from benchmarks.masked_lm import AS_SHIPPED, LENGTH, NAME, SHAPE, params
from benchmarks.random_model import FIRST_WORD, PAD, SIZES, Size, save_base_model, tokenizer_of
from madx_pipeline.adapter_model import AdapterModel, add_adapter, load_language_model, train_only
from madx_pipeline.data.token_rows import TokenRows
from madx_pipeline.masked_lm.batches import PASS_TOKENS, BatchShape, MaskedWindows
from madx_pipeline.masked_lm.masking import masking_for
from madx_pipeline.masked_lm.windows import CorpusWindows, WindowShape
from madx_pipeline.stage import Workspace
from madx_pipeline.training import Training, train
from madx_pipeline.training.precision import loss_of_model

LINES, A_STEP = 20_000, 64
FORWARD, BACKWARD, STEP_END = "benchmarks: forward", "benchmarks: backward", "benchmarks: step ended"
PARTS = {
    "forward": (FORWARD, A_STEP // AS_SHIPPED),
    "backward": (BACKWARD, A_STEP // AS_SHIPPED),
    "optimizer": ("Optimizer.step", 1),
    "reading, masking, packing": ("enumerate(DataLoader)", A_STEP // AS_SHIPPED),
}
"""What is looked at: how the names of its events begin, and how many of them a step has."""


def main() -> None:
    """Trains, prints the shares and, if asked to, writes them as JSON."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--size", choices=SIZES, default="base")
    asked.add_argument("--steps", type=int, default=4)
    asked.add_argument("--out", type=Path, help="file for the result as JSON")
    options = asked.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        found = shares(Path(name), SIZES[options.size], options.steps)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(*(f"{what} {share:.1%}" for what, share in found.items()), sep="  ")


def shares(folder: Path, size: Size, steps: int) -> dict[str, float]:
    """What share of the time of steps each part takes; `outside` is what no part of the model does."""
    save_base_model(folder / "model", size)
    model = load_language_model(folder / "model", "random")
    add_adapter(model, NAME, SHAPE, seed=0)
    train_only(model, NAME, [NAME])
    work = _MarkedWorkspace(folder / "work", folder / "work/checkpoints")
    work.checkpoints.mkdir(parents=True)
    with profiled() as profiler:
        train(model, training_on(corpus(folder, size), steps + 2), params(AS_SHIPPED, A_STEP), 0, work)
    events = [event for event in profiler.events() if event.device_type.name == "CPU"]
    found = shares_of(events, steps)
    return {**found, "outside": 1 - found["forward"] - found["backward"] - found["optimizer"]}


class _MarkedWorkspace(Workspace):
    """Leaves an event wherever a step ends."""

    def progress(self, done: int, total: int, **numbers: float) -> None:
        """Called at the end of every step."""
        with record_function(STEP_END):
            pass


def shares_of(events: Sequence[Any], steps: int) -> dict[str, float]:
    """The share of each part in the time between the end of the first step and that of the last but one.

    Raises:
        RuntimeError: If a part did not happen as often as these steps have it.
    """
    ends = sorted(event.time_range.start for event in events if event.name == STEP_END)
    start, end = ends[0], ends[steps]
    found = {}
    for part, (beginning, times) in PARTS.items():
        own = [event for event in events if event.name.startswith(beginning) and start < event.time_range.start < end]
        if len(own) != times * steps:
            raise RuntimeError(f"{part}: {len(own)} events in {steps} steps")
        found[part] = sum(event.time_range.elapsed_us() for event in own) / (end - start)
    return found


def training_on(windows: MaskedWindows, steps: int) -> Training:
    """A training on lines that share rows, whose forward passes the profiler can tell."""

    def loss(model: AdapterModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with record_function(FORWARD):
            found = loss_of_model(model, batch)
            wait_for_gpu()
            return found

    collate = BatchShape(LENGTH, PAD, PAD + 1, repack=True).batch
    return Training(windows, collate, lambda _: {"loss": 0.0}, "loss", False, steps, steps, loss, PASS_TOKENS)


def wait_for_gpu() -> None:
    """Without it a GPU's work is counted wherever somebody waits for it."""
    if has_gpu():
        torch.cuda.synchronize()


def corpus(folder: Path, size: Size) -> MaskedWindows:
    """A tokenised corpus of random lines, as long as sentences are."""
    draw = np.random.default_rng(0)
    lengths = np.clip(draw.lognormal(3.1, 0.75, LINES).round(), 2, 4 * LENGTH).astype(int)
    with TokenRows(folder / "train.arrow") as rows:
        for length in lengths:
            rows.add(draw.integers(FIRST_WORD, size.words, length).astype(np.int32))
    windows = CorpusWindows(folder / "train.arrow", WindowShape(0, 2, LENGTH, full=False))
    return MaskedWindows(windows, masking_for(tokenizer_of(size.words), 0.15, 0.0), seed=0)


@contextmanager
def profiled() -> Iterator[Any]:
    """Torch's profiler; it also tells backward passes, which have no name of their own."""
    backward: Any = torch.Tensor.backward

    def named(self: torch.Tensor, *arguments: Any, **named_too: Any) -> None:
        with record_function(BACKWARD):
            backward(self, *arguments, **named_too)
            wait_for_gpu()

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if has_gpu() else [])]
    torch.Tensor.backward = named  # type: ignore[method-assign]
    try:
        with profile(activities=activities) as profiler:
            yield profiler
    finally:
        torch.Tensor.backward = backward  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
