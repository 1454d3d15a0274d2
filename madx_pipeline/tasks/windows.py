"""Splitting a sentence that is longer than the model into windows of whole words.

Nothing is ever cut off silently and nothing is seen twice: windows lie side by side, so that a word has
exactly one prediction. They are of about equal length, because a last window of one lonely word would
give that word no context at all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def windows(sizes: Sequence[int], room: int) -> list[range]:
    """The fewest windows of consecutive words that fit into the model, as equal as word boundaries allow.

    Args:
        sizes: Word pieces of each word, each at least 1 and at most `room`.
        room: Word pieces that fit into one window.

    Returns:
        Ranges of word indices that cover all words once, in order; none for no words. Among all
        splits into the fewest windows, one whose longest window is shortest.
    """
    if sum(sizes) <= room:
        return [range(len(sizes))] if sizes else []
    fewest = len(_filled(sizes, room))
    widest, share = max(sizes), -(-sum(sizes) // fewest)
    capacities = range(max(widest, share), room + 1)
    smallest = bisect_left(capacities, -fewest, key=lambda capacity: -len(_filled(sizes, capacity)))
    return _filled(sizes, capacities[smallest])


def _filled(sizes: Sequence[int], capacity: int) -> list[range]:
    """Windows filled one after the other, each as full as it gets."""
    found: list[range] = []
    start = used = 0
    for index, size in enumerate(sizes):
        if used + size > capacity:
            found.append(range(start, index))
            start, used = index, 0
        used += size
    return [*found, range(start, len(sizes))]
