"""What the report says of published adapters: where each is from, and whether they go together.

The plan asks the same of what the catalogue says (`published/warnings.py`); here it is asked of the adapters that
were there.
"""

from __future__ import annotations

from collections.abc import Mapping

from madx_pipeline.methods import METHOD_SPECS, is_seeded
from madx_pipeline.published.resolve import mixed_variants
from madx_pipeline.published.shapes import SHAPE, shape_sentences, what_else_it_needs
from madx_pipeline.records import Json
from madx_pipeline.report.markdown import NOTHING, listed, table, text
from madx_pipeline.report.provenance import CheckResult, LanguageAdapterFacts, LanguageFacts, TaskAdapterFacts
from madx_pipeline.report.results import Results
from madx_pipeline.report.wording import language_label

ABOUT_THE_RECIPE = "recipe"
"""What stands for the name of the job in a check that no job asks."""

_COLUMNS = ("For", "Repository", "Commit", "sha256 of the weights", "Licence", "Variant")


def adapter_checks(source: str, languages: Mapping[str, LanguageFacts]) -> list[CheckResult]:
    """Whether the language adapters of a run go together; nothing where none is published.

    Args:
        source: Code of the source language.
        languages: What is known of each language.
    """
    adapters = {code: facts.language_adapter for code, facts in languages.items() if facts.language_adapter is not None}
    published = {code: adapter for code, adapter in adapters.items() if adapter.origin == "published"}
    if not published:
        return []
    mix = mixed_variants({code: adapter.variant for code, adapter in published.items()})
    variants = sorted({adapter.variant for adapter in published.values() if adapter.variant})
    odd = shape_sentences(source, {code: _shape(adapter) for code, adapter in adapters.items()})
    return [
        _check(
            "published_adapters_are_of_one_variant",
            ", ".join(variants) or None,
            mix or f"Variant of the published language adapters: {', '.join(variants) or 'not known'}.",
            passed=mix is None,
        ),
        _check(
            "language_adapters_have_the_shape_of_the_sources",
            len(odd),
            " ".join(odd) or "Those that were trained here and those that were not have one shape.",
            passed=not odd,
        ),
        *_not_alone(published),
    ]


def _not_alone(published: Mapping[str, LanguageAdapterFacts]) -> list[CheckResult]:
    """A warning where an adapter works only together with others; nothing where none is such a one."""
    said = {code: what_else_it_needs(adapter.repository) for code, adapter in published.items()}
    needy = {code: sentence for code, sentence in said.items() if sentence is not None}
    if not needy:
        return []
    detail = " ".join(f"{code}: {sentence}" for code, sentence in needy.items())
    return [_check("published_adapters_work_alone", ", ".join(needy), detail, passed=False)]


def notes_on_adapters(results: Results) -> list[str]:
    """What a reader of the scores must know of the adapters: checks that said no, in Markdown."""
    return [
        f"**Note.** {text(check.detail)}"
        for check in results.checks
        if check.job == ABOUT_THE_RECIPE and not check.passed
    ]


def published_adapters(results: Results) -> str:
    """A table of all published adapters, with what pins them; empty where there is none."""
    rows = [
        _row(language_label(results, code), facts.language_adapter, facts.language_adapter.variant)
        for code, facts in results.languages.items()
        if facts.language_adapter is not None and facts.language_adapter.origin == "published"
    ]
    rows += [
        _row(f"task {task}", facts.adapter, None) for task, facts in results.tasks.items() if facts.adapter is not None
    ]
    return table(_COLUMNS, rows, left=len(_COLUMNS)) if rows else ""


def has_ready_adapter(results: Results, task: str, method: str) -> bool:
    """Whether a score is from a task adapter that was not trained here, and so has no seed."""
    spec = next((spec for name, spec in METHOD_SPECS.items() if name == method), None)
    return spec is not None and spec.stacked and results.tasks[task].adapter is not None


def has_one_score(results: Results, task: str, method: str) -> bool:
    """Whether a method has no seed to vary on a task: its task adapter was not trained here, or it trains nothing."""
    return not is_seeded(method) or has_ready_adapter(results, task, method)


def ready_adapter_lines(results: Results) -> list[str]:
    """A sentence a task whose adapter was not trained here; plain text."""
    lines = []
    for task, facts in results.tasks.items():
        methods = [method for method in results.methods if has_ready_adapter(results, task, method)]
        if facts.adapter is not None and methods:
            where = facts.adapter.repository or facts.adapter.path
            lines.append(
                f"The task adapter of {task} is published ({where}) and was not trained here: for"
                f" {listed(methods)} the seed was not varied, and there is one score each."
            )
    return lines


def _row(label: str, adapter: LanguageAdapterFacts | TaskAdapterFacts, variant: str | None) -> list[object]:
    return [
        label,
        adapter.repository or f"folder {adapter.path}",
        adapter.revision or NOTHING,
        adapter.sha256 or NOTHING,
        adapter.licence or "not stated",
        variant or NOTHING,
    ]


def _shape(adapter: LanguageAdapterFacts) -> dict[str, Json]:
    return {name: getattr(adapter, name) for name in (*SHAPE, "origin", "catalogued")}


def _check(name: str, value: str | int | None, detail: str, *, passed: bool) -> CheckResult:
    return CheckResult(name=name, job=ABOUT_THE_RECIPE, passed=passed, value=value, detail=detail, hard=False)
