"""Tokens and their labels, one token a line: CoNLL-2002/2003, MasakhaNER, UniversalNER, WikiANN.

Surprising: `#` begins a comment in some of these files and is a token in others (MasakhaNER has the line
`# O`), so a reader that skips it everywhere loses tokens. The first lines tell which (see `ColumnsFormat`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from madx_pipeline.data.examples import Tagged
from madx_pipeline.data.formats import ColumnsFormat
from madx_pipeline.data.text import Line, whole_lines
from madx_pipeline.errors import JobError

_HEAD_LINES = 1000
"""Lines that are looked at to find out the layout."""
_SPACES = re.compile(r"[ \t]+")
_NUMBER = re.compile(r"\d+([-.]\d+)?")
"""Number of a word, of a range of words (`1-2`) or of a word that is not in the text (`12.1`)."""
_DOCUMENT_MARK = "-DOCSTART-"


@dataclass(frozen=True)
class _Layout:
    """How the lines of one file are cut; columns are counted from 0.

    Attributes:
        tabs: Whether columns are separated by tabs (otherwise by runs of spaces and tabs).
        width: Columns a line has.
        word: Column of the word.
        label: Column of the label.
        comments: Whether a line that starts with `#` is a comment.
        numbered: Whether the first column numbers the words (a line with a range has no word).
    """

    tabs: bool
    width: int
    word: int
    label: int
    comments: bool
    numbered: bool

    def cut(self, text: str) -> list[str]:
        return text.split("\t") if self.tabs else _SPACES.split(text.strip(" \t"))


def read_columns(path: Path, read: ColumnsFormat) -> Iterator[Tagged]:
    """The sentences of a column file.

    Raises:
        JobError: If a line has too few columns or an empty one.
    """
    lines = whole_lines(path)
    head = list(islice(lines, _HEAD_LINES))
    layout = _layout(head, read)
    if layout is None:
        return
    if layout.word == layout.label:
        raise JobError(
            f"{path}: only one column is found, which cannot be both the word and its label.",
            "Is the separator right? Say in the task: read: {separator: tab} (or space).",
        )
    sentence = Tagged([], [])
    for line in chain(head, lines):
        text = line.text.rstrip("\r\n")
        if not text.strip(" \t"):
            if sentence.words:
                yield sentence
            sentence = Tagged([], [])
            continue
        found = _token(text, layout, f"{path}, line {line.number}")
        if found is not None:
            sentence.words.append(_without_prefix(found[0]) if read.language_prefix else found[0])
            sentence.tags.append(found[1])
    if sentence.words:
        yield sentence


def _layout(head: Iterable[Line], read: ColumnsFormat) -> _Layout | None:
    """The layout of a file, from its first lines; None for a file without any token."""
    texts = [text for line in head if (text := line.text.rstrip("\r\n")).strip(" \t")]
    if not texts:
        return None
    plain = [text for text in texts if not text.startswith("#")] or texts
    tabs = _mostly_tabs(plain) if read.separator == "auto" else read.separator == "tab"
    cells = plain[0].split("\t") if tabs else _SPACES.split(plain[0].strip(" \t"))
    numbered = tabs and len(cells) == 5 and _NUMBER.fullmatch(cells[0]) is not None
    word = (2 if numbered else 1) if read.word == "auto" else read.word
    label = (3 if numbered else len(cells)) if read.label == "auto" else read.label
    comments = numbered if read.comments == "auto" else read.comments
    return _Layout(tabs, max(len(cells), word, label), word - 1, label - 1, comments, numbered)


def _mostly_tabs(texts: Sequence[str]) -> bool:
    """Whether more than half of the lines have a tab: a stray one decides nothing."""
    return 2 * sum("\t" in text for text in texts) > len(texts)


def _token(text: str, layout: _Layout, where: str) -> tuple[str, str] | None:
    """Word and label of a line; None for a line that holds no word."""
    if layout.comments and text.startswith("#"):
        return None
    cells = layout.cut(text)
    if cells[0] == _DOCUMENT_MARK:
        return None
    if len(cells) != layout.width:
        comment = text.startswith("#")
        raise JobError(
            f"{where}: {len(cells)} columns, where {layout.width} are expected: {text[:60]!r}.",
            "If lines that start with # are comments, say so in the task: read: {comments: true}."
            if comment
            else "A line is a word and its label; a blank line ends a sentence.",
        )
    if layout.numbered and not cells[0].isdigit():
        return None
    word, label = cells[layout.word], cells[layout.label]
    if not word.strip(" \t") or not label.strip():
        empty = "label" if word.strip(" \t") else "word"
        raise JobError(f"{where}: an empty {empty}: {text[:60]!r}.", "Correct the line.")
    return word, label


def _without_prefix(word: str) -> str:
    """`Paris` of `en:Paris`; a word without a prefix stays as it is."""
    return word.partition(":")[2] or word
