"""Why a job has to run: what changed since the nearest finished one of its kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from madx_pipeline.integrity import read_artifact
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.records import ArtifactRecord
from madx_pipeline.store import Store


class Reasons:
    """Compares jobs that are to run with what the store holds."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self._plan = plan
        self._store = store
        self._folders = _by_slug(store)

    def why(self, job: Job) -> str:
        """What changed since the nearest finished job with the same key, in one line."""
        if self._store.path(job).exists():
            return "its folder is damaged"
        if job.obstacle:
            return job.obstacle
        failure = self._store.failure(job)
        if failure is not None:
            return failure.message
        differences = [
            _differences(job, artifact.record, self._plan)
            for folder in self._folders.get((job.stage, job.slug), [])
            if (artifact := read_artifact(folder)) is not None and artifact.record.key == job.key
        ]
        if not differences:
            return "not done yet"
        fewest: list[str] = min(differences, key=len)
        return "; ".join(fewest)


def _by_slug(store: Store) -> dict[tuple[str, str], list[Path]]:
    """Finished folders by stage and key."""
    found: dict[tuple[str, str], list[Path]] = {}
    for folder in store.folders():
        slug = folder.name.rpartition("-")[0]
        found.setdefault((folder.parent.name, slug), []).append(folder)
    return found


def _differences(job: Job, record: ArtifactRecord, plan: Plan) -> list[str]:
    """Differences that decide the fingerprint, in words."""
    found = []
    if job.version != record.version:
        found.append(f"stage version {record.version} -> {job.version}")
    found += _changed_values(record.params, job.params)
    if job.source != record.source:
        found += _changed_values(record.source or {}, job.source or {}) or ["source changed"]
    for role, fingerprint in job.inputs.items():
        if record.inputs.get(role) != fingerprint:
            found.append(f"{plan.jobs[fingerprint].name} changed")
    for role in sorted(set(record.inputs) - set(job.inputs)):
        found.append(f"no {role} any more")
    return found


def _changed_values(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """`max_steps 400 -> 500`, for every value that differs."""
    return [
        f"{name} {_shown(before.get(name))} -> {_shown(after.get(name))}"
        for name in sorted(set(before) | set(after))
        if before.get(name) != after.get(name)
    ]


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 24 else f"{text[:21]}..."
