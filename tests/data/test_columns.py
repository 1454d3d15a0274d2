"""Column files: two, four and five columns, comments and hash signs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.cards import task_card
from madx_pipeline.data.columns import read_columns
from madx_pipeline.data.examples import Tagged
from madx_pipeline.data.formats import ColumnsFormat
from madx_pipeline.data.reading import read_file
from madx_pipeline.errors import JobError

AUTO: dict[str, Any] = {
    "format": "columns",
    "separator": "auto",
    "word": "auto",
    "label": "auto",
    "comments": "auto",
    "language_prefix": False,
}


def read(folder: Path, text: str, **options: Any) -> list[Tagged]:
    path = folder / "file.txt"
    path.write_bytes(text.encode())
    return list(read_columns(path, ColumnsFormat.model_validate({**AUTO, **options})))


def test_two_columns_are_word_and_label(tmp_path: Path) -> None:
    expected = [Tagged(["Wizara", "ya"], ["B-ORG", "I-ORG"]), Tagged(["na"], ["O"])]
    assert read(tmp_path, "Wizara B-ORG\nya I-ORG\n\n\nna O\n") == expected
    assert read(tmp_path, "Wizara\tB-ORG\r\nya\tI-ORG\r\n\r\nna\tO") == expected


def test_a_hash_sign_alone_is_a_token_not_a_comment(tmp_path: Path) -> None:
    assert read(tmp_path, "# O\nCHAN B-ORG\n# O\n") == [Tagged(["#", "CHAN", "#"], ["O", "B-ORG", "O"])]
    assert read(tmp_path, "a\tO\n#\tO\n") == [Tagged(["a", "#"], ["O", "O"])]


def test_four_columns_are_those_of_conll_2003(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n"
    assert read(tmp_path, text) == [Tagged(["EU", "rejects"], ["B-ORG", "O"])]


def test_five_columns_are_those_of_universal_ner_with_comments(tmp_path: Path) -> None:
    text = "# sent_id = 1\n# text = På\ta\n1\tPå\tO\tB-LOC#O\ts\n2\t#\tB-PER\t-\t-\n\n# newdoc id = 2\n1\tx\tO\t-\t-\n"
    assert read(tmp_path, text) == [Tagged(["På", "#"], ["O", "B-PER"]), Tagged(["x"], ["O"])]


def test_a_range_of_universal_ner_is_no_word(tmp_path: Path) -> None:
    text = "1\tx\tO\t-\t-\n2-3\tzum\t_\t-\t-\n2\tzu\tO\t-\t-\n"
    assert read(tmp_path, text)[0].strings == ["x", "zu"]


@pytest.mark.parametrize("number", ["1-2", "0.1"])
def test_universal_ner_may_begin_with_a_range_or_a_word_that_is_not_in_the_text(tmp_path: Path, number: str) -> None:
    text = f"# a comment\n{number}\tDo\t_\t-\t-\n1\tDe\tO\t-\t-\n2\to\tB-LOC\t-\t-\n"
    assert read(tmp_path, text) == [Tagged(["De", "o"], ["O", "B-LOC"])]


def test_a_stray_tab_does_not_make_a_file_one_of_tabs(tmp_path: Path) -> None:
    assert read(tmp_path, "Wizara B-ORG\nya\tI-ORG\nna O\n") == [
        Tagged(["Wizara", "ya", "na"], ["B-ORG", "I-ORG", "O"])
    ]


def test_a_stray_space_in_a_file_of_tabs_is_part_of_a_word(tmp_path: Path) -> None:
    assert read(tmp_path, "New York\tB-LOC\nya\tO\n")[0].strings == ["New York", "ya"]


def test_a_token_may_hold_a_no_break_space(tmp_path: Path) -> None:
    assert read(tmp_path, "3\u00a0000 O\n\u00a0 O\n\nb O\n", separator="space")[0].strings == ["3\u00a0000", "\u00a0"]


def test_the_columns_may_be_said(tmp_path: Path) -> None:
    text = "# a comment\nO\tParis\tB-LOC\n"
    assert read(tmp_path, text, word=2, label=3, comments=True) == [Tagged(["Paris"], ["B-LOC"])]


def test_the_language_prefix_of_wikiann_is_taken_off(tmp_path: Path) -> None:
    text = "en:Paris\tB-LOC\nen::\tO\n"
    assert read(tmp_path, text, language_prefix=True) == [Tagged(["Paris", ":"], ["B-LOC", "O"])]


def test_a_missing_column_is_named_by_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"file\.txt, line 2: 1 columns, where 2 are expected: 'ya'\."):
        read(tmp_path, "Wizara B-ORG\nya\n")
    with pytest.raises(JobError, match=r"file\.txt, line 3: 4 columns, where 5 are expected"):
        read(tmp_path, "# c\n1\ta\tO\t-\t-\n2\tb\tO\t-\n")


def test_a_file_of_one_column_has_no_labels(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="only one column is found"):
        read(tmp_path, "Wizara\nya\n")
    with pytest.raises(JobError, match="only one column is found"):
        read(tmp_path, "Wizara O\n", separator="tab")


def test_a_line_with_too_many_columns_is_no_better(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="line 2: 3 columns, where 2 are expected"):
        read(tmp_path, "a O\nNew York B-LOC\n")


def test_comments_that_were_not_expected_are_explained(tmp_path: Path) -> None:
    with pytest.raises(JobError) as error:
        read(tmp_path, "# id = 5\na\tO\n")
    assert "comments: true" in error.value.problems[0].hint


def test_an_empty_word_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="line 2: an empty word"):
        read(tmp_path, "a\tO\n\tO\n")
    with pytest.raises(JobError, match="line 1: an empty label"):
        read(tmp_path, "a\t\n")


def test_a_file_without_tokens_has_no_sentences(tmp_path: Path) -> None:
    assert read(tmp_path, "\n\n") == read(tmp_path, "") == []


def test_the_card_of_wikiann_reads_its_original_release(tmp_path: Path) -> None:
    (tmp_path / "test").write_text("sw:Dar\tB-LOC\nsw:es\tI-LOC\nsw:#\tO\n\nsw:na\tO\n", encoding="utf-8")
    read = task_card("wikiann").read
    assert read is not None
    assert list(read_file(tmp_path / "test", read)) == [
        Tagged(["Dar", "es", "#"], ["B-LOC", "I-LOC", "O"]),
        Tagged(["na"], ["O"]),
    ]
