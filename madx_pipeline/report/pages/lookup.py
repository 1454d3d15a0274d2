"""`Results` arranged for pages: what belongs to a language, a task or a cell, found without searching.

A page per language that searched all scores would make 200 languages quadratic.
"""

from __future__ import annotations

from collections.abc import Iterable

from madx_pipeline.report.provenance import CheckResult, JobResult
from madx_pipeline.report.results import Gap, PairedComparison, Results, Score, Summary, Transfer, Verdict
from madx_pipeline.report.statistics import grouped

Cell = tuple[str, str, str]
"""(task, language, method)."""


class Lookup:
    """One run, to be looked things up in.

    Args:
        results: The results.

    Attributes:
        results: The results.
        languages: Codes, the source first, then the targets in the recipe's order.
        summaries: Cell to its summary on the task's primary metric.
        transfer: Cell to its transfer gap.
        gaps: Cell to the scores that are missing in it, one a seed.
        verdicts: Code of a language to its verdict.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        self.languages = [results.source_language, *results.target_languages]
        self.summaries: dict[Cell, Summary] = {
            (row.task, row.language, row.method): row for row in results.summary if row.primary
        }
        self.transfer: dict[Cell, Transfer] = {(row.task, row.language, row.method): row for row in results.transfer}
        self.gaps: dict[Cell, list[Gap]] = grouped(((gap.task, gap.language, gap.method), gap) for gap in results.gaps)
        self.verdicts: dict[str, Verdict] = {verdict.language: verdict for verdict in results.verdicts}
        self._comparisons = grouped(((row.task, row.language), row) for row in results.comparisons)
        self._scores = grouped(((score.task, score.language), score) for score in results.scores if score.primary)
        self._gaps_of = grouped((gap.language, gap) for gap in results.gaps)
        self._jobs = {job.fingerprint: job for job in results.jobs}
        self._by_name = {job.name: job for job in results.jobs}
        self._checks = grouped((check.job, check) for check in results.checks)

    @property
    def targets_by_gain(self) -> list[str]:
        """Target languages, the largest gain first; those without one last, in the recipe's order."""
        return sorted(self.results.target_languages, key=self._gain_rank)

    def comparisons(self, task: str, language: str) -> list[PairedComparison]:
        """Every method against the baselines on one test set."""
        return self._comparisons.get((task, language), [])

    def comparison(self, task: str, language: str, method: str, baseline: str) -> PairedComparison | None:
        """One method against one baseline on one test set."""
        rows = self.comparisons(task, language)
        return next((row for row in rows if (row.method, row.baseline) == (method, baseline)), None)

    def scores(self, task: str, language: str) -> list[Score]:
        """The scores on the primary metric of one test set: one a method and seed."""
        return self._scores.get((task, language), [])

    def gaps_of(self, language: str) -> list[Gap]:
        """What is missing of a language."""
        return self._gaps_of.get(language, [])

    def folder(self, fingerprint: str) -> str | None:
        """Folder of a job's artifact, relative to home."""
        job = self._jobs.get(fingerprint)
        return job.folder if job else None

    def jobs_of(self, language: str) -> list[JobResult]:
        """The jobs that are about one language, in the order in which they can run."""
        facts, results = self.results.languages[language], self.results
        data = [task.data.get(language) for task in results.tasks.values()]
        parts = [facts.corpus, facts.language_adapter, *data]
        names = [self._jobs[part.fingerprint].name for part in parts if part and part.fingerprint in self._jobs]
        for task in results.tasks:
            names += [score.job for score in self.scores(task, language)]
        names += [gap.job for gap in self.gaps_of(language) if gap.job]
        return [self._by_name[name] for name in dict.fromkeys(names) if name in self._by_name]

    def checks_of(self, jobs: Iterable[JobResult]) -> list[CheckResult]:
        """What these jobs asked themselves."""
        return [check for job in jobs for check in self._checks.get(job.name, [])]

    def _gain_rank(self, language: str) -> tuple[bool, float]:
        verdict = self.verdicts.get(language)
        if verdict is None or verdict.margin is None:
            return True, 0.0
        return False, -verdict.margin
