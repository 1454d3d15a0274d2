"""How long planning takes: 200 languages x 5 tasks x 5 seeds x 4 methods, from the recipe file to the printed plan.

python -m benchmarks.planning
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from madx_pipeline.cards import corpus_card
from madx_pipeline.methods import METHODS

LANGUAGES = 200
TASKS = 5
SEEDS = 5


def main() -> None:
    """Writes the recipe, plans it with the command line, prints jobs and seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = write_recipe(folder)
        started = time.monotonic()
        command = [sys.executable, "-m", "madx_pipeline", "plan", str(recipe), "--home", str(folder / "home")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.monotonic() - started
    print(f"{done.stdout.splitlines()[-1]} {seconds:.1f} s from start to end of the command.")


def write_recipe(folder: Path) -> Path:
    """A recipe of that size; all labelled data is one file, since planning only hashes it."""
    (folder / "rows.tsv").write_text("text\tlabel\na\tx\nb\ty\n", encoding="utf-8")
    codes = list(corpus_card("wikipedia").languages)
    source, *targets = codes[: LANGUAGES + 1]
    files = {code: {"test": "rows.tsv"} for code in targets}
    files[source] = dict.fromkeys(("train", "validation", "test"), "rows.tsv")
    recipe = {
        "name": "large",
        "base_model": {"builtin": "miniature"},
        "source_language": source,
        "target_languages": targets,
        "corpora": {"default": {"card": "wikipedia"}},
        "tasks": {f"task{index}": {"card": "table", "files": files} for index in range(TASKS)},
        "methods": list(METHODS),
        "seeds": list(range(SEEDS)),
    }
    path = folder / "large.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
