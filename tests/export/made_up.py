"""A finished run that nobody trained: a real recipe and plan, artifacts with invented facts, tiny real adapters."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from madx_pipeline.adapter_model import AdapterShape, add_adapter, load_model, save_adapter
from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.export.choose import Shelf
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.store import Store
from tests.model_builders import save_tiny_base

LABELS = ["ADJ", "NOUN", "VERB"]

MINIATURE: dict[str, Any] = {
    "name": "made-up",
    "summary": "a run that nobody trained",
    "base_model": {"builtin": "miniature"},
    "source_language": "qaa",
    "target_languages": ["qad"],
    "corpora": {"default": {"card": "miniature"}},
    "tasks": {"pos": {"card": "miniature_pos"}},
    "seeds": [1, 2, 3],
}

HUB: dict[str, Any] = {
    "name": "from-the-hub",
    "base_model": {"id": "xlm-roberta-base", "revision": "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089"},
    "source_language": "en",
    "target_languages": ["sw"],
    "corpora": {"default": {"card": "wikipedia"}},
    "tasks": {"ner": {"card": "wikiann"}},
}
"""Everything from the hub; planning it needs no network."""

PUBLISHED = {
    "id": "AdapterHub/xlm-roberta-base-en-wiki_pfeiffer",
    "revision": "0123456789abcdef0123456789abcdef01234567",
}
"""A language adapter that somebody else made."""

DEV = {1: 0.5, 2: 0.75, 3: 0.625}
"""Seed to the score on the source language's validation data."""


def adapters(folder: Path) -> Path:
    """A tiny language adapter and a tiny task adapter with its head, as the stages save them."""
    facts = save_tiny_base(folder / "model")
    model = load_model(folder / "model", facts["name"])
    add_adapter(model, "language_xx", AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2), 0)
    add_adapter(model, "task_xx", AdapterShape("seq_bn", 4), 1)
    model.add_tagging_head("task_xx", num_labels=3, id2label=dict(enumerate(LABELS)))
    save_adapter(model, "language_xx", folder / "language", with_head=False)
    save_adapter(model, "task_xx", folder / "task", with_head=True)
    return folder


@dataclass
class MadeUp:
    """A recipe in a folder, its plan, and a store in `madx_runs`.

    Attributes:
        folder: Where the recipe lies.
        recipe: What is in it.
        adapters: What `adapters` made.
        facts: Name of a job to facts that replace or add to the invented ones.
    """

    folder: Path
    recipe: dict[str, Any]
    adapters: Path
    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.write()

    def write(self) -> None:
        """Writes the recipe's file."""
        self.file.write_text(yaml.safe_dump(self.recipe), encoding="utf-8")

    @property
    def file(self) -> Path:
        """The recipe's file."""
        return self.folder / f"{self.recipe['name']}.yaml"

    @property
    def home(self) -> Path:
        """Folder of the store."""
        return self.folder / "madx_runs"

    @property
    def plan(self) -> Plan:
        """The recipe's plan."""
        return plan_recipe(str(self.file), self.home)

    @property
    def shelf(self) -> Shelf:
        """The plan and the store."""
        return Shelf(self.plan, Store(self.home), str(self.file))

    def finish(self, but: Iterable[str] = ()) -> MadeUp:
        """Finishes every job but those named."""
        store = Store(self.home)
        store.open_for_writing()
        for job in self.plan.jobs.values():
            if job.name not in but:
                self._finish(job, store)
        return self

    def _finish(self, job: Job, store: Store) -> None:
        workspace = store.begin(job)
        (workspace.path / "made.txt").write_text(job.name, encoding="utf-8")
        if job.stage.endswith("_adapter"):
            kind = "task" if "task" in job.stage else "language"
            shutil.copytree(self.adapters / kind, workspace.path / "adapter")
        facts = {**_FACTS[job.stage](self, job), **self.facts.get(job.name, {})}
        if job.stage == "evaluate_zero_shot":
            _write_predictions(workspace.path / "examples.jsonl", facts["values"]["accuracy"], facts["examples"])
        workspace.describe(**facts)
        workspace.check("made_up_check", True, 0.5, "It is made up.")
        store.finish(job, workspace, {"torch": "2.13.0", "adapters": "1.3.0"})


