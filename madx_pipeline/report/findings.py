"""What the store says about every job of a plan: the one pass over `artifact.json` and `failure.json`.

Nothing is hashed here (`madx verify` and every run do that), so a plan of 25,000 jobs takes seconds.
A job that is not there inherits the reason from what it needed, so that every gap of the report can
name the job that is to blame.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from madx_pipeline.jobs import Job, Plan
from madx_pipeline.records import Check, Json
from madx_pipeline.report.provenance import CheckResult, JobResult
from madx_pipeline.store import Store

_TO_LOAD = ("adapter/", "model/")
"""Folders of an artifact with what whoever uses it has to store."""


@dataclass(frozen=True)
class Cause:
    """Why a job's artifact is not there.

    Attributes:
        job: Name of the job to blame: itself, or one that it needed.
        failed: Whether that job failed; otherwise it was never run.
        reason: Why, in one line.
        hint: What to do, in one line; may be empty.
        log: The log of that job, relative to home; None without one.
    """

    job: str
    failed: bool
    reason: str
    hint: str
    log: str | None


@dataclass
class Findings:
    """What the store has of a plan.

    Attributes:
        facts: Fingerprint to the artifact's facts, for every job that is there.
        causes: Fingerprint to why not, for every other job.
        jobs: One line per job, in the plan's order.
        checks: Checks of all jobs, in the plan's order.
        libraries: Library to every version that an artifact was made with.
        checksums: Fingerprint to the checksum of the artifact's record, which covers all of its files.
        test_sets: Fingerprint to the sha256 (hex) of the test examples, for labelled data.
        measured: Fingerprint to what the work cost, for every job that is there.
        stored: Fingerprint to the bytes of the adapter or model, for every job that left one.
    """

    facts: dict[str, dict[str, Json]] = field(default_factory=dict)
    causes: dict[str, Cause] = field(default_factory=dict)
    jobs: list[JobResult] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)
    libraries: dict[str, set[str]] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    test_sets: dict[str, str] = field(default_factory=dict)
    measured: dict[str, dict[str, Json]] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)


def look_up(plan: Plan, store: Store) -> Findings:
    """Reads each artifact's record once; jobs come after those they need, as in every plan."""
    findings = Findings()
    for job in plan.jobs.values():
        artifact = store.find(job)
        if artifact is None:
            _note_missing(findings, job, store)
            continue
        record = artifact.record
        findings.facts[job.fingerprint] = record.facts
        findings.checksums[job.fingerprint] = record.checksum
        findings.measured[job.fingerprint] = record.measured
        sizes = [file.bytes for name, file in record.files.items() if name.startswith(_TO_LOAD)]
        if sizes:
            findings.stored[job.fingerprint] = sum(sizes)
        if job.stage == "prepare_task_data" and "test.jsonl" in record.files:
            findings.test_sets[job.fingerprint] = record.files["test.jsonl"].sha256
        findings.checks += [_check_result(check, job) for check in record.checks]
        for library, version in record.libraries.items():
            findings.libraries.setdefault(library, set()).add(version)
        findings.jobs.append(_job_result(job, store, None, record.seconds))
    return findings


def folder_of(job: Job, store: Store) -> str:
    """Folder of a job's artifact, relative to home."""
    return store.path(job).relative_to(store.home).as_posix()


def _note_missing(findings: Findings, job: Job, store: Store) -> None:
    """Notes why a job's artifact is not there."""
    failure = store.failure(job)
    if failure is not None:
        log = (store.partial(job) / "log.txt").relative_to(store.home).as_posix()
        cause = Cause(job.name, True, failure.message, failure.hint, log)
        findings.checks += [_check_result(check, job) for check in failure.checks]
    elif job.obstacle:
        cause = Cause(job.name, True, f"{job.name} failed: {job.obstacle}", job.obstacle_hint, None)
    else:
        cause = _inherited(findings, job) or Cause(
            job.name, False, f"{job.stage} has not been run.", "Run the recipe: finished work is kept.", None
        )
    findings.causes[job.fingerprint] = cause
    findings.jobs.append(_job_result(job, store, cause, None))


def _inherited(findings: Findings, job: Job) -> Cause | None:
    """The cause of the first input that is not there; one that failed says more than one that was not run."""
    causes = [findings.causes[needed] for needed in job.inputs.values() if needed in findings.causes]
    return min(causes, key=lambda cause: not cause.failed, default=None)


def _job_result(job: Job, store: Store, cause: Cause | None, seconds: float | None) -> JobResult:
    failed = cause is not None and cause.failed and cause.job == job.name
    return JobResult(
        name=job.name,
        stage=job.stage,
        fingerprint=job.fingerprint,
        state="found" if cause is None else "failed" if failed else "not run",
        seconds=seconds,
        folder=folder_of(job, store),
        reason=cause.reason if cause else "",
        hint=cause.hint if cause else "",
        log=cause.log if cause and failed else None,
    )


def _check_result(check: Check, job: Job) -> CheckResult:
    return CheckResult(job=job.name, **check.model_dump())
