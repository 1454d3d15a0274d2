"""Paired comparisons: known answers, and how often they find what is there and what is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]  # scipy ships no types

from madx_pipeline.report.bootstrap import Sample, difference, estimate_of, sample_of
from madx_pipeline.report.counting import Counts
from madx_pipeline.report.outcomes import measure_of
from madx_pipeline.report.significance import (
    POWER,
    PairedComparison,
    comparison_of,
    effect_of,
    holm,
    smallest_detectable,
)
from madx_pipeline.report.uncertainty import Estimate
from tests.report.made_up_systems import World, chances, text_outcomes

ACCURACY = measure_of("accuracy")


def counts(right: list[int]) -> Counts:
    """Outcomes of texts that are right (1) or wrong (0)."""
    return np.array([[answer, 1] for answer in right], dtype=np.int64)


def system(*right: list[int], resamples: int = 1000) -> Sample:
    """A system whose seeds 1, 2, ... have these answers right."""
    return sample_of(ACCURACY, {seed: counts(answers) for seed, answers in enumerate(right, 1)}, resamples)


def compared(system: Sample, other: Sample) -> PairedComparison:
    sample = difference(system, other)
    assert sample is not None
    return comparison_of(estimate_of(sample))


def test_with_one_seed_it_is_the_paired_t_test_over_examples() -> None:
    ours, theirs = [1] * 130 + [0] * 70, [1] * 100 + [0] * 60 + [1] * 40
    expected = stats.ttest_rel(ours, theirs)
    found = compared(system(ours, resamples=20_000), system(theirs, resamples=20_000))
    low, high = expected.confidence_interval(0.95)
    assert found.difference == pytest.approx(-0.05)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.002)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.01)
    assert not found.seeds_varied


def test_where_seeds_differ_most_it_is_near_the_paired_t_test_over_seeds() -> None:
    ours = [[1] * right + [0] * (400 - right) for right in (300, 320, 310)]
    theirs = [[1] * right + [0] * (400 - right) for right in (300, 300, 304)]
    found = compared(system(*ours), system(*theirs))
    expected = stats.ttest_1samp([0.0, 0.05, 0.015], 0)
    assert found.difference == pytest.approx(0.065 / 3)
    assert found.seeds_varied
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.03)


def test_what_is_hard_for_both_cancels() -> None:
    chance = np.random.default_rng(1)
    shared = chance.random(500) < 0.5
    ours = np.where(chance.random(500) < 0.04, 1, shared).astype(int).tolist()
    theirs = shared.astype(int).tolist()
    alone = compared(system(ours), system(chance.permutation(theirs).tolist()))
    paired = compared(system(ours), system(theirs))
    assert paired.high - paired.low < 0.4 * (alone.high - alone.low)


def test_systems_that_agree_everywhere_are_not_known_to_be_the_same() -> None:
    same = system([1, 0, 1, 1, 0] * 20, [1, 1, 0, 1, 0] * 20)
    found = compared(same, same)
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert -0.05 < found.low < 0 < found.high < 0.05
    assert found.smallest_detectable is not None
    assert found.smallest_detectable > 0.01


def test_a_system_is_compared_with_the_majority_class_on_every_seed() -> None:
    majority = sample_of(ACCURACY, dict.fromkeys((1, 2, 3), counts([1, 0, 0, 0] * 50)))
    found = compared(system([1, 1, 0, 0] * 50, [1, 1, 0, 1] * 50, [1, 1, 1, 1] * 50), majority)
    assert found.difference == pytest.approx(0.5)
    assert found.seeds_varied


def test_without_a_common_seed_there_is_no_comparison() -> None:
    assert difference(system([1, 0]), sample_of(ACCURACY, {9: counts([1, 0])})) is None


def test_one_example_is_no_evidence_and_could_have_shown_nothing() -> None:
    found = compared(system([1], [1]), system([0], [0]))
    assert (found.difference, found.low, found.high, found.p_value) == (1.0, -1.0, 1.0, 1.0)
    assert found.smallest_detectable is None


def test_right_everywhere_against_wrong_everywhere_is_found() -> None:
    found = compared(system([1] * 50), system([0] * 50))
    assert found.difference == 1.0
    assert found.p_value < 1e-6
    assert 0 < found.low < found.high == 1.0


def test_with_one_seed_or_many_3_24_standard_errors_are_detectable() -> None:
    expected = stats.norm.ppf(0.975) + stats.norm.ppf(POWER)
    assert smallest_detectable(Estimate(0.3, 1e-4, 0.0, 1e6, 0)) == pytest.approx(expected * 0.01, rel=1e-3)
    assert smallest_detectable(Estimate(0.0, 5e-5, 5e-5, 1e6, 1e4)) == pytest.approx(expected * 0.01, rel=0.02)


def test_fewer_seeds_detect_only_larger_differences() -> None:
    found = [smallest_detectable(Estimate(0.0, 1e-5, 1e-5, 1e6, seeds - 1)) or 1.0 for seeds in (20, 10, 5, 3)]
    assert found == sorted(found)
    assert found[3] > 2 * found[0]


def test_where_even_a_difference_of_1_would_be_missed_none_is_detectable() -> None:
    assert smallest_detectable(Estimate(0.5, 0.2, 0.0, 5, 0)) is None


def test_holms_correction_in_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # R: p.adjust(p, "holm")
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_an_effect_is_what_stands_after_the_correction() -> None:
    estimates = [Estimate(value, 1e-4, 0.0, 1e6, 0) for value in (0.05, 0.022, -0.05, 0.0)]
    comparisons = [comparison_of(estimate) for estimate in estimates]
    assert comparisons[1].p_value < 0.05
    corrected = holm([comparison.p_value for comparison in comparisons])
    assert corrected[1] == pytest.approx(2 * comparisons[1].p_value)
    found = [effect_of(one.difference, p_value) for one, p_value in zip(comparisons, corrected, strict=True)]
    assert found == ["helps", "no evidence", "hurts", "no evidence"]


def test_the_level_is_not_reached_at_the_level() -> None:
    assert effect_of(0.1, 0.05) == "no evidence"
    assert effect_of(0.1, 0.0499) == "helps"
    assert effect_of(-0.1, 0.0499) == "hurts"
    assert effect_of(0.1, 0.0499, level=0.01) == "no evidence"


def run(world: World, chance: np.random.Generator, seeds: int, examples: int, gain: float = 0.0) -> PairedComparison:
    ours, theirs = chances(world, chance, seeds, examples, (gain, 0.0))
    return compared(*(sample_of(ACCURACY, text_outcomes(chance, right)) for right in (ours, theirs)))


WORLDS = [
    (1, 300, World(own=0.5)),
    (3, 300, World(examples=0.0)),
    (3, 100, World(seeds=0.1, own=0.5)),
    (3, 1000, World(seeds=0.3, own=0.5)),
    (5, 300, World(seeds=0.1, own=0.5)),
    (10, 100, World(seeds=0.05, own=1.0)),
]
"""Seeds, examples, and what the systems have in common."""


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "examples", "world"), WORLDS)
def test_a_true_null_is_rejected_in_3_to_7_percent_of_runs(seeds: int, examples: int, world: World) -> None:
    """The rate over 3,000 runs is known to 0.4%."""
    chance = np.random.default_rng([seeds, examples])
    rejected = sum(run(world, chance, seeds, examples).p_value < 0.05 for _ in range(3000))
    assert 0.03 <= rejected / 3000 <= 0.07


@pytest.mark.slow
def test_after_the_correction_few_families_have_a_false_finding() -> None:
    """Twenty languages, three seeds: 7% of families where 5% is promised; without the correction it would be 64%."""
    world, chance, wrong = World(seeds=0.2, own=0.5), np.random.default_rng(8), 0
    for _ in range(300):
        family = [run(world, chance, 3, 100) for _ in range(20)]
        corrected = holm([comparison.p_value for comparison in family])
        wrong += any(
            effect_of(comparison.difference, p_value) != "no evidence"
            for comparison, p_value in zip(family, corrected, strict=True)
        )
    assert wrong / 300 <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "examples", "world"),
    [
        (1, 300, World(ease=-1.0, own=0.5)),
        (3, 1000, World(ease=-1.5, examples=0.5)),
        (5, 300, World(ease=-1.0, seeds=0.1, own=0.5)),
        (5, 1000, World(ease=-1.5, seeds=0.2, own=0.5)),
        (10, 300, World(ease=-1.0, seeds=0.1, own=0.5)),
    ],
)
def test_a_difference_as_small_as_stated_is_found_mostly_and_one_twice_as_large_almost_always(
    seeds: int, examples: int, world: World
) -> None:
    """One run states what it could have shown; the next is given a true difference of that size, or of twice that."""
    chance = np.random.default_rng([seeds, examples])
    found: dict[int, list[bool]] = {1: [], 2: []}
    for _ in range(500):
        stated = run(world, chance, seeds, examples).smallest_detectable
        for times, results in found.items():
            gain = None if stated is None else world.gain_of(times * stated)
            if gain is not None:
                results.append(run(world, chance, seeds, examples, gain).p_value < 0.05)
    assert min(map(len, found.values())) > 400
    assert np.mean(found[1]) == pytest.approx(POWER, abs=0.06)
    assert np.mean(found[2]) > 0.95
