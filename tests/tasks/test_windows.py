"""Long sentences become windows of whole words, side by side."""

from __future__ import annotations

import random

from madx_pipeline.tasks.windows import windows


def test_a_sentence_that_just_fits_is_one_window() -> None:
    assert windows([1, 2, 3], 6) == [range(3)]


def test_one_piece_too_many_makes_two_windows() -> None:
    assert len(windows([1, 2, 3, 1], 6)) == 2


def test_the_last_window_is_not_one_lonely_word() -> None:
    assert windows([1] * 11, 10) == [range(6), range(6, 11)]


def test_a_word_as_long_as_the_window_has_one_of_its_own() -> None:
    assert windows([1, 5, 1], 5) == [range(1), range(1, 2), range(2, 3)]


def test_no_words_make_no_windows() -> None:
    assert windows([], 5) == []


def test_any_sentence_is_covered_once_in_order_by_the_fewest_windows_that_fit() -> None:
    chance = random.Random(7)
    for _ in range(2000):
        room = chance.randint(1, 12)
        sizes = [chance.randint(1, room) for _ in range(chance.randint(0, 40))]
        found = windows(sizes, room)
        assert [word for part in found for word in part] == list(range(len(sizes)))
        assert all(0 < sum(sizes[word] for word in part) <= room for part in found)
        assert len(found) == fewest_windows(sizes, room)


def fewest_windows(sizes: list[int], room: int) -> int:
    """By trying every last window (dynamic programming), independent of the code under test."""
    best = [0] + [len(sizes) + 1] * len(sizes)
    for end in range(1, len(sizes) + 1):
        for start in range(end):
            if sum(sizes[start:end]) <= room:
                best[end] = min(best[end], best[start] + 1)
    return best[-1]
