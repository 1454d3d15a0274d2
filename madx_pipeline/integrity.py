"""What a finished folder holds and whether it still does: the record of an artifact and its checksums."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from madx_pipeline.durable import sha256_of, sync
from madx_pipeline.jobs import fingerprint_of
from madx_pipeline.records import Artifact, ArtifactRecord, FileRecord

RECORD = "artifact.json"
NOT_OUTPUT = frozenset({RECORD, "progress.json", "job.json", "failure.json", "checks.json"})
"""Files of a job's folder that are about the job, not made by its stage."""


@dataclass(frozen=True)
class Damage:
    """A file of a finished artifact that is not what it was."""

    folder: str
    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.folder}/{self.file}: {self.reason}"


def damage_of(path: Path, folder: str) -> list[Damage]:
    """Files of the finished folder `path` (called `folder` in messages) that are missing or changed."""
    artifact = read_artifact(path)
    if artifact is None:
        return [Damage(folder, RECORD, "is missing or unreadable")]
    if checksum_of(artifact.record) != artifact.record.checksum:
        return [Damage(folder, RECORD, "does not match its checksum")]
    found = []
    for name, record in artifact.record.files.items():
        file = path / name
        if not file.is_file():
            found.append(Damage(folder, name, "is missing"))
        elif file.stat().st_size != record.bytes:
            found.append(Damage(folder, name, f"has {file.stat().st_size} bytes, not {record.bytes}"))
        elif sha256_of(file) != record.sha256:
            found.append(Damage(folder, name, "does not match its checksum"))
    return found


def read_artifact(folder: Path) -> Artifact | None:
    """The artifact in a finished folder, or None when there is none or its record is unreadable."""
    try:
        text = (folder / RECORD).read_text(encoding="utf-8")
        return Artifact(folder, ArtifactRecord.model_validate_json(text))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def checksum_of(record: ArtifactRecord) -> str:
    """sha256 (hex) over everything in a record but the checksum itself, and what was not measured."""
    exclude = {"checksum"} if record.measured else {"checksum", "measured"}
    return fingerprint_of(record.model_dump(mode="json", exclude=exclude))


def file_records(folder: Path) -> dict[str, FileRecord]:
    """Size and hash of every output, each synced to disk first."""
    records = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name in NOT_OUTPUT or name.startswith("checkpoints/"):
            continue
        sync(path)
        records[name] = FileRecord(bytes=path.stat().st_size, sha256=sha256_of(path))
    return records
