"""What lies in the folder of a job that is not finished: how far it is, why it failed, what it had asked itself.

The store decides which folder that is. All of these notes are about the job and none is part of its artifact.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from madx_pipeline.records import Check, Json


@dataclass(frozen=True)
class Failure:
    """Why a job failed, as found beside its unfinished work.

    Attributes:
        message: What went wrong; one line.
        hint: What to do; one line.
        log: Path of the job's log.
        checks: What the job had asked itself until then; the last one may be what failed it.
    """

    message: str
    hint: str
    log: str
    checks: tuple[Check, ...] = ()


def note_failure(partial: Path, message: str, hint: str) -> Failure:
    """Leaves a note of why a job failed."""
    failure = Failure(message, hint, str(partial / "log.txt"))
    try:
        partial.mkdir(parents=True, exist_ok=True)
        note = {"message": message, "hint": hint, "log": failure.log}
        (partial / "failure.json").write_text(json.dumps(note), encoding="utf-8")
    except OSError:  # a full disk must not hide why the job failed
        return failure
    return failure


def read_failure(partial: Path) -> Failure | None:
    """Why the last attempt failed, or None."""
    try:
        note = json.loads((partial / "failure.json").read_text(encoding="utf-8"))
        return Failure(note["message"], note["hint"], note["log"], _checks_until(partial))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def note_checks(partial: Path, checks: Iterable[Check]) -> None:
    """Keeps the checks of a job that failed."""
    notes = [check.model_dump() for check in checks]
    (partial / "checks.json").write_text(json.dumps(notes), encoding="utf-8")


def read_progress(partial: Path) -> dict[str, Json] | None:
    """How far a running job is (`done`, `total`, `numbers`), or None."""
    try:
        note: dict[str, Json] = json.loads((partial / "progress.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note


def read_note(partial: Path) -> dict[str, Json] | None:
    """Who works or has worked on it (`fingerprint`, `started`, `host`, `pid`, `engine`), or None."""
    try:
        note: dict[str, Json] = json.loads((partial / "job.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) and "started" in note else None


def fingerprint_of_work(partial: Path) -> str | None:
    """Whose unfinished work this is, None if nobody's yet; the folder's name holds only twelve digits of it.

    Raises:
        OSError: If that cannot be read now, which says nothing about the work.
        ValueError: If the note is no note.
    """
    try:
        return str(json.loads((partial / "job.json").read_text(encoding="utf-8"))["fingerprint"])
    except FileNotFoundError:
        return None
    except (KeyError, TypeError) as error:
        raise ValueError(f"{partial / 'job.json'} says nothing of a job") from error


def seconds_before(partial: Path) -> float:
    """Seconds that earlier sittings spent, to their last sign of life."""
    try:
        note = json.loads((partial / "job.json").read_text(encoding="utf-8"))
        last = (partial / "progress.json").stat().st_mtime
        return float(note["seconds_before"]) + max(0.0, last - float(note["started"]))
    except (OSError, ValueError, KeyError):
        return 0.0


def _checks_until(partial: Path) -> tuple[Check, ...]:
    try:
        notes = json.loads((partial / "checks.json").read_text(encoding="utf-8"))
        return tuple(Check.model_validate(note) for note in notes)
    except (OSError, ValueError):
        return ()
