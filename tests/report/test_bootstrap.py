"""Resamples of a test set, and what they say of the variance of a score."""

from __future__ import annotations

import random

import numpy as np
import pytest

from madx_pipeline.errors import JobError
from madx_pipeline.report import bootstrap
from madx_pipeline.report.bootstrap import Sample, difference, estimate_of, sample_of
from madx_pipeline.report.counting import Counts
from madx_pipeline.report.outcomes import measure_of
from madx_pipeline.tasks import metrics
from tests.report.made_up_systems import World, chances, span_outcomes, text_outcomes

ACCURACY = measure_of("accuracy")
SPAN_F1 = measure_of("span_f1")


def texts(*right: int) -> Counts:
    """Outcomes of texts that are right (1) or wrong (0)."""
    return np.array([[answer, 1] for answer in right], dtype=np.int64)


def test_the_score_of_a_resample_is_the_metric_of_its_sentences() -> None:
    chance = random.Random(1)
    labels = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    gold = [[chance.choice(labels) for _ in range(5)] for _ in range(12)]
    predicted = [[chance.choice(labels) if chance.random() < 0.3 else label for label in line] for line in gold]
    sample = sample_of(SPAN_F1, {7: SPAN_F1.counts(gold, predicted)}, resamples=20)
    (weights,) = bootstrap._weights(12, 20)
    for times, found in zip(weights.astype(int), sample.resampled[:, 0], strict=True):
        drawn = np.repeat(np.arange(12), times)
        assert len(drawn) == 12
        values = metrics.spans([gold[index] for index in drawn], [predicted[index] for index in drawn]).values
        assert found == values["span_f1"]


def test_all_seeds_and_systems_are_scored_on_the_same_resamples() -> None:
    answers = texts(1, 0, 0, 1, 1, 0, 1)
    sample = sample_of(ACCURACY, {1: answers, 2: answers})
    assert (sample.resampled[:, 0] == sample.resampled[:, 1]).all()
    alike = difference(sample, sample_of(ACCURACY, {2: answers}))
    assert alike is not None
    assert not alike.resampled.any()


def test_the_bootstrap_finds_the_known_variance_of_a_proportion() -> None:
    answers = texts(*[1] * 60, *[0] * 140)
    estimate = estimate_of(sample_of(ACCURACY, {1: answers}, resamples=20_000))
    assert estimate.value == 0.3
    assert estimate.variance == pytest.approx(0.3 * 0.7 / 199, rel=0.03)
    assert (estimate.examples_df, estimate.seeds_varied) == (199, False)


def test_words_of_a_sentence_count_as_one_draw() -> None:
    alone = np.array([[1, 1], [0, 1]] * 500, dtype=np.int64)
    together = np.array([[10, 10], [0, 10]] * 50, dtype=np.int64)
    single, clustered = (estimate_of(sample_of(ACCURACY, {1: counts})).variance for counts in (alone, together))
    assert clustered / single == pytest.approx(10, rel=0.2)


def test_seeds_that_answer_alike_add_nothing() -> None:
    answers = texts(*[1, 0, 1] * 50)
    estimate = estimate_of(sample_of(ACCURACY, {1: answers, 2: answers, 3: answers}))
    assert estimate.from_seeds == 0
    assert estimate.from_examples == pytest.approx(estimate_of(sample_of(ACCURACY, {1: answers})).variance)
    assert estimate.seeds_varied


def test_what_is_peculiar_to_a_seed_on_an_example_is_counted_once() -> None:
    chance = np.random.default_rng(2)
    independent = text_outcomes(chance, np.full((40, 500), 0.5))
    estimate = estimate_of(sample_of(ACCURACY, independent))
    assert estimate.variance == pytest.approx(0.25 / 500 / 40, rel=0.4)
    assert estimate.from_examples < 0.2 * estimate.from_seeds


