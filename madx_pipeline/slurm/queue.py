"""Which jobs are in Slurm's queue: what was handed over, by our own notes, and what Slurm says of it now.

Slurm is asked with `squeue` alone: it answers on clusters without accounting too, and for some minutes also of jobs
that are over.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from madx_pipeline.durable import write_durably
from madx_pipeline.errors import JobError
from madx_pipeline.jobs import Job

_OVER = frozenset(
    (
        *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"),
        *("REVOKED", "TIMEOUT"),
    )
)
"""States after which Slurm does nothing more with a job; whatever else there is may still lead to a run."""

_FORMAT = "%i|%T|%r|%N|%j"


@dataclass(frozen=True)
class Place:
    """Where a job is in Slurm.

    Attributes:
        id: What Slurm calls it (`12_3`).
        name: The name it was handed over with; ids are used again when a cluster is set up anew.
        log: What it printed, for when its own log does not say enough.
    """

    id: str
    name: str
    log: str

    @property
    def array(self) -> str:
        """What Slurm calls its array."""
        return self.id.partition("_")[0]


@dataclass(frozen=True)
class Seen:
    """What Slurm says of a job: its state, the reason for it, the nodes."""

    state: str
    reason: str
    nodes: str
    name: str

    @property
    def is_over(self) -> bool:
        """Whether Slurm will do nothing more with it."""
        return self.state in _OVER


def folder_of(home: Path) -> Path:
    """Where everything about Slurm lies: batch scripts, lists of jobs, logs, notes of what was handed over."""
    return home.resolve() / "slurm"


def note_array(home: Path, array: str, name: str, jobs: Iterable[Job]) -> dict[str, Place]:
    """Notes what was handed over as an array; gives the place of each job by fingerprint."""
    fingerprints = [job.fingerprint for job in jobs]
    note = {"array": array, "name": name, "jobs": fingerprints}
    write_durably(folder_of(home) / f"{array}.array.json", json.dumps(note))
    return _places(home, array, name, fingerprints)


def places(home: Path) -> dict[str, Place]:
    """The place of every job that was ever handed over, by fingerprint; the last one counts."""
    found: dict[str, Place] = {}
    for file in sorted(folder_of(home).glob("*.array.json"), key=lambda path: path.stat().st_mtime_ns):
        try:
            note = json.loads(file.read_text(encoding="utf-8"))
            found |= _places(home, note["array"], note["name"], note["jobs"])
        except (OSError, ValueError, KeyError):
            continue
    return found


def look() -> dict[str, Seen]:
    """What is in the queue of this user, by Slurm's id.

    Raises:
        JobError: If Slurm does not answer.
    """
    command = ["squeue", "--me", "--array", "--noheader", "--states=all", f"--format={_FORMAT}"]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise JobError(f"squeue does not answer: {said}", "Its jobs go on: look again with madx status.") from error
    seen = {}
    for line in done.stdout.splitlines():
        number, state, reason, nodes, name = line.split("|", 4)
        seen[number] = Seen(state, reason, nodes, name)
    return seen


def in_queue(home: Path) -> dict[str, tuple[Place, Seen]]:
    """The jobs of a home folder that Slurm knows of, by fingerprint; none where Slurm is not."""
    known = places(home)
    if not known or shutil.which("squeue") is None:
        return {}
    seen = look()
    found = {fingerprint: (place, seen[place.id]) for fingerprint, place in known.items() if place.id in seen}
    return {fingerprint: pair for fingerprint, pair in found.items() if pair[0].name == pair[1].name}


def cancel(ids: Iterable[str]) -> None:
    """Takes jobs out of the queue; those that are over are passed over."""
    wanted = list(ids)
    for start in range(0, len(wanted), 500):
        command = ["scancel", "--quiet", *wanted[start : start + 500]]
        subprocess.run(command, check=False, capture_output=True, timeout=120)


def _places(home: Path, array: str, name: str, fingerprints: list[str]) -> dict[str, Place]:
    logs = folder_of(home)
    return {
        fingerprint: Place(f"{array}_{number}", name, str(logs / f"{array}_{number}_0_log.out"))
        for number, fingerprint in enumerate(fingerprints)
    }
