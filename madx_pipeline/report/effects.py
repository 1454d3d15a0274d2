"""The part of `results.json` that says what the scores mean: over seeds, against the baselines, by language.

Every interval says what it counts, and what cannot be computed is null: a difference without evidence is one
thing, a difference that nobody could test another.
"""

from __future__ import annotations

from typing import Literal

from madx_pipeline.report.part import Part

Answer = Literal["helps", "no evidence", "hurts"]
"""What the test says of a difference: larger than chance explains, either way, or not."""

Outcome = Literal["helps", "no evidence", "hurts", "source", "unknown"]
"""The answer for a language; `verdicts.outcome_of` says when it is which."""

Counted = Literal["examples and seeds", "examples", "seeds"]
"""What an interval counts: how much other test examples would change, other seeds, or both."""


class Summary(Part):
    """One metric of one method on one language, over seeds."""

    task: str
    """Name of the task in the recipe."""
    method: str
    """Method of the recipe."""
    language: str
    """Code of the language of the test set."""
    metric: str
    """Name of the metric."""
    primary: bool
    """Whether this is the metric that the task is judged by."""
    mean: float
    """Mean over seeds, as a fraction."""
    std: float | None
    """Sample standard deviation over seeds, as a fraction; null with one seed."""
    low: float | None
    """Lower end of the interval of the mean (level `confidence`), not below 0; null where there is none."""
    high: float | None
    """Upper end of that interval, not above 1."""
    interval: Counted | None
    """What the interval counts; null where there is none.

    `examples`: a bootstrap over the test examples of one seed. `seeds`: Student t over seeds, for a metric whose
    value by example is not stored.
    """
    seeds: list[int]
    """The seeds that there are scores of."""
    majority: float | None
    """The majority class baseline on the same test set, as a fraction; null where it was not measured."""
    examples: int
    """Number of test examples."""


class Transfer(Part):
    """What is lost between the source language and a target language, on the task's primary metric."""

    task: str
    """Name of the task in the recipe."""
    method: str
    """Method of the recipe."""
    language: str
    """Code of the target language."""
    metric: str
    """Name of the primary metric."""
    gap: float
    """Score on the source minus score on the target, as a fraction: mean over the seeds that have both."""
    std: float | None
    """Sample standard deviation of the gap over seeds, as a fraction; null with one seed."""
    seeds: list[int]
    """The seeds that have both scores."""


class PairedComparison(Part):
    """One method against one baseline on the same test examples and seeds, on the task's primary metric.

    Baselines are `task_adapter_only` and `madx_source_kept`; where two methods are one and the same evaluation
    (both variants of MAD-X on the source language), there is no comparison.
    """

    task: str
    """Name of the task in the recipe."""
    language: str
    """Code of the language of the test set."""
    metric: str
    """Name of the primary metric."""
    method: str
    """The method that is asked about."""
    baseline: str
    """What it is compared with: `task_adapter_only` or `madx_source_kept`."""
    difference: float
    """Mean over `seeds` of `method` minus `baseline`, as a fraction: positive where the method is better."""
    low: float | None
    """Lower end of the interval of the difference (level `confidence`); null where it cannot be computed."""
    high: float | None
    """Upper end of that interval."""
    interval: Counted | None
    """What interval and p value count; null where there are none."""
    p: float | None
    """Two-sided p value of no difference; null where it cannot be computed."""
    p_holm: float | None
    """The same after Holm's correction over all languages with this task, method and baseline."""
    detectable: float | None
    """Smallest true difference (fraction) that this test set and these seeds would show in 80% of runs; not corrected.

    Null where it cannot be computed.
    """
    seeds: list[int]
    """The seeds on which both have scores."""
    examples: int
    """Number of test examples."""
    answer: Answer | None
    """`helps` or `hurts` where `p_holm` is below 1 - `confidence`, by the sign; null without a p value."""


class Comparison(Part):
    """MAD-X against the better of the methods without the right language adapter, on one task and language."""

    task: str
    """Name of the task in the recipe."""
    metric: str
    """Name of the primary metric."""
    madx: float
    """Mean score of `madx` over `seeds`, as a fraction."""
    rival: str
    """The one of `rivals` that leaves the smaller margin: to choose it by the same scores is strict on MAD-X."""
    rival_mean: float
    """Mean score of the rival over `seeds`, as a fraction."""
    rivals: list[str]
    """The methods that could be compared: those with seeds that `madx` has as well."""
    margin: float
    """`madx` minus `rival_mean`, as a fraction: positive where MAD-X is better."""
    rival_gap: float | None
    """Score of `madx` on the source language minus `rival_mean`: the transfer gap that the rival leaves.

    A fraction; null for the source language itself, or where its score is missing.
    """
    seeds: list[int]
    """The seeds on which MAD-X and the rival have scores."""


class Verdict(Part):
    """The answer for one language: does its language adapter help, and by how much."""

    language: str
    """Code of the language."""
    outcome: Outcome
    """The answer; `source` for the source language, `unknown` where numbers are missing."""
    falls_short: bool
    """Whether it helps, and too little: the gain is below `smallest_gain_points`, or closes a smaller share of the
    transfer gap than `smallest_gap_closed` (parameters of the stage `report`), or no score is above the majority
    class."""
    margin: float | None
    """Mean over tasks of the margins, as a fraction; null where nothing could be compared."""
    low: float | None
    """Lower end of the interval of the margin (level `confidence`); null where it cannot be computed."""
    high: float | None
    """Upper end of that interval."""
    interval: Counted | None
    """What interval and p value count; null where there are none."""
    p: float | None
    """Two-sided p value of a margin of 0; null where it cannot be computed."""
    p_holm: float | None
    """The same after Holm's correction over the target languages; null for the source language."""
    detectable: float | None
    """Smallest true margin (fraction) that these test sets and seeds would show in 80% of runs; not corrected."""
    gap_closed: float | None
    """Sum of margins over sum of rival gaps: the share of the rival's transfer gap that MAD-X closes.

    Null where there is no such gap.
    """
    seeds: int
    """Number of seeds behind the margin: of the task that has fewest."""
    comparisons: list[Comparison]
    """The margin of each task that has one."""
    missing_tasks: list[str]
    """Tasks of the recipe that could not be compared."""
