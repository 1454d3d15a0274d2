"""What a reader is told of inputs that were cut."""

from __future__ import annotations

import pytest

from madx_pipeline.tasks import Encoded
from madx_pipeline.tasks.notes import notes


@pytest.mark.parametrize(
    ("name", "count", "note"),
    [
        (
            "pairs_truncated",
            1,
            "1 of 5010 pairs (under 0.1%) were too long; the longer text of each was cut at the end.",
        ),
        (
            "pairs_truncated",
            501,
            "501 of 5010 pairs (10.0%) were too long; the longer text of each was cut at the end.",
        ),
        ("questions_shortened", 51, "51 of 5010 questions (1.0%) were too long and cut at the end."),
        (
            "answers_in_no_window",
            6,
            "6 of 5010 first answers to a question (0.1%) are whole in no window, and cannot be found.",
        ),
        (
            "answers_too_long",
            2,
            "2 of 5010 first answers to a question (under 0.1%) have more pieces than an answer may have, and cannot"
            " be found.",
        ),
        ("texts_without_pieces", 3, "3 texts are blank, or have nothing that the tokenizer has a piece for."),
    ],
)
def test_what_was_cut_is_told_with_its_number_and_share(name: str, count: int, note: str) -> None:
    assert notes(Encoded((), 5010, {"rows": 5010, name: count})) == [note]


def test_nothing_is_told_where_nothing_was_cut() -> None:
    assert notes(Encoded((), 5010, {"rows": 5010, "pairs_truncated": 0})) == []
