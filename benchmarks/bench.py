"""All comparisons with what users run today, one after the other: `make bench`.

    python -m benchmarks.bench                 about an hour and a half on two cores that do nothing else
    python -m benchmarks.bench --size small    a few minutes; shows that everything works, says nothing of real models

Writes `benchmarks/results/<machine>.json`, of which the README's table is made, and prints that table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import described, machine_name

RESULTS = Path(__file__).parent / "results"
OURS = "ours"

COMMANDS = {
    "grouped": ["benchmarks.masked_lm", "grouped"],
    "lines": ["benchmarks.masked_lm", "lines"],
    "tasks": ["benchmarks.tasks"],
    "loop": ["benchmarks.loop"],
}
"""What is measured, by the name of its part of the result."""

SIZES = {
    "base": {"tasks": ["--size", "base", "--steps", "9", "--rows", "100"]},
    "small": {
        "grouped": ["--size", "small", "--rounds", "1"],
        "lines": ["--size", "small", "--rounds", "1"],
        "tasks": ["--size", "small", "--steps", "3", "--rows", "20"],
        "loop": ["--size", "miniature"],
    },
}


def main() -> None:
    """Measures, writes, prints."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--size", choices=SIZES, default="base")
    asked.add_argument("--out", type=Path, default=RESULTS / f"{machine_name()}.json", help="file for the results")
    options = asked.parse_args()
    found: dict[str, Any] = {"machine": described(), "size": options.size}
    for part, command in COMMANDS.items():
        found[part] = measured([*command, *SIZES[options.size].get(part, [])])
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print("\n".join(table(found)))


def measured(command: list[str]) -> Any:
    """The result of one benchmark, in a process of its own; what it prints goes on to whoever watches."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "result.json"
        subprocess.run([sys.executable, "-m", *command, "--out", str(out)], check=True, stdout=sys.stderr)
        return json.loads(out.read_text(encoding="utf-8"))


def table(found: dict[str, Any]) -> list[str]:
    """Lines of Markdown: how much more time and memory the usual ways need."""
    lines = [
        f"Against what users run today, on {found['machine']} (`make bench`):",
        "",
        "| what | against | time, theirs / ours | memory of a step, theirs / ours |",
        "|---|---|---|---|",
    ]
    for part, what in (("grouped", "language adapter, 8 full rows of 256"), ("lines", "language adapter, 64 lines")):
        for way, numbers in found[part]["ways"].items():
            if way != OURS:
                lines.append(f"| {what} | {way} | {numbers['times ours']:.1f} | {numbers['times our memory']:.1f} |")
    usual = {
        "training step": ("task adapter, 32 sentences", "every row padded to 128"),
        "evaluation": ("evaluation, 8 languages x 3 seeds", "a process for each language, fixed batches"),
    }
    for part, (what, against) in usual.items():
        lines.append(f"| {what} | {against} | {found['tasks'][part]['times ours']:.1f} | |")
    return lines


if __name__ == "__main__":
    main()
