"""What the stages of a made-up run "found out": the facts of its artifacts, by stage."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from madx_pipeline.jobs import Job
from madx_pipeline.records import Json

if TYPE_CHECKING:
    from tests.report.builders import MadeUp


EXAMPLES = 1000
"""Test examples of a made-up evaluation, one word each: so a score of three digits is met to the last of them."""

RIGHT_AND_WRONG = {"ner": ("B-PER", "B-LOC"), "pos": ("NOUN", "VERB")}
"""Task to the true label of every word and the one predicted for the others."""


SIZES = {
    "prepare_base_model": ("model/model.safetensors", 26_200),
    "train_language_adapter": ("adapter/adapter.safetensors", 2_800),
    "train_task_adapter": ("adapter/adapter.safetensors", 400),
    "train_lora": ("adapter/adapter.safetensors", 200),
    "finetune_base_model": ("model/model.safetensors", 26_200),
}
"""Stage to the file with its weights, and that file's bytes."""

_COST = {"training_seconds": 2.5, "peak_memory_bytes": 512_000_000, "device": "cpu", "parameters": 656_010}

MEASURED: dict[str, dict[str, Json]] = {
    "train_language_adapter": {**_COST, "trainable_parameters": 70_000},
    "train_task_adapter": {**_COST, "trainable_parameters": 1_010},
    "train_lora": {**_COST, "trainable_parameters": 520},
    "finetune_base_model": {**_COST, "trainable_parameters": 656_010},
    "evaluate_zero_shot": {"inference_seconds": 0.5, "inference_tokens": 25_000, "device": "cpu"},
}
"""Stage to what its jobs cost."""


def write_files(run: MadeUp, job: Job, folder: Path) -> None:
    """What the stages of a run write that the report reads: test sentences, and the predictions for them."""
    if job.stage in SIZES:
        name, size = SIZES[job.stage]
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(bytes(size))
    if job.stage == "prepare_task_data":
        (folder / "test.jsonl").write_text(_test_set(str(job.key["task"]), str(job.key["language"])), encoding="utf-8")
    if job.stage.startswith("evaluate_"):
        cell = run.cell(job)
        value = run.score_of(cell.task, cell.method, cell.language, cell.seed)
        text = predictions(cell.task, value, f"{cell.task}/{cell.language}/{cell.method}")
        (folder / "examples.jsonl").write_text(text, encoding="utf-8")


@cache
def _test_set(task: str, language: str) -> str:
    label = RIGHT_AND_WRONG[task][0]
    lines = ({"words": [f"{language}{index}"], "labels": [label]} for index in range(EXAMPLES))
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def predictions(task: str, value: float, which: str) -> str:
    """Lines of `examples.jsonl` of which a share of `value` is right; which of them follows from `which`."""
    gold, other = RIGHT_AND_WRONG[task]
    right, wrong = (json.dumps({"gold": [gold], "predicted": [label]}) for label in (gold, other))
    mistakes = set(random.Random(which).sample(range(EXAMPLES), round((1 - value) * EXAMPLES)))
    return "".join(f"{wrong if index in mistakes else right}\n" for index in range(EXAMPLES))


def _base_model_facts(run: MadeUp, job: Job) -> dict[str, Json]:
    return {
        "name": "miniature",
        "revision": None,
        "model_type": "xlm-roberta",
        "hidden_size": 128,
        "layers": 4,
        "vocab_size": 800,
        "max_length": 128,
        "parameters": 655000,
        "tokenizer": "XLMRobertaTokenizerFast",
        "languages_seen": ["qaa", "qab"],
        "world_seed": 0,
    }


def _corpus_facts(run: MadeUp, job: Job) -> dict[str, Json]:
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
        "licence": "CC0-1.0",
        "origin": {"miniature": "text"},
    }


def _language_adapter_facts(run: MadeUp, job: Job) -> dict[str, Json]:
    return {
        "language": job.key["language"],
        "origin": "trained",
        "name": job.key["language"],
        "reduction_factor": 2,
        "leave_out": [],
        "has_invertible_adapter": True,
        "parameters": 70000,
        "bytes": 280000,
        "steps": 400,
        "best_step": 380,
        "heldout_loss_before": 4.25,
        "heldout_loss_after": 2.125,
        "heldout_perplexity_before": 70.105,
        "heldout_perplexity_after": 8.373,
        "curve": [{"step": 200, "loss": 2.5}, {"step": 400, "loss": 2.125}],
    }


def _task_data_facts(run: MadeUp, job: Job) -> dict[str, Json]:
    splits = ["train", "validation", "test"] if job.key["language"] == run.recipe.source_language else ["test"]
    return {
        "task": job.key["task"],
        "language": job.key["language"],
        "task_type": "tagging",
        "metric": "span_f1" if job.key["task"] == "ner" else "accuracy",
        "label_scheme": "iob2",
        "labels": ["B-PER", "I-PER", "O"],
        "splits": {split: {"examples": 300, "words": 2400, "labels": {"O": 2000}} for split in splits},
        "repeated": {"test_in_train": 3, "validation_in_train": 0} if len(splits) > 1 else {},
        "tokens_per_word": 1.7,
        "unknown_share": 0.0,
        "licence": "CC0-1.0",
        "origin": {"miniature": job.key["task"]},
    }


def _tuned_facts(run: MadeUp, job: Job) -> dict[str, Json]:
    return {"task": job.key["task"], "parameters": 1000}


def _scores_facts(run: MadeUp, job: Job) -> dict[str, Json]:
    cell = run.cell(job)
    metric = "span_f1" if cell.task == "ner" else "accuracy"
    value = run.score_of(cell.task, cell.method, cell.language, cell.seed)
    return {
        "task": cell.task,
        "language": cell.language,
        "task_type": "tagging",
        "metric": metric,
        "values": {"precision": value / 2, metric: value, "f1.PER": value / 4},
        "warnings": [],
        "examples": EXAMPLES,
        "majority": 0.25,
        "language_adapter": None if job.key["with"] == "none" else job.key["with"],
    }


FACTS: dict[str, Callable[[MadeUp, Job], dict[str, Json]]] = {
    "prepare_base_model": _base_model_facts,
    "prepare_corpus": _corpus_facts,
    "train_language_adapter": _language_adapter_facts,
    "prepare_task_data": _task_data_facts,
    "train_task_adapter": _tuned_facts,
    "finetune_base_model": _tuned_facts,
    "train_lora": _tuned_facts,
    "evaluate_zero_shot": _scores_facts,
    "evaluate_majority_class": _scores_facts,
}
