"""Answers as arrays: whichever way the file is read, what is in it is what was written."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madx_pipeline.report import answers as reading
from madx_pipeline.report.answers import Answers, answers_of, read_answers

LABELS = [
    "O",
    "B-PER",
    "I-PER",
    "gold",
    "predicted",
    "a-label-of-many-letters",
    "a-label-of-many-letterz",
    "人名",
    "x:y",
    "",
]


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _lists(answers: Answers) -> list[dict[str, Any]]:
    """The rows again, as lists."""
    ends = np.cumsum(answers.lengths)
    return [
        {
            "gold": [answers.names[index] for index in answers.gold[end - length : end]],
            "predicted": [answers.names[index] for index in answers.predicted[end - length : end]],
        }
        for end, length in zip(ends, answers.lengths, strict=True)
    ]


def _sentences(count: int, labels: list[str]) -> list[dict[str, Any]]:
    draw = random.Random(count)
    sizes = [draw.randint(0, 9) for _ in range(count)]
    return [{name: draw.choices(labels, k=size) for name in ("gold", "predicted")} for size in sizes]


@pytest.mark.parametrize("count", [1, 7, 500])
def test_sentences_are_read_as_they_were_written(tmp_path: Path, count: int) -> None:
    rows = [*_sentences(count, LABELS), {"gold": ["O"], "predicted": ["I-PER"]}]
    (tmp_path / "examples.jsonl").write_text(_lines(rows), encoding="utf-8")
    found = read_answers(tmp_path / "examples.jsonl")
    assert _lists(found) == rows
    assert list(found.names) == sorted(found.names)


def test_texts_have_one_label_each(tmp_path: Path) -> None:
    rows = [{"gold": "sports", "predicted": "travel"}, {"gold": "sports", "predicted": "sports"}]
    (tmp_path / "examples.jsonl").write_text(_lines(rows), encoding="utf-8")
    found = read_answers(tmp_path / "examples.jsonl")
    assert found.lengths.tolist() == [1, 1]
    assert [found.names[index] for index in found.predicted] == ["travel", "sports"]


def test_the_fast_way_is_taken_and_gives_what_the_json_reader_gives() -> None:
    raw = _lines([*_sentences(300, LABELS), {"gold": ["late"], "predicted": ["O"]}]).encode("utf-8")
    fast, careful = reading._scanned(raw), reading._parsed(raw)
    assert fast is not None
    assert fast.names == careful.names
    for name in ("gold", "predicted", "lengths"):
        assert np.array_equal(getattr(fast, name), getattr(careful, name))


@pytest.mark.parametrize(
    "text",
    [
        '{"gold": ["a\\"b"], "predicted": ["c\\\\"]}\n',  # an escape
        '{"predicted": ["c"], "gold": ["a"]}\n',  # the other order
        '{"gold": ["a"], "predicted": ["c"]}',  # no end of line
        '{"gold": ["a"], "predicted": ["c"], "sure": 0.5}\n',  # one more key
    ],
)
def test_lines_of_another_form_are_read_all_the_same(tmp_path: Path, text: str) -> None:
    (tmp_path / "examples.jsonl").write_text(text, encoding="utf-8")
    row = json.loads(text)
    assert _lists(read_answers(tmp_path / "examples.jsonl")) == [{name: row[name] for name in ("gold", "predicted")}]


@pytest.mark.parametrize(
    "text",
    [
        "{}\n",
        "no json\n",
        '{"gold": ["a", "b"], "predicted": ["a"]}\n',
        '{"gold": ["a"], "predicted": ["a", "b"]}\n{"gold": ["a", "b"], "predicted": ["a"]}\n',
        '{"gold": ["a"], "predicted": null}\n',
        '["gold", "predicted"]\n',
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "examples.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError):
        read_answers(tmp_path / "examples.jsonl")


def test_no_examples_are_no_answers(tmp_path: Path) -> None:
    (tmp_path / "examples.jsonl").write_text("", encoding="utf-8")
    assert len(read_answers(tmp_path / "examples.jsonl").lengths) == 0
    assert answers_of([], []).names == ()
