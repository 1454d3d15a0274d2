"""How much of a training step is not the model: reading, masking and packing, the Trainer's own work.

    python -m benchmarks.loop                  a random model in the shape of XLM-R base
    python -m benchmarks.loop --size miniature one in the shape of the built-in miniature

A language adapter is trained by `madx_pipeline.training.train` on a tokenised corpus, 64 lines a step, under torch's
profiler. What is neither forward pass nor backward pass nor optimizer is outside.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks.machine import has_gpu
from benchmarks.masked_lm import LENGTH, NAME, PAD, SHAPE, SIZES, Size, params, save_base_model, tokenizer_of
from benchmarks.watch import StepWatch, watched_workspace
from madx_pipeline.adapter_model import AdapterModel, add_adapter, load_language_model, train_only
from madx_pipeline.data.token_rows import TokenRows
from madx_pipeline.masked_lm.batches import BatchShape, MaskedWindows
from madx_pipeline.masked_lm.masking import masking_for
from madx_pipeline.masked_lm.windows import CorpusWindows, WindowShape
from madx_pipeline.training import Training, train
from madx_pipeline.training.precision import loss_of_model

SHAPES = {"base": SIZES["base"], "miniature": Size(800, 128, 4, 4, 256)}
LINES, A_STEP = 20_000, 64
FORWARD, BACKWARD = "benchmarks: forward", "benchmarks: backward"


def main() -> None:
    """Trains, prints the shares and, if asked to, writes them as JSON."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--size", choices=SHAPES, default="base")
    asked.add_argument("--steps", type=int, default=4)
    asked.add_argument("--out", type=Path, help="file for the result as JSON")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = shares(Path(name), SHAPES[options.size], options.steps)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(*(f"{what} {share:.1%}" for what, share in found.items()), sep="  ")


def shares(folder: Path, size: Size, steps: int) -> dict[str, float]:
    """What share of a step's time each part takes, `outside` being what is left."""
    save_base_model(folder / "model", size)
    model = load_language_model(folder / "model", "random")
    add_adapter(model, NAME, SHAPE, seed=0)
    train_only(model, NAME, [NAME])
    watch = StepWatch()
    with profiled() as profiler:
        training = training_on(corpus(folder, size), size, steps)
        (folder / "work").mkdir()
        train(model, training, params(A_STEP), 0, watched_workspace(folder / "work", watch))
    seconds = watch.ends[-1] - watch.ends[0]
    parts = {
        "forward": total(profiler, FORWARD, steps),
        "backward": total(profiler, BACKWARD, steps),
        "optimizer": total(profiler, "Optimizer.step", steps),
    }
    found = {name: part / seconds for name, part in parts.items()}
    data = total(profiler, "enumerate(DataLoader)", steps) / seconds
    return {**found, "outside": 1 - sum(found.values()), "of that reading, masking, packing": data}


def training_on(windows: MaskedWindows, size: Size, steps: int) -> Training:
    """A training on lines that share rows, whose forward passes the profiler can tell."""

    def loss(model: AdapterModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with record_function(FORWARD):
            return loss_of_model(model, batch)

    collate = BatchShape(LENGTH, PAD, PAD + 1, repack=True).batch
    return Training(windows, collate, lambda _: {"loss": 0.0}, "loss", False, steps + 1, steps + 1, loss)


def corpus(folder: Path, size: Size) -> MaskedWindows:
    """A tokenised corpus of random lines, as long as sentences are."""
    draw = np.random.default_rng(0)
    lengths = np.clip(draw.lognormal(3.1, 0.75, LINES).round(), 2, 4 * LENGTH).astype(int)
    with TokenRows(folder / "train.arrow") as rows:
        for length in lengths:
            rows.add(draw.integers(FIRST, size.words, length).astype(np.int32))
    windows = CorpusWindows(folder / "train.arrow", WindowShape(0, 2, LENGTH, full=False))
    return MaskedWindows(windows, masking_for(tokenizer_of(size.words), 0.15, 0.0), seed=0)


FIRST = 5
"""The first token that is a word."""


@contextmanager
def profiled() -> Iterator[Any]:
    """Torch's profiler; it also tells backward passes, which have no name of their own."""
    backward: Any = torch.Tensor.backward

    def named(self: torch.Tensor, *arguments: Any, **named_too: Any) -> None:
        with record_function(BACKWARD):
            backward(self, *arguments, **named_too)

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if has_gpu() else [])]
    torch.Tensor.backward = named  # type: ignore[method-assign]
    try:
        with profile(activities=activities) as profiler:
            yield profiler
    finally:
        torch.Tensor.backward = backward  # type: ignore[method-assign]


def total(profiler: Any, beginning: str, steps: int) -> float:
    """Seconds of the events whose name begins so, without those of the first step, which is not counted."""
    events = [event for event in profiler.events() if event.name.startswith(beginning)]
    events.sort(key=lambda event: event.time_range.start)
    return float(sum(event.time_range.elapsed_us() for event in events[-steps:])) / 1e6


if __name__ == "__main__":
    main()
