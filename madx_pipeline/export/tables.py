"""The tables of a model card, each a function from what is known of an adapter to Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from madx_pipeline.export.described import Described
from madx_pipeline.export.usage import language_adapter_sources
from madx_pipeline.records import Artifact, Json
from madx_pipeline.report.collect import report_params
from madx_pipeline.report.markdown import GAP, NOTHING, number, percent, points, table
from madx_pipeline.report.results import Score, Summary
from madx_pipeline.report.tables import ScoreTables
from madx_pipeline.report.wording import language_label, verdict_sentences

_ARCHITECTURES = {
    "seq_bn": "seq_bn (Pfeiffer et al. 2020)",
    "double_seq_bn": "double_seq_bn (Houlsby et al. 2019)",
    "par_bn": "par_bn (He et al. 2021)",
}
"""The library's names of bottleneck adapters, and who proposed them."""

_LEARNT_FROM = ("train", "validation")


def properties(described: Described) -> str:
    """What the adapter looks like."""
    facts, params, base = described.facts, described.adapter.record.params, described.base_model.facts
    shown = {
        "Base model": f"{described.base.name} ({base.get('model_type')}, {base.get('layers')} layers)",
        "Commit of the base model": base.get("revision"),
        "sha256 of the base model's weights": base.get("weights_sha256"),
        "Architecture": _ARCHITECTURES.get(str(facts.get("architecture", "seq_bn"))),
        "Reduction factor": facts.get("reduction_factor"),
        "Non-linearity": params.get("non_linearity"),
        "Layers without an adapter": facts.get("leave_out") or "none",
        "Invertible adapter": _yes(facts.get("has_invertible_adapter", False)),
        "Parameters of the adapter": facts.get("parameters"),
        "Parameters of the prediction head": facts.get("head_parameters"),
        "Labels, in the order of their ids": _listed(facts.get("labels")),
    }
    return _two_columns("Property", shown)


def training_data(described: Described) -> str:
    """What the adapter has learnt from, and under which licence that is."""
    rows = [
        [what, artifact.facts.get("origin"), _size(artifact), artifact.facts.get("licence") or "not stated"]
        for what, artifact in described.data.items()
    ]
    return table(["Data", "From", "Size", "Licence"], rows, left=4)


def corpus(described: Described) -> str:
    """The counts of the text of a language adapter."""
    facts = next(iter(described.data.values())).facts
    shown = {
        "Lines read": facts.get("lines_read"),
        "Lines kept": facts.get("lines_kept"),
        "Lines dropped": _counts(facts.get("dropped")),
        "Lines trained on": facts.get("lines_train"),
        "Lines held out": facts.get("lines_heldout"),
        "Word pieces": facts.get("tokens"),
        "Words": facts.get("words"),
        "Word pieces per word": facts.get("tokens_per_word"),
        "Unknown word pieces": percent(facts.get("unknown_share"), 2),
        "Scripts": _shares(facts.get("scripts")),
    }
    return _two_columns("Text", shown)


def training(described: Described) -> str:
    """How long the training was and what it reached."""
    facts, metric = described.facts, described.facts.get("metric")
    shown: dict[str, Json] = {
        "Steps": facts.get("steps"),
        "Step that was kept": facts.get("best_step"),
        "Epochs": _rounded(facts.get("epochs"), 2),
        "Held-out loss without the adapter (nats per masked token)": _rounded(facts.get("heldout_loss_before"), 4),
        "Held-out loss with the adapter": _rounded(facts.get("heldout_loss_after"), 4),
        "Held-out perplexity without the adapter": _rounded(facts.get("heldout_perplexity_before"), 2),
        "Held-out perplexity with the adapter": _rounded(facts.get("heldout_perplexity_after"), 2),
        f"{metric} on the source language's validation data": _rounded((facts.get("dev") or {}).get(metric), 4),
        "The same for the majority class": _rounded(facts.get("majority_dev"), 4),
        "Seconds": described.adapter.record.seconds,
    }
    return _two_columns("Training", shown)


def parameters(described: Described) -> str:
    """The parameters of the training, as the stage's page names them."""
    return _two_columns("Parameter", dict(described.adapter.record.params), keep_none=True)