def _write_predictions(file: Path, accuracy: float, examples: int) -> None:
    """Predictions, a word an example, that have this accuracy."""
    right = round(accuracy * examples)
    answers = ["NOUN"] * right + ["VERB"] * (examples - right)
    lines = [json.dumps({"gold": ["NOUN"], "predicted": [answer]}) for answer in answers]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _base(run: MadeUp, job: Job) -> dict[str, Any]:
    source = job.source or {}
    name = source.get("id") or source.get("name") or source.get("builtin")
    return {
        "name": name,
        "revision": source.get("revision"),
        "model_type": "xlm-roberta",
        "hidden_size": 16,
        "layers": 3,
        "max_length": 32,
        "languages_seen": ["qaa", "en"],
        "world_seed": source.get("world_seed"),
        "weights_sha256": "ab" * 32,
    }


def _corpus(run: MadeUp, job: Job) -> dict[str, Any]:
    return {
        "language": job.key["language"],
        "lines_read": 1000,
        "lines_kept": 985,
        "dropped": {"empty": 0, "duplicate": 12, "too_long": 3},
        "lines_train": 900,
        "lines_heldout": 85,
        "tokens": 20000,
        "words": 12500,
        "tokens_per_word": 1.6,
        "unknown_share": 0.0012,
        "scripts": {"Latin": 1.0},
        "licence": "CC0-1.0 (of the text)",
        "origin": "text of nobody",
    }


def _language_adapter(run: MadeUp, job: Job) -> dict[str, Any]:
    return {
        "language": job.key["language"],
        "origin": "trained",
        "reduction_factor": 2.0,
        "leave_out": [],
        "non_linearity": "relu",
        "has_invertible_adapter": True,
        "parameters": 7000,
        "steps": 400,
        "best_step": 380,
        "epochs": 1.5,
        "heldout_loss_before": 4.25,
        "heldout_loss_after": 2.125,
        "heldout_perplexity_before": 70.105,
        "heldout_perplexity_after": 8.373,
    }


def _fetched(run: MadeUp, job: Job) -> dict[str, Any]:
    source = job.source or {}
    return {
        "language": job.key.get("language"),
        "origin": "published",
        "repository": source.get("id"),
        "revision": source.get("revision"),
        "licence": "apache-2.0",
        "leave_out": [],
    }


def _task_data(run: MadeUp, job: Job) -> dict[str, Any]:
    source = job.key["language"] == run.recipe["source_language"]
    return {
        "task": job.key["task"],
        "language": job.key["language"],
        "task_type": "tagging",
        "metric": "accuracy",
        "label_scheme": "plain",
        "labels": LABELS,
        "splits": {split: {"examples": 300} for split in (["train", "validation", "test"] if source else ["test"])},
        "licence": "CC BY 4.0 (of the labels)",
        "origin": "labels of nobody",
    }


def _task_adapter(run: MadeUp, job: Job) -> dict[str, Any]:
    return {
        "task": job.key["task"],
        "task_type": "tagging",
        "metric": "accuracy",
        "labels": LABELS,
        "architecture": "seq_bn",
        "reduction_factor": 4.0,
        "leave_out": [],
        "parameters": 1000,
        "head_parameters": 51,
        "dev": {"accuracy": DEV[int(job.key["seed"])], "macro_f1": 0.4},
        "majority_dev": 0.25,
        "steps": 90,
        "best_step": 60,
        "trained_on": None if job.key["on"] == "none" else job.key["on"],
    }


def _scores(run: MadeUp, job: Job) -> dict[str, Any]:
    value = round(
        0.9 if job.key["language"] == run.recipe["source_language"] else 0.5 + int(job.key.get("seed", 1)) / 100, 4
    )
    under = job.key["with"]
    return {
        "task": job.key["task"],
        "language": job.key["language"],
        "task_type": "tagging",
        "metric": "accuracy",
        "label_scheme": "plain",
        "values": {"accuracy": value, "macro_f1": value / 2},
        "warnings": [],
        "examples": 300,
        "majority": 0.25,
        "language_adapter": None if under == "none" else under,
    }


_FACTS: dict[str, Callable[[MadeUp, Job], dict[str, Any]]] = {
    "prepare_base_model": _base,
    "prepare_corpus": _corpus,
    "train_language_adapter": _language_adapter,
    "fetch_language_adapter": _fetched,
    "prepare_task_data": _task_data,
    "train_task_adapter": _task_adapter,
    "fetch_task_adapter": _fetched,
    "evaluate_zero_shot": _scores,
}
