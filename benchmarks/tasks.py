"""Task training and evaluation against the loop that users run: rows padded to a fixed length, in fixed batches.

`python -m benchmarks.tasks [--size small|base] [--steps N] [--rows N]` makes a random model (`base`: XLM-R base but for
the vocabulary) and random rows as long as sentences are, measures both ways in turn, and prints seconds and ratios.

- A training step: the library's forward and backward pass and torch's AdamW over the batch padded to `max_length`,
  against `loss_in_passes` and the fused AdamW on the same rows.
- Evaluation: a process for each language, which loads the base model, puts a language adapter and in turn the task
  adapter of each seed into it and predicts batches padded to `max_length`, against one process that lends the base
  model to all languages and seeds. Both start Python anew, and pay for their imports.

It compares seconds of one run on one machine with one another, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim import AdamW

from madx_pipeline import adapter_model
from madx_pipeline.adapter_model import AdapterModel, AdapterShape, lend
from madx_pipeline.tasks import IGNORED, Encoded, Row, task_type
from madx_pipeline.tasks.batches import predict
from madx_pipeline.tasks.padding import loss_in_passes

MAX_LENGTH, TRAIN_BATCH, EVAL_BATCH = 128, 32, 64
LANGUAGES, SEEDS = 8, 3
VOCABULARY, LABELS, PAD = 8000, [f"label{number}" for number in range(7)], 1
SIZES = {"small": (128, 4, 4, 512), "base": (768, 12, 12, 3072)}
"""Hidden size, layers, attention heads, intermediate size."""
FACTS = {"name": "random", "model_type": "xlm-roberta", "hidden_size": None, "revision": None}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rows", type=int, default=200, help="rows of a test set; 0 for training alone")
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--evaluate", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.evaluate:
        _evaluate(asked.evaluate, asked.folder, asked.rows)
        return
    with tempfile.TemporaryDirectory(prefix="madx-tasks-") as folder:
        make_world(Path(folder), asked.size)
        found = {"training step": training(Path(folder), asked.steps)}
        if asked.rows:
            found["evaluation"] = evaluation(folder, asked.rows)
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for what, numbers in found.items():
        print(what, *(f"{label} {value:g}" for label, value in numbers.items()), sep="  ")


def make_world(folder: Path, size: str) -> None:
    """A random base model, a language adapter for each language, a task adapter for each seed."""
    from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

    hidden, layers, heads, intermediate = SIZES[size]
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        max_position_embeddings=514,
        type_vocab_size=1,
    )
    XLMRobertaForMaskedLM(config).save_pretrained(folder / "model")
    language = AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)
    model = adapter_model.load_model(folder / "model", "random")
    for number in range(LANGUAGES):
        name = adapter_model.language_adapter_name(str(number))
        adapter_model.add_adapter(model, name, language, number)
        adapter_model.save_adapter(model, name, folder / name, with_head=False)
    for seed in range(SEEDS):
        adapter_model.add_adapter(model, f"task_{seed}", AdapterShape("seq_bn", 16), seed)
        task_type("tagging").add_head(model, f"task_{seed}", LABELS)
        adapter_model.save_adapter(model, f"task_{seed}", folder / f"task_{seed}", with_head=True)


def rows_of(number: int, seed: int) -> tuple[Row, ...]:
    """Rows of random tokens: 25 on average, now and then 100, as sentences of treebanks and NER corpora have them."""
    chance = np.random.default_rng(seed)
    lengths = np.clip(chance.lognormal(np.log(21), 0.6, number).astype(int), 4, MAX_LENGTH)
    found = []
    for index, length in enumerate(lengths):
        positions = tuple(range(1, int(length) - 1, 2))
        targets = tuple(int(label) for label in chance.integers(len(LABELS), size=len(positions)))
        found.append(Row(index, tuple(chance.integers(5, VOCABULARY, length).tolist()), positions, targets))
    return tuple(found)


def padded(rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    """A batch in which every row has `MAX_LENGTH` tokens, as `padding="max_length"` makes it."""
    filler = Row(-1, (PAD,) * MAX_LENGTH, (0,), (IGNORED,))
    batch = task_type("tagging").collate([*rows, filler], PAD)
    batch["attention_mask"][-1] = 0
    return {name: tensor[:-1] for name, tensor in batch.items()}


def training(folder: Path, steps: int) -> dict[str, float]:
    """Seconds of a training step, both ways in turn."""
    rows = rows_of(TRAIN_BATCH * (steps + 1), 0)
    batches = [rows[start : start + TRAIN_BATCH] for start in range(0, len(rows), TRAIN_BATCH)]
    usual, ours = (trainable(folder) for _ in range(2))
    collate = task_type("tagging").collate
    ways: list[tuple[AdapterModel, AdamW, Callable[[Sequence[Row]], torch.Tensor]]] = [
        (usual, AdamW(_trained(usual)), lambda chosen: usual(**padded(chosen)).loss),
        (ours, AdamW(_trained(ours), fused=True), lambda chosen: loss_in_passes(ours, collate(chosen, PAD))),
    ]
    seconds: list[list[float]] = [[], []]
    for chosen in batches:
        for taken, (_, optimizer, loss) in zip(seconds, ways, strict=True):
            started = time.perf_counter()
            torch.autograd.backward(loss(chosen))
            optimizer.step()
            optimizer.zero_grad()
            taken.append(time.perf_counter() - started)
    return _compared(*(float(np.median(taken[1:])) for taken in seconds))


def trainable(folder: Path) -> AdapterModel:
    """A task adapter that trains on a frozen language adapter, dropout and all."""
    model = adapter_model.load_model(folder / "model", "random")
    stack = ["language_0", "task_0"]
    adapter_model.load_language_adapter(model, folder / stack[0], stack[0], facts(model))
    adapter_model.load_task_adapter(model, folder / stack[1], stack[1], facts(model))
    adapter_model.train_only(model, stack[1], stack, head=stack[1])
    return model


def evaluation(folder: str, rows: int) -> dict[str, float]:
    """Seconds for all languages and seeds, in a process each and in one."""
    command = [sys.executable, "-m", "benchmarks.tasks", "--folder", folder, "--rows", str(rows), "--evaluate"]
    taken = []
    for whats in ([str(language) for language in range(LANGUAGES)], ["all"]):
        started = time.perf_counter()
        for what in whats:
            subprocess.run([*command, what], check=True)
        taken.append(time.perf_counter() - started)
    return _compared(*taken)


def _evaluate(what: str, folder: Path, rows: int) -> None:
    """One process of an evaluation: one language the usual way, or all of them ours."""
    if what != "all":
        _evaluate_usually(folder, int(what), rows)
        return
    for language in range(LANGUAGES):
        encoded = Encoded(rows_of(rows, language), rows, {})
        for seed in range(SEEDS):
            model = lend.lend_model(folder / "model", "random")
            stack = [f"language_{language}", f"task_{seed}"]
            adapter_model.load_language_adapter(model, folder / stack[0], stack[0], facts(model))
            adapter_model.load_task_adapter(model, folder / stack[1], stack[1], facts(model))
            adapter_model.set_stack(model, stack)
            predict(model, task_type("tagging"), encoded)


def _evaluate_usually(folder: Path, language: int, rows: int) -> None:
    """The library alone."""
    from adapters import AutoAdapterModel
    from adapters.composition import Stack

    model = AutoAdapterModel.from_pretrained(str(folder / "model")).eval()
    for head in list(model.heads):
        model.delete_head(head)
    stack = model.load_adapter(str(folder / f"language_{language}"), with_head=False, use_safetensors=True)
    test_set = rows_of(rows, language)
    for seed in range(SEEDS):
        task = model.load_adapter(str(folder / f"task_{seed}"), use_safetensors=True)
        model.set_active_adapters(Stack(stack, task))
        _predict_padded(model, test_set)


def _predict_padded(model: AdapterModel, rows: Sequence[Row]) -> None:
    with torch.inference_mode():
        for start in range(0, len(rows), EVAL_BATCH):
            batch = padded(rows[start : start + EVAL_BATCH])
            model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.argmax(-1)


def facts(model: AdapterModel) -> dict[str, Any]:
    """What adapters are checked against."""
    return {**FACTS, "hidden_size": model.config.hidden_size, "layers": model.config.num_hidden_layers}


def _trained(model: AdapterModel) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _compared(usual: float, ours: float) -> dict[str, float]:
    return {"seconds as usual": round(usual, 4), "our seconds": round(ours, 4), "times ours": round(usual / ours, 2)}


if __name__ == "__main__":
    main()
