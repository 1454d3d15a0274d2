"""A small world that runs in seconds, and the command line as a user would call it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

SMALL: dict[str, Any] = {
    "name": "small",
    "base_model": {"builtin": "miniature"},
    "source_language": "qaa",
    "target_languages": ["qad"],
    "corpora": {"default": {"card": "miniature", "max_lines": 400}},
    "tasks": {"pos": {"card": "miniature_pos"}},
    "methods": ["madx", "madx_source_kept", "task_adapter_only", "full_finetuning"],
    "seeds": [1],
    "stages": {
        "prepare_base_model": {"miniature_steps": 60},
        "train_language_adapter": {
            "max_steps": 12,
            "eval_steps": 4,
            "gradient_accumulation_steps": 2,
            "learning_rate": 0.004,
        },
        "train_task_adapter": {"num_train_epochs": 3, "learning_rate": 0.004},
        "finetune_base_model": {"num_train_epochs": 3, "learning_rate": 0.001},
    },
}
"""Everything of MAD-X, with so little training that the scores mean nothing."""


def begin_with(pretrained: Path, folder: Path) -> None:
    """Puts the base model that has been made in another folder into the store of this one."""
    shutil.copytree(pretrained / "madx_runs/store", folder / "madx_runs/store")


def write_recipe(folder: Path, recipe: dict[str, Any] = SMALL, **changes: Any) -> Path:
    """Writes a recipe with these changes; gives its path."""
    content = {**recipe, **changes}
    path = folder / f"{content['name']}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def madx_command(*arguments: str | Path) -> list[str]:
    """The command line of `madx`."""
    return [sys.executable, "-m", "madx_pipeline", *map(str, arguments)]


def environment() -> dict[str, str]:
    """An environment in which no hub can be reached, and in which the user has not said so."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "OMP_"))}
    return {**kept, "HF_ENDPOINT": "http://127.0.0.1:9", "no_proxy": "*"}


def madx(*arguments: str | Path, folder: Path, expect: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `madx` in `folder`, with these environment variables as well, and checks the exit code."""
    done = subprocess.run(
        madx_command(*arguments),
        cwd=folder,
        env=environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expect, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def results_of(folder: Path, recipe: str = "small", home: str = "madx_runs") -> dict[str, Any]:
    """The report of a recipe as data."""
    text = (folder / home / "reports" / recipe / "results.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def plan_states(folder: Path, recipe: Path) -> dict[str, str]:
    """State of each job by name, as `madx plan --json` says."""
    rows = json.loads(madx("plan", recipe, "--json", folder=folder).stdout)["jobs"]
    return {row["name"]: row["state"] for row in rows}


def artifact_bytes(home: Path) -> dict[str, str]:
    """sha256 of every file of every finished artifact that must be the same in every run: models, data, scores."""
    found = {}
    for path in sorted((home / "store").glob("*/*/**/*")):
        folder = path.relative_to(home / "store").parts[1]
        if path.is_file() and "." not in folder and path.name not in ("artifact.json", "log.txt"):
            found[path.relative_to(home).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
