"""Verdicts in plain words: the sentence for a language, from its numbers.

A sentence begins with the answer, so that who reads only that much is not misled.
"""

from __future__ import annotations

from madx_pipeline.report.markdown import listed, percent, points, signed_points
from madx_pipeline.report.results import Outcome, Results, Verdict
from madx_pipeline.report.verdicts import RIVALS

HEADLINES: dict[Outcome, str] = {
    "helps": "MAD-X helps here.",
    "falls short": "MAD-X does not work here.",
    "does not help": "MAD-X does not help here.",
    "hurts": "MAD-X hurts here.",
    "unclear": "No clear effect here.",
    "source": "The source language itself.",
    "unknown": "Not known.",
}
"""The answer, as the first sentence of a verdict."""


def language_label(results: Results, language: str) -> str:
    """Name and code of a language: `Swahili (sw)`; plain text, not escaped."""
    name = results.languages[language].name
    return language if name == language else f"{name} ({language})"


def seen_label(seen: bool | None) -> str:
    """Whether the base model has seen a language, in a word."""
    return {True: "seen", False: "unseen", None: "not known"}[seen]


def verdict_sentences(results: Results, verdict: Verdict, digits: int) -> str:
    """The verdict on one language in plain words, without its name; plain text, not escaped.

    Args:
        results: What the verdict is from.
        verdict: One of `results.verdicts`.
        digits: Digits after the point of points.
    """
    headline = HEADLINES[verdict.outcome]
    if verdict.margin is None:
        return f"{headline} {_why_unknown(results, verdict)}"
    parts = [headline, f"{_effect(verdict, digits)}{_over_tasks(verdict)}{_closing(verdict)}."]
    parts += [_seeds(verdict, results, digits), _by_task(verdict, digits), *_caveats(results, verdict)]
    return " ".join(part for part in parts if part)


def _why_unknown(results: Results, verdict: Verdict) -> str:
    """Why nothing could be compared."""
    if not set(RIVALS) & set(results.methods):
        return f"There is nothing to compare with: neither {' nor '.join(RIVALS)} was part of the run."
    languages = (verdict.language, results.source_language)
    reasons = [gap.reason for language in languages for gap in results.gaps if gap.language == language]
    return f"The scores to compare are missing: {reasons[0]}" if reasons else "There is nothing to compare with."


def _effect(verdict: Verdict, digits: int) -> str:
    """What MAD-X changes, in points."""
    margin = verdict.margin or 0.0
    size = points(abs(margin), digits)
    rivals = _rivals(verdict)
    if float(size) == 0:
        return f"MAD-X scores the same as {rivals}"
    subject = "It" if HEADLINES[verdict.outcome].startswith("MAD-X") else "MAD-X"
    change = f"gains {size} points over" if margin > 0 else f"loses {size} points against"
    return f"{subject} {change} {rivals}"


def _rivals(verdict: Verdict) -> str:
    compared = _compared(verdict)
    return f"the better of {listed(compared)}" if len(compared) > 1 else compared[0]


def _compared(verdict: Verdict) -> list[str]:
    """The methods that MAD-X was compared with on any task."""
    return [rival for rival in RIVALS if any(rival in comparison.rivals for comparison in verdict.comparisons)]


def _over_tasks(verdict: Verdict) -> str:
    tasks = [comparison.task for comparison in verdict.comparisons]
    return f", averaged over {listed(tasks)}" if len(tasks) > 1 else f" on {tasks[0]}"


def _closing(verdict: Verdict) -> str:
    """How much of the transfer gap is closed, where there is a gain to speak of."""
    if verdict.gap_closed is None or (verdict.margin or 0.0) <= 0 or verdict.outcome == "source":
        return ""
    share = percent(verdict.gap_closed)
    if verdict.outcome == "falls short":
        return f", but closes only {share} of the transfer gap left there"
    return f", and closes {share} of the transfer gap left there"


def _seeds(verdict: Verdict, results: Results, digits: int) -> str:
    """How far the seeds let one trust the margin."""
    if verdict.seeds == 1:
        return "One seed: the spread between seeds is unknown."
    if verdict.low is None or verdict.high is None:
        return "Tasks have different seeds: there is no interval."
    level = f"{results.confidence * 100:g}%"
    low, high = signed_points(verdict.low, digits), signed_points(verdict.high, digits)
    zero = ", has zero in it" if verdict.outcome == "unclear" else ""
    return f"{level} interval over {verdict.seeds} seeds: {low} to {high}{zero}."


def _by_task(verdict: Verdict, digits: int) -> str:
    """The margin of each task, where there is more than one."""
    if len(verdict.comparisons) < 2:
        return ""
    parts = [
        f"{comparison.task} {signed_points(comparison.margin, digits)} (over {comparison.rival})"
        for comparison in verdict.comparisons
    ]
    return f"By task: {', '.join(parts)}."


def _caveats(results: Results, verdict: Verdict) -> list[str]:
    """What the comparison lacks."""
    found = []
    if verdict.missing_tasks:
        found.append(f"Not compared, for scores are missing: {listed(verdict.missing_tasks)}.")
    expected = [rival for rival in RIVALS if verdict.outcome != "source" or rival != "madx_source_kept"]
    for rival in expected:
        if rival not in results.methods:
            found.append(f"{rival} was not part of the run: the gain may look larger than it is.")
        elif any(rival not in comparison.rivals for comparison in verdict.comparisons):
            found.append(f"Scores of {rival} are missing: the gain may look larger than it is.")
    better = _tasks_lost_to("full_finetuning", results, verdict.language)
    if better:
        found.append(f"full_finetuning scores higher than MAD-X on {listed(better)}.")
    return found


def _tasks_lost_to(method: str, results: Results, language: str) -> list[str]:
    """Tasks on which a method that is no rival has a higher mean than MAD-X: a reader should not miss that."""
    means = {(row.task, row.method): row.mean for row in results.summary if row.primary and row.language == language}
    return [
        task
        for task in results.tasks
        if (task, method) in means and (task, "madx") in means and means[task, method] > means[task, "madx"]
    ]
