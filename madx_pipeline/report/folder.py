"""A folder of a report, put in place whole or not at all.

The files are made in a sibling (`<name>.partial`), and the folders are swapped by renaming under a lock.
`report.json` holds a fingerprint of everything the report was made from and a sha256 per file: where it
still holds, nothing is written. Files of the user's own in the folder stay there.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from madx_pipeline.durable import sha256_of
from madx_pipeline.errors import InputError
from madx_pipeline.locks import lock_on
from madx_pipeline.records import Json

MARKER = "report.json"
"""What a report was made from, and the sha256 of its files; written last."""


class ReportFolder:
    """A folder below `<home>/reports`.

    Args:
        path: Where it is, or is to be. No name of a report has a dot in it, so siblings with a suffix are ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder's lock, and says in words why the folder cannot be written.

        Raises:
            InputError: If it cannot be.
        """
        try:
            locks = self.path.parent / ".locks"
            locks.mkdir(parents=True, exist_ok=True)
            with lock_on(locks / f"{self.path.name}.lock"):
                yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise InputError(
                    f"the disk of {self.path} is full.", "Free space, and write it again: madx report."
                ) from error
            raise InputError(
                f"the report {self.path} cannot be written: {error.strerror or error}.", "Give another --home."
            ) from error

    def holds(self, fingerprint: str) -> bool:
        """Whether it has the report of that fingerprint, with every file as it was written."""
        marker = _marker(self.path)
        if marker["fingerprint"] != fingerprint:
            return False
        files: dict[str, str] = marker["files"]
        return all(
            (self.path / name).is_file() and sha256_of(self.path / name) == sha256 for name, sha256 in files.items()
        )

    def recover(self) -> None:
        """Ends what a process killed in `put` began: there is always one whole report. Under the lock."""
        old = self._beside("old")
        if not old.exists():
            return
        if self.path.exists():
            shutil.rmtree(old)
        else:
            old.rename(self.path)

    def put(self, fingerprint: str, make: Callable[[Path], None]) -> None:
        """Puts the files that `make` writes into an empty folder in the place of what is there. Under the lock."""
        partial = self._beside("partial")
        if partial.exists():  # what a crash left
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        make(partial)
        _mark(partial, fingerprint)
        self._swap(partial)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{suffix}")

    def _swap(self, partial: Path) -> None:
        """Puts the new folder in the place of the old one, with what the user keeps in there."""
        if not self.path.exists():
            partial.rename(self.path)
            return
        _keep_own_files(self.path, partial)
        old = self._beside("old")
        self.path.rename(old)
        partial.rename(self.path)
        shutil.rmtree(old)


def _files(folder: Path) -> Iterator[str]:
    """Files below a folder, relative to it, in order of name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def _mark(partial: Path, fingerprint: str) -> None:
    """Writes the marker, last of all."""
    files = {name: sha256_of(partial / name) for name in _files(partial)}
    text = json.dumps({"fingerprint": fingerprint, "files": files}, indent=1) + "\n"
    (partial / MARKER).write_text(text, encoding="utf-8")


def _marker(folder: Path) -> dict[str, Json]:
    """The marker of a report, or an empty one where it is missing or unreadable."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return {"fingerprint": str(marker["fingerprint"]), "files": dict(marker["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"fingerprint": "", "files": {}}


def _keep_own_files(folder: Path, partial: Path) -> None:
    """Copies the files that we did not write: someone's notes beside the report are not ours to delete."""
    ours = {MARKER, *_marker(folder)["files"]}
    for name in _files(folder):
        target = partial / name
        if name not in ours and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / name, target)
