"""From a plan and the store to `Results`: every number of the report, computed here and nowhere else.

Reads artifacts through the store and does nothing else with the outside world. Reading again what has
not changed gives equal results, to the last bit: there is no clock and no path of this machine in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from madx_pipeline.jobs import Cell, Plan
from madx_pipeline.methods import METHOD_SPECS, Method
from madx_pipeline.recipe import Recipe
from madx_pipeline.records import Json
from madx_pipeline.report import materials
from madx_pipeline.report.adapters import adapter_checks
from madx_pipeline.report.conclusions import conclude
from madx_pipeline.report.efficiency import costs_of
from madx_pipeline.report.findings import Findings, folder_of, look_up
from madx_pipeline.report.results import FORMAT, Gap, Results, Score
from madx_pipeline.stage import stage_page
from madx_pipeline.stages.report import Params
from madx_pipeline.store import Store

_CHANGES_NO_RESULT = {"report_to", "resources"}
"""Keys of a recipe that say how jobs are run and watched, as opposed to what they make."""


def report_params(recipe: Recipe) -> Params:
    """The parameters of the stage `report`: its page, with the recipe's own values."""
    return Params.model_validate({**stage_page("report").params, **recipe.stages.get("report", {})})


@dataclass(frozen=True)
class Gathered:
    """What the store has of a plan, before statistics.

    Attributes:
        results: Results without summary, transfer gaps, comparisons and verdicts.
        files: Fingerprint of a job to the checksum of its artifact: what the statistics will be made from.
    """

    results: Results
    files: dict[str, str]


def gather(plan: Plan, store: Store) -> Gathered:
    """Everything the report says but for the statistics; what is missing becomes gaps.

    Every `artifact.json` is read once and no other file.
    """
    recipe, params, findings = plan.recipe, report_params(plan.recipe), look_up(plan, store)
    scores, gaps = _scores_and_gaps(plan, store, findings)
    languages = materials.language_facts(plan, findings)
    efficiency, storage = costs_of(plan, findings)
    results = Results(
        format=FORMAT,
        recipe=recipe.name,
        description=recipe.summary,
        base_model=materials.base_model_facts(plan, findings),
        source_language=recipe.source_language,
        target_languages=recipe.target_languages,
        methods=list(dict.fromkeys(recipe.methods)),
        seeds=list(dict.fromkeys(recipe.seeds)),
        confidence=params.confidence,
        verdicts=[],
        scores=scores,
        summary=[],
        comparisons=[],
        transfer=[],
        efficiency=efficiency,
        storage=storage,
        gaps=gaps,
        checks=[*findings.checks, *adapter_checks(recipe.source_language, languages)],
        languages=languages,
        tasks=materials.task_facts(plan, findings),
        jobs=findings.jobs,
        parameters=_parameters(plan, params),
        libraries={library: sorted(versions) for library, versions in sorted(findings.libraries.items())},
        configuration=recipe.model_dump(mode="json", exclude_none=True, exclude=_CHANGES_NO_RESULT),
    )
    return Gathered(results, findings.checksums)


def concluded(gathered: Gathered, store: Store) -> Results:
    """The results with their statistics, which need the single predictions."""
    return conclude(gathered.results, store.home)


def collect(plan: Plan, store: Store) -> Results:
    """Everything the report says, from what the store has of a plan."""
    return concluded(gather(plan, store), store)


def _parameters(plan: Plan, params: Params) -> dict[str, dict[str, Json]]:
    """Stage to its parameters: they are the same for all jobs of a stage in one plan."""
    found = {job.stage: job.params for job in plan.jobs.values()}
    return {**found, "report": params.model_dump(mode="json")}


@dataclass(frozen=True)
class _Wanted:
    """A score that the recipe asks for."""

    task: str
    language: str
    method: Method
    seed: int


def _wanted(recipe: Recipe) -> Iterator[_Wanted]:
    """Every score that the recipe asks for, in the order of the report."""
    for task in recipe.tasks:
        for language in recipe.languages_of(task):
            for method in dict.fromkeys(recipe.methods):
                for seed in recipe.seeds_of(task, method):
                    yield _Wanted(task, language, method, seed)


def _scores_and_gaps(plan: Plan, store: Store, findings: Findings) -> tuple[list[Score], list[Gap]]:
    """What there is of the scores that the recipe asks for, and what is missing of them."""
    cells = {(cell.task, cell.language, cell.method, cell.seed): cell for cell in plan.cells}
    scores: list[Score] = []
    gaps: list[Gap] = []
    for wanted in _wanted(plan.recipe):
        cell = cells.get((wanted.task, wanted.language, wanted.method, wanted.seed))
        if cell is None:
            gaps.append(_unplanned(plan.recipe, wanted))
            continue
        facts = findings.facts.get(cell.fingerprint)
        if facts is None:
            gaps.append(_missing(wanted, cell, findings))
            continue
        scores += _scores(plan, store, cell, facts)
        if facts["values"].get(facts["metric"]) is None:
            reason = f"the evaluation gave no value for {facts['metric']}."
            gaps.append(_gap(wanted, plan.jobs[cell.fingerprint].name, reason))
    return scores, gaps


def _scores(plan: Plan, store: Store, cell: Cell, facts: dict[str, Json]) -> list[Score]:
    """One score per metric of an evaluation, the primary one first; a metric without a value has none.

    Metrics by label (`f1.PER`) come along with the primary one: as scores of their own they would be most of the file.
    """
    job = plan.jobs[cell.fingerprint]
    values: dict[str, float] = {metric: value for metric, value in facts["values"].items() if value is not None}
    overall = sorted((metric != facts["metric"], metric) for metric in values if "." not in metric)
    return [
        Score(
            task=cell.task,
            method=cell.method,
            source_language=plan.recipe.source_language,
            language=cell.language,
            seed=cell.seed,
            metric=metric,
            primary=not secondary,
            value=values[metric],
            majority=None if secondary else facts.get("majority"),
            examples=facts["examples"],
            language_adapter=facts.get("language_adapter"),
            job=job.name,
            by_label={} if secondary else {name: value for name, value in values.items() if "." in name},
            warnings=[] if secondary else facts.get("warnings", []),
            folder=folder_of(job, store),
        )
        for secondary, metric in overall
    ]


def _missing(wanted: _Wanted, cell: Cell, findings: Findings) -> Gap:
    cause = findings.causes[cell.fingerprint]
    return _gap(wanted, cause.job, cause.reason, cause.hint, cause.log)


def _unplanned(recipe: Recipe, wanted: _Wanted) -> Gap:
    """A score without a job: the recipe has no language adapter for it, or no text."""
    if METHOD_SPECS[wanted.method].continues:
        reason = f"the recipe has no text for {wanted.language}, on which {wanted.method} goes on pretraining."
        return _gap(wanted, None, reason, f'Say corpora: {{"{wanted.language}": {{path: ...}}}} in the recipe.')
    source = recipe.source_language
    language = source if recipe.adapter_choice(source).none else wanted.language
    return _gap(
        wanted,
        None,
        f"the recipe has no language adapter for {language}, which {wanted.method} needs.",
        f'Say language_adapters: {{"{language}": train}} in the recipe, or take a ready one.',
    )


def _gap(wanted: _Wanted, job: str | None, reason: str, hint: str = "", log: str | None = None) -> Gap:
    return Gap(
        task=wanted.task,
        method=wanted.method,
        language=wanted.language,
        seed=wanted.seed,
        job=job,
        reason=reason,
        hint=hint,
        log=log,
    )
