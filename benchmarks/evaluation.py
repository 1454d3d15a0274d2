"""Evaluation of eight languages with three seeds each: a process for each language, and ours.

    python -m benchmarks.evaluation                 the shape of XLM-R base
    python -m benchmarks.evaluation --size small    a quick look

The usual way, as in the field's loops around a script: for each language a process that reads the base model, puts
the language adapter and in turn the task adapter of each seed into it, and predicts batches padded to 128 tokens,
with the library alone. Ours is `madx run --runner serial` from the adapters in its store to all scores, with the
checks and the record of every job. Both read the same files and have to find the same scores. Each round runs all of
theirs, then ours; ratios are medians over the rounds.

Sentences are of random words that carry labels, so that there is something to learn and a score to compare.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import yaml
from adapters import AutoAdapterModel, SeqBnInvConfig
from adapters.composition import Stack
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from transformers import AutoTokenizer

from benchmarks.random_model import FIRST_WORD, SIZES, Size, lengths_of_sentences, save_base_model, tokenizer_of, word
from madx_pipeline.adapter_model import seeded

LANGUAGES = ("en", "de", "fi", "sw", "tr", "vi", "yo", "zu")
SEEDS = (1, 2, 3)
TASK, STAGE, REDUCTION = "ner", "evaluate_zero_shot", 2
MAX_LENGTH, BATCH = 128, 64
WORDS, LABELS = 60, ("O", "O", "B-PER", "B-LOC")


def main() -> None:
    """Makes a world, trains its task adapters, measures and prints."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--size", choices=SIZES, default="base")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--sentences", type=int, default=100, help="of each test set")
    asked.add_argument("--languages", type=int, default=len(LANGUAGES), help="how many of the eight")
    asked.add_argument("--out", type=Path, help="file for the result as JSON")
    asked.add_argument("--usually", type=Path, help=argparse.SUPPRESS)
    options = asked.parse_args()
    torch.set_num_threads(1)
    if options.usually:
        print(json.dumps(usual_scores(json.loads(options.usually.read_text(encoding="utf-8")))))
        return
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name), options.sentences, LANGUAGES[: options.languages])
        # A child's peak counts from that of its parent, so the model is made in a process that is then gone.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as maker:
            maker.submit(world.make, SIZES[options.size]).result()
        world.run("--until", "train_task_adapter")
        world.run("--only", "fetch_language_adapter")
        found = compared(world, options.rounds)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(*(f"{what} {number}" for what, number in found.items()), sep="  ")


def compared(world: World, rounds: int) -> dict[str, Any]:
    """Seconds and peak memory of both ways.

    Raises:
        RuntimeError: If they do not find the same scores.
    """
    usual, ours = Measured([], 0), Measured([], 0)
    for number in range(rounds):
        theirs = world.usually(usual)
        shutil.rmtree(world.home / "store" / STAGE, ignore_errors=True)
        world.run("--until", STAGE, measured=ours)
        if (found := world.scores()) != theirs:
            raise RuntimeError(f"other scores: {theirs} as usual, {found} here")
        print(f"round {number + 1}: {usual.seconds[-1]:.1f} s, ours {ours.seconds[-1]:.1f} s", file=sys.stderr)
    ratios = [one / own for one, own in zip(usual.seconds, ours.seconds, strict=True)]
    return {
        "rounds": rounds,
        "threads": 1,
        "seconds as usual": round(median(usual.seconds), 1),
        "our seconds": round(median(ours.seconds), 1),
        "times ours": round(median(ratios), 2),
        "peak MiB as usual": usual.peak // 2**20,
        "our peak MiB": ours.peak // 2**20,
        "mean score": round(float(np.mean(list(theirs.values()))), 4),
    }


@dataclass
class Measured:
    """What processes needed.

    Attributes:
        seconds: Of each round.
        peak: Most bytes that one process had resident.
    """

    seconds: list[float]
    peak: int

    def run(self, commands: list[list[str]]) -> list[str]:
        """Runs processes one after the other, as one round; what each prints."""
        started, printed = time.perf_counter(), []
        for command in commands:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            printed.append(process.stdout.read() if process.stdout else "")
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise RuntimeError(f"exit code {process.returncode}: {' '.join(command)}\n{printed[-1]}")
            self.peak = max(self.peak, used.ru_maxrss * 1024)
        self.seconds.append(time.perf_counter() - started)
        return printed


