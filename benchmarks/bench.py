"""All comparisons with what users run today, one after the other: `make bench`.

    python -m benchmarks.bench                 two hours and more on an idle core
    python -m benchmarks.bench --size small    a few minutes; shows that everything works, says nothing of real models
    python -m benchmarks.bench --show          only prints the table of what was measured before

Writes `benchmarks/results/<machine>.json`, whose table is the README's. What the project promises itself is beside each
number: a ratio that falls below it is printed as missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.machine import commit, described, machine_name
from benchmarks.random_model import SIZES

RESULTS = Path(__file__).parent / "results"

COMMANDS = {
    "grouped": ["benchmarks.masked_lm", "grouped", "--rounds", "3"],
    "dropout": ["benchmarks.masked_lm", "dropout", "--rounds", "3"],
    "lines": ["benchmarks.masked_lm", "lines", "--rounds", "3"],
    "padded": ["benchmarks.masked_lm", "padded", "--rounds", "1", "--together"],  # a step of 400 s evens out noise
    "tagging": ["benchmarks.tasks", "tagging", "--rounds", "5"],
    "classification": ["benchmarks.tasks", "classification", "--rounds", "5"],
    "loop": ["benchmarks.loop"],
    "evaluation": ["benchmarks.evaluation", "--rounds", "1", "--sentences", "40"],
}
"""What is measured, by the name of its part of the result."""

CASES = {
    "grouped": "language adapter, 8 full rows of 256",
    "dropout": "language adapter, 8 full rows of 256, dropout 0.1",
    "lines": "language adapter, 64 lines of 31 tokens on average",
    "padded": "language adapter, 64 lines of 31 tokens on average",
    "tagging": "task adapter, tagging, 32 sentences",
    "classification": "task adapter, classification, 32 texts",
}


class Goal(NamedTuple):
    """What the project promises itself.

    Attributes:
        part: Part of the result.
        way: What it is measured against.
        number: Which number of that way.
        least: The ratio that it should reach.
    """

    part: str
    way: str
    number: str
    least: float


GOALS = (
    Goal("grouped", "the field's script", "times ours", 2.8),
    Goal("grouped", "the field's script", "times our memory", 8.0),
    Goal("dropout", "the field's script", "times ours", 2.8),
    Goal("dropout", "the field's script", "times our memory", 8.0),
    Goal("lines", "the field's script, padded to the longest", "times ours", 6.0),
    Goal("padded", "the field's script, padded to 256", "times ours", 12.0),
    Goal("tagging", "every row padded to 128", "times ours", 1.7),
    Goal("classification", "every row padded to 128", "times ours", 1.7),
)
EVALUATION_GOAL, OPERATIONS_GOAL, OUTSIDE_GOAL = 2.0, 1.1, 0.05


def main() -> None:
    """Measures, writes, prints."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--size", choices=SIZES, default="base")
    asked.add_argument("--only", choices=COMMANDS, nargs="+", default=list(COMMANDS), help="parts to measure anew")
    asked.add_argument("--out", type=Path, help="file for the results (default: that of this machine, for base)")
    asked.add_argument("--show", action="store_true", help="print what is there, and measure nothing")
    options = asked.parse_args()
    out = options.out or (RESULTS / f"{machine_name()}.json" if options.size == "base" else None)
    found: dict[str, Any] = {}
    if out is not None and out.is_file():
        found = json.loads(out.read_text(encoding="utf-8"))
    of = commit()  # now: the results are a file of the repository too
    for part in [] if options.show else options.only:
        found |= {"machine": described(), "size": options.size}
        found[part] = {"commit": of, **measured([*COMMANDS[part], "--size", options.size])}
        if out is not None:
            out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print("\n".join([*table(found), "", *verdicts(found)]))


def measured(command: list[str]) -> Any:
    """The result of one benchmark, in a process of its own; what it prints goes on to whoever watches."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "result.json"
        subprocess.run([sys.executable, "-m", *command, "--out", str(out)], check=True, stdout=sys.stderr)
        return json.loads(out.read_text(encoding="utf-8"))


def table(found: dict[str, Any]) -> list[str]:
    """Lines of Markdown: how much more time and memory the usual ways need, of the parts that were measured."""
    lines = ["| what | against | time, theirs / ours | memory, theirs / ours |", "|---|---|---|---|"]
    for part, what in CASES.items():
        for way, numbers in found.get(part, {"ways": {}})["ways"].items():
            if way != found[part]["ours"]:
                lines.append(f"| {what} | {way} | {numbers['times ours']:.1f} | {numbers['times our memory']:.1f} |")
    if "evaluation" in found:
        ours = found["evaluation"]
        memory = ours["peak MiB as usual"] / ours["our peak MiB"]
        against = "a process for each language, fixed batches"
        lines.append(f"| evaluation, 8 languages x 3 seeds | {against} | {ours['times ours']:.1f} | {memory:.1f} |")
    return lines


def verdicts(found: dict[str, Any]) -> Iterator[str]:
    """A line for each goal whose part was measured."""
    for part, way, number, least in GOALS:
        if part in found:
            value = found[part]["ways"][way][number]
            yield f"{_met(value >= least)}: {part}, {way}: {value} {number}, at least {least} wanted"
    for part in ("grouped", "lines"):
        if part in found:
            value = found[part]["ways"][found[part]["ours"]]["operations, times the least"]
            yield f"{_met(value <= OPERATIONS_GOAL)}: {part}: {value} times the operations that have to be"
    if "evaluation" in found:
        value = found["evaluation"]["times ours"]
        yield f"{_met(value >= EVALUATION_GOAL)}: evaluation: {value} times ours, at least {EVALUATION_GOAL} wanted"
    if "loop" in found:
        value = found["loop"]["outside"]
        yield f"{_met(value < OUTSIDE_GOAL)}: {value:.1%} of a step outside the model, below {OUTSIDE_GOAL:.0%} wanted"


def _met(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
