"""Whether the heads of a sentence make a tree with one root, as those of Universal Dependencies do.

A parser trained on anything else learns what it can never predict, and the official script for scores refuses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from madx_pipeline.errors import JobError

_HINT = "Correct the file; the validator of Universal Dependencies finds all such places."


def check_tree(numbers: Sequence[int], heads: Sequence[int], path: Path, lines: Sequence[int]) -> None:
    """Checks the words of a sentence.

    Args:
        numbers: What the file numbers the words.
        heads: The number of the word that each word depends on; 0 for the root.
        path: The file, for messages.
        lines: Lines of the words, for messages.

    Raises:
        JobError: If numbers do not count from 1, a head is no word, a word depends on itself, or there is not one root.
    """
    for place, (number, head) in enumerate(zip(numbers, heads, strict=True), start=1):
        where = f"{path}, line {lines[place - 1]}"
        if number != place:
            raise JobError(f"{where}: word {number} stands where word {place} should.", _HINT)
        if not 0 <= head <= len(heads):
            message = f"{where}: the head of word {place} is {head}; the sentence has words 1 to {len(heads)}."
            raise JobError(message, _HINT)
    for place in range(1, len(heads) + 1):
        round_trip = _way_back(place, heads)
        if round_trip:
            by_way = f" by way of {', '.join(map(str, round_trip[1:]))}" if len(round_trip) > 1 else ""
            raise JobError(f"{path}, line {lines[place - 1]}: word {place} depends on itself{by_way}.", _HINT)
    roots = [line for line, head in zip(lines, heads, strict=True) if head == 0]
    if len(roots) > 1:
        found = f"{len(roots)} words have head 0 (lines {', '.join(map(str, roots))})"
        raise JobError(f"{path}: {found}; a tree has one root.", _HINT)


def _way_back(start: int, heads: Sequence[int]) -> list[int]:
    """The words from one to itself along its heads; none if the way leads to the root or into another circle."""
    way = [start]
    while (head := heads[way[-1] - 1]) not in (0, start):
        if head in way:
            return []
        way.append(head)
    return way if head == start else []
