"""What a run has to do with the recipe's lock file: refuse other bytes before it starts, note what it got at the end.

While a job fetches, `hub.download` compares; here it is what the store has from earlier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from madx_pipeline.errors import InputError, MadxError, Problem
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.locks import lock_on
from madx_pipeline.published.lock import LockedAdapter, read_lock
from madx_pipeline.records import Artifact
from madx_pipeline.store import Store


def refuse_other_bytes(plan: Plan, store: Store, lock: Path) -> None:
    """Compares the adapters that are in the store with what the lock file says of them.

    Args:
        plan: The plan; its jobs carry what the lock file expects.
        store: Where finished adapters lie.
        lock: The lock file, for messages.

    Raises:
        InputError: With every file that differs and both hashes.
    """
    problems = [
        Problem(
            f"{artifact.facts['repository']} at {artifact.facts['revision']}: {difference}.",
            f"Find out which is right: remove the row from {lock}, or the folder {artifact.path}.",
        )
        for job, artifact in _fetched(plan, store)
        for difference in _differences(artifact.facts["files"], job.expected, lock.name)
    ]
    if problems:
        raise InputError(problems)


def _differences(there: Mapping[str, str], expected: Mapping[str, str], lock: str) -> Iterator[str]:
    """Every file that only one of the two has, or both with other bytes; a lock that expects nothing says nothing."""
    for name in sorted(there.keys() | expected.keys()) if expected else ():
        found, wanted = there.get(name), expected.get(name)
        if wanted is None:
            yield f"the adapter in the store was made from {name} too, which {lock} does not have"
        elif found is None:
            yield f"the adapter in the store was made without {name}, which {lock} has"
        elif found != wanted:
            yield f"{name} in the store has sha256 {found}, and {lock} says {wanted}"


def note_what_was_fetched(plan: Plan, store: Store, path: Path) -> list[Problem]:
    """Writes repository, commit and sha256 of each adapter in the store into the lock file, if that changes it.

    Returns:
        What kept it from being written: after a long run this must not cost the report.
    """
    rows = [
        LockedAdapter(artifact.facts["repository"], artifact.facts["revision"], artifact.facts["files"])
        for _, artifact in _fetched(plan, store)
    ]
    if not rows:
        return []
    try:
        with lock_on(path.with_name(f".{path.name}.lock")):  # another run of the recipe may note what it got
            read_lock(path).with_adapters(rows).write()
    except MadxError as error:
        return list(error.problems)
    except OSError as error:
        hint = "Without it nothing tells whether a later run gets the same bytes; make the folder writable."
        return [Problem(f"the lock file {path} cannot be written: {error.strerror or type(error).__name__}.", hint)]
    return []


def _fetched(plan: Plan, store: Store) -> Iterator[tuple[Job, Artifact]]:
    """Jobs that take an adapter from the Hub, with their artifact, as far as that is there."""
    for job in plan.jobs.values():
        if job.source is None or "id" not in job.source or not job.stage.startswith("fetch_"):
            continue
        artifact = store.find(job)
        if artifact is not None:
            yield job, artifact
