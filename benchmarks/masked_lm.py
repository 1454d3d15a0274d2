"""What a step of language-adapter training costs: the field's script, MAD-X with the library alone, and ours.

    python -m benchmarks.masked_lm grouped     8 full rows of 256 tokens
    python -m benchmarks.masked_lm lines       64 lines of about 30 tokens, some much longer
    ... --size small                           a quick look; the default is the shape of XLM-R base

15% of the tokens are masked, dropout is off, and all ways see the same tokens and masks. The field's script and the
library are written here from their own calls: `AdapterTrainer` with its defaults and `DataCollatorForLanguageModeling`
(which is told the masks). Ours is `madx_pipeline.training.train`. In each round every way trains two steps, of which
the second is measured, reading and collating its batch included; ratios are medians over the rounds. Peak memory and
operations are of a process of their own for each way. Nobody can hold the logits of 64 lines: like their users, the
field's script and the library take 8 lines at a time and accumulate.

The field's script leaves out the inverse of the invertible adapter, so its loss is not that of the others.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import adapters
import numpy as np
import torch
from adapters import AdapterTrainer, AutoAdapterModel, SeqBnInvConfig
from adapters.composition import Stack
from datasets import Dataset
from tokenizers import Tokenizer, models
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerFast,
    PrinterCallback,
    TrainingArguments,
)

from benchmarks.machine import has_gpu, share_of_peak
from benchmarks.watch import (
    StepWatch,
    Train,
    Watched,
    operations_of_a_step,
    peak_of_a_step,
    watched_workspace,
)
from madx_pipeline.adapter_model import AdapterShape, active_stack, add_adapter, load_language_model, seeded, train_only
from madx_pipeline.masked_lm.batches import BatchShape
from madx_pipeline.masked_lm.packing import Window
from madx_pipeline.training import FixedExamples, Training, train
from madx_pipeline.training_params import TrainingParams

LENGTH, MASKED = 256, 0.15
START, PAD, END, UNKNOWN, MASK, FIRST_WORD = range(6)
AT_ONCE = 8
"""Rows in a forward pass of the field's script."""
NAME = "language_xx"
REDUCTION, INVERSE_REDUCTION = 2, 2
SHAPE = AdapterShape("seq_bn", REDUCTION, inv_adapter="nice", inv_adapter_reduction_factor=INVERSE_REDUCTION)


@dataclass(frozen=True)
class Size:
    """The shape of a base model."""

    words: int
    hidden: int
    layers: int
    heads: int
    inner: int


SIZES = {"base": Size(250_002, 768, 12, 12, 3072), "small": Size(1_000, 32, 2, 2, 64)}


def main() -> None:
    """Makes a base model with random weights, measures, prints a table and, if asked to, writes it as JSON."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("case", choices=CASES)
    asked.add_argument("--size", choices=SIZES, default="base")
    asked.add_argument("--rounds", type=int, default=3, help="steps of each way whose time counts")
    asked.add_argument("--out", type=Path, help="file for the result as JSON")
    asked.add_argument("--alone", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.alone:
        print(json.dumps(alone(CASES[options.case], options.alone[0], Path(options.alone[1]))))
        return
    with tempfile.TemporaryDirectory() as name:
        save_base_model(Path(name), SIZES[options.size])
        found = measured(options.case, Path(name), options.rounds)
    found["least operations of ours"] = least_operations(CASES[options.case], SIZES[options.size])
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for way, numbers in found["ways"].items():
        print(f"{way:46}", *(f"{label} {value:g}" for label, value in numbers.items()), sep="  ")


def save_base_model(folder: Path, size: Size) -> None:
    """An XLM-R of that shape with random weights and without dropout."""
    with seeded(0):
        config = AutoConfig.for_model(
            "xlm-roberta",
            vocab_size=size.words,
            hidden_size=size.hidden,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            intermediate_size=size.inner,
            max_position_embeddings=514,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            pad_token_id=PAD,
        )
        model: Any = AutoModelForMaskedLM.from_config(config)
    model.save_pretrained(folder)


# What is read


@dataclass(frozen=True)
class Case:
    """Windows that make one step, and how the ways put them into rows.

    Attributes:
        lengths: Tokens of each window.
        ways: What is compared, ours last: name to what trains on the windows.
    """

    lengths: tuple[int, ...]
    ways: dict[str, Callable[[Path, Sequence[Window]], Train]]

    def windows(self, words: int) -> list[Window]:
        """Random tokens between special ones, some of them masked."""
        draw = np.random.default_rng(0)
        found: list[Window] = []
        for length in self.lengths:
            ids = draw.integers(FIRST_WORD, words, length)
            ids[0], ids[-1] = START, END
            masked = draw.random(length) < MASKED
            masked[[0, -1]] = False
            found.append({"input_ids": np.where(masked, MASK, ids), "labels": np.where(masked, ids, -100)})
        return found


def lengths_of_lines() -> tuple[int, ...]:
    """64 lines, as long as sentences are: log-normal, mean about 30 tokens, at most a row."""
    drawn = np.random.default_rng(1).lognormal(3.1, 0.75, 64)
    return tuple(np.clip(drawn.round(), 4, LENGTH).astype(int).tolist())


def tokenizer_of(words: int) -> PreTrainedTokenizerFast:
    """A vocabulary of so many words, the special tokens first."""
    names = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")
    vocabulary = {f"[{number}]": number for number in range(words)}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token=f"[{UNKNOWN}]"))
    special = {name: f"[{number}]" for number, name in enumerate(names)}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **special)


class GivenMasks(DataCollatorForLanguageModeling):  # type: ignore[misc]  # transformers carries no types
    """The library's collator, which masks what it is told to instead of drawing it."""

    def __init__(self, windows: Sequence[Window], words: int) -> None:
        super().__init__(tokenizer_of(words), mlm_probability=MASKED)
        self._masked = {text(window): window for window in windows}

    def torch_mask_tokens(self, inputs: torch.Tensor, *unused: Any, **unused_too: Any) -> tuple[Any, Any]:
        """Inputs and labels, both (batch, length)."""
        labels = torch.full_like(inputs, -100)
        for row, ids in enumerate(inputs.tolist()):
            window = self._masked[tuple(token for token in ids if token != PAD)]
            inputs[row, : len(window["input_ids"])] = torch.from_numpy(window["input_ids"])
            labels[row, : len(window["labels"])] = torch.from_numpy(window["labels"])
        return inputs, labels


