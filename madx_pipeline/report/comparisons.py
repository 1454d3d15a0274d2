"""Every method against the baselines, by task and language: from scores and evidence to `results.comparisons`.

Pure functions. P values are corrected over the languages on which one question is asked: the same task, method
and baseline (Holm 1979). One question to 200 languages would otherwise find ten effects where there are none.
"""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from madx_pipeline.methods import is_seeded
from madx_pipeline.report.evidence import Evidence, pairs
from madx_pipeline.report.results import PairedComparison, Score, Verdict
from madx_pipeline.report.significance import comparison_of, effect_of, holm
from madx_pipeline.report.statistics import grouped

_Tested = TypeVar("_Tested", PairedComparison, Verdict)


def comparisons_of(
    scores: Iterable[Score], methods: Sequence[str], evidence: Evidence, confidence: float
) -> list[PairedComparison]:
    """All comparisons, in the order of the scores.

    Args:
        scores: The scores of a run.
        methods: Its methods.
        evidence: What the single predictions tell.
        confidence: Level of the intervals, as a fraction.
    """
    tests = grouped(((score.task, score.language), score) for score in scores if score.primary)
    found = [
        comparison
        for cells in tests.values()
        for pair in pairs(methods)
        for comparison in _comparison(cells, pair, evidence, 1 - confidence)
    ]
    corrected = with_holm(found, [(row.task, row.method, row.baseline) for row in found])
    return [_answered(row, 1 - confidence) for row in corrected]


def _answered(row: PairedComparison, level: float) -> PairedComparison:
    if row.p_holm is None:
        return row
    return row.model_copy(update={"answer": effect_of(row.difference, row.p_holm, level)})


def with_holm(rows: Sequence[_Tested], families: Sequence[Hashable]) -> list[_Tested]:
    """The rows with `p_holm`: `p` corrected for all the rows of its family that have one."""
    found = list(rows)
    members = grouped((family, index) for index, family in enumerate(families))
    for indices in members.values():
        tested = [(index, p) for index in indices if (p := rows[index].p) is not None]
        for (index, _), p in zip(tested, holm([p for _, p in tested]), strict=True):
            found[index] = rows[index].model_copy(update={"p_holm": p})
    return found


def _comparison(
    cells: Sequence[Score], pair: tuple[str, str], evidence: Evidence, level: float
) -> Iterator[PairedComparison]:
    """One method and one baseline on one test set, if both have scores and are not the same evaluations."""
    method, baseline = ({cell.seed: cell for cell in cells if cell.method == name} for name in pair)
    if method and not is_seeded(pair[0]):  # its one score is compared with every seed of the other
        method = dict.fromkeys(baseline, next(iter(method.values())))
    seeds = [seed for seed in method if seed in baseline]
    if not seeds or all(method[seed].folder == baseline[seed].folder for seed in seeds):
        return
    first = method[seeds[0]]
    measured = evidence.of_difference(first.task, first.language, pair, seeds)
    tested = None if measured is None else comparison_of(measured.estimate, level)
    yield PairedComparison(
        task=first.task,
        language=first.language,
        metric=first.metric,
        method=pair[0],
        baseline=pair[1],
        difference=statistics.fmean(method[seed].value - baseline[seed].value for seed in seeds),
        low=tested.low if tested else None,
        high=tested.high if tested else None,
        interval=measured.counted if measured else None,
        p=tested.p_value if tested else None,
        p_holm=None,
        detectable=tested.smallest_detectable if tested else None,
        seeds=seeds,
        examples=first.examples,
        answer=None,
    )
