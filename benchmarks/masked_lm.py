"""What a step of language-adapter training costs: the field's script, the library's head on every position, and ours.

python -m benchmarks.masked_lm             the shape of XLM-R base, 8 rows of 256 tokens, 15% of them masked
python -m benchmarks.masked_lm --save      and keep the result in benchmarks/results/masked_lm.json

Seconds are of one process, the three ways one after the other in each round, and only their ratios say much on a
machine that does other things. Peak memory is that of a second step above what lies there before it, each way in a
process of its own.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import adapters
import torch
from adapters.heads import BertStyleMaskedLMHead
from transformers import AutoConfig, AutoModelForMaskedLM

from madx_pipeline.adapter_model import (
    LANGUAGE_MODEL_HEAD,
    AdapterShape,
    add_adapter,
    load_language_model,
    seeded,
    train_only,
)

ROWS, LENGTH, MASKED = 8, 256, 0.15
NAME = "language_xx"
SHAPE = AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)
RESULT = Path(__file__).parent / "results" / "masked_lm.json"

Step = Callable[[], None]
Batch = dict[str, torch.Tensor]


def main() -> None:
    """Makes a base model with random weights, measures, prints a table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--save", action="store_true", help="write benchmarks/results/masked_lm.json")
    asked.add_argument("--rounds", type=int, default=3, help="steps of each way whose time counts")
    asked.add_argument("--peak-of", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.peak_of:
        print(peak_of_a_step(WAYS[options.peak_of[0]](Path(options.peak_of[1]))))
        return
    with tempfile.TemporaryDirectory() as name:
        save_base_model(Path(name))
        seconds = seconds_of_steps({way: build(Path(name)) for way, build in WAYS.items()}, options.rounds)
        peaks = {way: peak_in_a_process(way, name) for way in WAYS}
    found = {way: result(seconds, peaks, way) for way in WAYS}
    for way, numbers in found.items():
        print(f"{way:40}", *(f"{label} {value:g}" for label, value in numbers.items()), sep="  ")
    if options.save:
        RESULT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def result(seconds: dict[str, list[float]], peaks: dict[str, int], way: str) -> dict[str, float]:
    """The numbers of a way of training, and how much more it needs than the last one, ours."""
    ours = list(WAYS)[-1]
    slower = median(one / other for one, other in zip(seconds[way], seconds[ours], strict=True))
    return {
        "seconds": round(median(seconds[way]), 2),
        "times the seconds of ours": round(slower, 2),
        "peak MiB": round(peaks[way] / 2**20),
        "times the memory of ours": round(peaks[way] / peaks[ours], 2),
    }


def save_base_model(folder: Path) -> None:
    """XLM-R base as to its shape, its weights random."""
    shape = {"vocab_size": 250_002, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
    with seeded(0):
        model: Any = AutoModelForMaskedLM.from_config(AutoConfig.for_model("xlm-roberta", **shape, pad_token_id=1))
    model.save_pretrained(folder)


def batch() -> Batch:
    """Random tokens, all rows full."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 250_002, (ROWS, LENGTH), generator=generator)
    masked = torch.rand((ROWS, LENGTH), generator=generator) < MASKED
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "labels": torch.where(masked, ids, -100),
    }


def fields_script(folder: Path) -> Step:
    """As the adapters library's own run_mlm.py does it: the plain model with `adapters.init`, its head trains."""
    model: Any = AutoModelForMaskedLM.from_pretrained(folder)
    adapters.init(model)
    add_adapter(model, NAME, SHAPE, seed=0)
    model.train_adapter(NAME)
    return step(model.train())


def librarys_head(folder: Path) -> Step:
    """MAD-X with the library's head: the inverse and the decoder on every position."""
    model = language_model(folder)
    model.heads[LANGUAGE_MODEL_HEAD].__class__ = BertStyleMaskedLMHead
    return step(model)


def masked_positions(folder: Path) -> Step:
    """MAD-X as this package trains it."""
    return step(language_model(folder))


WAYS: dict[str, Callable[[Path], Step]] = {
    "the field's script": fields_script,
    "the library's head on every position": librarys_head,
    "ours, on masked positions": masked_positions,
}


def language_model(folder: Path) -> Any:
    """A language model whose adapter trains."""
    model = load_language_model(folder, "random")
    add_adapter(model, NAME, SHAPE, seed=0)
    train_only(model, NAME, [NAME])
    return model


def step(model: Any) -> Step:
    """Forward, backward and optimizer of a model that is ready to train."""
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], fused=True)
    inputs = batch()

    def run() -> None:
        model(**inputs).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return run


def seconds_of_steps(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Seconds of each step in each round, after a first one that does not count."""
    found: dict[str, list[float]] = {way: [] for way in steps}
    for _ in range(1 + rounds):
        for way, run in steps.items():
            started = time.perf_counter()
            run()
            found[way].append(time.perf_counter() - started)
    return {way: seconds[1:] for way, seconds in found.items()}


def peak_in_a_process(way: str, folder: str) -> int:
    """Bytes."""
    command = [sys.executable, "-m", "benchmarks.masked_lm", "--peak-of", way, folder]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def peak_of_a_step(run: Step) -> int:
    """Bytes that a second step needs above those in use before it; from Linux's account of this process."""
    run()
    ctypes.CDLL(None).malloc_trim(0)  # else freed memory of the first step counts as in use before the second
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = resident("VmRSS")
    run()
    return resident("VmHWM") - before


def resident(what: str) -> int:
    """A line of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{what}:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
