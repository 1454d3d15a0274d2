"""The lock file beside a recipe: which bytes an earlier run got for each adapter it fetched.

A commit on the hub should name the same bytes for ever. Whether it does is checked against this file, and so is
which commit a name without one meant. It belongs under version control with its recipe; deleting a row is the way
to take an adapter anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from madx_pipeline.durable import write_durably
from madx_pipeline.errors import InputError, JobError, Problem
from madx_pipeline.recipe_errors import field_problems
from madx_pipeline.shipped import recipes_folder

FORMAT = 1
"""Version of the file format."""

_HEADER = """\
# What `madx run` got for each published adapter of the recipe beside this file: repository, commit, and the sha256
# of every file. A later run that would get other bytes stops; `madx run --locked` takes nothing else. Written by
# madx, to be kept under version control. To take an adapter anew, delete its row.
"""
_HINT = "Restore the file, or delete it: the next run writes it again."

_FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$", max_length=255)]
_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class LockedAdapter:
    """The bytes of one adapter.

    Attributes:
        repository: `owner/name` on the hub.
        revision: Commit (40 hex digits).
        files: Name of a file to its sha256 (hex).
    """

    repository: str
    revision: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Lock:
    """A lock file.

    Attributes:
        path: Where it lies, or would.
        adapters: Its rows, sorted by repository and revision.
    """

    path: Path
    adapters: tuple[LockedAdapter, ...] = ()

    def rows(self, repository: str) -> list[LockedAdapter]:
        """Everything that is locked of a repository."""
        return [row for row in self.adapters if row.repository == repository]

    def find(self, repository: str, revision: str | None) -> LockedAdapter | None:
        """The row of a repository at a commit; with None for the commit its only row, if there is only one."""
        rows = [row for row in self.rows(repository) if revision in (None, row.revision)]
        return rows[0] if len(rows) == 1 else None

    def with_adapters(self, adapters: Iterable[LockedAdapter]) -> Lock:
        """A lock that has these rows too; they replace those of the same repository and commit."""
        rows = {(row.repository, row.revision): row for row in (*self.adapters, *adapters)}
        return Lock(self.path, tuple(rows[key] for key in sorted(rows)))

    def text(self) -> str:
        """The file's content: the same rows give the same bytes."""
        rows = [
            {"repository": row.repository, "revision": row.revision, "files": dict(sorted(row.files.items()))}
            for row in self.with_adapters(()).adapters
        ]
        content = {"format": FORMAT, "adapters": rows}
        return _HEADER + yaml.safe_dump(content, sort_keys=False, default_flow_style=False, width=10_000)

    def write(self) -> None:
        """Writes the file, unless it says the same already.

        Raises:
            JobError: If it cannot be written.
        """
        text = self.text()
        try:
            if not self.path.is_file() or self.path.read_text(encoding="utf-8") != text:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_durably(self.path, text)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            hint = "Without it nothing tells whether a later run gets the same bytes; make the folder writable."
            raise JobError(f"the lock file {self.path} cannot be written: {reason}.", hint) from error


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    repository: str = Field(pattern=r"^[\w-][\w.-]*/[\w-][\w.-]*$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    files: dict[_FileName, _Sha256] = Field(min_length=1)


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1]
    adapters: list[_Row]


def lock_path(recipe_file: Path, home: Path) -> Path:
    """`<recipe>.lock.yaml` beside the recipe; a shipped recipe, which is not the user's, has it in `home`."""
    name = f"{recipe_file.stem}.lock.yaml"
    shipped = recipe_file.resolve().parent == recipes_folder().resolve()
    return (home if shipped else recipe_file.parent) / name


def read_lock(path: Path) -> Lock:
    """Reads a lock file; one that is not there locks nothing.

    Raises:
        InputError: If it is damaged, with every row that is.
    """
    if not path.exists():
        return Lock(path)
    try:
        page = _Page.model_validate(_read_yaml(path))
    except ValidationError as error:
        problems = field_problems(error, path.name, _Page)
        raise InputError(Problem(problem.message, _HINT) for problem in problems) from error
    rows = [LockedAdapter(row.repository, row.revision, dict(row.files)) for row in page.adapters]
    twice = [row for index, row in enumerate(rows) if any(_same(row, other) for other in rows[:index])]
    if twice:
        problems = [Problem(f"{path.name}: {row.repository} at {row.revision} is there twice.", _HINT) for row in twice]
        raise InputError(problems)
    return Lock(path).with_adapters(rows)


def _same(row: LockedAdapter, other: LockedAdapter) -> bool:
    return (row.repository, row.revision) == (other.repository, other.revision)


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as a lock file: {error}.", _HINT) from error
