"""Jobs as arrays: together what waits for the same, never longer than the cluster allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.graph import Graph
from madx_pipeline.slurm.arrays import arrays_of


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    return Graph.of(plan_recipe("quickstart", tmp_path).jobs.values())


def test_every_job_is_in_one_array_of_its_stage_after_what_it_needs(graph: Graph) -> None:
    arrays = arrays_of(graph, 1000)
    place = {job.fingerprint: number for number, array in enumerate(arrays) for job in array.jobs}
    assert sorted(place) == sorted(graph.jobs)
    for number, array in enumerate(arrays):
        assert len({job.stage for job in array.jobs}) == 1
        needed = {place[need] for job in array.jobs for need in graph.needs[job.fingerprint]}
        assert needed == set(array.after)
        assert all(other < number for other in array.after)


def test_what_waits_for_less_is_not_held_up_by_what_waits_for_more(graph: Graph) -> None:
    arrays = arrays_of(graph, 1000)
    trainings = [array for array in arrays if array.jobs[0].stage == "train_task_adapter"]
    waits = {
        job.key["on"]: {arrays[other].jobs[0].stage for other in array.after}
        for array in trainings
        for job in array.jobs
    }
    assert "train_language_adapter" in waits["qaa"]
    assert "train_language_adapter" not in waits["none"]


def test_no_array_is_longer_than_the_cluster_allows_and_each_part_waits_for_its_own_needs_alone(graph: Graph) -> None:
    arrays = arrays_of(graph, 1)
    assert all(len(array.jobs) == 1 for array in arrays)
    assert len(arrays) == len(graph.jobs)
    for array in arrays:
        assert {arrays[other].jobs[0].fingerprint for other in array.after} == set(
            graph.needs[array.jobs[0].fingerprint]
        )
