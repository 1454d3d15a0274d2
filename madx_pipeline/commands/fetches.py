"""What a plan would fetch from elsewhere: which files, of which repository at which commit, and whether they are there.

Found out from the jobs and by looking at the caches: no connection is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from madx_pipeline.base_model_files import CONFIG_FILE, SAFE_WEIGHTS, TOKENIZER_FILES
from madx_pipeline.data.reach import cached_splits
from madx_pipeline.data.sources import GithubFiles, HubTable
from madx_pipeline.hub.cache import cached_commit, cached_files, matching
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.published.files import ADAPTER_FILES, HEAD_FILES
from madx_pipeline.records import Json
from madx_pipeline.store import Store

_SHOWN = 3
"""Files that are named for people; the rest is counted."""
_PINNED_BY = "the newest commit (the lock file pins it)"


@dataclass(frozen=True)
class Fetch:
    """Files of one repository.

    Attributes:
        where: `Hugging Face Hub`, or `GitHub`.
        kind: `model`, `data set` or `adapter`.
        repository: `owner/name`.
        revision: Full commit hash, or None where it is not pinned yet.
        files: Names or patterns.
        cached: How many of them are in the cache.
    """

    where: str
    kind: str
    repository: str
    revision: str | None
    files: tuple[str, ...]
    cached: int

    def as_row(self) -> dict[str, Json]:
        """Plain data for programs."""
        return {**asdict(self), "files": list(self.files)}

    def __str__(self) -> str:
        shown = ", ".join(self.files[:_SHOWN])
        more = f" and {len(self.files) - _SHOWN} more" if len(self.files) > _SHOWN else ""
        at = f"commit {self.revision[:12]}" if self.revision is not None else _PINNED_BY
        return f"{self.where}, {self.kind} {self.repository}, {at}: {shown}{more}{self._state()}"

    def _state(self) -> str:
        if not self.cached:
            return ""
        return " (in the cache)" if self.cached == len(self.files) else f" ({self.cached} of them in the cache)"


def fetches(plan: Plan, store: Store) -> list[Fetch]:
    """Everything that jobs of a plan which are still to be done take from elsewhere, a line a repository."""
    found: dict[tuple[str, str, str, str | None], dict[str, bool]] = {}
    for job in plan.jobs.values():
        if store.find(job) is None:
            for where, kind, repository, revision, files in _of(job):
                found.setdefault((where, kind, repository, revision), {}).update(files)
    return [Fetch(*key, files=tuple(files), cached=sum(files.values())) for key, files in found.items()]


_Found = tuple[str, str, str, str | None, dict[str, bool]]


def _of(job: Job) -> Iterator[_Found]:
    """What one job takes from elsewhere; of a file, whether it is in the cache."""
    source = job.source or {}
    if job.stage == "prepare_base_model":
        yield from _repository("model", source, (CONFIG_FILE, *SAFE_WEIGHTS, *TOKENIZER_FILES))
    elif job.stage == "fetch_language_adapter":
        yield from _repository("adapter", source, ADAPTER_FILES)
    elif job.stage == "fetch_task_adapter":
        yield from _repository("adapter", source, (*ADAPTER_FILES, *HEAD_FILES))
    else:
        yield from _data_sets([source, source.get("test") or {}])


def _repository(kind: str, source: dict[str, Json], files: Iterable[str]) -> Iterator[_Found]:
    """Files of a model or adapter; those that the repository does not have are left out when it is fetched."""
    name, revision = source.get("id"), source.get("revision")
    if name is None:
        return
    commit = cached_commit(str(name), revision)
    there = cached_files(str(name), commit) if commit is not None else []
    yield "Hugging Face Hub", kind, str(name), revision, {file: bool(matching(there, [file])) for file in files}


def _data_sets(sources: Iterable[dict[str, Json]]) -> Iterator[_Found]:
    for source in sources:
        if source.get("hub"):
            table = HubTable.model_validate(source["hub"])
            there = cached_splits(table)
            files = {pattern: there[split] for split, pattern in table.files.items()}
            yield "Hugging Face Hub", "data set", table.repository, table.revision, files
        if source.get("github"):
            paths = GithubFiles.model_validate(source["github"])
            there = cached_splits(paths)
            files = {Path(path).as_posix(): there[split] for split, path in paths.files.items()}
            yield "GitHub", "data set", paths.repository, paths.commit, files
