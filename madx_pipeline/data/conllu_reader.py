"""Words with their parts of speech, or with their dependency tree, from CoNLL-U, by the conllu library.

Multiword ranges (`5-7`) and empty nodes (`12.1`) are no words: the parts of a range are, and an empty
node is not in the text. Spaces inside a word (Vietnamese `tinh vi`, French `3 000`) are kept. The library
reads a file with missing columns without complaint and takes two spaces for a column border, so the ten
columns are checked here, line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from madx_pipeline.data.dependency_tree import check_tree
from madx_pipeline.data.examples import Parsed, Tagged
from madx_pipeline.data.formats import ConlluFormat, TreesFormat
from madx_pipeline.data.text import whole_lines
from madx_pipeline.errors import JobError

_COLUMNS = 10
_RUN_OF_SPACES = re.compile(" {2,}")
_SUBTYPE = ":"

_MISSING = {
    "upos": "Take a file that is annotated, or the other label column: read: {label: xpos}.",
    "xpos": "Take a file that is annotated, or the other label column: read: {label: upos}.",
    "head": "Take a file that is annotated with dependency trees.",
    "deprel": "Take a file that is annotated with dependency trees.",
}
"""What to do where a column is empty."""


class _CheckedLines:
    """Lines of a CoNLL-U file as the library wants them: iterable, and with a `read`.

    Attributes:
        number: The line that was read last.
        words: Line numbers of the words of the sentence that was read last.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._in_sentence = False
        self.number = 0
        self.words: list[int] = []

    def __iter__(self) -> Iterator[str]:
        for line in whole_lines(self._path):
            self.number = line.number
            text = line.text.rstrip("\r\n")
            if text.strip() and not self._in_sentence:
                self.words = []
            self._in_sentence = bool(text.strip())
            if self._in_sentence and not text.startswith("#"):
                self._check(text)
            yield _RUN_OF_SPACES.sub(" ", text) + "\n"

    def read(self) -> str:
        """Never called: the library asks for it as the sign of an open file."""
        raise NotImplementedError

    def _check(self, text: str) -> None:
        columns = text.split("\t")
        if len(columns) != _COLUMNS:
            raise JobError(
                f"{self._path}, line {self.number}: {len(columns)} columns, CoNLL-U has {_COLUMNS}.",
                "Columns are separated by one tab; an empty one holds an underscore.",
            )
        if columns[0].isdecimal():
            self.words.append(self.number)


class _Sentence(NamedTuple):
    """The words of a sentence, as the library gives them, and where they stand."""

    path: Path
    words: list[dict[str, Any]]
    lines: list[int]

    def column(self, name: str) -> list[Any]:
        """A value for every word.

        Raises:
            JobError: If one has none.
        """
        values = [word[name] for word in self.words]
        for place, value in enumerate(values, start=1):
            if value is None or value == "_":
                raise JobError(
                    f"{self.path}, line {self.lines[place - 1]}: word {place} has no {name.upper()}.", _MISSING[name]
                )
        return values


def read_conllu(path: Path, read: ConlluFormat | TreesFormat) -> Iterator[Tagged]:
    """The sentences of a CoNLL-U file.

    Raises:
        JobError: If a line is not CoNLL-U, a word has no label, or words and heads are no tree with one root.
    """
    for sentence in _sentences(path):
        words = [word["form"] for word in sentence.words]
        if isinstance(read, ConlluFormat):
            yield Tagged(words, sentence.column(read.label))
        else:
            yield _parsed(sentence, words, read)


def _parsed(sentence: _Sentence, words: list[str], read: TreesFormat) -> Parsed:
    heads, relations = sentence.column("head"), sentence.column("deprel")
    check_tree([word["id"] for word in sentence.words], heads, sentence.path, sentence.lines)
    if not read.subtypes:
        relations = [relation.partition(_SUBTYPE)[0] for relation in relations]
    return Parsed(words, relations, heads)


def _sentences(path: Path) -> Iterator[_Sentence]:
    """Sentences that have a word."""
    import conllu

    lines = _CheckedLines(path)
    try:
        for sentence in conllu.parse_incr(lines):
            words = [token for token in sentence if isinstance(token["id"], int)]
            if words:
                yield _Sentence(path, words, lines.words)
    except conllu.exceptions.ParseException as error:
        found = str(error).rstrip(".")
        raise JobError(
            f"{path}: the sentence that ends at line {lines.number} is not CoNLL-U: {found}.",
            "See universaldependencies.org/format.html.",
        ) from error
