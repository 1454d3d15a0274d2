"""How far one plan goes: 1,000 languages x 5 tasks x 5 seeds, with stages that do nothing.

python -m benchmarks.scale [--languages 1000] [--jobs 25000] [--artifacts 2000] [--home DIR ...]

Measures planning, look-ups in an empty and in a full store, and what an engine adds to each job; then replays recorded
durations on 1, 8, 64 and 512 workers: how long the run takes against its longest chain, which no number of workers
beats. Durations are those recorded in the stores given by `--home`, by stage; where there is none, round figures.
Seconds are of CPU where it says so: they say more than a clock on a machine that does other things as well.
"""

from __future__ import annotations

import argparse
import heapq
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import mean

import yaml

from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.graph import Graph, Ready
from madx_pipeline.integrity import read_artifact
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.outcome import Outcome
from madx_pipeline.runner import Do, Selection, run_plan
from madx_pipeline.runners.local import LocalRunner
from madx_pipeline.runners.ray import RayRunner
from madx_pipeline.slurm.arrays import arrays_of
from madx_pipeline.store import Store

TASKS, SEEDS = 5, 5
WORKERS = (1, 8, 64, 512)
ARRAY = 1001
"""Jobs of an array as Slurm is set up by default."""

LOCAL, RAY = "local with 2 processes", "Ray on this machine, started for the run"

_END = "end"
"""Stage of a job of no length at the end of an array."""

MINUTES = {
    "prepare_base_model": 1.0,
    "prepare_corpus": 5.0,
    "prepare_task_data": 0.5,
    "train_language_adapter": 720.0,
    "train_task_adapter": 30.0,
    "evaluate_zero_shot": 1.0,
    _END: 0.0,
}
"""Where nothing is recorded: about what XLM-R base takes on one GPU, a language adapter in half a day."""


