"""Tables: separators, headers, quoting."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.cards import task_card
from madx_pipeline.data.examples import Pair, Text
from madx_pipeline.data.formats import TableFormat, for_language
from madx_pipeline.data.reading import read_file
from madx_pipeline.data.table import read_table
from madx_pipeline.errors import JobError

CARD: dict[str, Any] = {
    "format": "table",
    "separator": "auto",
    "header": True,
    "quoting": True,
    "text": "text",
    "label": "label",
}


def read(folder: Path, content: str, name: str = "file.tsv", **options: Any) -> list[tuple[str, str]]:
    path = folder / name
    raw = content.encode()
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    rows = read_table(path, TableFormat.model_validate({**CARD, **options}))
    return [(row["text"], row["label"]) for row in rows]


def hint_of(error: pytest.ExceptionInfo[JobError]) -> str:
    return error.value.problems[0].hint


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    assert read(tmp_path, "id\tlabel\ttext\n1\tsports\tGoal!\n") == [("Goal!", "sports")]


def test_csv_quoting_in_a_tsv_is_undone(tmp_path: Path) -> None:
    text = 'label\ttext\na\t"He said ""no"" to me"\nb\tplain "quotes" inside\n'
    assert read(tmp_path, text) == [('He said "no" to me', "a"), ('plain "quotes" inside', "b")]


def test_without_quoting_a_quote_is_a_character(tmp_path: Path) -> None:
    text = 'label\ttext\na\t"An open quote\nb\tnext\n'
    assert read(tmp_path, text, quoting=False) == [('"An open quote', "a"), ("next", "b")]


def test_a_quote_that_swallows_rows_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(JobError) as error:
        read(tmp_path, 'label\ttext\na\t"An open quote\nb\tnext\n')
    assert hint_of(error).endswith("say in the task: read: {quoting: false}.")


def test_a_pair_of_quotes_that_swallows_whole_rows_of_a_tsv_is_an_error_as_well(tmp_path: Path) -> None:
    text = 'text\tlabel\nfine\tA\n"Only begins\tA\nanother row\tB\nends here"\tB\n'
    with pytest.raises(JobError, match=r"file\.tsv, line 3: a quote opens a cell that ends on line 5\.") as error:
        read(tmp_path, text)
    assert "say in the task: read: {quoting: false}." in hint_of(error)
    assert hint_of(error).endswith("If cells hold line ends: read: {line_ends: true}.")
    assert len(read(tmp_path, text, quoting=False)) == 4
    assert read(tmp_path, text, line_ends=True) == [("fine", "A"), ("Only begins\tA\nanother row\tB\nends here", "B")]


def test_blank_lines_in_a_tsv_are_not_taken_for_a_row_of_several_lines(tmp_path: Path) -> None:
    assert read(tmp_path, '\n\ntext\tlabel\n\n"a"\tx\n') == [("a", "x")]


def test_a_quoted_cell_may_hold_a_line_end(tmp_path: Path) -> None:
    assert read(tmp_path, 'text,label\n"one\ntwo, three",x\n', "file.csv") == [("one\ntwo, three", "x")]


def test_without_a_header_columns_have_numbers(tmp_path: Path) -> None:
    assert read(tmp_path, "good,yes\nbad,no\n", "f.csv", header=False, text=1, label=2) == [
        ("good", "yes"),
        ("bad", "no"),
    ]


def test_a_name_without_a_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match='the column "text" has a name, but the file has no header'):
        read(tmp_path, "good\tyes\n", header=False)


def test_carriage_returns_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    assert read(tmp_path, "text\tlabel\r\na\tx\r\n\r\nb\ty\r\n") == [("a", "x"), ("b", "y")]


def test_json_lines_are_read_by_key_and_numbers_become_names(tmp_path: Path) -> None:
    text = '{"text": "a\\tb", "label": 1}\n\n{"label": true, "text": "c"}\n'
    assert read(tmp_path, text, "file.jsonl.gz") == [("a\tb", "1"), ("c", "true")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"text": "a"}\n', 'line 1: there is no key "label".'),
        ('{"text": "a", "label": "x"}\n["a"]\n', "line 2: not an object with keys."),
        ('{"text": "a"', "line 1: not JSON"),
        ('{"text": null, "label": "x"}\n', 'line 1: "text" is null, not text.'),
        ('{"text": "\\ud800", "label": "x"}\n', "half a character"),
    ],
)
def test_a_bad_row_of_json_lines_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(JobError) as error:
        read(tmp_path, text, "file.jsonl")
    assert message in str(error.value)


def test_a_missing_column_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r'there is no column "label"\. Nearest: "labels"\.') as error:
        read(tmp_path, "text\tlabels\na\tx\n")
    assert hint_of(error) == "Name the columns in the task: read: {text: ..., label: ...}."


def test_a_missing_cell_is_named_by_line(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"file\.tsv, line 3: 1 columns, where 2 are expected\."):
        read(tmp_path, "text\tlabel\na\tx\nb\n")


def test_an_empty_label_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"file\.tsv, line 2: an empty label\."):
        read(tmp_path, "text\tlabel\na\t \n")


def test_a_name_that_tells_no_separator_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="the name does not tell what separates the columns"):
        read(tmp_path, "text\tlabel\n", "file.data")
    assert read(tmp_path, "text\tlabel\na\tx\n", "file.data", separator="tab") == [("a", "x")]


def test_a_pair_has_two_texts_in_any_order_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("gold\thypothesis\tpremise\nyes\tb\ta\n", encoding="utf-8")
    read = TableFormat.model_validate({**CARD, "text": "premise", "text_pair": "hypothesis", "label": "gold"})
    assert list(read_table(path, read)) == [{"text": "a", "text_pair": "b", "label": "yes"}]
    assert list(read_file(path, read)) == [Pair("a", "b", "yes")]


def test_of_a_file_in_several_languages_only_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "xnli.test.tsv"
    path.write_text(
        "language\tgold_label\tsentence1\tsentence2\nsw\tneutral\ta\tb\nth\tneutral\tc\td\n", encoding="utf-8"
    )
    read = task_card("xnli").read
    assert read is not None
    assert list(read_file(path, for_language(read, "th"))) == [Pair("c", "d", "neutral")]
    lines = tmp_path / "rows.jsonl"
    lines.write_text('{"l": "a", "text": "x", "label": "y"}\n{"l": "b", "text": "z", "label": "y"}\n', encoding="utf-8")
    only = TableFormat.model_validate({**CARD, "only": {"l": "b"}})
    assert list(read_file(lines, only)) == [Text("z", "y")]
