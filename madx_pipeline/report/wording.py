"""Verdicts in plain words: the sentence for a language, from its numbers.

A sentence begins with the answer, so that who reads only that much is not misled.
"""

from __future__ import annotations

from collections import Counter

from madx_pipeline.report.markdown import listed, percent, points, signed_points
from madx_pipeline.report.results import Outcome, Results, Verdict
from madx_pipeline.report.verdicts import RIVALS

HEADLINES: dict[Outcome, str] = {
    "helps": "MAD-X helps here.",
    "no evidence": "No evidence of an effect here.",
    "hurts": "MAD-X hurts here.",
    "source": "The source language itself.",
    "unknown": "Not known.",
}
"""The answer, as the first sentence of a verdict."""

TOO_LITTLE = "MAD-X helps too little here."
"""The first sentence of a verdict on a gain that falls short."""


def language_label(results: Results, language: str) -> str:
    """Name and code of a language: `Swahili (sw)`; plain text, not escaped."""
    name = results.languages[language].name
    return language if name == language else f"{name} ({language})"


def shows_majority(results: Results) -> bool:
    """Whether tables show the majority class beside the methods: not where it is one of them."""
    return "majority_class" not in results.methods


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
    head = headline(verdict)
    if verdict.margin is None:
        return f"{head} {_why_unknown(results, verdict)}"
    effect = f"{_effect(verdict, digits)}{_over_tasks(verdict)}{_closing(results, verdict)}."
    worth = _worth(results, verdict)
    parts = [head, effect, worth, *_certainty(results, verdict, digits), _by_task(verdict, digits)]
    return " ".join(part for part in [*parts, *_caveats(results, verdict)] if part)


def headline(verdict: Verdict) -> str:
    """The answer, as a sentence."""
    return TOO_LITTLE if verdict.falls_short else HEADLINES[verdict.outcome]


def tally(results: Results) -> str:
    """In how many target languages the answer is which; plain text."""
    verdicts = [verdict for verdict in results.verdicts if verdict.outcome != "source"]
    count = Counter(verdict.outcome for verdict in verdicts)
    short = sum(verdict.falls_short for verdict in verdicts)
    parts = [
        f"it helps in {count['helps']}" + (f" (too little in {short} of them)" if short else ""),
        f"there is no evidence in {count['no evidence']}",
        f"it hurts in {count['hurts']}",
        f"nothing is known in {count['unknown']}" if count["unknown"] else "",
    ]
    return f"Of {len(verdicts)} target languages, {listed([part for part in parts if part])}."


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
    subject = "It" if headline(verdict).startswith("MAD-X") else "MAD-X"
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


def _closing(results: Results, verdict: Verdict) -> str:
    """How much of the transfer gap is closed, or why that is too little, where there is a gain to speak of."""
    if verdict.outcome != "helps" or verdict.margin is None:
        return ""
    params = results.parameters["report"]
    if 100 * verdict.margin < params["smallest_gain_points"]:
        return f", less than the {params['smallest_gain_points']:g} points that count as a help"
    if verdict.gap_closed is None:
        return ""
    but = "but closes only" if verdict.gap_closed < params["smallest_gap_closed"] else "and closes"
    return f", {but} {percent(verdict.gap_closed)} of the transfer gap left there"


def _worth(results: Results, verdict: Verdict) -> str:
    """Where MAD-X, whatever it gains, does no better than a constant answer."""
    low = [
        row.task
        for row in results.summary
        if row.primary
        and (row.method, row.language) == ("madx", verdict.language)
        and row.majority is not None
        and row.mean <= row.majority
    ]
    return f"Its score on {listed(low)} is not above the majority class, so worth nothing." if low else ""


def _certainty(results: Results, verdict: Verdict, digits: int) -> list[str]:
    """Interval, p value, and what could have been shown at all."""
    if verdict.low is None or verdict.high is None or verdict.p is None:
        return ["Its predictions by example cannot be used, so nothing says whether that is more than chance."]
    level = f"{results.confidence * 100:g}%"
    low, high = signed_points(verdict.low, digits), signed_points(verdict.high, digits)
    over = "test examples" if verdict.interval == "examples" else f"test examples and {_seed_count(verdict)}"
    found = [f"{level} interval over {over}: {low} to {high}; {_p_values(results, verdict)}."]
    if verdict.interval == "examples":
        found.append("One seed: seeds were not varied, and another may change this.")
    if verdict.detectable is None:
        return [*found, "No difference, however large, could have been shown."]
    return [
        *found,
        f"The smallest difference that could have been shown is about {points(verdict.detectable, digits)} points.",
    ]


def _seed_count(verdict: Verdict) -> str:
    counts = sorted({len(comparison.seeds) for comparison in verdict.comparisons})
    return f"{counts[0]} seeds" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def _p_values(results: Results, verdict: Verdict) -> str:
    """The corrected p value, and the one before where the correction makes the difference."""
    if verdict.p is None or verdict.p_holm is None:
        return p_value(verdict.p)
    tested = sum(other.p_holm is not None for other in results.verdicts)
    if tested == 1:
        return p_value(verdict.p_holm)
    corrected = f"{p_value(verdict.p_holm)} after Holm's correction over {tested} languages"
    level = 1 - results.confidence
    return f"{corrected} ({p_value(verdict.p)} before)" if verdict.p < level <= verdict.p_holm else corrected


def p_value(p: float | None) -> str:
    """`p = 0.0321`, `p below 0.001`; three digits that count."""
    if p is None:
        return "p not known"
    return "p below 0.001" if p < 0.001 else f"p = {p:.3g}"


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
    for method in ("full_finetuning", "lora", "mlm_target"):
        better = _tasks_lost_to(method, results, verdict.language)
        if better:
            found.append(f"{method} scores higher than MAD-X on {listed(better)}.")
    return found


def _tasks_lost_to(method: str, results: Results, language: str) -> list[str]:
    """Tasks on which a method that is no rival has a higher mean than MAD-X: a reader should not miss that."""
    means = {(row.task, row.method): row.mean for row in results.summary if row.primary and row.language == language}
    return [
        task
        for task in results.tasks
        if (task, method) in means and (task, "madx") in means and means[task, method] > means[task, "madx"]
    ]
