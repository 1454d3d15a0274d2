"""`report.md`: the report as one text, from the answer to where everything comes from.

Each section is a function from `Results` to Markdown; a section with nothing to say is empty and left
out. Nothing is computed here: every number stands in `results.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from madx_pipeline.report.adapters import ready_adapter_lines
from madx_pipeline.report.background import jobs_and_times, language_adapters, provenance
from madx_pipeline.report.cost_tables import costs
from madx_pipeline.report.markdown import NOTHING, listed, table, text
from madx_pipeline.report.provenance import TaskFacts
from madx_pipeline.report.results import Gap, Results
from madx_pipeline.report.statistics import grouped
from madx_pipeline.report.tables import ScoreTables
from madx_pipeline.report.wording import language_label, seen_label, tally, verdict_sentences

LISTED_AT_MOST = 20
"""Scores that one cause lists by name, and causes that are listed; the rest is in `results.json`."""


def report_markdown(results: Results, digits: int) -> str:
    """The text of `report.md`.

    Args:
        results: The results.
        digits: Digits after the point of scores in points.
    """
    sections: list[tuple[str, Callable[[Results, int], str]]] = [
        ("Does it work?", _answers),
        ("Scores", _scores),
        ("What it costs", costs),
        ("Missing scores", _gaps),
        ("Language adapters", language_adapters),
        ("Checks", _checks),
        ("Where it comes from", provenance),
        ("Jobs and times", jobs_and_times),
    ]
    parts = [f"# {text(results.recipe)}", _what_was_run(results)]
    for title, section in sections:
        content = section(results, digits)
        if content:
            parts += [f"## {title}", content]
    return "\n\n".join(parts) + "\n"


def _what_was_run(results: Results) -> str:
    """The recipe in a paragraph, and what of it is missing."""
    targets = [language_label(results, language) for language in results.target_languages]
    seeds = ", ".join(str(seed) for seed in results.seeds)
    lines = [
        f"Summary: {results.description}" if results.description else "",
        f"Base model: {results.base_model.name}.",
        f"Source language: {language_label(results, results.source_language)}; target languages: {listed(targets)}.",
        f"Tasks: {listed(list(results.tasks))}. Methods: {listed(results.methods)}.",
        f"Seeds: {seeds}." if len(results.seeds) > 1 else f"Seed: {seeds}. Seeds were not varied.",
        *ready_adapter_lines(results),
    ]
    paragraph = "\n".join(text(line) for line in lines if line)
    missing = len(results.gaps)
    if not missing:
        return paragraph
    wanted = missing + len({(score.job, score.method) for score in results.scores if score.primary})
    return f"{paragraph}\n\n**{missing} of {wanted} scores are missing**: see Missing scores."


def _answers(results: Results, digits: int) -> str:
    """A verdict per language, in words."""
    if not results.verdicts:
        return "The method madx was not part of the run, so nothing can be said about it."
    lines = [text(tally(results)), "", _how_judged(results), ""]
    for verdict in results.verdicts:
        seen = seen_label(results.languages[verdict.language].seen)
        label = f"{language_label(results, verdict.language)}, {seen} by the base model"
        if seen == "not known":
            label = f"{language_label(results, verdict.language)}, not known whether the base model has seen it"
        lines.append(f"- **{text(label)}:** {text(verdict_sentences(results, verdict, digits))}")
    return "\n".join(lines)


def _how_judged(results: Results) -> str:
    """What the verdicts call a help."""
    params = results.parameters["report"]
    level = f"{1 - results.confidence:.6g}"
    return (
        "MAD-X is compared with the better of task_adapter_only and madx_source_kept. It helps or hurts where p is "
        f"below {level} in a paired test over test examples and, if varied, seeds, corrected for the languages; a "
        f"gain of less than {params['smallest_gain_points']:g} points, or one that closes less than "
        f"{params['smallest_gap_closed'] * 100:g}% of the transfer gap that the other methods leave, is too little; "
        "so is any that leaves MAD-X at or below the majority class. "
        "Language adapters are trained once: how much another training of them would change is not in the intervals."
    )


def _scores(results: Results, digits: int) -> str:
    """Two tables a task."""
    tables = ScoreTables(results, digits)
    parts = [_how_to_read(results)]
    for task, facts in results.tasks.items():
        before = facts.continues_from
        parts += [
            f"### {text(task)} ({text(facts.metric or 'metric not known')})",
            *_data(facts, results),
            *([f"Every method went on from what it had learnt of {text(before)}."] if before else []),
            tables.scores(task),
        ]
        low = tables.not_above_majority(task)
        if low:
            parts.append(f"**Not above the majority class**, so worth nothing: {text(_shortened(low))}.")
        parts += _warnings(results, task)
        differences = tables.differences(task)
        if differences:
            parts += [_how_compared(results), differences]
        parts += ["Transfer gap (source minus target, in points):", tables.transfer(task)]
    return "\n\n".join(parts)


def _how_to_read(results: Results) -> str:
    """What stands in a cell of the tables of scores."""
    level = f"{results.confidence * 100:g}%"
    if len(results.seeds) > 1:
        cell = f"mean over seeds ± sample standard deviation ({level} interval over test examples and seeds)"
    else:
        cell = f"one seed ({level} interval over test examples)"
    return (
        f"In points (score x 100), on the metric that the task is judged by: {cell}. All metrics and seeds are in "
        "`scores.csv`, means in `summary.csv`."
    )


def _how_compared(results: Results) -> str:
    """What stands in a cell of the tables of differences."""
    return text(
        "Differences on the same test examples, in points, with their intervals. "
        f"* p below {1 - results.confidence:.6g} after Holm's correction over the languages of a column."
    )


def _data(facts: TaskFacts, results: Results) -> list[str]:
    """A sentence on the labelled data: how much there is, and how much of it occurs twice."""
    data = facts.data.get(results.source_language)
    if data is None or not data.splits:
        return []
    examples = listed([f"{split.get('examples')} {name}" for name, split in data.splits.items()])
    repeated = [
        f"{count} of its {name.removesuffix('_in_train')} examples are in its training data as well."
        for name, count in (data.repeated or {}).items()
        if count
    ]
    return [text(" ".join([f"Examples of the source language: {examples}.", *repeated]))]


def _warnings(results: Results, task: str) -> list[str]:
    """What the metric has to say about single scores."""
    groups = grouped((line, score) for score in results.scores if score.task == task for line in score.warnings)
    lines = []
    for line, scores in groups.items():
        names = [f"{score.method} on {language_label(results, score.language)}" for score in scores]
        lines.append(f"**Note.** {text(line)} That is so for {text(_shortened(list(dict.fromkeys(names))))}.")
    return lines


def _shortened(names: list[str]) -> str:
    """The first few of many names."""
    more = len(names) - LISTED_AT_MOST
    rest = f"; and {more} more, listed in results.json" if more > 0 else ""
    return "; ".join(names[:LISTED_AT_MOST]) + rest


def _gaps(results: Results, digits: int) -> str:
    """Missing scores by what is to blame for them."""
    groups = list(grouped(((gap.reason, gap.log), gap) for gap in results.gaps).values())
    lines = [_gap_group(results, gaps) for gaps in groups[:LISTED_AT_MOST]]
    if len(groups) > LISTED_AT_MOST:
        lines.append(f"- And {len(groups) - LISTED_AT_MOST} more causes, listed in `results.json`.")
    return "\n".join(lines)


def _gap_group(results: Results, gaps: list[Gap]) -> str:
    first = gaps[0]
    cells = grouped(((gap.task, gap.language, gap.method), gap.seed) for gap in gaps)
    rows = grouped(((task, language, tuple(seeds)), method) for (task, language, method), seeds in cells.items())
    names = [
        f"{task} on {language_label(results, language)}: {listed(methods)}, {_seed_list(seeds)}"
        for (task, language, seeds), methods in rows.items()
    ]
    lines = [f"- **{text(first.reason)}**"]
    if first.hint:
        lines.append(f"  Hint: {text(first.hint)}")
    if first.log:
        lines.append(f"  Log: {text(first.log)}")
    lines.append(f"  Missing: {text(_shortened(names))}.")
    return "\n".join(lines)


def _seed_list(seeds: Sequence[int]) -> str:
    word = "seed" if len(seeds) == 1 else "seeds"
    return f"{word} {', '.join(str(seed) for seed in seeds)}"


def _checks(results: Results, digits: int) -> str:
    """How many checks passed, those that did not one by one, and a count by name."""
    if not results.checks:
        return "No job has recorded a check."
    failed = [check for check in results.checks if not check.passed]
    passed = len(results.checks) - len(failed)
    parts = [f"{passed} of {len(results.checks)} checks passed."]
    if failed:
        rows = [
            [check.name, check.job, "failed" if check.hard else "warning", _value(check.value), check.detail]
            for check in failed
        ]
        parts.append(table(["Check", "Job", "Outcome", "Value", "What it means"], rows, left=5))
    by_name = grouped(((check.name, check.hard), check.passed) for check in results.checks)
    counts = [
        [name, "fails the job" if hard else "warns", sum(answers), len(answers) - sum(answers)]
        for (name, hard), answers in sorted(by_name.items())
    ]
    return "\n\n".join([*parts, table(["Check", "A no", "Passed", "Not passed"], counts, left=2)])


def _value(value: float | int | str | bool | None) -> str:
    """A measured value: six digits are enough to see what is wrong."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return NOTHING if value is None else str(value)