def test_the_parts_of_the_variance_are_those_that_were_put_in() -> None:
    world = World(seeds=0.2, examples=1.0)
    chance = np.random.default_rng(3)
    found = [
        estimate_of(sample_of(ACCURACY, text_outcomes(chance, *chances(world, chance, 5, 200)))) for _ in range(200)
    ]
    true = np.var([estimate.value for estimate in found])
    assert np.mean([estimate.variance for estimate in found]) == pytest.approx(true, rel=0.25)


def test_the_same_outcomes_give_the_same_bytes() -> None:
    chance = np.random.default_rng(4)
    outcomes = span_outcomes(chance, *chances(World(), chance, 3, 150))
    first = sample_of(SPAN_F1, outcomes)
    bootstrap._weight_block.cache_clear()
    assert sample_of(SPAN_F1, outcomes).resampled.tobytes() == first.resampled.tobytes()


def test_a_large_test_set_is_resampled_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_BLOCK", 700)
    sample = sample_of(ACCURACY, {1: texts(*[1, 0] * 50)}, resamples=30)
    assert sample.resampled.shape == (30, 1)
    assert len(set(sample.resampled[:, 0])) > 5


def test_counts_too_large_for_single_precision_are_summed_exactly() -> None:
    right = np.array([[2**23 + 1, 2**24 + 2], [3, 2**24 + 2], [5, 2**24 + 2]], dtype=np.int64)
    sample = sample_of(ACCURACY, {1: right}, resamples=10)
    (weights,) = bootstrap._weights(3, 10)
    sums = weights.astype(np.int64) @ right
    assert sample.resampled[:, 0].tolist() == (sums[:, 0] / sums[:, 1]).tolist()


def test_systems_are_compared_on_the_seeds_that_both_have() -> None:
    system = sample_of(ACCURACY, {1: texts(1, 1), 2: texts(1, 0), 4: texts(1, 1)})
    other = sample_of(ACCURACY, {2: texts(0, 0), 3: texts(1, 1), 4: texts(0, 1)})
    found = difference(system, other)
    assert found is not None
    assert (found.seeds, found.scores.tolist()) == ((2, 4), [0.5, 0.5])


def test_systems_without_a_common_seed_cannot_be_compared() -> None:
    assert difference(sample_of(ACCURACY, {1: texts(1, 0)}), sample_of(ACCURACY, {2: texts(1, 0)})) is None


def test_systems_with_different_test_sets_are_not_compared() -> None:
    with pytest.raises(JobError, match="the same examples and resamples; these have 2 and 3 examples"):
        difference(sample_of(ACCURACY, {1: texts(1, 0)}), sample_of(ACCURACY, {1: texts(1, 0, 1)}))


@pytest.mark.parametrize(
    "sample",
    [
        sample_of(ACCURACY, {1: texts(1)}),
        sample_of(ACCURACY, {1: texts(0), 2: texts(1)}),
        sample_of(ACCURACY, {1: texts(*[1] * 20)}),
        sample_of(ACCURACY, {1: texts(*[0] * 20), 2: texts(*[0] * 20), 3: texts(*[0] * 20)}),
        sample_of(ACCURACY, {1: np.zeros((4, 2), dtype=np.int64)}),
        sample_of(SPAN_F1, {1: np.zeros((5, 3), dtype=np.int64), 2: np.zeros((5, 3), dtype=np.int64)}),
        sample_of(measure_of("macro_f1", ["a"]), {1: np.zeros((5, 3), dtype=np.int64)}),
    ],
    ids=["one example", "one example two seeds", "all right", "all wrong", "no words", "no spans", "no labels"],
)
def test_degenerate_outcomes_have_an_interval_between_0_and_1(sample: Sample) -> None:
    estimate = estimate_of(sample)
    low, high = estimate.interval_of_score()
    assert 0 <= low <= estimate.value <= high <= 1
    assert high - low > 0.01
    assert 0 < estimate.variance <= 1
    assert 0 <= estimate.p_value() <= 1
