"""CoNLL-U: what is a word and what is not, and what is wrong with a file, by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.data.conllu_reader import read_conllu
from madx_pipeline.data.examples import Tagged
from madx_pipeline.data.formats import ConlluFormat
from madx_pipeline.errors import JobError

UPOS = ConlluFormat(format="conllu", label="upos")


def row(number: str, form: str, upos: str, xpos: str = "_") -> str:
    return "\t".join([number, form, "_", upos, xpos, "_", "_", "_", "_", "_"])


def read(folder: Path, *lines: str, end: str = "\n", format: ConlluFormat = UPOS) -> list[Tagged]:
    path = folder / "file.conllu"
    path.write_bytes((end.join(lines) + end).encode())
    return list(read_conllu(path, format))


def test_the_parts_of_a_range_are_words_and_the_range_is_not(tmp_path: Path) -> None:
    lines = [row("1", "La", "DET"), row("2-3", "zum", "_"), row("2", "zu", "ADP"), row("3", "dem", "DET"), ""]
    assert read(tmp_path, *lines) == [Tagged(["La", "zu", "dem"], ["DET", "ADP", "DET"])]


def test_an_empty_node_is_no_word(tmp_path: Path) -> None:
    lines = [row("1", "he", "PRON"), row("1.1", "reported", "VERB"), row("2", "left", "VERB"), ""]
    assert read(tmp_path, *lines) == [Tagged(["he", "left"], ["PRON", "VERB"])]


def test_spaces_inside_a_word_are_kept(tmp_path: Path) -> None:
    lines = [row("1", "tinh vi", "ADJ"), row("2", "3\u00a0000", "NUM"), row("3", "3 000", "NUM"), ""]
    assert read(tmp_path, *lines)[0].strings == ["tinh vi", "3\u00a0000", "3 000"]


def test_two_spaces_inside_a_word_do_not_shift_the_columns(tmp_path: Path) -> None:
    assert read(tmp_path, row("1", "a  b", "NOUN"), "") == [Tagged(["a b"], ["NOUN"])]


def test_the_underscores_of_hebrew_parts_are_kept(tmp_path: Path) -> None:
    assert read(tmp_path, row("1", "יכולת_", "NOUN"), row("2", "_של", "ADP"), "")[0].strings == ["יכולת_", "_של"]


def test_comments_blank_lines_and_carriage_returns_do_no_harm(tmp_path: Path) -> None:
    lines = ["# text = a", row("1", "a", "X"), "", "", "# only a comment", "", row("1", "b", "X")]
    assert [example.strings for example in read(tmp_path, *lines, end="\r\n")] == [["a"], ["b"]]


def test_the_label_may_be_in_the_other_column(tmp_path: Path) -> None:
    other = ConlluFormat(format="conllu", label="xpos")
    assert read(tmp_path, row("1", "a", "NOUN", "NN"), "", format=other) == [Tagged(["a"], ["NN"])]


def test_a_missing_column_is_named_by_line(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"file\.conllu, line 2: 3 columns, CoNLL-U has 10\."):
        read(tmp_path, "# text = a b", "1\ta\tNOUN", "")


def test_a_wrong_number_of_a_word_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"the sentence that ends at line 2 is not CoNLL-U: "):
        read(tmp_path, row("one", "a", "NOUN"), "")


def test_a_word_without_a_label_is_an_error_not_a_label(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"word 2 of the sentence that ends at line 3 has no UPOS\."):
        read(tmp_path, row("1", "a", "NOUN"), row("2", "b", "_"), "")
