"""The held-out part is chosen by what a line says: the same in any order."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from madx_pipeline.data.cleaning import line_hashes
from madx_pipeline.data.held_out import HeldOut


def split(lines: Sequence[str], share: float = 0.1, most: int = 1000) -> tuple[list[str], list[str]]:
    """Held-out and training lines."""
    held_out, train = HeldOut(share, most), []
    for number, line_hash in enumerate(line_hashes(lines).tolist()):
        train += held_out.offer(line_hash, np.array([number], dtype=np.int32))
    kept, back = held_out.finish(len(train))
    return [lines[int(row[0])] for row in kept], [lines[int(row[0])] for row in [*train, *back]]


LINES = [f"line {number}" for number in range(2000)]


@pytest.mark.parametrize("most", [1000, 50, 1])
def test_every_line_is_on_exactly_one_side(most: int) -> None:
    kept, train = split(LINES, most=most)
    assert sorted(kept + train) == sorted(LINES)
    assert len(kept) == min(most, len(kept))


def test_the_share_is_met_and_the_cap_is_kept() -> None:
    assert 150 < len(split(LINES)[0]) < 250
    assert len(split(LINES, most=50)[0]) == 50


@pytest.mark.parametrize("most", [1000, 50])
def test_the_order_of_the_corpus_does_not_matter(most: int) -> None:
    shuffled = random.Random(1).sample(LINES, len(LINES))
    assert split(LINES, most=most)[0] == split(shuffled, most=most)[0]


def test_a_corpus_that_grows_keeps_its_held_out_lines() -> None:
    assert set(split(LINES[:1000])[0]) <= set(split(LINES)[0])


def test_however_small_the_share_one_line_is_held_out() -> None:
    kept, train = split(LINES[:20], share=1e-12)
    assert len(kept) == 1
    assert len(train) == 19
    assert kept == split(LINES[:20][::-1], share=1e-12)[0]


def test_however_large_the_share_one_line_is_left_to_train_on() -> None:
    kept, train = split(["a", "b"], share=0.999999)
    assert len(kept) == len(train) == 1


def test_a_single_line_is_held_out_and_nothing_is_left_to_train_on() -> None:
    assert split(["a"]) == (["a"], [])
    assert split(["a"], share=0.999999) == (["a"], [])
    assert split([]) == ([], [])
