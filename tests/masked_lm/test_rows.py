from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from madx_pipeline.masked_lm.rows import CorpusRows, RowShape
from tests.model_builders import corpus_of

START, END = 0, 2


def rows(folder: Path, lines: list[list[int]], max_length: int = 8, line_by_line: bool = True) -> list[list[int]]:
    corpus_of(folder, lines, [])
    found = CorpusRows(folder / "train.arrow", RowShape(START, END, max_length, line_by_line))
    return [found.row(number).tolist() for number in range(len(found))]


def test_line_by_line_each_line_is_a_row_between_special_tokens(tmp_path: Path) -> None:
    assert rows(tmp_path, [[5, 6], [7], [8, 9, 10]]) == [[0, 5, 6, 2], [0, 7, 2], [0, 8, 9, 10, 2]]


def test_a_line_longer_than_a_row_becomes_windows_of_nearly_equal_length_and_nothing_is_lost(tmp_path: Path) -> None:
    long = list(range(10, 23))
    found = rows(tmp_path, [[5], long, [6]])
    assert found[0] == [0, 5, 2]
    assert found[-1] == [0, 6, 2]
    windows = [row[1:-1] for row in found[1:-1]]
    assert [len(window) for window in windows] == [5, 4, 4]
    assert list(chain(*windows)) == long


def test_a_line_that_just_fits_is_not_split(tmp_path: Path) -> None:
    assert rows(tmp_path, [[1] * 6, [1] * 7]) == [[0] + [1] * 6 + [2], [0] + [1] * 4 + [2], [0] + [1] * 3 + [2]]


def test_empty_lines_make_no_rows(tmp_path: Path) -> None:
    assert rows(tmp_path, [[], [5], [], [6], []]) == [[0, 5, 2], [0, 6, 2]]


def test_lines_that_run_on_fill_every_row_but_the_last(tmp_path: Path) -> None:
    lines = [[5] * 3, [6] * 9, [7], [8] * 4]
    found = rows(tmp_path, lines, line_by_line=False)
    assert [len(row) for row in found] == [8, 8, 8, 1]
    assert list(chain(*found)) == [token for line in lines for token in [START, *line, END]]


@pytest.mark.parametrize("line_by_line", [True, False])
def test_an_empty_corpus_has_no_rows(tmp_path: Path, line_by_line: bool) -> None:
    assert rows(tmp_path, [], line_by_line=line_by_line) == []


def test_many_chunks_read_as_one(tmp_path: Path) -> None:
    lines = [[10 + number] * (number % 5 + 1) for number in range(33)]
    assert [row[1:-1] for row in rows(tmp_path, lines)] == lines
