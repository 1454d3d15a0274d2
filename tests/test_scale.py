"""`benchmarks/scale.py` measures what it says, at a size that takes seconds; nothing here is held to a time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import scale
from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.graph import Graph
from madx_pipeline.stage import STAGES

REPOSITORY = Path(__file__).parents[1]


def test_a_replay_takes_as_long_as_the_work_on_one_worker_and_as_the_longest_chain_on_very_many(tmp_path: Path) -> None:
    plan = plan_recipe(str(scale.write_recipe(tmp_path, 3)), tmp_path / "home")
    assert len(plan.cells) == 3 * scale.TASKS * scale.SEEDS
    graph = Graph.of(plan.jobs.values())
    seconds = scale.recorded_seconds([])
    assert set(seconds) <= {*STAGES, scale._END}
    work, chain = sum(seconds[job.stage] for job in plan.jobs.values()), scale.longest_chain(graph, seconds)
    assert scale.makespan(graph, seconds, 1) == pytest.approx(work)
    assert scale.makespan(graph, seconds, 10**6) == pytest.approx(chain)
    assert max(chain, work / 4) <= scale.makespan(graph, seconds, 4) <= work
    assert scale.makespan(scale.with_barriers(graph), seconds, 10**6) >= chain


@pytest.mark.slow
@pytest.mark.ray
def test_the_whole_benchmark_prints_every_measurement() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install madx-pipeline[ray]")
    command = [sys.executable, "-m", "benchmarks.scale", "--languages", "2", "--jobs", "12", "--artifacts", "4"]
    # A process of its own: Ray reads whom it lets in when it is imported.
    said = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout
    for what in ("planned", "looked up in an empty store", scale.LOCAL, scale.RAY, "looked up in a full store"):
        assert re.search(rf"^{re.escape(what)}.*: \d+\.\d s .*; memory \d+ -> \d+ MiB$", said, flags=re.MULTILINE), what
    assert len(re.findall(r"^ +\d+ workers: ", said, flags=re.MULTILINE)) == len(scale.WORKERS)