def text(window: Window) -> tuple[int, ...]:
    """The tokens of a window before they were masked."""
    return tuple(np.where(window["labels"] == -100, window["input_ids"], window["labels"]).tolist())


# The ways to train


def fields_script(folder: Path, windows: Sequence[Window], length: int | None = None) -> Train:
    """As the adapters library's own run_mlm.py does it: the plain model with `adapters.init`; its head trains too."""
    model: Any = AutoModelForMaskedLM.from_pretrained(folder)
    adapters.init(model)
    return with_the_library(model, windows, length)


def librarys_head(folder: Path, windows: Sequence[Window]) -> Train:
    """MAD-X with the library alone, done right: the inverse and the decoder on every position; the head is frozen."""
    return with_the_library(AutoAdapterModel.from_pretrained(folder), windows, None, frozen_head=True)


def with_the_library(model: Any, windows: Sequence[Window], length: int | None, frozen_head: bool = False) -> Train:
    """`AdapterTrainer` with its defaults, on rows padded to the longest of a batch or to a fixed length."""
    config = SeqBnInvConfig(reduction_factor=REDUCTION, inv_adapter_reduction_factor=INVERSE_REDUCTION)
    with seeded(0):
        model.add_adapter(NAME, config=config)
    model.train_adapter(NAME)
    if frozen_head:
        model.heads.requires_grad_(False)
    rows = [list(text(window)) for window in windows]
    padded = [row + [PAD] * ((length or len(row)) - len(row)) for row in rows]
    masks = [[int(token != PAD) for token in row] for row in padded]
    data = Dataset.from_dict({"input_ids": padded, "attention_mask": masks})
    collate = GivenMasks(windows, model.config.vocab_size)

    def run(watch: StepWatch, steps: int) -> float:
        with tempfile.TemporaryDirectory() as output:
            arguments = TrainingArguments(
                output,
                per_device_train_batch_size=AT_ONCE,
                gradient_accumulation_steps=len(windows) // AT_ONCE,
                max_steps=steps,
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                bf16=has_gpu(),
            )
            trainer = AdapterTrainer(model=model, args=arguments, train_dataset=data, data_collator=collate)
            trainer.add_callback(Watched(watch))
            trainer.remove_callback(PrinterCallback)
            if model.active_adapters != Stack(NAME):
                raise RuntimeError(f"the adapter is not active: {model.active_adapters}")
            trainer.train()
        return float([entry["loss"] for entry in trainer.state.log_history if "loss" in entry][-1])

    return run


def ours(folder: Path, windows: Sequence[Window]) -> Train:
    """MAD-X as this package trains it: the windows share rows, the loss is computed at masked positions alone."""
    model = load_language_model(folder, "random")
    add_adapter(model, NAME, SHAPE, seed=0)
    train_only(model, NAME, [NAME])
    shape = BatchShape(LENGTH, PAD, PAD + 1, repack=True)
    examples = FixedExamples([[window] for window in windows])

    def run(watch: StepWatch, steps: int) -> float:
        if active_stack(model) != (NAME,):
            raise RuntimeError(f"the adapter is not active: {active_stack(model)}")
        training = Training(examples, shape.batch, lambda _: {"loss": 0.0}, "loss", False, steps, eval_steps=steps)
        with tempfile.TemporaryDirectory() as name:
            result = train(model, training, params(len(windows)), 0, watched_workspace(Path(name), watch))
        return float([point["train_loss"] for point in result.curve if "train_loss" in point][-1])

    return run


