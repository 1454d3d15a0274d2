"""Labelled examples from tables: TSV, CSV and JSON lines, with or without a header, with or without quoting.

Whether quotes are marks or text cannot be told from a file: in a TSV without quoting, a single `"` at the
beginning of a cell would swallow rows. So it is an option, and a reader that stumbles says so. In a TSV a row
is a line, whatever the quotes say, unless the format says that cells have line ends.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from madx_pipeline.data.formats import RowsFormat, columns_of
from madx_pipeline.data.text import has_half_character, whole_lines
from madx_pipeline.errors import JobError, suggestion
from madx_pipeline.records import Json

_SEPARATOR_OF_NAME = {".tsv": "tab", ".txt": "tab", ".csv": "comma", ".jsonl": "jsonl", ".json": "jsonl"}


def read_table(path: Path, read: RowsFormat) -> Iterator[dict[str, str]]:
    """The rows of a table, under our names of the columns.

    Raises:
        JobError: If a column or cell is missing, or the quoting is not as `read` says.
    """
    separator = read.separator if read.separator != "auto" else _separator_by_name(path)
    rows = _json_rows(path, read) if separator == "jsonl" else _cell_rows(path, read, separator)
    for where, row in rows:
        if not row["label"].strip():
            raise JobError(f"{where}: an empty label.", "Give the row a label, or take it out.")
        yield {**row, "label": row["label"].strip()}


def _separator_by_name(path: Path) -> str:
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    found = _SEPARATOR_OF_NAME.get(suffixes[-1].lower()) if suffixes else None
    if found is None:
        raise JobError(
            f"{path}: the name does not tell what separates the columns (.tsv, .csv, .jsonl).",
            "Say it in the task: read: {separator: tab} (or comma, jsonl).",
        )
    return found


def _cell_rows(path: Path, read: RowsFormat, separator: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Place and cells, under our names, of each row of a TSV or CSV file."""
    width: int | None = None
    places: dict[str, int] = {}
    wanted: dict[int, str] = {}
    for where, row in _rows(path, read, separator):
        if not row:
            continue
        if width is None:
            width = len(row)
            places = {ours: _column(theirs, row, read, path) for ours, theirs in columns_of(read).items()}
            wanted = {_column(column, row, read, path): value for column, value in (read.only or {}).items()}
            if read.header:
                continue
        if len(row) != width:
            raise JobError(f"{where}: {len(row)} columns, where {width} are expected.", _quoting_hint(read))
        if all(row[place] == value for place, value in wanted.items()):
            yield where, {ours: row[place] for ours, place in places.items()}


def _rows(path: Path, read: RowsFormat, separator: str) -> Iterator[tuple[str, list[str]]]:
    """Place and cells of each row; a blank line is a row without cells."""
    rows = csv.reader(
        (line.text for line in whole_lines(path)),
        delimiter="\t" if separator == "tab" else ",",
        quoting=csv.QUOTE_MINIMAL if read.quoting else csv.QUOTE_NONE,
        strict=True,
    )
    first = 1
    try:
        for row in rows:
            where = f"{path}, line {first}"
            if separator == "tab" and rows.line_num > first and not read.line_ends:
                raise JobError(
                    f"{where}: a quote opens a cell that ends on line {rows.line_num}.",
                    f"{_quoting_hint(read)} If cells hold line ends: read: {{line_ends: true}}.",
                )
            yield where, row
            first = rows.line_num + 1
    except csv.Error as error:
        raise JobError(f"{path}, line {rows.line_num}: {error}.", _quoting_hint(read)) from error


def _column(column: str | int, first_row: list[str], read: RowsFormat, path: Path) -> int:
    """Place of a column in a row, counted from 0."""
    if isinstance(column, int):
        if column > len(first_row):
            raise JobError(f"{path}: there is no column {column}; a row has {len(first_row)}.", "Count from 1.")
        return column - 1
    if not read.header:
        raise JobError(
            f'{path}: the column "{column}" has a name, but the file has no header.',
            "Give the number of the column, from 1: read: {text: 1, label: 2}.",
        )
    if column not in first_row:
        raise JobError(
            f'{path}: there is no column "{column}". {suggestion(column, first_row)}',
            "Name the columns in the task: read: {text: ..., label: ...}.",
        )
    return first_row.index(column)


def _quoting_hint(read: RowsFormat) -> str:
    if read.quoting:
        return 'If quotes (") are part of the text and not marks around it, say in the task: read: {quoting: false}.'
    return 'If cells are in quotes ("), say in the task: read: {quoting: true}.'


def _json_rows(path: Path, read: RowsFormat) -> Iterator[tuple[str, dict[str, str]]]:
    """Place and values, under our names, of each row of a JSON lines file."""
    for line in whole_lines(path):
        if not line.text.strip():
            continue
        where = f"{path}, line {line.number}"
        try:
            row: Json = json.loads(line.text)
        except ValueError as error:
            raise JobError(f"{where}: not JSON ({error}).", "In JSON lines, each line is one object.") from error
        if not isinstance(row, dict):
            raise JobError(f"{where}: not an object with keys.", "In JSON lines, each line is one object.")
        if all(_value(row, column, where) == value for column, value in (read.only or {}).items()):
            yield where, {ours: _value(row, theirs, where) for ours, theirs in columns_of(read).items()}


def _value(row: dict[str, Json], key: str | int, where: str) -> str:
    """A text, or a number or truth value as text."""
    if key not in row:
        raise JobError(
            f'{where}: there is no key "{key}". {suggestion(str(key), row)}',
            "Name the keys in the task: read: {text: ..., label: ...}.",
        )
    value = row[str(key)]
    if isinstance(value, dict | list) or value is None:
        raise JobError(f'{where}: "{key}" is {json.dumps(value)[:60]}, not text.', "Correct the row.")
    text = value if isinstance(value, str) else json.dumps(value)
    if has_half_character(text):
        raise JobError(f'{where}: "{key}" holds half a character (a lone surrogate).', "Correct the row.")
    return text