def scores_of_adapter(described: Described) -> str:
    """The scores of this very task adapter, language by language."""
    results, digits = described.results, _digits(described)
    rows = [
        [
            language_label(results, score.language),
            language_label(results, score.language_adapter) if score.language_adapter else "none",
            score.metric,
            points(score.value, digits),
            points(score.majority, digits),
            score.examples,
        ]
        for score in scores_with(described)
    ]
    header = ["Language", "Language adapter", "Metric", "Score", "Majority class", "Examples"]
    return table(header, rows, left=3) if rows else ""


def scores_with(described: Described) -> list[Score]:
    """The primary scores of a task adapter, each evaluation once."""
    tuned = described.choice.job.fingerprint
    jobs = {job.name for job in described.plan.jobs.values() if job.inputs.get("tuned") == tuned}
    found = {score.job: score for score in described.results.scores if score.primary and score.job in jobs}
    return list(found.values())


def scores_of_task(described: Described) -> str:
    """The report's table of a task: every method of the run, over its seeds."""
    return ScoreTables(described.results, _digits(described)).scores(str(described.choice.job.key["task"]))


def scores_of_language(described: Described) -> str:
    """The report's scores on one language: tasks by methods, over seeds."""
    results, digits = described.results, _digits(described)
    found = {
        (row.task, row.method): row for row in results.summary if row.primary and row.language == described.language
    }
    rows = [
        [task, facts.metric or NOTHING, *(_mean(found.get((task, method)), digits) for method in results.methods)]
        for task, facts in results.tasks.items()
    ]
    return table(["Task", "Metric", *results.methods], rows, left=2) if found else ""


def verdict(described: Described) -> str:
    """The report's sentence on the language, plain text; empty where there is none."""
    results = described.results
    found = next((one for one in results.verdicts if one.language == described.language), None)
    return "" if found is None else verdict_sentences(results, found, _digits(described))


def language_adapters(described: Described) -> str:
    """The language adapters that the task adapter was evaluated with, and where each comes from."""
    rows = [
        [language_label(described.results, language), source]
        for language, source in language_adapter_sources(described).items()
    ]
    return table(["Language", "Language adapter"], rows, left=2)


def checks(described: Described) -> str:
    """What the training asked itself, with the answers."""
    rows = [
        [check.name, "yes" if check.passed else "no", _value(check.value), check.detail]
        for check in described.adapter.record.checks
    ]
    return table(["Check", "Passed", "Value", "What it means"], rows, left=4) if rows else ""


def _mean(summary: Summary | None, digits: int) -> str:
    if summary is None:
        return GAP
    spread = "" if summary.std is None else f" ± {points(summary.std, digits)}"
    return points(summary.mean, digits) + spread


def _two_columns(head: str, shown: Mapping[str, Json], *, keep_none: bool = False) -> str:
    rows = [[name, _value(value)] for name, value in shown.items() if keep_none or value not in (None, NOTHING)]
    return table([head, "Value"], rows, left=2)


def _size(artifact: Artifact) -> str:
    """How much of it there was to learn from."""
    facts = artifact.facts
    if facts.get("splits"):
        splits = {name: split for name, split in facts["splits"].items() if name in _LEARNT_FROM}
        return ", ".join(f"{split.get('examples')} {name}" for name, split in splits.items())
    return f"{facts['lines_kept']} lines" if "lines_kept" in facts else NOTHING


def _counts(counts: Mapping[str, int] | None) -> str | None:
    return None if counts is None else ", ".join(f"{name} {count}" for name, count in counts.items())


def _shares(shares: Mapping[str, float] | None) -> str | None:
    return None if shares is None else ", ".join(f"{name} {percent(share, 1)}" for name, share in shares.items())


def _listed(names: Iterable[str] | None) -> str | None:
    return None if names is None else ", ".join(names)


def _rounded(value: float | None, digits: int) -> str | None:
    return None if value is None else number(value, digits)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _value(value: Json) -> str:
    if value is None:
        return "null"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _digits(described: Described) -> int:
    return report_params(described.plan.recipe).digits
