"""The sections of `report.md` behind the scores: language adapters, provenance, jobs and times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from madx_pipeline.report.adapters import notes_on_adapters, published_adapters
from madx_pipeline.report.markdown import NOTHING, number, percent, table, text
from madx_pipeline.report.provenance import BaseModelFacts, CorpusFacts, LanguageAdapterFacts, TaskData
from madx_pipeline.report.results import Results
from madx_pipeline.report.statistics import grouped
from madx_pipeline.report.wording import language_label

SHORT = 12
"""Digits of a fingerprint that are shown: as many as a folder of the store carries."""

ADAPTER_COLUMNS = (
    "Language",
    "Origin",
    "Loss",
    "Perplexity",
    "Best step",
    "Tokens per word",
    "Unknown tokens",
    "Lines kept",
    "Dropped",
)


def language_adapters(results: Results, digits: int) -> str:
    """What each language adapter was made of and what it does to its own language."""
    rows = [
        _adapter_row(language_label(results, language), facts.language_adapter, facts.corpus)
        for language, facts in results.languages.items()
        if facts.language_adapter is not None or facts.corpus is not None
    ]
    if not rows:
        return ""
    note = "Loss (nats per masked token) and perplexity are on held-out text, without and with the adapter."
    return "\n\n".join([*notes_on_adapters(results), note, table(ADAPTER_COLUMNS, rows, left=2)])


def _adapter_row(label: str, adapter: LanguageAdapterFacts | None, corpus: CorpusFacts | None) -> list[str]:
    return [label, *_adapter_cells(adapter), *_corpus_cells(corpus)]


def _adapter_cells(adapter: LanguageAdapterFacts | None) -> list[str]:
    if adapter is None:
        return [NOTHING] * 4
    return [
        _origin(adapter),
        _before_after(adapter.heldout_loss_before, adapter.heldout_loss_after, 3),
        _before_after(adapter.heldout_perplexity_before, adapter.heldout_perplexity_after, 1),
        _best_step(adapter),
    ]


def _origin(adapter: LanguageAdapterFacts) -> str:
    """`trained`, or `published` with repository or folder and commit."""
    where = adapter.repository or adapter.path
    if where is None:
        return adapter.origin or NOTHING
    commit = f" at {adapter.revision[:SHORT]}" if adapter.revision else ""
    return f"{adapter.origin or 'published'}: {where}{commit}"


def _best_step(adapter: LanguageAdapterFacts) -> str:
    if adapter.best_step is None:
        return NOTHING
    return str(adapter.best_step) if adapter.steps is None else f"{adapter.best_step} of {adapter.steps}"


def _corpus_cells(corpus: CorpusFacts | None) -> list[str]:
    if corpus is None:
        return [NOTHING] * 4
    dropped = {why: count for why, count in (corpus.dropped or {}).items() if count}
    lines = NOTHING if corpus.lines_kept is None else f"{corpus.lines_kept} of {corpus.lines_read}"
    return [
        _tokens_per_word(corpus),
        percent(corpus.unknown_share, 2),
        lines,
        ", ".join(f"{why} {count}" for why, count in dropped.items()) or "none",
    ]


def _tokens_per_word(corpus: CorpusFacts) -> str:
    per = " (per character)" if corpus.word_unit == "character" else ""
    return number(corpus.tokens_per_word, 2) + per


def _before_after(before: float | None, after: float | None, digits: int) -> str:
    if before is None and after is None:
        return NOTHING
    return f"{number(before, digits)} → {number(after, digits)}"


def provenance(results: Results, digits: int) -> str:
    """Base model, licences, fingerprints, versions, and parameters that differ from the stage pages."""
    licences, adapters = _licences(results), published_adapters(results)
    parts = [
        text(_base_model(results.base_model)),
        *(["Published adapters:", adapters] if adapters else []),
        table(["Material", "Licence", "Languages"], licences, left=3) if licences else "No licences are known.",
        "Fingerprints (first 12 digits) of what each language was made of:",
        table(
            ["Language", "Corpus", "Language adapter", *results.tasks],
            _fingerprints(results),
            left=3 + len(results.tasks),
        ),
        f"Libraries: {text('; '.join(_libraries(results)) or 'none recorded')}.",
    ]
    changed = _changed_parameters(results)
    if changed:
        parts.append(f"Parameters that differ from the stage pages: {text(changed)}.")
    return "\n\n".join([*parts, "All parameters of all stages are in `results.json`."])


def _base_model(base: BaseModelFacts) -> str:
    facts = [
        f"revision {base.revision}" if base.revision else "",
        f"world seed {base.world_seed}" if base.world_seed is not None else "",
        base.model_type or "",
        f"{base.layers} layers of width {base.hidden_size}" if base.layers and base.hidden_size else "",
        f"{base.parameters} parameters" if base.parameters else "",
        f"licence {base.licence}" if base.licence else "",
        f"fingerprint {base.fingerprint[:SHORT]}",
    ]
    return f"Base model: {base.name} ({', '.join(fact for fact in facts if fact)})."


def _licences(results: Results) -> list[list[str]]:
    """Material and licence, and the languages that they are of."""
    groups = grouped(
        ((material, licence or "not stated"), language)
        for language, facts in results.languages.items()
        for material, licence in facts.licences.items()
    )
    return [[material, licence, ", ".join(languages)] for (material, licence), languages in groups.items()]


def _fingerprints(results: Results) -> list[list[str]]:
    return [
        [
            language_label(results, language),
            _short(facts.corpus),
            _short(facts.language_adapter),
            *(_short(results.tasks[task].data.get(language)) for task in results.tasks),
        ]
        for language, facts in results.languages.items()
    ]


def _short(part: CorpusFacts | LanguageAdapterFacts | TaskData | None) -> str:
    return NOTHING if part is None else part.fingerprint[:SHORT]


def _libraries(results: Results) -> list[str]:
    """`torch 2.13.0`, and which artifacts' versions differ."""
    return [
        f"{library} {versions[0]}"
        if len(versions) == 1
        else f"{library} {', '.join(versions)} (artifacts were made with different versions)"
        for library, versions in results.libraries.items()
    ]


def _changed_parameters(results: Results) -> str:
    """The recipe's section `stages`, in a line."""
    stages: Mapping[str, Mapping[str, object]] = results.configuration.get("stages", {})
    return "; ".join(f"{stage} {key} = {value}" for stage, values in stages.items() for key, value in values.items())


def jobs_and_times(results: Results, digits: int) -> str:
    """Jobs and seconds by stage."""
    rows: list[list[object]] = []
    for stage, jobs in grouped((job.stage, job) for job in results.jobs).items():
        states = Counter(job.state for job in jobs)
        seconds = sum(job.seconds or 0.0 for job in jobs)
        rows.append([stage, states["found"], states["failed"], states["not run"], number(seconds, 1)])
    total = sum(job.seconds or 0.0 for job in results.jobs)
    states = Counter(job.state for job in results.jobs)
    rows.append(["all", states["found"], states["failed"], states["not run"], number(total, 1)])
    note = "Seconds are wall time of the work that made what is in the store, whenever that was."
    return f"{note}\n\n{table(['Stage', 'There', 'Failed', 'Not run', 'Seconds'], rows)}"
