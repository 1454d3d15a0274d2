"""Text files: UTF-8 whatever the size, and a clear word about everything else."""

from __future__ import annotations

import gzip
import hashlib
import random
from pathlib import Path

import pytest

from madx_pipeline.cards import task_card
from madx_pipeline.data.reading import read_file
from madx_pipeline.data.text import Line, TextFile, check_unchanged
from madx_pipeline.errors import JobError

GERMAN = "Die Grünen wählten gestern in München überraschend einen neuen Vorstand.\n" * 20
RUSSIAN = "Вчера вечером мы долго говорили о погоде и о том, что будет завтра.\n" * 20
CHINESE = "今天天气很好，我们去公园散步吧。\n" * 20


def texts(path: Path, longest: int = 1 << 24) -> list[str]:
    return [line.text for line in TextFile(path, longest)]


def file(folder: Path, content: bytes, name: str = "text.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def problem_of(path: Path) -> tuple[str, str]:
    with pytest.raises(JobError) as error:
        texts(path)
    [problem] = error.value.problems
    return problem.message.removeprefix(str(path)), problem.hint


def test_lines_have_numbers_and_keep_their_ends(tmp_path: Path) -> None:
    assert list(TextFile(file(tmp_path, b"one\r\n\ntwo"))) == [
        Line(1, "one\r\n", cut=False),
        Line(2, "\n", cut=False),
        Line(3, "two", cut=False),
    ]


def test_compressed_text_is_read_whatever_its_name(tmp_path: Path) -> None:
    for name in ("text.gz", "text.txt"):
        assert texts(file(tmp_path, gzip.compress("á\nß\n".encode()), name)) == ["á\n", "ß\n"]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert texts(file(tmp_path, "\ufeffone\n\ufefftwo\n".encode())) == ["one\n", "\ufefftwo\n"]


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    text = "a\u2028b\x85c\x0cd\n"
    assert texts(file(tmp_path, text.encode())) == [text]


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert texts(file(tmp_path, b"")) == []


def test_a_line_too_long_to_keep_is_cut_but_does_not_disturb_the_next(tmp_path: Path) -> None:
    path = file(tmp_path, ("ä" * 500 + "\nshort\n").encode())
    assert [(line.number, len(line.text), line.cut) for line in TextFile(path, longest=101)] == [
        (1, 50, True),
        (2, 6, False),
    ]


def test_a_wrong_byte_in_the_part_that_is_not_kept_is_found_as_well(tmp_path: Path) -> None:
    path = file(tmp_path, b"a" * 500 + b"\xff" + b"a\n")
    with pytest.raises(JobError, match="line 1"):
        texts(path, longest=100)


@pytest.mark.parametrize(
    ("card", "name", "before"),
    [
        ("conllu", "file.conllu", "1\ta\t_\tX\t_\t_\t_\t_\t_\t"),
        ("conll", "file.txt", "a O\nb O\n"),
        ("table", "file.tsv", "text\tlabel\na\tb\n"),
        ("table", "file.jsonl", '{"text": "a", "label": "b"}\n'),
    ],
)
def test_a_labelled_line_too_long_to_keep_is_an_error_and_not_cut(
    tmp_path: Path, card: str, name: str, before: str
) -> None:
    path = file(tmp_path, before.encode() + b"x" * (1 << 24) + b"\n", name)
    read = task_card(card).read
    assert read is not None
    number = before.count("\n") + 1
    with pytest.raises(JobError, match=rf"{name}, line {number}: more than 16 MiB in one line"):
        list(read_file(path, read))


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (GERMAN.encode("latin-1"), "CP1252"),
        (RUSSIAN.encode("cp1251"), "CP1251"),
        (CHINESE.encode("gbk"), "GB18030"),
        (GERMAN.encode("utf-16"), "UTF-16"),
    ],
)
def test_another_encoding_is_named_with_the_way_out(tmp_path: Path, content: bytes, encoding: str) -> None:
    message, hint = problem_of(file(tmp_path, content))
    assert message.startswith(", line 1 (byte ")
    assert message.endswith(f"the file is probably {encoding}.")
    assert hint == f"Convert it and look at the result: iconv -f {encoding} -t UTF-8 text.txt > utf8.txt"


def test_the_first_wrong_byte_is_found_by_line_and_place(tmp_path: Path) -> None:
    message, _ = problem_of(file(tmp_path, "gut\nschön\n".encode() + "schön\n".encode("latin-1")))
    assert message.startswith(", line 3 (byte 14): not UTF-8 (bytes f6 6e 0a);")


@pytest.mark.parametrize(
    "content", [random.Random(1).randbytes(4000), bytes(range(256)) * 20, GERMAN.encode("utf-16-le")]
)
def test_a_binary_file_is_called_binary(tmp_path: Path, content: bytes) -> None:
    message, hint = problem_of(file(tmp_path, content))
    assert "binary" in message
    assert "line 1 (byte " in message
    assert hint == "Give plain text in UTF-8, a sentence or document a line; .gz is read as well."


def test_half_a_character_is_not_utf8(tmp_path: Path) -> None:
    assert problem_of(file(tmp_path, b"ok\n\xed\xa0\x80\n"))[0].startswith(", line 2 (byte 3): not UTF-8")


@pytest.mark.parametrize(("start", "name"), [(b"PK\x03\x04", "a zip archive"), (b"PAR1", "a parquet file")])
def test_a_known_format_is_called_by_its_name(tmp_path: Path, start: bytes, name: str) -> None:
    assert problem_of(file(tmp_path, start + b"..."))[0] == f" is {name}, not text."


def test_a_truncated_gzip_file_is_not_taken_for_a_shorter_text(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"line {number}\n" for number in range(5000)).encode())
    message, hint = problem_of(file(tmp_path, whole[: len(whole) // 2], "text.gz"))
    assert ": the compressed data is damaged after line " in message
    assert hint == "Fetch or make the file again; check it with: gzip -t text.gz"


def test_a_file_that_changed_since_the_run_was_planned_is_not_used(tmp_path: Path) -> None:
    path = file(tmp_path, b"one\n")
    planned = hashlib.sha256(b"one\n").hexdigest()
    check_unchanged(path, planned)
    path.write_bytes(b"two\n")
    with pytest.raises(JobError, match="has changed since this run was planned"):
        check_unchanged(path, planned)
    path.unlink()
    with pytest.raises(JobError, match="cannot be read: No such file or directory"):
        check_unchanged(path, planned)
