"""A made-up run: hand-made jobs of a whole recipe, and artifacts written by the store itself.

No stage runs: what the stages would have found out is invented here, so that a test knows every number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from madx_pipeline.jobs import Cell, Job, Key, Plan, fingerprint_of
from madx_pipeline.recipe import Recipe
from madx_pipeline.records import Artifact, Json
from madx_pipeline.store import Store
from tests.report.invented import FACTS, MEASURED, write_files

ScoreOf = Callable[[str, str, str, int], float]
"""(task, method, language, seed) to the primary score, as a fraction."""

METHODS = ("madx", "madx_source_kept", "task_adapter_only")

GAINS = {"madx": 0.2, "madx_source_kept": 0.02, "task_adapter_only": 0.0}


def usual_score(task: str, method: str, language: str, seed: int) -> float:
    """A run in which MAD-X helps: the source at 0.9, targets at 0.5 and what the method adds, seeds 0.01 apart."""
    base = 0.9 if language == "qaa" else 0.5 + GAINS.get(method, -0.1)
    return round(base + 0.01 * seed + (0.001 if task == "pos" else 0.0), 6)


def make_recipe(**changes: Any) -> Recipe:
    """A recipe on the miniature with two targets, two tasks and one seed, but for what is given."""
    raw = {
        "name": "made-up",
        "base_model": {"builtin": "miniature"},
        "source_language": "qaa",
        "target_languages": ["qad", "qae"],
        "tasks": {"ner": {"card": "miniature_ner"}, "pos": {"card": "miniature_pos"}},
        "methods": list(METHODS),
        "seeds": [1],
    }
    return Recipe.model_validate({**raw, **changes})


@dataclass
class MadeUp:
    """A plan and a store for it; nothing is in the store until `finish` says so.

    Attributes:
        recipe: The recipe.
        store: The store.
        plan: Its plan.
        score_of: What the evaluations find.
        extra_facts: Name of a job to facts that replace or add to the invented ones.
    """

    recipe: Recipe
    store: Store
    plan: Plan = field(init=False)
    score_of: ScoreOf = usual_score
    extra_facts: dict[str, dict[str, Json]] = field(default_factory=dict)
    _cells: dict[str, Cell] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plan = Plan(self.recipe)
        self.store.open_for_writing()
        base = self._add("prepare_base_model", {}, {})
        adapters = {language: self._language(base, language) for language in self._adapter_languages()}
        for task in self.recipe.tasks:
            self._task(task, base, adapters)

    def job(self, name: str) -> Job:
        """The job of that name."""
        return next(job for job in self.plan.jobs.values() if job.name == name)

    def finish_all(self, but: Iterable[str] = ()) -> MadeUp:
        """Finishes every job but those named and those that need them."""
        missing: set[str] = set()
        for job in self.plan.jobs.values():
            if job.name in but or missing & set(job.inputs.values()):
                missing.add(job.fingerprint)
            else:
                self.finish(job)
        return self

    def finish(self, job: Job, *, libraries: dict[str, str] | None = None) -> Artifact:
        """Writes a job's artifact with invented facts and a check that passed."""
        workspace = self.store.begin(job)
        (workspace.path / "out.txt").write_text(job.name, encoding="utf-8")
        write_files(self, job, workspace.path)
        facts = FACTS[job.stage](self, job)
        workspace.describe(**{**facts, **self.extra_facts.get(job.name, {})})
        workspace.measure(**MEASURED.get(job.stage, {}))
        workspace.check("made_up_check", True, 1, "it is made up")
        return self.store.finish(job, workspace, libraries or {"torch": "2.13.0", "adapters": "1.3.0"})

    def fail(self, name: str, message: str, hint: str = "Do something else.") -> None:
        """Leaves a failed attempt at a job."""
        job = self.job(name)
        workspace = self.store.begin(job)
        (workspace.path / "log.txt").write_text("a traceback\n", encoding="utf-8")
        self.store.fail(job, f"{name} failed: {message}", hint)

    def cell(self, job: Job) -> Cell:
        """The first score that an evaluation answers for."""
        return self._cells[job.fingerprint]

    def _adapter_languages(self) -> list[str]:
        return [language for language in self.recipe.languages if not self.recipe.adapter_choice(language).none]

    def _language(self, base: Job, language: str) -> Job:
        corpus = self._add("prepare_corpus", {"language": language}, {"base_model": base})
        return self._add("train_language_adapter", {"language": language}, {"base_model": base, "corpus": corpus})

    def _task(self, task: str, base: Job, adapters: dict[str, Job]) -> None:
        data: dict[str, Job] = {}
        for language in self.recipe.languages:
            data[language] = self._add("prepare_task_data", {"task": task, "language": language}, {"base_model": base})
        for seed in self.recipe.seeds:
            for method in self.recipe.methods:
                if method == "majority_class":
                    self._majority(task, seed, data)
                else:
                    self._method(task, method, seed, data, adapters)

    def _majority(self, task: str, seed: int, data: dict[str, Job]) -> None:
        if seed != self.recipe.seeds[0]:
            return
        for language in self.recipe.languages:
            inputs = {"task_data": data[language], "source_data": data[self.recipe.source_language]}
            job = self._add("evaluate_majority_class", {"task": task, "language": language, "with": "none"}, inputs)
            self._note(Cell(task, "majority_class", language, seed, job.fingerprint))

    def _method(self, task: str, method: str, seed: int, data: dict[str, Job], adapters: dict[str, Job]) -> None:
        source = self.recipe.source_language
        key: Key = {"task": task, "language": source, "seed": seed}
        stage = {"full_finetuning": "finetune_base_model", "lora": "train_lora"}.get(method, "train_task_adapter")
        inputs = {"task_data": data[source]}
        if method.startswith("madx"):
            inputs["language_adapter"] = adapters[source]
        on = source if method.startswith("madx") else "none"
        tuned = self._add(stage, {**key, "on": on} if stage == "train_task_adapter" else key, inputs)
        for language in self.recipe.languages:
            wanted = {"madx": language, "madx_source_kept": source}.get(method)
            if wanted is None or wanted in adapters:
                self._evaluation(
                    Cell(task, method, language, seed, ""), data[language], tuned, adapters.get(wanted or "")
                )

    def _evaluation(self, cell: Cell, data: Job, tuned: Job, adapter: Job | None) -> None:
        inputs = {"task_data": data, "tuned": tuned} | ({"language_adapter": adapter} if adapter else {})
        key: Key = {
            "task": cell.task,
            "language": cell.language,
            "seed": cell.seed,
            "on": tuned.key.get("on", tuned.stage),
            "with": adapter.key["language"] if adapter else "none",
        }
        name = f"evaluate_zero_shot/{cell.task}/{cell.language}/{cell.method}/{cell.seed}"
        job = self._add("evaluate_zero_shot", key, inputs, name)
        self._note(Cell(cell.task, cell.method, cell.language, cell.seed, job.fingerprint))

    def _note(self, done: Cell) -> None:
        self.plan.cells.append(done)
        self._cells.setdefault(done.fingerprint, done)

    def _add(self, stage: str, key: Key, inputs: dict[str, Job], name: str | None = None) -> Job:
        needs = {role: job.fingerprint for role, job in inputs.items()}
        fingerprint = fingerprint_of({"stage": stage, "key": key, "inputs": needs})
        known = self.plan.jobs.get(fingerprint)
        if known is not None:
            return known
        job = Job(
            name=name or "/".join([stage, *(str(value) for value in key.values())]),
            stage=stage,
            version=1,
            kind="made_up",
            key=key,
            params={"max_steps": 7},
            source=None,
            locations={},
            folders={},
            inputs=needs,
            resources={"threads": 1, "gpus": 0, "memory_gib": 1.0, "processes": 1},
            fingerprint=fingerprint,
        )
        self.plan.jobs[fingerprint] = job
        return job


def make_run(home: Path, score_of: ScoreOf = usual_score, **changes: Any) -> MadeUp:
    """A made-up run at `home`, with nothing finished yet."""
    return MadeUp(make_recipe(**changes), Store(home), score_of)