def main() -> None:
    """Prints every measurement as it comes."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = write_recipe(folder, options.languages)
        with measured("planned"):
            plan = plan_recipe(str(recipe), folder / "home")
        print(f"  {len(plan.jobs)} jobs, {len(plan.cells)} scores")
        with measured("looked up in an empty store", len(plan.jobs)):
            look_up(plan, folder / "empty")
        some = first_jobs(plan, options.artifacts)
        engines(first_jobs(plan, options.jobs), "nothing", do_nothing, folder)
        engines(some, "an artifact", make_artifact, folder)
        with measured("looked up in a full store, checksums compared", len(some.jobs)):
            look_up(some, folder / f"{RAY}-an artifact")
    replay(plan, recorded_seconds(options.home))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--languages", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=25_000, help="Jobs that do nothing at all.")
    parser.add_argument("--artifacts", type=int, default=2_000, help="Jobs that make an artifact.")
    parser.add_argument("--home", type=Path, nargs="*", default=[])
    return parser.parse_args()


def write_recipe(folder: Path, languages: int) -> Path:
    """A recipe of that size; all text is one file and all labelled data another, since planning only hashes them."""
    (folder / "rows.tsv").write_text("text\tlabel\na\tx\nb\ty\n", encoding="utf-8")
    (folder / "text.txt").write_text("some text\n", encoding="utf-8")
    codes = [f"en-x-{number:04d}" for number in range(languages)]
    source, *targets = codes
    files = {code: {"test": "rows.tsv"} for code in targets}
    files[source] = dict.fromkeys(("train", "validation", "test"), "rows.tsv")
    recipe = {
        "name": "scale",
        "base_model": {"builtin": "miniature"},
        "source_language": source,
        "target_languages": targets,
        "corpora": {"default": {"path": "text.txt"}},
        "tasks": {f"task{index}": {"card": "table", "files": files} for index in range(TASKS)},
        "methods": ["madx"],
        "seeds": list(range(SEEDS)),
    }
    path = folder / "scale.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


def look_up(plan: Plan, home: Path) -> None:
    """What a run does before it starts anything."""
    Store(home).open_for_writing()
    run_plan(plan, Selection(set()), Store(home), LocalRunner(home, 1), _Nobody())


def first_jobs(plan: Plan, count: int) -> Plan:
    """So many jobs of a plan, each with all that it needs."""
    return Plan(plan.recipe, dict(islice(plan.jobs.items(), count)))


def engines(plan: Plan, what: str, do: Do, folder: Path) -> None:
    """What a runner adds to each job."""
    for name in (LOCAL, RAY):
        home = folder / f"{name}-{what}"
        Store(home).open_for_writing()
        runner = RayRunner(home, None, None, do) if name == RAY else LocalRunner(home, 2, do=do)
        with measured(f"{name}, each job makes {what}", len(plan.jobs)):
            outcomes = run_plan(plan, Selection(set(plan.jobs)), Store(home), runner, _Nobody())
        wrong = [outcome for outcome in outcomes.values() if outcome.state != "ran"]
        assert not wrong, wrong[:3]


def do_nothing(job: Job, home: Path) -> Outcome:
    """In place of a stage."""
    return Outcome(job.fingerprint, "ran")


def make_artifact(job: Job, home: Path) -> Outcome:
    """In place of a stage: all that the store does, around one small file."""
    store = Store(home)
    with store.lock(job):
        workspace = store.begin(job)
        (workspace.path / "out.txt").write_text("made", encoding="utf-8")
        store.finish(job, workspace, {})
    return Outcome(job.fingerprint, "ran")


def recorded_seconds(homes: list[Path]) -> dict[str, float]:
    """Mean seconds of a job by stage, over what is recorded in these stores."""
    found: dict[str, list[float]] = {}
    for home in homes:
        for folder in Store(home).folders():
            artifact = read_artifact(folder)
            if artifact is not None:
                found.setdefault(artifact.record.stage, []).append(artifact.record.seconds)
    return {stage: 60 * minutes for stage, minutes in MINUTES.items()} | {
        stage: mean(seconds) for stage, seconds in found.items()
    }


def replay(plan: Plan, seconds: dict[str, float]) -> None:
    """How long the whole plan would take, by the order in which runners start jobs."""
    graph = Graph.of(plan.jobs.values())
    chain = longest_chain(graph, seconds)
    work = sum(seconds[job.stage] for job in graph.jobs.values())
    print(f"replayed: {work / 3600:.0f} hours of work, longest chain {chain / 3600:.2f} hours")
    for workers in WORKERS:
        ideal = max(chain, work / workers)
        taken, barriers = makespan(graph, seconds, workers), makespan(with_barriers(graph), seconds, workers)
        print(
            f"  {workers:4} workers: {taken / 3600:9.2f} h, x{taken / chain:.2f} of the longest chain, "
            f"x{taken / ideal:.3f} of the ideal; in Slurm's arrays x{barriers / ideal:.3f}"
        )


def longest_chain(graph: Graph, seconds: dict[str, float]) -> float:
    """Seconds that the plan takes with as many workers as there are jobs."""
    ends: dict[str, float] = {}
    for job in graph.jobs.values():
        begins = max((ends[need] for need in graph.needs[job.fingerprint]), default=0.0)
        ends[job.fingerprint] = begins + seconds[job.stage]
    return max(ends.values())


def makespan(graph: Graph, seconds: dict[str, float], workers: int) -> float:
    """Seconds until the last job ends, each starting as soon as it can and a worker is free."""
    ready, running, now = Ready(graph), list[tuple[float, int, str]](), 0.0
    number = 0
    while ready or running:
        while ready and len(running) < workers:
            job = ready.take()
            number += 1
            heapq.heappush(running, (now + seconds[job.stage], number, job.fingerprint))
        now, _, ended = heapq.heappop(running)
        ready.made(ended)
    return now


def with_barriers(graph: Graph) -> Graph:
    """As Slurm orders it: a job waits for the whole of every array that it needs something of.

    An edge for every pair would be millions, so each array is gone through by a job of no length at its end.
    """
    arrays = arrays_of(graph, ARRAY)
    needs = {job.fingerprint: [f"array {number}" for number in array.after] for array in arrays for job in array.jobs}
    ends = [replace(array.jobs[0], fingerprint=f"array {number}", stage=_END) for number, array in enumerate(arrays)]
    needs |= {end.fingerprint: [job.fingerprint for job in array.jobs] for end, array in zip(ends, arrays, strict=True)}
    needed_by: dict[str, list[str]] = {}
    for job, its_needs in needs.items():
        for need in its_needs:
            needed_by.setdefault(need, []).append(job)
    return Graph({**{end.fingerprint: end for end in ends}, **graph.jobs}, needs, needed_by)


class _Nobody:
    """Does not look."""

    def started(self, job: Job) -> None:
        """Nothing."""

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Nothing."""


@contextmanager
def measured(what: str, jobs: int | None = None) -> Iterator[None]:
    """Prints seconds, CPU seconds of this process and its children, and its memory before and after."""
    before, clock, memory = _cpu(), time.monotonic(), _resident()
    yield
    seconds, cpu = time.monotonic() - clock, _cpu() - before
    each = f", {1000 * seconds / jobs:.2f} ms a job ({1000 * cpu / jobs:.2f} of CPU)" if jobs else ""
    print(f"{what}: {seconds:.1f} s ({cpu:.1f} of CPU){each}; memory {memory:.0f} -> {_resident():.0f} MiB", flush=True)


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
