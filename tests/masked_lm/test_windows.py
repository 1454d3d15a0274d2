from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madx_pipeline.masked_lm.windows import CorpusWindows, WindowShape
from tests.model_builders import corpus_of

START, END = 0, 2


def windows(folder: Path, lines: list[list[int]], max_length: int = 8, full: bool = False) -> list[list[int]]:
    corpus_of(folder, lines, [])
    found = CorpusWindows(folder / "train.arrow", WindowShape(START, END, max_length, full))
    read = [found.window(number).tolist() for number in range(len(found))]
    assert [len(window) for window in read] == found.lengths().tolist()
    return read


def test_each_line_is_a_window_between_special_tokens(tmp_path: Path) -> None:
    assert windows(tmp_path, [[5, 6], [7], [8, 9, 10]]) == [[0, 5, 6, 2], [0, 7, 2], [0, 8, 9, 10, 2]]


def test_a_line_longer_than_a_row_becomes_windows_of_nearly_equal_length_and_nothing_is_lost(tmp_path: Path) -> None:
    long = list(range(10, 23))
    found = windows(tmp_path, [[5], long, [6]])
    assert found[0] == [0, 5, 2]
    assert found[-1] == [0, 6, 2]
    parts = [window[1:-1] for window in found[1:-1]]
    assert [len(part) for part in parts] == [5, 4, 4]
    assert list(chain(*parts)) == long


def test_a_document_longer_than_a_row_becomes_full_windows_and_a_remainder(tmp_path: Path) -> None:
    found = windows(tmp_path, [[5], list(range(10, 23)), [6]], full=True)
    assert found[1:-1] == [[0, *range(10, 16), 2], [0, *range(16, 22), 2], [0, 22, 2]]


def test_a_document_of_whole_windows_has_no_empty_remainder(tmp_path: Path) -> None:
    assert windows(tmp_path, [[1] * 12], full=True) == [[0] + [1] * 6 + [2]] * 2


def test_a_line_that_just_fits_is_not_split(tmp_path: Path) -> None:
    assert windows(tmp_path, [[1] * 6, [1] * 7]) == [[0] + [1] * 6 + [2], [0] + [1] * 4 + [2], [0] + [1] * 3 + [2]]


def test_empty_lines_make_no_windows(tmp_path: Path) -> None:
    assert windows(tmp_path, [[], [5], [], [6], []]) == [[0, 5, 2], [0, 6, 2]]


@pytest.mark.parametrize("full", [True, False])
def test_an_empty_corpus_has_no_windows(tmp_path: Path, full: bool) -> None:
    assert windows(tmp_path, [], full=full) == []


def test_many_chunks_read_as_one(tmp_path: Path) -> None:
    lines = [[10 + number] * (number % 5 + 1) for number in range(33)]
    assert [window[1:-1] for window in windows(tmp_path, lines)] == lines


@settings(derandomize=True, database=None, deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 40), max_size=12), st.booleans(), st.integers(8, 20))
def test_the_windows_of_any_lines_are_the_lines_again(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], full: bool, max_length: int
) -> None:
    lines = [[10 + number] * length for number, length in enumerate(lengths)]
    found = windows(tmp_path_factory.mktemp("corpus"), lines, max_length, full)
    assert all(3 <= len(window) <= max_length for window in found)
    assert list(chain(*(window[1:-1] for window in found))) == list(chain(*lines))
    assert all(len(set(window[1:-1])) == 1 for window in found)  # never two lines in one window
