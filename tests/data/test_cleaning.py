"""Cleaning counts what it drops and changes, and knows repeats without keeping the text."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter

import numpy as np

from madx_pipeline.data.cleaning import BATCH_CHARACTERS, BATCH_LINES, SeenLines, batched, cleaned, line_hashes
from madx_pipeline.data.text import Line


def clean(*texts: str, max_characters: int = 10, cut: bool = False) -> tuple[list[str], Counter[str]]:
    counts: Counter[str] = Counter()
    lines = (Line(number, text, cut) for number, text in enumerate(texts, start=1))
    return list(cleaned(lines, max_characters, counts)), counts


def test_what_is_dropped_is_counted_by_reason() -> None:
    lines, counts = clean(" a \r\n", "\n", " \u00a0\t\n", "x" * 10, "x" * 11)
    assert lines == ["a", "x" * 10]
    assert counts == {"read": 5, "empty": 2, "too_long": 1}


def test_a_line_of_which_only_the_beginning_is_there_is_too_long() -> None:
    assert clean("a", cut=True) == ([], {"read": 1, "too_long": 1})


def test_text_comes_out_in_nfc_and_changes_are_counted() -> None:
    lines, counts = clean("ọ̀rọ̀", unicodedata.normalize("NFD", "é"), "é")
    assert lines == [unicodedata.normalize("NFC", "ọ̀rọ̀"), "é", "é"]
    assert counts["normalised"] == 2 - (unicodedata.is_normalized("NFC", "ọ̀rọ̀"))


def test_a_batch_is_bounded_in_lines_and_in_characters() -> None:
    assert [len(batch) for batch in batched(["a"] * (2 * BATCH_LINES + 1))] == [BATCH_LINES, BATCH_LINES, 1]
    assert [len(batch) for batch in batched(["a" * BATCH_CHARACTERS] * 3)] == [1, 1, 1]
    assert list(batched([])) == []


def test_hashes_are_the_same_on_every_machine() -> None:
    assert line_hashes(["", "añu"]).tolist() == [13020603013274838756, 1201405605670306532]


def test_a_line_is_there_for_the_first_time_once() -> None:
    rng = random.Random(0)
    stream = [str(rng.randrange(3000)) for _ in range(20_000)]
    seen = SeenLines()
    found: list[bool] = []
    for start in range(0, len(stream), 700):
        found += seen.first_times(line_hashes(stream[start : start + 700])).tolist()
    known: set[str] = set()
    expected = []
    for line in stream:
        expected.append(line not in known)
        known.add(line)
    assert found == expected


def test_the_memory_of_repeats_is_eight_bytes_a_line_in_few_arrays() -> None:
    seen = SeenLines()
    rng = np.random.default_rng(0)
    for _ in range(300):
        seen.first_times(rng.integers(0, 2**63, 1000).astype(np.uint64))
    runs = seen._runs
    assert sum(run.nbytes for run in runs) == 8 * 300_000
    assert len(runs) <= 10
