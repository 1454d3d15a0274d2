r"""Lines of a text file, plain or gzip, one at a time: UTF-8 or a clear error, whatever the size.

Surprising: whether a file is compressed is read from its first bytes, not from its name; only `\n` ends
a line, because the other characters that Python counts as line ends (U+0085, U+2028, ...) occur inside
real sentences; and of a line that is longer than `longest` only the beginning is kept in memory.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from madx_pipeline.errors import JobError

_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstandard file",
    b"%PDF": "a PDF",
    b"PAR1": "a parquet file",
    b"ARROW1": "an arrow file",
    b"\x89PNG": "a PNG image",
    b"\x7fELF": "a program",
}
_GZIP = b"\x1f\x8b"
_LONGEST = 1 << 24
"""Bytes of a line that are kept, where the reader does not say."""
_SAMPLE_BYTES = 1 << 16
"""Bytes that the guess at an encoding looks at."""
_ENCODINGS = (
    ["utf_16", "utf_32", "cp874", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "koi8_r"]
    + [f"cp{number}" for number in range(1250, 1259)]
)  # fmt: skip
"""What text that is not UTF-8 is in practice; without this limit the guess is often a code page of 1985."""


class Line(NamedTuple):
    """One line: its number from 1, its text with its line end, and whether only its beginning is there."""

    number: int
    text: str
    cut: bool


_HALVES = re.compile("[\ud800-\udfff]")
_TEXT_HINT = "Give plain text in UTF-8, a sentence or document a line; .gz is read as well."


class TextFile:
    """A text file that is read once, from beginning to end.

    Args:
        path: File, plain or gzip.
        longest: Bytes of a line that are kept; of a longer line the rest is checked and dropped.
    """

    def __init__(self, path: Path, longest: int = _LONGEST) -> None:
        self.path = path
        self.size = path.stat().st_size
        """Bytes on disk."""
        self._longest = longest
        self._raw: IO[bytes] | None = None
        self._number = 0
        self._offset = 0

    @property
    def position(self) -> int:
        """Bytes of `size` read so far, for showing progress."""
        return self._raw.tell() if self._raw is not None and not self._raw.closed else 0

    def __iter__(self) -> Iterator[Line]:
        """Yields the lines.

        Raises:
            JobError: If the file is no UTF-8 text, with the line and what it probably is instead.
        """
        with self.path.open("rb") as raw:
            self._raw = raw
            start = raw.read(8)
            raw.seek(0)
            self._refuse_known_formats(start)
            stream: IO[bytes] = gzip.GzipFile(fileobj=raw) if start.startswith(_GZIP) else raw  # type: ignore[assignment]  # typeshed: GzipFile is IO[bytes] in all but name
            try:
                yield from self._lines(stream)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise JobError(
                    f"{self.path}: the compressed data is damaged after line {self._number} ({error}).",
                    f"Fetch or make the file again; check it with: gzip -t {self.path.name}",
                ) from error

    def _lines(self, stream: IO[bytes]) -> Iterator[Line]:
        while raw := stream.readline(self._longest):
            self._number += 1
            cut = len(raw) == self._longest and not raw.endswith(b"\n")
            decoder = codecs.getincrementaldecoder("utf-8")()
            text = self._decoded(decoder, raw, final=not cut)
            if cut:
                self._drain(stream, decoder)
            if self._number == 1:
                text = text.removeprefix("\ufeff")
            yield Line(self._number, text, cut)

    def _drain(self, stream: IO[bytes], decoder: codecs.IncrementalDecoder) -> None:
        """Reads the rest of a line that is too long to keep."""
        while raw := stream.readline(self._longest):
            self._decoded(decoder, raw, final=raw.endswith(b"\n"))
            if raw.endswith(b"\n"):
                return

    def _decoded(self, decoder: codecs.IncrementalDecoder, raw: bytes, *, final: bool) -> str:
        try:
            text = decoder.decode(raw, final=final)
        except UnicodeDecodeError as error:
            raise self._not_utf8(raw, error) from error
        if "\0" in text:
            raise self._binary(raw)
        self._offset += len(raw)
        return text

    def _refuse_known_formats(self, start: bytes) -> None:
        for magic, name in _MAGIC.items():
            if start.startswith(magic):
                raise JobError(f"{self.path} is {name}, not text.", _TEXT_HINT)

    def _not_utf8(self, raw: bytes, error: UnicodeDecodeError) -> JobError:
        encoding = self._probable_encoding()
        place = f"line {self._number} (byte {self._offset + error.start})"
        found = " ".join(f"{byte:02x}" for byte in raw[error.start : error.start + 4])
        if encoding is None:
            message = f"{self.path}, {place}: neither UTF-8 nor other text (bytes {found}); the file looks binary."
            return JobError(message, _TEXT_HINT)
        return JobError(
            f"{self.path}, {place}: not UTF-8 (bytes {found}); the file is probably {encoding}.",
            f"Convert it and look at the result: iconv -f {encoding} -t UTF-8 {self.path.name} > utf8.txt",
        )

    def _binary(self, raw: bytes) -> JobError:
        place = f"line {self._number} (byte {self._offset + raw.index(0)})"
        return JobError(f"{self.path}, {place}: a zero byte; the file is binary, or UTF-16, not UTF-8.", _TEXT_HINT)

    def _probable_encoding(self) -> str | None:
        """What the bytes look like, or None for no text at all."""
        from charset_normalizer import from_bytes

        with self.path.open("rb") as raw:
            compressed = raw.read(2) == _GZIP
        with gzip.open(self.path) if compressed else self.path.open("rb") as file:
            sample = file.read(_SAMPLE_BYTES)
        if sample.count(0) > len(sample) // 4 and not sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return None
        best = from_bytes(sample, cp_isolation=_ENCODINGS).best()
        if best is None:
            return None
        encoding = "cp1252" if "cp1252" in best.could_be_from_charset else best.encoding
        return encoding.upper().replace("_", "-")


def check_unchanged(path: Path, sha256: str) -> None:
    """Checks that a file still is what the job was planned with.

    Raises:
        JobError: If it has changed since, or is gone: its content would not be what the fingerprint says.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise JobError(
            f"{path} cannot be read: {error.strerror or error}.", "Check the path and its rights."
        ) from error
    if found != sha256:
        raise JobError(f"{path} has changed since this run was planned.", "Run again: the new content is then used.")


def whole_lines(path: Path) -> Iterator[Line]:
    """The lines of a text file, none of them cut, for the readers of labelled formats.

    Raises:
        JobError: If the file is no UTF-8 text, or a line is too long to be kept.
    """
    for line in TextFile(path, _LONGEST):
        if line.cut:
            raise JobError(
                f"{path}, line {line.number}: more than {_LONGEST >> 20} MiB in one line, too much for labelled data.",
                "Is it the right file? Each line is an example or a word of one.",
            )
        yield line


def has_half_character(text: str) -> bool:
    """Whether half of a surrogate pair is in a text: JSON can hold one, and no file of text can."""
    return _HALVES.search(text) is not None
