"""`results.json`, key by key: everything a report says comes from here.

Scores are fractions (1.0 is perfect); only tables for people show points (x 100). What has no value
is null, never zero. What surprises: a score that should be there and is not is not left out but
stands in `gaps`, with the reason.
"""

from __future__ import annotations

from madx_pipeline.records import Json
from madx_pipeline.report.costs import Efficiency, Storage
from madx_pipeline.report.effects import (
    Answer,
    Comparison,
    Counted,
    Outcome,
    PairedComparison,
    Summary,
    Transfer,
    Verdict,
)
from madx_pipeline.report.provenance import (
    BaseModelFacts,
    CheckResult,
    JobResult,
    LanguageFacts,
    Part,
    TaskFacts,
)

__all__ = [
    "FORMAT",
    "Answer",
    "Comparison",
    "Counted",
    "Efficiency",
    "Gap",
    "Outcome",
    "PairedComparison",
    "Results",
    "Score",
    "Storage",
    "Summary",
    "Transfer",
    "Verdict",
]

FORMAT = 4
"""Version of the layout of `results.json`."""


class Score(Part):
    """One number: one metric of one evaluation."""

    task: str
    """Name of the task in the recipe."""
    method: str
    """Method of the recipe (`madx`, `task_adapter_only`, ...)."""
    source_language: str
    """Code of the language whose labels the task was trained on."""
    language: str
    """Code of the language of the test set."""
    seed: int
    """Seed of the training on the task; the recipe's first where there is none: a published task adapter, the
    majority class."""
    metric: str
    """Name of the metric, as in the artifact's `scores.json`; those by label are in `by_label`."""
    primary: bool
    """Whether this is the metric that the task is judged by."""
    value: float
    """The score as a fraction: 1.0 is perfect."""
    majority: float | None
    """The majority class baseline on the same test set and metric, as a fraction; null where it was not measured."""
    examples: int
    """Number of test examples that were scored."""
    language_adapter: str | None
    """Code of the language whose adapter was in the stack; null for none."""
    job: str
    """Name of the evaluation job; two methods may share one."""
    by_label: dict[str, float]
    """Metrics by label or entity type (`f1.PER`), as fractions, beside the primary metric; otherwise empty."""
    warnings: list[str]
    """What the metric has to say about values that are 0 by definition, beside the primary metric; otherwise empty."""
    folder: str
    """Folder of the evaluation's artifact, relative to home; its `examples.jsonl` has the single predictions."""


class Gap(Part):
    """A score that the recipe asks for and that is not there."""

    task: str
    """Name of the task in the recipe."""
    method: str
    """Method of the recipe."""
    language: str
    """Code of the language."""
    seed: int
    """Seed of the training on the task."""
    job: str | None
    """Name of the job that is to blame; null where the recipe itself leaves the score out."""
    reason: str
    """Why it is not there, in one line."""
    hint: str
    """What to do about it, in one line; may be empty."""
    log: str | None
    """Log of the job to blame, relative to home; null where there is none."""


class Results(Part):
    """The whole of `results.json`."""

    format: int
    """Version of this layout."""
    recipe: str
    """Name of the recipe."""
    description: str
    """The recipe's own summary; may be empty."""
    base_model: BaseModelFacts
    """The base model that everything was built on."""
    source_language: str
    """Code of the language with labelled training data."""
    target_languages: list[str]
    """Codes of the languages that are evaluated without labelled training data, in the recipe's order."""
    methods: list[str]
    """Methods in the recipe's order."""
    seeds: list[int]
    """Seeds in the recipe's order."""
    confidence: float
    """Level of every interval, as a fraction."""
    verdicts: list[Verdict]
    """The answer per language: targets in the recipe's order, then the source; empty without the method `madx`."""
    scores: list[Score]
    """Every metric of every evaluation that is in the store."""
    summary: list[Summary]
    """The same over seeds."""
    comparisons: list[PairedComparison]
    """Every method against the baselines, by task and language."""
    transfer: list[Transfer]
    """Transfer gaps."""
    efficiency: list[Efficiency]
    """What every method costs on every task, in the recipe's order."""
    storage: list[Storage]
    """What storing all languages and tasks of the run comes to, by method."""
    gaps: list[Gap]
    """Scores that are missing, and why."""
    checks: list[CheckResult]
    """What the jobs asked themselves before their results were believed."""
    languages: dict[str, LanguageFacts]
    """Code of a language to what is known of it: its text, its language adapter, licences."""
    tasks: dict[str, TaskFacts]
    """Name of a task to its metric, labels and data."""
    jobs: list[JobResult]
    """Every job of the plan, in the order in which they can run."""
    parameters: dict[str, dict[str, Json]]
    """Stage to the parameters it was run with."""
    libraries: dict[str, list[str]]
    """Library to its versions; more than one where artifacts were made with different ones."""
    configuration: dict[str, Json]
    """The recipe as it was understood, defaults filled in, but for what changes no result: trackers, resources."""

    def targets_of(self, task: str) -> list[str]:
        """The targets that a task is evaluated on, in the recipe's order."""
        own = self.tasks[task].target_languages if task in self.tasks else None
        return [language for language in self.target_languages if own is None or language in own]