def params(examples: int) -> TrainingParams:
    """One forward pass a step, otherwise the defaults of transformers' Trainer."""
    return TrainingParams(
        per_device_train_batch_size=examples,
        gradient_accumulation_steps=1,
        precision="bf16" if has_gpu() else "fp32",
        learning_rate=5e-5,
        lr_scheduler_type="linear",
        warmup_ratio=0.0,
        weight_decay=0.0,
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        max_grad_norm=1.0,
        logging_steps=1,
        early_stopping_patience=None,
    )


CASES = {
    "grouped": Case(
        (LENGTH,) * AT_ONCE,
        {
            "the field's script": fields_script,
            "the library's head on every position": librarys_head,
            "ours": ours,
        },
    ),
    "lines": Case(
        lengths_of_lines(),
        {
            "the field's script, padded to 256": lambda folder, windows: fields_script(folder, windows, LENGTH),
            "the field's script, padded to the longest": fields_script,
            "ours": ours,
        },
    ),
}


# What is measured


def measured(case: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds of all ways in turn, and what each needs in a process of its own."""
    words = AutoConfig.from_pretrained(folder).vocab_size
    windows = CASES[case].windows(words)
    ways = {way: build(folder, windows) for way, build in CASES[case].ways.items()}
    watches: dict[str, list[StepWatch]] = {way: [] for way in ways}
    for number in range(rounds):
        for way, run in ways.items():
            watch = StepWatch()
            loss = run(watch, 2)
            watches[way].append(watch)
            print(f"round {number + 1}: {way}: {watch.seconds:.1f} s, loss {loss:.4f}", file=sys.stderr, flush=True)
    del ways
    apart = {way: in_a_process(case, way, folder) for way in watches}
    tokens = sum(CASES[case].lengths)
    return {"rounds": rounds, "ways": {way: numbers_of(way, watches, apart, tokens) for way in watches}}


def numbers_of(
    way: str, watches: dict[str, list[StepWatch]], apart: dict[str, dict[str, int]], tokens: int
) -> dict[str, float]:
    """The numbers of a way of training, and how much more it needs than ours, the last one."""
    mine, own = watches[way], watches[list(watches)[-1]]
    least = apart[list(watches)[-1]]
    seconds = median(watch.seconds for watch in mine)
    numbers = {
        "seconds": round(seconds, 3),
        "times ours": round(median(one.seconds / our.seconds for one, our in zip(mine, own, strict=True)), 2),
        "times ours in CPU seconds": round(
            median(one.cpu_seconds / our.cpu_seconds for one, our in zip(mine, own, strict=True)), 2
        ),
        "peak MiB": round(apart[way]["peak"] / 2**20),
        "times our memory": round(apart[way]["peak"] / least["peak"], 2),
        "GFLOP": round(apart[way]["operations"] / 1e9, 3),
        "tokens a second": round(tokens / seconds),
    }
    if has_gpu():
        numbers["share of the peak of the chip"] = share_of_peak(apart[way]["operations"], seconds)
    return numbers


def in_a_process(case: str, way: str, folder: Path) -> dict[str, int]:
    """What `alone` finds, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.masked_lm", case, "--alone", way, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def alone(case: Case, way: str, folder: Path) -> dict[str, int]:
    """Peak memory (bytes) and operations of a step."""
    run = case.ways[way](folder, case.windows(AutoConfig.from_pretrained(folder).vocab_size))
    return {"peak": peak_of_a_step(run), "operations": operations_of_a_step(run)}


def least_operations(case: Case, size: Size) -> int:
    """What a step of MAD-X on these windows has to compute, counted by hand.

    Frozen weights need a forward product and the gradient of their input; adapters the gradient of their weights
    too. Nothing is counted for padding, for positions that are not masked, or for the attention of one text to another.
    """
    tokens = sum(case.lengths)
    masked = sum(int((window["labels"] != -100).sum()) for window in case.windows(size.words))
    frozen = size.layers * 2 * tokens * (4 * size.hidden**2 + 2 * size.hidden * size.inner)
    frozen += 2 * masked * (size.hidden**2 + size.hidden * size.words)
    attention = size.layers * sum(2 * 2 * length**2 * size.hidden for length in case.lengths)
    adapters_ = size.layers * 2 * tokens * 2 * size.hidden * size.hidden // REDUCTION
    half = size.hidden // 2
    invertible = 2 * (tokens + masked) * 4 * half * half // INVERSE_REDUCTION
    return 2 * frozen + 3 * attention + 3 * (adapters_ + invertible)


if __name__ == "__main__":
    main()