@dataclass(frozen=True)
class World:
    """A base model, language adapters, labelled files, and a recipe over them, all in one folder."""

    folder: Path
    sentences: int
    languages: tuple[str, ...]

    @property
    def home(self) -> Path:
        """Where the recipe is run."""
        return self.folder / "home"

    def make(self, size: Size) -> None:
        """Writes all files."""
        save_base_model(self.folder / "model", size)
        tokenizer_of(size.words).save_pretrained(self.folder / "model")
        self._save_language_adapters()
        for number, language in enumerate(self.languages):
            self._write(f"{language}-test", self.sentences, seed=number)
        self._write("train", 96, seed=100)
        self._write("validation", 24, seed=101)
        (self.folder / "evaluation.yaml").write_text(yaml.safe_dump(self._recipe()), encoding="utf-8")

    def _save_language_adapters(self) -> None:
        model = AutoAdapterModel.from_pretrained(self.folder / "model")
        for seed, language in enumerate(self.languages):
            with seeded(seed):
                model.add_adapter(language, config=SeqBnInvConfig(reduction_factor=REDUCTION))
            model.save_adapter(str(self.folder / language), language, with_head=False, use_safetensors=True)
            model.delete_adapter(language)

    def _write(self, name: str, number: int, seed: int) -> None:
        """Sentences as long as those of treebanks; a word has the same label everywhere."""
        chance = np.random.default_rng(seed)
        with (self.folder / f"{name}.txt").open("w", encoding="utf-8") as file:
            for length in lengths_of_sentences(number, 25, MAX_LENGTH):
                for chosen in chance.integers(WORDS, size=length - 2):
                    file.write(f"{word(FIRST_WORD + chosen)} {LABELS[chosen % len(LABELS)]}\n")
                file.write("\n")

    def _recipe(self) -> dict[str, Any]:
        tests = {language: {"test": f"{language}-test.txt"} for language in self.languages}
        source = {"train": "train.txt", "validation": "validation.txt", **tests["en"]}
        return {
            "name": "evaluation",
            "base_model": {"path": "model"},
            "source_language": "en",
            "target_languages": list(self.languages[1:]),
            "language_adapters": {language: {"path": language} for language in self.languages},
            "tasks": {TASK: {"card": "conll", "files": {**tests, "en": source}}},
            "methods": ["madx"],
            "seeds": list(SEEDS),
            "stages": {
                "train_task_adapter": {"num_train_epochs": 4, "learning_rate": 0.003, "max_length": MAX_LENGTH},
                STAGE: {"max_length": MAX_LENGTH},
            },
        }

    def run(self, *options: str, measured: Measured | None = None) -> None:
        """`madx run` in one process."""
        command = [sys.executable, "-m", "madx_pipeline", "run", str(self.folder / "evaluation.yaml")]
        (measured or Measured([], 0)).run([[*command, "--home", str(self.home), "--runner", "serial", *options]])

    def scores(self) -> dict[str, float]:
        """Span F1 by language and seed, as the run found it."""
        found = {}
        for record in (self.home / "store" / STAGE).glob("*/artifact.json"):
            key = json.loads(record.read_text(encoding="utf-8"))["key"]
            scores = json.loads((record.parent / "scores.json").read_text(encoding="utf-8"))
            found[f"{key['language']}/{key['seed']}"] = round(float(scores["span_f1"]), 6)
        return found

    def usually(self, measured: Measured) -> dict[str, float]:
        """Span F1 by language and seed, from a process for each language."""
        commands = []
        for language in self.languages:
            asked = self.folder / f"{language}.json"
            asked.write_text(json.dumps(self._asked(language)), encoding="utf-8")
            commands.append([sys.executable, "-m", "benchmarks.evaluation", "--usually", str(asked)])
        printed = measured.run(commands)
        return {name: score for text in printed for name, score in json.loads(text.splitlines()[-1]).items()}

    def _asked(self, language: str) -> dict[str, Any]:
        """What a process that evaluates one language is told."""
        tasks = {}
        for record in (self.home / "store/train_task_adapter").glob("*/artifact.json"):
            tasks[json.loads(record.read_text(encoding="utf-8"))["key"]["seed"]] = str(record.parent / "adapter")
        return {
            "language": language,
            "model": str(self.folder / "model"),
            "adapter": str(self.folder / language),
            "tasks": tasks,
            "test": str(self.folder / f"{language}-test.txt"),
        }


def usual_scores(asked: dict[str, Any]) -> dict[str, float]:
    """Span F1 of one language by seed, with the library alone."""
    model = AutoAdapterModel.from_pretrained(asked["model"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(asked["model"])
    language = model.load_adapter(asked["adapter"], with_head=False, use_safetensors=True)
    blocks = Path(asked["test"]).read_text(encoding="utf-8").strip().split("\n\n")
    sentences = [[line.split(" ") for line in block.splitlines()] for block in blocks]
    gold = [[label for _, label in sentence] for sentence in sentences]
    found = {}
    for seed, folder in asked["tasks"].items():
        task = model.load_adapter(folder, use_safetensors=True)
        model.set_active_adapters(Stack(language, task))
        names = model.heads[task].config["label2id"]
        labels = {number: label for label, number in names.items()}
        tagged = [tags for start in range(0, len(gold), BATCH) for tags in _tags(model, tokenizer, sentences, start)]
        predicted = [[labels[number] for number in tags] for tags in tagged]
        found[f"{asked['language']}/{seed}"] = round(float(f1_score(gold, predicted, mode="strict", scheme=IOB2)), 6)
        model.delete_adapter(task)
        model.delete_head(task)
    return found


def _tags(model: Any, tokenizer: Any, sentences: list[list[list[str]]], start: int) -> list[list[int]]:
    """The best label at the first piece of each word of a batch."""
    words = [[word for word, _ in sentence] for sentence in sentences[start : start + BATCH]]
    batch = tokenizer(
        words,
        is_split_into_words=True,
        padding="max_length",
        truncation=True,
        max_length=MAX_LENGTH,
        return_tensors="pt",
    )
    with torch.inference_mode():
        best = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.argmax(-1)
    found = []
    for row, own in enumerate(words):
        ids = batch.word_ids(row)
        found.append([int(best[row, ids.index(number)]) for number in range(len(own))])
    return found


if __name__ == "__main__":
    main()
