"""Words and their parts of speech from CoNLL-U, by the conllu library, a sentence at a time.

Multiword ranges (`5-7`) and empty nodes (`12.1`) are no words: the parts of a range are, and an empty
node is not in the text. Spaces inside a word (Vietnamese `tinh vi`, French `3 000`) are kept. The library
reads a file with missing columns without complaint and takes two spaces for a column border, so the ten
columns are checked here, line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from madx_pipeline.data.examples import Tagged
from madx_pipeline.data.formats import ConlluFormat
from madx_pipeline.data.text import whole_lines
from madx_pipeline.errors import JobError

_COLUMNS = 10
_RUN_OF_SPACES = re.compile(" {2,}")


class _CheckedLines:
    """Lines of a CoNLL-U file as the library wants them: iterable, and with a `read`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line in whole_lines(self._path):
            self.number = line.number
            text = line.text.rstrip("\r\n")
            if text.strip() and not text.startswith("#"):
                self._check(text)
            yield _RUN_OF_SPACES.sub(" ", text) + "\n"

    def read(self) -> str:
        """Never called: the library asks for it as the sign of an open file."""
        raise NotImplementedError

    def _check(self, text: str) -> None:
        found = text.count("\t") + 1
        if found != _COLUMNS:
            raise JobError(
                f"{self._path}, line {self.number}: {found} columns, CoNLL-U has {_COLUMNS}.",
                "Columns are separated by one tab; an empty one holds an underscore.",
            )


def read_conllu(path: Path, read: ConlluFormat) -> Iterator[Tagged]:
    """The sentences of a CoNLL-U file.

    Raises:
        JobError: If a line is not CoNLL-U or a word has no label.
    """
    import conllu

    lines = _CheckedLines(path)
    try:
        for sentence in conllu.parse_incr(lines):
            words = [token for token in sentence if isinstance(token["id"], int)]
            if words:
                labels = [token[read.label] for token in words]
                _check_labels(labels, read.label, path, lines.number)
                yield Tagged([token["form"] for token in words], labels)
    except conllu.exceptions.ParseException as error:
        raise JobError(
            f"{path}: the sentence that ends at line {lines.number} is not CoNLL-U: {error}.",
            "See universaldependencies.org/format.html.",
        ) from error


def _check_labels(labels: list[str | None], label: str, path: Path, line: int) -> None:
    for place, value in enumerate(labels, start=1):
        if value is None or value == "_":
            raise JobError(
                f"{path}: word {place} of the sentence that ends at line {line} has no {label.upper()}.",
                "Take a file that is annotated, or the other label column: read: {label: xpos}.",
            )
