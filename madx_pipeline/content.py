"""sha256 of the user's files, remembered between runs by size and time of change.

A recipe may point at a corpus of many gigabytes; planning should not read it again each time.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from madx_pipeline.durable import sha256_of
from madx_pipeline.errors import InputError


class ContentHashes:
    """Content hashes of files, cached in `<home>/content.json`; without a home, computed each time."""

    def __init__(self, home: Path | None) -> None:
        self._cache_file = home / "content.json" if home is not None else None
        self._known = self._read()
        self._changed = False

    def __call__(self, path: Path) -> str:
        """sha256 (hex) of a file's content.

        Raises:
            InputError: If the file cannot be read.
        """
        try:
            stat = path.stat()
            state = f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"
            known = self._known.get(str(path.absolute()))
            if known is not None and known[0] == state:
                return known[1]
            digest = sha256_of(path)
        except OSError as error:
            raise InputError(
                f"{path} cannot be read: {error.strerror or error}.", "Check the path and its rights."
            ) from error
        self._known[str(path.absolute())] = (state, digest)
        self._changed = True
        return digest

    def save(self) -> None:
        """Writes what was learnt; a cache that cannot be written is no error."""
        if self._cache_file is None or not self._changed or not self._cache_file.parent.is_dir():
            return
        try:
            draft = self._cache_file.with_suffix(f".{os.getpid()}.tmp")
            draft.write_text(json.dumps(self._known), encoding="utf-8")
            draft.replace(self._cache_file)
        except OSError:
            return

    def _read(self) -> dict[str, tuple[str, str]]:
        if self._cache_file is None:
            return {}
        try:
            raw = json.loads(self._cache_file.read_text(encoding="utf-8"))
            return {str(path): (str(entry[0]), str(entry[1])) for path, entry in raw.items()}
        except (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError):
            return {}
