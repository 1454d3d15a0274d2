"""What each method costs, from what the jobs of its scores measured and wrote: to `results.efficiency` and `storage`.

Pure functions of a plan and what the store has of it. What surprises: a job is counted where it belongs, not where it
was needed. The adapter of a language is one job however many tasks and seeds build on it, and stands in columns of its
own; in a model for every language and task nothing is shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product

from madx_pipeline.jobs import Cell, Plan
from madx_pipeline.methods import METHOD_SPECS, Method, MethodSpec
from madx_pipeline.records import Json
from madx_pipeline.report.costs import Efficiency, Storage, total_bytes
from madx_pipeline.report.findings import Findings
from madx_pipeline.report.statistics import grouped


@dataclass(frozen=True)
class _Work:
    """The jobs behind the scores of one method on one task, each once, whether they are in the store or not.

    Attributes:
        spec: What the method means.
        tuned: Trainings on the task, by fingerprint.
        by_language: What was made for one language from unlabelled text, by fingerprint.
        evaluations: Fingerprints of the evaluations.
    """

    spec: MethodSpec
    tuned: list[str] = field(default_factory=list)
    by_language: list[str] = field(default_factory=list)
    evaluations: list[str] = field(default_factory=list)

    @property
    def kept(self) -> list[str]:
        """Jobs whose adapters or models have to be stored; a model on which another was trained need not be."""
        return [*self.tuned, *(self.by_language if self.spec.at_evaluation == "target" else [])]


def costs_of(plan: Plan, findings: Findings) -> tuple[list[Efficiency], list[Storage]]:
    """What the methods cost: by task in the recipe's order, and what storing everything comes to."""
    cells = grouped(((cell.task, cell.method), cell) for cell in plan.cells)
    methods = list(dict.fromkeys(plan.recipe.methods))
    works = {
        (task, method): _work(plan, method, cells.get((task, method), []))
        for task, method in product(plan.recipe.tasks, methods)
    }
    rows = {(task, method): _efficiency(task, method, work, findings) for (task, method), work in works.items()}
    storage = []
    for method in methods:
        planned = [task for task in plan.recipe.tasks if (task, method) in cells]
        languages = len({cell.language for cell in plan.cells if cell.method == method})
        row = _storage(method, languages, [rows[task, method] for task in planned], _once(plan, findings, method))
        kept = {job for task in planned for job in works[task, method].kept}
        storage.append(row if kept <= findings.stored.keys() else row.model_copy(update={"total_bytes": None}))
    return list(rows.values()), storage


def _work(plan: Plan, method: Method, cells: Sequence[Cell]) -> _Work:
    spec, jobs = METHOD_SPECS[method], [plan.jobs[cell.fingerprint] for cell in cells]
    tuned = [plan.jobs[job.inputs["tuned"]] for job in jobs if "tuned" in job.inputs]
    if spec.continues:
        by_language = [job.inputs["base_model"] for job in tuned]
    else:
        by_language = [job.inputs["language_adapter"] for job in jobs if "language_adapter" in job.inputs]
    groups = ([job.fingerprint for job in tuned], by_language, [job.fingerprint for job in jobs])
    return _Work(spec, *(list(dict.fromkeys(group)) for group in groups))


def _efficiency(task: str, method: Method, work: _Work, findings: Findings) -> Efficiency:
    on_task, for_language = _measured(findings, work.tuned), _measured(findings, work.by_language)
    devices = {one.get("device") for one in on_task}
    nothing = 0 if not work.spec.seeded else None
    own, shared = _bytes(findings, work.tuned), _bytes(findings, work.by_language)
    return Efficiency(
        task=task,
        method=method,
        trainable_parameters=nothing if nothing is not None else _largest(on_task, "trainable_parameters"),
        share=nothing if nothing is not None else _share(on_task),
        peak_memory_bytes=_largest(on_task, "peak_memory_bytes"),
        device=devices.pop() if len(devices) == 1 else None,
        training_seconds=_mean(on_task, "training_seconds"),
        language_parameters=_largest(for_language, "trainable_parameters"),
        language_share=_share(for_language),
        language_peak_memory_bytes=_largest(for_language, "peak_memory_bytes"),
        language_training_seconds=_mean(for_language, "training_seconds"),
        inference_seconds_per_1000_tokens=_per_1000_tokens(_measured(findings, work.evaluations)),
        bytes_per_language=shared if work.spec.at_evaluation == "target" else 0,
        bytes_per_task=nothing if nothing is not None else 0 if work.spec.continues else own,
        bytes_per_language_and_task=own if work.spec.continues else 0,
    )


def _once(plan: Plan, findings: Findings, method: Method) -> int | None:
    """Bytes that a method needs whatever the numbers; a fine-tuned model needs nothing beside itself."""
    spec = METHOD_SPECS[method]
    if spec.tunes in ("nothing", "base_model"):
        return 0
    base = _bytes(findings, [job.fingerprint for job in plan.jobs.values() if job.stage == "prepare_base_model"])
    if spec.at_evaluation != "source":
        return base
    source = [
        job.fingerprint
        for job in plan.jobs.values()
        if job.stage.endswith("_language_adapter") and job.key["language"] == plan.recipe.source_language
    ]
    adapter = _bytes(findings, source)
    return None if base is None or adapter is None else base + adapter


def _storage(method: Method, languages: int, rows: Sequence[Efficiency], once: int | None) -> Storage:
    """What the method comes to on so many languages and the tasks of these rows, if all of it is there."""
    tasks = len(rows)
    per_language = _mean_of(row.bytes_per_language for row in rows)
    per_task = _mean_of(row.bytes_per_task for row in rows)
    per_pair = _mean_of(row.bytes_per_language_and_task for row in rows)
    return Storage(
        method=method,
        languages=languages,
        tasks=tasks,
        bytes_once=once,
        bytes_per_language=per_language,
        bytes_per_task=per_task,
        bytes_per_language_and_task=per_pair,
        total_bytes=total_bytes((once, per_language, per_task, per_pair), languages, tasks),
    )


def _bytes(findings: Findings, jobs: Iterable[str]) -> int | None:
    """Mean size of what these jobs left to load; None without any."""
    return _mean_of(findings.stored.get(job) for job in jobs)


def _mean_of(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known)) if known else None


def _measured(findings: Findings, jobs: Iterable[str]) -> list[dict[str, Json]]:
    """What those of the jobs cost that are in the store."""
    return [findings.measured[job] for job in jobs if job in findings.measured]


def _known(measured: Iterable[dict[str, Json]], name: str) -> list[Json]:
    return [one[name] for one in measured if one.get(name) is not None]


def _largest(measured: Iterable[dict[str, Json]], name: str) -> int | None:
    return max(_known(measured, name), default=None)


def _mean(measured: Iterable[dict[str, Json]], name: str) -> float | None:
    known = _known(measured, name)
    return sum(known) / len(known) if known else None


def _share(measured: Sequence[dict[str, Json]]) -> float | None:
    trained, total = _largest(measured, "trainable_parameters"), _largest(measured, "parameters")
    return None if trained is None or not total else trained / total


def _per_1000_tokens(measured: Iterable[dict[str, Json]]) -> float | None:
    pairs = [(one["inference_seconds"], one["inference_tokens"]) for one in measured if one.get("inference_tokens")]
    tokens = sum(count for _, count in pairs)
    return 1000 * sum(seconds for seconds, _ in pairs) / tokens if tokens else None
