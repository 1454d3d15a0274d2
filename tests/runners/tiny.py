"""The smallest recipe that has everything of MAD-X: made-up text and labels on a tiny base model, done in seconds."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import yaml

from madx_pipeline.stage import STAGES
from tests.model_builders import WORDS, save_tiny_base

LABELS = {"yes": WORDS[:4], "no": WORDS[4:8]}
"""What a text is labelled as, and the words of which it has one."""

TRAINING: dict[str, Any] = {"learning_rate": 0.01, "logging_steps": 1}

JOBS = 10
"""Jobs of the recipe."""


def write_tiny(folder: Path, name: str = "tiny", **changes: Any) -> Path:
    """Writes base model, text, labelled data and a recipe that uses them; gives the path of the recipe."""
    if not (folder / "base").exists():
        save_tiny_base(folder / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        for seed, language in enumerate(("en", "sw")):
            (folder / f"{language}.txt").write_text(_text(seed), encoding="utf-8")
        for seed, split in enumerate(("train", "validation", "test")):
            (folder / f"{split}.tsv").write_text(_table(seed, 96 if split == "train" else 32), encoding="utf-8")
    files = {"en": _files("train", "validation", "test"), "sw": _files("test")}
    recipe = {
        "name": name,
        "base_model": {"path": "base"},
        "source_language": "en",
        "target_languages": ["sw"],
        "corpora": {language: {"path": f"{language}.txt"} for language in ("en", "sw")},
        "tasks": {"topic": {"card": "table", "files": files}},
        "methods": ["madx"],
        "resources": {stage: {"memory_gib": 1} for stage in STAGES},
        "stages": {
            "train_language_adapter": {**TRAINING, "max_steps": 40, "eval_steps": 4, "max_length": 32},
            "train_task_adapter": {**TRAINING, "num_train_epochs": 8, "reduction_factor": 2},
        },
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**recipe, **changes}), encoding="utf-8")
    return path


def _files(*splits: str) -> dict[str, str]:
    return {split: f"{split}.tsv" for split in splits}


def _text(seed: int) -> str:
    """Lines in which each word is followed by its neighbour in the list, so that there is something to learn."""
    chance = random.Random(seed)
    lines = []
    for _ in range(300):
        start = chance.randrange(len(WORDS))
        lines.append(" ".join(WORDS[(start + step) % len(WORDS)] for step in range(chance.randrange(4, 10))))
    return "\n".join(lines) + "\n"


def _table(seed: int, rows: int) -> str:
    chance = random.Random(100 + seed)
    lines = ["text\tlabel"]
    for number in range(rows):
        label = list(LABELS)[number % 2]
        words = [*chance.choices(WORDS[8:], k=chance.randrange(2, 6)), *chance.choices(LABELS[label], k=3)]
        chance.shuffle(words)
        lines.append(f"{' '.join(words)}\t{label}")
    return "\n".join(lines) + "\n"
