"""What a step of language-adapter training costs: the field's script, the library's head on every position, and ours.

    python -m benchmarks.masked_lm grouped     8 full rows of 256 tokens
    python -m benchmarks.masked_lm lines       64 lines of about 30 tokens, some much longer
    ... --save                                 keeps the result in benchmarks/results/masked_lm_<case>.json

The shape is XLM-R base, 15% of the tokens are masked, dropout is off, and all ways see the same tokens and masks.
Seconds are of one process, the ways one after the other in each round: only their ratios say much on a machine that
does other things. Peak memory is that of a second step above what lies there before it, each way in a process of its
own. The field's script cannot hold the logits of 64 lines: like its users it takes 8 at a time and accumulates.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import adapters
import numpy as np
import torch
from adapters.heads import BertStyleMaskedLMHead
from transformers import AutoConfig, AutoModelForMaskedLM

from madx_pipeline.adapter_model import (
    LANGUAGE_MODEL_HEAD,
    AdapterShape,
    active_stack,
    add_adapter,
    load_language_model,
    seeded,
    train_only,
)
from madx_pipeline.masked_lm.batches import BatchShape
from madx_pipeline.masked_lm.packing import Batch, Window, pad

LENGTH, MASKED, WORDS = 256, 0.15, 250_002
START, PAD, END, FIRST_WORD, MASK = 0, 1, 2, 5, 250_001
AT_ONCE = 8
NAME = "language_xx"
SHAPE = AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)
RESULTS = Path(__file__).parent / "results"

Step = Callable[[], float]
"""One step of training; gives its loss."""


def main() -> None:
    """Makes a base model with random weights, measures, prints a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("case", choices=CASES)
    asked.add_argument("--save", action="store_true", help="write benchmarks/results/masked_lm_<case>.json")
    asked.add_argument("--rounds", type=int, default=2, help="steps of each way whose time counts")
    asked.add_argument("--peak-of", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = asked.parse_args()
    ways = CASES[options.case]
    if options.peak_of:
        print(peak_of_a_step(ways[options.peak_of[0]](Path(options.peak_of[1]))))
        return
    with tempfile.TemporaryDirectory() as name:
        save_base_model(Path(name))
        seconds = seconds_of_steps({way: build(Path(name)) for way, build in ways.items()}, options.rounds)
        peaks = {way: peak_in_a_process(options.case, way, name) for way in ways}
    found = {way: result(seconds, peaks, way) for way in ways}
    for way, numbers in found.items():
        print(f"{way:44}", *(f"{label} {value:g}" for label, value in numbers.items()), sep="  ")
    if options.save:
        machine = f"{platform.machine()}, {torch.get_num_threads()} threads, {platform.system()}"
        text = json.dumps({"machine": machine, "rounds": options.rounds, "ways": found}, indent=2)
        (RESULTS / f"masked_lm_{options.case}.json").write_text(text + "\n", encoding="utf-8")


def result(seconds: dict[str, list[float]], peaks: dict[str, int], way: str) -> dict[str, float]:
    """The numbers of a way of training, and how much more it needs than the last one, ours."""
    ours = list(seconds)[-1]
    slower = median(one / other for one, other in zip(seconds[way], seconds[ours], strict=True))
    return {
        "seconds": round(median(seconds[way]), 2),
        "times the seconds of ours": round(slower, 2),
        "peak MiB": round(peaks[way] / 2**20),
        "times the memory of ours": round(peaks[way] / peaks[ours], 2),
    }


def save_base_model(folder: Path) -> None:
    """XLM-R base as to its shape, its weights random, without dropout."""
    shape = {"vocab_size": WORDS, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    with seeded(0):
        config = AutoConfig.for_model("xlm-roberta", **shape, **off, pad_token_id=PAD)
        model: Any = AutoModelForMaskedLM.from_config(config)
    model.save_pretrained(folder)


def windows(lengths: Sequence[int]) -> list[Window]:
    """Random tokens between special ones, 15% of them masked."""
    draw = np.random.default_rng(0)
    found: list[Window] = []
    for length in lengths:
        ids = draw.integers(FIRST_WORD, MASK, length)
        ids[0], ids[-1] = START, END
        masked = draw.random(length) < MASKED
        found.append({"input_ids": np.where(masked, MASK, ids), "labels": np.where(masked, ids, -100)})
    return found


def full_rows() -> list[Window]:
    """8 rows of 256 tokens."""
    return windows([LENGTH] * 8)


def lines() -> list[Window]:
    """64 lines, as long as sentences are: log-normal, mean about 30 tokens, at most a row."""
    lengths = np.random.default_rng(1).lognormal(3.1, 0.75, 64)
    return windows(np.clip(lengths.round(), 4, LENGTH).astype(int).tolist())


def padded(some: Sequence[Window], longest: int | None = None) -> list[Batch]:
    """8 lines at a time, padded to the longest of them, or to a fixed length."""
    batches = [pad(some[start : start + AT_ONCE], PAD) for start in range(0, len(some), AT_ONCE)]
    return [{name: _wider(name, tensor, longest) for name, tensor in batch.items()} for batch in batches]


def _wider(name: str, tensor: torch.Tensor, longest: int | None) -> torch.Tensor:
    fill = {"input_ids": PAD, "attention_mask": 0, "labels": -100}[name]
    missing = (longest or tensor.shape[1]) - tensor.shape[1]
    return torch.nn.functional.pad(tensor, (0, missing), value=fill)


def packed(some: Sequence[Window]) -> list[Batch]:
    """All lines in as few rows as they need."""
    return [BatchShape(LENGTH, PAD, PAD + 1, repack=True).batch([[window] for window in some])]


def fields_script(folder: Path, batches: list[Batch]) -> Step:
    """As the adapters library's own run_mlm.py does it: the plain model with `adapters.init`, its head trains."""
    model: Any = AutoModelForMaskedLM.from_pretrained(folder)
    adapters.init(model)
    add_adapter(model, NAME, SHAPE, seed=0)
    model.train_adapter(NAME)
    return step(model.train(), batches)


def librarys_head(folder: Path, batches: list[Batch]) -> Step:
    """MAD-X with the library's head: the inverse and the decoder on every position."""
    model = language_model(folder)
    model.heads[LANGUAGE_MODEL_HEAD].__class__ = BertStyleMaskedLMHead
    return step(model, batches)


def masked_positions(folder: Path, batches: list[Batch]) -> Step:
    """MAD-X as this package trains it."""
    return step(language_model(folder), batches)


CASES: dict[str, dict[str, Callable[[Path], Step]]] = {
    "grouped": {
        "the field's script": lambda folder: fields_script(folder, padded(full_rows())),
        "the library's head on every position": lambda folder: librarys_head(folder, padded(full_rows())),
        "ours, on masked positions": lambda folder: masked_positions(folder, packed(full_rows())),
    },
    "lines": {
        "the field's script, padded to 256": lambda folder: fields_script(folder, padded(lines(), LENGTH)),
        "the field's script, padded to the longest": lambda folder: fields_script(folder, padded(lines())),
        "ours, packed, on masked positions": lambda folder: masked_positions(folder, packed(lines())),
    },
}


def language_model(folder: Path) -> Any:
    """A language model whose adapter trains."""
    model = load_language_model(folder, "random")
    add_adapter(model, NAME, SHAPE, seed=0)
    train_only(model, NAME, [NAME])
    return model


def step(model: Any, batches: list[Batch]) -> Step:
    """Forward, backward and optimizer of a model that is ready to train."""
    if active_stack(model) != (NAME,):
        raise RuntimeError(f"the adapter is not active: {active_stack(model)}")
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], fused=True)

    def run() -> float:
        total = 0.0
        for batch in batches:
            loss = model(**batch).loss / len(batches)
            loss.backward()
            total += float(loss.detach())
        optimizer.step()
        optimizer.zero_grad()
        return total

    return run


def seconds_of_steps(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Seconds of each step in each round, after a first one that does not count."""
    found: dict[str, list[float]] = {way: [] for way in steps}
    for number in range(1 + rounds):
        for way, run in steps.items():
            started = time.perf_counter()
            loss = run()
            found[way].append(time.perf_counter() - started)
            print(f"round {number}: {way}: {found[way][-1]:.1f} s, loss {loss:.4f}", file=sys.stderr, flush=True)
    return {way: seconds[1:] for way, seconds in found.items()}


def peak_in_a_process(case: str, way: str, folder: str) -> int:
    """Bytes."""
    command = [sys.executable, "-m", "benchmarks.masked_lm", case, "--peak-of", way, folder]
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
    rows = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (row,) = (row for row in rows if row.startswith(f"{what}:"))
    return int(row.split()[1]) * 1024


if __name__ == "__main__":
    main()
