"""Finished artifacts made by hand, for tests that read one."""

from __future__ import annotations

from pathlib import Path

from madx_pipeline.records import Artifact, ArtifactRecord, Json


def artifact(folder: Path, facts: dict[str, Json], kind: str = "any") -> Artifact:
    """A folder with a record of which only the facts and the kind are real."""
    return Artifact(
        folder,
        ArtifactRecord(
            format=1,
            stage="made by hand",
            version=1,
            kind=kind,
            name=folder.name,
            key={},
            fingerprint="0" * 64,
            params={},
            source=None,
            inputs={},
            facts=facts,
            checks=[],
            seconds=0.0,
            libraries={},
            files={},
            checksum="",
        ),
    )
