"""CoNLL-U: what is a word and what is not, and what is wrong with a file, by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.data.conllu_reader import read_conllu
from madx_pipeline.data.examples import Parsed, Tagged
from madx_pipeline.data.formats import ConlluFormat, TreesFormat
from madx_pipeline.errors import JobError

UPOS = ConlluFormat(format="conllu", label="upos")
TREES = TreesFormat(format="conllu_trees", subtypes=False)


def row(number: str, form: str, upos: str, xpos: str = "_") -> str:
    return "\t".join([number, form, "_", upos, xpos, "_", "_", "_", "_", "_"])


def arc(number: str, form: str, head: str, relation: str) -> str:
    return "\t".join([number, form, "_", "_", "_", "_", head, relation, "_", "_"])


def read(folder: Path, *lines: str, end: str = "\n", format: ConlluFormat | TreesFormat = UPOS) -> list[Tagged]:
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
    with pytest.raises(JobError, match=r"file\.conllu, line 2: word 2 has no UPOS\."):
        read(tmp_path, row("1", "a", "NOUN"), row("2", "b", "_"), "")


def test_a_tree_counts_the_parts_of_ranges_and_no_empty_nodes(tmp_path: Path) -> None:
    lines = [
        "# text = zum Haus",
        row("1-2", "zum", "_"),
        arc("1", "zu", "3", "case"),
        arc("2", "dem", "3", "det"),
        arc("2.1", "alten", "_", "_"),
        arc("3", "Haus", "0", "root"),
        "",
    ]
    assert read(tmp_path, *lines, format=TREES) == [Parsed(["zu", "dem", "Haus"], ["case", "det", "root"], [3, 3, 0])]


def test_words_with_spaces_and_carriage_returns_do_not_move_a_head(tmp_path: Path) -> None:
    lines = [arc("1", "tinh vi", "2", "amod"), arc("2", "3  000", "0", "root"), ""]
    (tree,) = read(tmp_path, *lines, end="\r\n", format=TREES)
    assert tree == Parsed(["tinh vi", "3 000"], ["amod", "root"], [2, 0])


def test_a_relation_is_its_universal_part_unless_subtypes_are_asked_for(tmp_path: Path) -> None:
    lines = [arc("1", "my", "2", "nmod:poss"), arc("2", "cat", "0", "root"), ""]
    kept = TreesFormat(format="conllu_trees", subtypes=True)
    assert [read(tmp_path, *lines, format=format)[0].labels[0] for format in (TREES, kept)] == ["nmod", "nmod:poss"]


@pytest.mark.parametrize(
    ("arcs", "message"),
    [
        ([("2", "a"), ("0", "root"), ("0", "root")], r"2 words have head 0 \(lines 5, 6\); a tree has one root\."),
        ([("2", "a"), ("3", "a"), ("2", "a")], r"line 5: word 2 depends on itself by way of 3\."),
        ([("0", "root"), ("2", "a"), ("1", "a")], r"line 5: word 2 depends on itself\."),
        ([("0", "root"), ("4", "a"), ("1", "a")], r"line 5: the head of word 2 is 4; the sentence has words 1 to 3\."),
        ([("0", "root"), ("_", "a"), ("1", "a")], r"line 5: word 2 has no HEAD\."),
        ([("0", "root"), ("1", "_"), ("1", "a")], r"line 5: word 2 has no DEPREL\."),
    ],
    ids=["two roots", "a circle", "its own head", "no such word", "no head", "no relation"],
)
def test_what_is_no_tree_is_an_error_naming_file_and_line(
    tmp_path: Path, arcs: list[tuple[str, str]], message: str
) -> None:
    words = [arc(str(number), "w", *one) for number, one in enumerate(arcs, start=1)]
    lines = [arc("1", "ok", "0", "root"), "", "# the second sentence", *words, "", arc("1", "ok", "0", "root")]
    with pytest.raises(JobError, match=r"file\.conllu(: |, )" + message) as error:
        read(tmp_path, *lines, format=TREES)
    assert error.value.problems[0].hint


@pytest.mark.parametrize("head", ["-1", "1.5", "two"])
def test_a_head_that_is_no_number_is_an_error(tmp_path: Path, head: str) -> None:
    with pytest.raises(JobError, match=r"file\.conllu"):
        read(tmp_path, arc("1", "a", "0", "root"), arc("2", "b", head, "x"), "", format=TREES)


def test_words_that_are_not_numbered_from_one_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"file\.conllu, line 2: word 3 stands where word 2 should\."):
        read(tmp_path, arc("1", "a", "0", "root"), arc("3", "b", "1", "x"), "", format=TREES)
