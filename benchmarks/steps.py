"""Ways to train, compared step by step: in turn in one process for their times, in a process each for their memory.

In each round every way trains and its second step is measured, reading and collating a batch included; ratios are
medians over the rounds of the ratio within a round, so that what slows a machine for a while slows both. Peak memory
and operations are those of a process of its own for each way; where steps take minutes, `--together` has them looked
at in the same trainings, which other models in the same process make a little less exact.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.machine import has_gpu, share_of_peak
from benchmarks.random_model import SIZES, Size, save_base_model
from benchmarks.watch import StepWatch, Train

Build = Callable[[Path, Size], Train]
"""What trains, given the folder of the base model and its size."""


@dataclass(frozen=True)
class Case:
    """What is compared.

    Attributes:
        ways: Name to what trains; the last is ours.
        tokens: Tokens that a step sees, padding not counted.
        batches: Batches that each way has to collate between the ends of two steps.
        equal: The way that computes the same loss as ours, or None where none of them does.
        least: The operations that ours cannot do without, counted by hand, or None where nobody has.
        dropout: Of the base model, in all ways.
    """

    ways: Mapping[str, Build]
    tokens: int
    batches: Mapping[str, int]
    equal: str | None = None
    least: Callable[[Size], int] | None = None
    dropout: float = 0.0

    @property
    def ours(self) -> str:
        """The name of our way."""
        return list(self.ways)[-1]


def command(module: str, description: str | None, cases: Mapping[str, Case]) -> None:
    """The command line of a module of benchmarks: measures a case, prints its numbers and, if asked to, writes them."""
    asked = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("case", choices=cases)
    asked.add_argument("--size", choices=SIZES, default="base")
    asked.add_argument("--rounds", type=int, default=3, help="steps of each way whose time counts")
    asked.add_argument("--together", action="store_true", help="no process of its own for memory and operations")
    asked.add_argument("--out", type=Path, help="file for the result as JSON")
    asked.add_argument("--alone", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = asked.parse_args()
    torch.set_num_threads(1)  # as stage pages have it; several trainings side by side are faster than one with threads
    case, size = cases[options.case], SIZES[options.size]
    if options.alone:
        watch = StepWatch(counts=True)(case.ways[options.alone[0]](Path(options.alone[1]), size))
        print(json.dumps(needs(watch)))
        return
    with tempfile.TemporaryDirectory() as name:
        save_base_model(Path(name), size, case.dropout)
        watches = in_turn(case, size, Path(name), options.rounds, options.together)
        again = [sys.executable, "-m", module, options.case, "--size", options.size, "--alone"]
        apart = {way: needs(watches[way][0]) if options.together else alone([*again, way, name]) for way in case.ways}
        found = compared(case, size, watches, apart)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for way, numbers in found["ways"].items():
        print(f"{way:46}", *(f"{label} {value:g}" for label, value in numbers.items()), sep="  ")


def in_turn(case: Case, size: Size, folder: Path, rounds: int, counts: bool) -> dict[str, list[StepWatch]]:
    """Steps of all ways, one way after the other in each round; memory and operations in the first if asked to."""
    ways = {way: build(folder, size) for way, build in case.ways.items()}
    watches: dict[str, list[StepWatch]] = {way: [] for way in ways}
    for number in range(rounds):
        for way, train in ways.items():
            watch = StepWatch(counts=counts and number == 0)(train)
            watches[way].append(watch)
            print(f"round {number + 1}: {way}: {watch.seconds:.2f} s", file=sys.stderr, flush=True)
    check(case, watches)
    return watches


def check(case: Case, watches: Mapping[str, list[StepWatch]]) -> None:
    """That the ways did the work they are compared for.

    Raises:
        RuntimeError: If one of them read too little or too much, or computed another loss.
    """
    for way, wanted in case.batches.items():
        read = {watch.batches_read for watch in watches[way]}
        if read != {wanted} and not has_gpu():  # beside a GPU other processes read
            raise RuntimeError(f"{way}: {read} batches were collated in a step that should collate {wanted}")
    if case.equal is not None:
        ours, theirs = (watches[way][0].losses[0] for way in (case.ours, case.equal))
        if not math.isclose(ours, theirs, rel_tol=1e-4) and not has_gpu():
            raise RuntimeError(f"the first loss of {case.equal} is {theirs} and ours is {ours}")


def needs(watch: StepWatch) -> dict[str, int]:
    """Peak memory (bytes) of a step and its operations."""
    return {"peak": watch.peak, "operations": watch.operations}


def alone(again: list[str]) -> dict[str, int]:
    """Peak memory (bytes) and operations of a step, in a process of its own."""
    done = subprocess.run(again, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(
    case: Case, size: Size, watches: Mapping[str, list[StepWatch]], apart: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    """The numbers of each way, and how much more it needs than ours."""
    rounds = len(watches[case.ours])
    ways = {way: numbers_of(case, way, watches, apart) for way in case.ways}
    if case.least is not None:
        ways[case.ours]["operations, times the least"] = round(apart[case.ours]["operations"] / case.least(size), 3)
    return {"rounds": rounds, "threads": 1, "ours": case.ours, "ways": ways}


def numbers_of(
    case: Case, way: str, watches: Mapping[str, list[StepWatch]], apart: Mapping[str, Mapping[str, int]]
) -> dict[str, float]:
    """What a way of training needs."""
    pairs = zip(watches[way], watches[case.ours], strict=True)
    seconds = median(watch.seconds for watch in watches[way])
    numbers = {
        "seconds": round(seconds, 3),
        "times ours": round(median(one.seconds / our.seconds for one, our in pairs), 2),
        "peak MiB": round(apart[way]["peak"] / 2**20),
        "times our memory": round(apart[way]["peak"] / max(1, apart[case.ours]["peak"]), 2),
        "GFLOP": round(apart[way]["operations"] / 1e9, 3),
        "tokens a second": round(case.tokens / seconds),
    }
    if has_gpu():
        numbers["share of the peak of the chip"] = share_of_peak(apart[way]["operations"], seconds)
    return numbers
