"""`artifact.json`: what is written down about a finished folder, and the folder opened for reading."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Json = Any
"""A value that survives a round trip through JSON."""


class Check(BaseModel):
    """A question the job asked itself before its result was believed.

    Attributes:
        name: What was asked, in words_with_underscores.
        passed: Whether the answer was yes.
        value: The measured value behind the answer.
        detail: One sentence that a reader of the report understands.
        hard: Whether a no fails the job (otherwise it warns).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    passed: bool
    value: float | int | str | bool | None
    detail: str
    hard: bool = True


class FileRecord(BaseModel):
    """Size in bytes and sha256 (hex) of one file of an artifact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int
    sha256: str


class ArtifactRecord(BaseModel):
    """`artifact.json`: everything there is to know about a finished folder.

    Attributes:
        format: Version of this file format.
        stage: Stage that made it.
        version: The stage's VERSION.
        kind: What it is (`corpus`, `language_adapter`, ...).
        name: Name of the job, as shown to people.
        key: What tells this job from others of its stage (`{"language": "sw"}`).
        fingerprint: sha256 (hex) over stage, version, key, params, inputs and source.
        params: Validated parameters.
        source: Pinned outside material, if any.
        inputs: Role to fingerprint.
        facts: What the stage found out, by name; the report reads these.
        checks: What the job asked itself.
        seconds: Wall time in seconds over all sittings, a killed one counted to its last checkpoint.
        libraries: Library to version.
        files: Relative path to size and sha256.
        checksum: sha256 (hex) over all of the above and below.
        measured: What the work cost (`training_seconds`, `peak_memory_bytes`, ...), which differs between runs; empty
            where nothing was measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    stage: str
    version: int
    kind: str
    name: str
    key: dict[str, str | int]
    fingerprint: str
    params: dict[str, Json]
    source: dict[str, Json] | None
    inputs: dict[str, str]
    facts: dict[str, Json]
    checks: list[Check]
    seconds: float
    libraries: dict[str, str]
    files: dict[str, FileRecord]
    checksum: str
    measured: dict[str, Json] = Field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """A finished folder of the store, opened for reading."""

    path: Path
    record: ArtifactRecord

    @property
    def facts(self) -> dict[str, Json]:
        """What the stage that made it found out."""
        return self.record.facts
