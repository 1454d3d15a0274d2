"""Hand-made jobs and plans for tests that are about running, not about training."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from madx_pipeline.errors import InputError
from madx_pipeline.graph import Graph, Ready
from madx_pipeline.jobs import Job, Plan, fingerprint_of
from madx_pipeline.outcome import Outcome
from madx_pipeline.recipe import Recipe
from madx_pipeline.records import Json
from madx_pipeline.store import Store

RECIPE = Recipe.model_validate(
    {
        "name": "made-up",
        "base_model": {"builtin": "miniature"},
        "source_language": "qaa",
        "target_languages": ["qad"],
        "tasks": {"pos": {"card": "miniature_pos"}},
    }
)


def make_job(
    name: str,
    *,
    stage: str = "prepare_corpus",
    language: str = "qaa",
    inputs: dict[str, Job] | None = None,
    params: dict[str, Json] | None = None,
) -> Job:
    """A job whose fingerprint follows from what is given."""
    needs = {role: job.fingerprint for role, job in (inputs or {}).items()}
    key: dict[str, str | int] = {"language": language}
    content = {"stage": stage, "key": key, "params": params or {}, "inputs": needs, "name": name}
    return Job(
        name=name,
        stage=stage,
        version=1,
        kind="corpus",
        key=key,
        params=params or {},
        source=None,
        locations={},
        inputs=needs,
        folders={role: job.folder for role, job in (inputs or {}).items()},
        resources={"threads": 1, "gpus": 0, "memory_gib": 1.0, "processes": 1},
        fingerprint=fingerprint_of(content),
    )


def make_plan_of(*jobs: Job) -> Plan:
    """A plan of these jobs, in this order."""
    return Plan(RECIPE, {job.fingerprint: job for job in jobs})


def finish(store: Store, job: Job, text: str = "made") -> Path:
    """Makes a job's artifact with one file in it."""
    workspace = store.begin(job)
    (workspace.path / "out.txt").write_text(text, encoding="utf-8")
    return store.finish(job, workspace, {"torch": "0"}).path


class InstantRunner:
    """A runner that makes a one-file artifact of each job at once; `fails` says which do not get there.

    It refuses a job that is called `impossible`.
    """

    farewell = ""

    def __init__(self, store: Store, fails: frozenset[str] = frozenset()) -> None:
        self.order: list[str] = []
        self.asked: list[str] = []
        self.closed = False
        self._store = store
        self._fails = fails

    def refuse(self, jobs: Collection[Job]) -> None:
        self.asked = [job.name for job in jobs]
        if "impossible" in self.asked:
            raise InputError("impossible asks for too much.")

    def run(self, graph: Graph, started: Callable[[Job], None]) -> Iterator[Outcome]:
        ready = Ready(graph)
        while ready:
            job = ready.take()
            started(job)
            self.order.append(job.name)
            if job.name in self._fails:
                yield Outcome(job.fingerprint, "failed")
                continue
            finish(self._store, job)
            ready.made(job.fingerprint)
            yield Outcome(job.fingerprint, "ran")

    def close(self) -> None:
        self.closed = True


class Silent:
    """An observer that only remembers."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, Outcome]] = []
        self.begun: list[str] = []

    def started(self, job: Job) -> None:
        self.begun.append(job.name)

    def ended(self, job: Job, outcome: Outcome) -> None:
        self.outcomes.append((job.name, outcome))
