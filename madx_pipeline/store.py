"""The store: finished folders under their fingerprint, and how a job's folder becomes one.

A job works in `<key>-<fingerprint12>.partial/` under a lock. When it is done, every file is hashed and
synced, `artifact.json` is written, and the folder is renamed: what has its final name is finished and
never changed. What surprises: a damaged artifact is not repaired in place but set aside
(`.damaged-1`), so that nobody reads bytes that changed under them.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from madx_pipeline import locks, unfinished
from madx_pipeline.durable import sync, write_durably
from madx_pipeline.errors import InputError
from madx_pipeline.integrity import NOT_OUTPUT, RECORD, Damage, checksum_of, damage_of, file_records, read_artifact
from madx_pipeline.jobs import Job
from madx_pipeline.records import Artifact, ArtifactRecord, Json
from madx_pipeline.stage import Workspace
from madx_pipeline.unfinished import Failure

FORMAT = 1
"""Version of the layout of the store and of `artifact.json`."""

PARTIAL = ".partial"
_FINISHED = re.compile(r"-[0-9a-f]{12}$")


class Store:
    """The finished and unfinished work under `<home>/store`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "store"

    def open_for_writing(self) -> None:
        """Makes the store if needed, and makes sure it can be written and is of our format.

        Raises:
            InputError: If it cannot be written, nothing can be locked there, or it was written by a newer version.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._probe()
            if not (self.root / "store.json").exists():
                write_durably(self.root / "store.json", json.dumps({"format": FORMAT}) + "\n")
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise InputError(f"the disk of {self.root} is full.", "Free space, or give another --home.") from error
            raise InputError(
                f"the store {self.root} cannot be written: {error.strerror or error}.", "Give another --home."
            ) from error
        self.check_format()

    def _probe(self) -> None:
        """Writes a file, locks it, and takes it away."""
        probe = self.root / f".probe-{os.getpid()}"
        probe.write_text("", encoding="utf-8")
        try:
            with locks.held(locks.lock_on(probe), self.root):
                pass
        finally:
            probe.unlink()

    def check_format(self) -> None:
        """Makes sure that an existing store is of a format we know.

        Raises:
            InputError: If it was written by a newer version, or its mark is damaged.
        """
        mark = self.root / "store.json"
        if not mark.exists():
            return
        try:
            found = int(json.loads(mark.read_text(encoding="utf-8"))["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{mark} is not readable as the mark of a store.", "Give another --home.") from error
        if found > FORMAT:
            raise InputError(
                f"the store {self.root} has format {found}; this version knows formats up to {FORMAT}.",
                "Upgrade madx-pipeline, or give another --home.",
            )

    def path(self, job: Job) -> Path:
        """The final folder of a job."""
        return self.root / job.folder

    def partial(self, job: Job) -> Path:
        """The folder in which a job works."""
        final = self.path(job)
        return final.with_name(final.name + PARTIAL)

    def lock(self, job: Job) -> FileLock:
        """The lock that whoever works on a job holds; the system frees it when the process dies."""
        folder = self.path(job).parent / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        return locks.lock_on(folder / f"{self.path(job).name}.lock")

    def find(self, job: Job) -> Artifact | None:
        """The finished artifact of a job, or None."""
        artifact = read_artifact(self.path(job))
        if artifact is None or artifact.record.fingerprint != job.fingerprint:
            return None
        return artifact

    def folders(self, stage: str = "*") -> Iterator[Path]:
        """Every finished folder, in order of stage and name."""
        for path in sorted(self.root.glob(f"{stage}/*-*")):
            if _FINISHED.search(path.name) and path.is_dir():
                yield path

    def damage(self, path: Path) -> list[Damage]:
        """Files of a finished folder that are missing or changed; its record included."""
        return damage_of(path, path.relative_to(self.root).as_posix())

    def set_aside(self, job: Job, why: str) -> Path:
        """Renames a finished folder that must not be used any more; gives its new name."""
        return self._rename_aside(self.path(job), self.path(job), why)

    def _rename_aside(self, folder: Path, final: Path, why: str) -> Path:
        count = 1
        while (aside := final.with_name(f"{final.name}.{why}-{count}")).exists():
            count += 1
        folder.rename(aside)
        return aside

    def begin(self, job: Job, place: dict[str, Json] | None = None) -> Workspace:
        """The workspace of a job: fresh, but for the checkpoints of an earlier sitting of the same job.

        Args:
            job: The job.
            place: Who works on it, as `here` of `place.py` says.

        Raises:
            OSError: If what an earlier sitting left cannot be read now; it stays as it is.
        """
        partial = self.partial(job)
        try:
            if unfinished.fingerprint_of_work(partial) not in (None, job.fingerprint):
                shutil.rmtree(partial)
        except ValueError:  # nobody can say whose it is, so it is neither used nor deleted
            self._rename_aside(partial, self.path(job), "unreadable")
        before = unfinished.seconds_before(partial)
        checkpoints = partial / "checkpoints"
        checkpoints.mkdir(parents=True, exist_ok=True)
        for path in partial.iterdir():
            if path.name not in ("checkpoints", "log.txt"):
                _remove(path)
        note = {"fingerprint": job.fingerprint, "started": time.time(), "seconds_before": before, **(place or {})}
        write_durably(partial / "job.json", json.dumps(note))
        return self.workspace(job)

    def workspace(self, job: Job) -> Workspace:
        """The workspace of a job that has begun."""
        partial = self.partial(job)
        logs = self.home / "logs" / job.folder
        return Workspace(partial, partial / "checkpoints", name=job.name, logs=logs, report_to=job.report_to)

    def finish(self, job: Job, workspace: Workspace, libraries: dict[str, str]) -> Artifact:
        """Hashes, syncs, records and renames: after this the artifact exists.

        The checkpoints go last: a disk that is full, or a kill, at the end of a long training costs its last step.
        """
        note = json.loads((workspace.path / "job.json").read_text(encoding="utf-8"))
        record = ArtifactRecord(
            format=FORMAT,
            stage=job.stage,
            version=job.version,
            kind=job.kind,
            name=job.name,
            key=job.key,
            fingerprint=job.fingerprint,
            params=job.params,
            source=job.source,
            inputs=job.inputs,
            facts=workspace.facts,
            checks=workspace.checks,
            seconds=round(note["seconds_before"] + time.time() - note["started"], 2),
            libraries=libraries,
            files=file_records(workspace.path),
            checksum="",
            measured=workspace.measured,
        )
        record = record.model_copy(update={"checksum": checksum_of(record)})
        for name in NOT_OUTPUT - {RECORD}:
            (workspace.path / name).unlink(missing_ok=True)
        write_durably(workspace.path / RECORD, record.model_dump_json(indent=1) + "\n")
        shutil.rmtree(workspace.checkpoints)
        final = self.path(job)
        workspace.path.rename(final)
        sync(final.parent)
        return Artifact(final, record)

    def fail(self, job: Job, message: str, hint: str) -> Failure:
        """Leaves a note of why a job failed beside its unfinished work."""
        return unfinished.note_failure(self.partial(job), message, hint)

    def failure(self, job: Job) -> Failure | None:
        """Why the last attempt at a job failed, or None."""
        return unfinished.read_failure(self.partial(job))

    def keep_checks(self, workspace: Workspace) -> None:
        """Keeps what a job that failed had asked itself: without an artifact nothing else would."""
        unfinished.note_checks(workspace.path, workspace.checks)

    def progress(self, job: Job) -> dict[str, Json] | None:
        """How far a running job is (`done`, `total`, `numbers`), or None."""
        return unfinished.read_progress(self.partial(job))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
