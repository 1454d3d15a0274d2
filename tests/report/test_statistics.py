"""Means over seeds and how far to trust them, against values known from elsewhere."""

from __future__ import annotations

import pytest

from madx_pipeline.report.evidence import Evidence, Measured
from madx_pipeline.report.results import Score
from madx_pipeline.report.statistics import primary_scores, spread_of, summarise, transfer_gaps
from madx_pipeline.report.uncertainty import Estimate


def _score(value: float, seed: int = 1, *, language: str = "sw", metric: str = "accuracy") -> Score:
    return Score(
        task="pos",
        method="madx",
        source_language="en",
        language=language,
        seed=seed,
        metric=metric,
        primary=metric == "accuracy",
        value=value,
        majority=0.3 if metric == "accuracy" else None,
        examples=100,
        language_adapter=language,
        job="a job",
        by_label={},
        warnings=[],
        folder="store/a-job",
    )


def test_the_interval_over_three_seeds_is_students() -> None:
    spread = spread_of([0.7, 0.8, 0.9], 0.95)
    assert spread.mean == pytest.approx(0.8)
    assert spread.std == pytest.approx(0.1)
    half = 4.302653 * 0.1 / 3**0.5  # t for 2 degrees of freedom, from a printed table
    assert spread.low == pytest.approx(0.8 - half, abs=1e-6)
    assert spread.high == pytest.approx(0.8 + half, abs=1e-6)


def test_a_lower_level_gives_a_narrower_interval() -> None:
    wide, narrow = spread_of([0.7, 0.8, 0.9], 0.95), spread_of([0.7, 0.8, 0.9], 0.5)
    assert wide.low is not None
    assert narrow.low is not None
    assert narrow.low > wide.low


def test_one_seed_has_a_mean_and_no_spread() -> None:
    spread = spread_of([0.5], 0.95)
    assert (spread.mean, spread.std, spread.low, spread.high) == (0.5, None, None, None)


def test_the_interval_of_a_score_stays_between_0_and_1() -> None:
    (summary,) = summarise([_score(0.95, 1), _score(0.99, 2)], 0.95, Evidence())
    assert summary.high == 1.0
    (summary,) = summarise([_score(0.01, 1), _score(0.05, 2)], 0.95, Evidence())
    assert summary.low == 0.0


def test_metrics_are_summarised_apart_and_keep_their_seeds_and_majority() -> None:
    scores = [_score(0.5, 1), _score(0.2, 1, metric="macro_f1"), _score(0.7, 2), _score(0.4, 2, metric="macro_f1")]
    accuracy, macro_f1 = summarise(scores, 0.95, Evidence())
    assert (accuracy.metric, accuracy.primary, accuracy.seeds) == ("accuracy", True, [1, 2])
    assert accuracy.mean == pytest.approx(0.6)
    assert accuracy.majority == pytest.approx(0.3)
    assert (macro_f1.primary, macro_f1.majority) == (False, None)


def _measured(*seeds: int) -> Evidence:
    estimate = Estimate(0.6, 0.0004, 0.0001 if len(seeds) > 1 else 0.0, 99, len(seeds) - 1)
    return Evidence(scores={("pos", "sw", "madx"): Measured(estimate, seeds, 100)})


def test_an_interval_counts_examples_and_seeds_where_the_predictions_tell() -> None:
    scores = [_score(0.5, 1), _score(0.7, 2)]
    (counted,), (alone,) = summarise(scores, 0.95, _measured(1, 2)), summarise(scores, 0.95, Evidence())
    assert (counted.interval, alone.interval) == ("examples and seeds", "seeds")
    assert (counted.mean, counted.std) == (alone.mean, alone.std)
    assert (counted.low, counted.high) != (alone.low, alone.high)


def test_with_one_seed_an_interval_counts_examples() -> None:
    (summary,) = summarise([_score(0.6, 1)], 0.95, _measured(1))
    assert summary.interval == "examples"
    assert summary.low is not None
    assert summary.high is not None
    assert summary.low < 0.6 < summary.high


def test_predictions_that_lack_a_seed_give_no_interval_of_the_others() -> None:
    (summary,) = summarise([_score(0.5, 1), _score(0.7, 2)], 0.95, _measured(1))
    assert summary.interval == "seeds"


def test_predictions_say_nothing_of_other_metrics() -> None:
    (summary,) = summarise([_score(0.6, 1, metric="macro_f1")], 0.95, _measured(1))
    assert (summary.low, summary.interval) == (None, None)


def test_the_transfer_gap_pairs_source_and_target_by_seed() -> None:
    scores = [_score(0.9, 1, language="en"), _score(0.8, 2, language="en"), _score(0.5, 2), _score(0.1, 3)]
    gaps = transfer_gaps(summarise(scores, 0.95, Evidence()), primary_scores(scores), "en", 0.95)
    assert [(gap.language, gap.seeds) for gap in gaps] == [("sw", [2])]
    assert gaps[0].gap == pytest.approx(0.3)


def test_without_a_source_score_there_is_no_transfer_gap() -> None:
    scores = [_score(0.5, 1)]
    assert transfer_gaps(summarise(scores, 0.95, Evidence()), primary_scores(scores), "en", 0.95) == []
