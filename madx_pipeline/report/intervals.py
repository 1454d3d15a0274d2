"""From the single predictions in the store to estimates: how sure each score and each difference is.

One task in one language at a time: its evaluations are read once, turned into counts by example
(`outcomes.py`), resampled together (`bootstrap.py`), and forgotten but for the estimates. So memory holds one
test set's answers however large the report is.

An evaluation whose predictions cannot be read, or do not give the score that was recorded, has no estimate; the
log says so, and the report shows that there is no interval.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from madx_pipeline.methods import is_seeded
from madx_pipeline.report.answers import Answers, read_answers
from madx_pipeline.report.bootstrap import Sample, difference, estimate_of, repeated, sample_of
from madx_pipeline.report.counting import Counts, Measure
from madx_pipeline.report.evidence import Evidence, Measured, pairs
from madx_pipeline.report.outcomes import METRICS, measure_of
from madx_pipeline.report.results import Score
from madx_pipeline.report.statistics import grouped

SAME = 1e-9
"""How far a score that is computed again may be from the one recorded."""

_LOG = logging.getLogger(__name__)


def evidence_of(scores: Sequence[Score], home: Path) -> Evidence:
    """Everything that the single predictions tell.

    Args:
        scores: The scores of a run.
        home: Folder of the store that has their evaluations.
    """
    evidence = Evidence()
    tests = grouped(((score.task, score.language), score) for score in scores if score.primary)
    for (task, language), cells in tests.items():
        samples = _samples(cells, home)
        for method, sample in samples.items():
            evidence.scores[task, language, method] = _measured(sample)
        for method, baseline in pairs(list(samples)):
            system, other = samples[method], samples[baseline]
            differences = difference(system if is_seeded(method) else repeated(system, other.seeds), other)
            if differences is not None:
                evidence.differences[task, language, method, baseline] = _measured(differences)
    return evidence


def _measured(sample: Sample) -> Measured:
    return Measured(estimate_of(sample), sample.seeds, sample.examples)


def _samples(scores: Sequence[Score], home: Path) -> dict[str, Sample]:
    """The scores of every method on one test set and on resamples of it."""
    if scores[0].metric not in METRICS:
        _LOG.warning("%s: no intervals, for %s has no values by example.", scores[0].task, scores[0].metric)
        return {}
    answers = _answers(scores, home)
    measure = measure_of(scores[0].metric, {name for found in answers.values() for name in found.names})
    try:
        counts = {folder: measure.counts_of(found) for folder, found in answers.items()}
    except ValueError as error:
        _LOG.warning("%s in %s: no intervals, for its labels are odd: %s.", scores[0].task, scores[0].language, error)
        return {}
    usable = [score for score in scores if score.folder in counts and _gives(measure, counts[score.folder], score)]
    if not usable:
        return {}
    # All methods at once are one matrix product, which takes half the time of many thin ones.
    together = sample_of(measure, {index: counts[score.folder] for index, score in enumerate(usable)})
    columns = grouped((score.method, index) for index, score in enumerate(usable))
    return {method: _of_method(together, indices, usable) for method, indices in columns.items()}


def _of_method(together: Sample, columns: Sequence[int], scores: Sequence[Score]) -> Sample:
    """The columns of one method, by ascending seed."""
    columns = sorted(columns, key=lambda index: scores[index].seed)
    seeds = tuple(scores[index].seed for index in columns)
    return replace(together, seeds=seeds, scores=together.scores[columns], resampled=together.resampled[:, columns])


def _answers(scores: Sequence[Score], home: Path) -> dict[str, Answers]:
    """Folder of an evaluation to its answers; two methods may share one, and it is read once."""
    found: dict[str, Answers] = {}
    for score in {score.folder: score for score in scores}.values():
        try:
            answers = read_answers(home / score.folder / "examples.jsonl")
            if found and not same_test(next(iter(found.values())), answers):
                raise ValueError("its test examples are not those of the other methods")
        except (OSError, ValueError) as error:
            _LOG.warning("%s: no interval, for its predictions cannot be used: %s.", score.job, error)
            continue
        found[score.folder] = answers
    return found


def same_test(one: Answers, other: Answers) -> bool:
    """Whether two evaluations were asked the same, in the same order."""
    if not np.array_equal(one.lengths, other.lengths):
        return False
    if one.names == other.names:
        return np.array_equal(one.gold, other.gold)
    ours, theirs = (np.array(answers.names, dtype=object)[answers.gold] for answers in (one, other))
    return np.array_equal(ours, theirs)


def _gives(measure: Measure, counts: Counts, score: Score) -> bool:
    """Whether the counts of an evaluation give the score that was recorded."""
    again = float(measure.score(counts.sum(axis=0))) if len(counts) else None
    if again is not None and abs(again - score.value) <= SAME:
        return True
    _LOG.warning("%s: no interval, for its predictions give %s, not the score %s.", score.job, again, score.value)
    return False
