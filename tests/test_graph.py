"""What waits for what, and what is to start first."""

from __future__ import annotations

from madx_pipeline.graph import Graph, Ready
from tests.builders import make_job

BASE, CORPUS = make_job("base", stage="prepare_base_model"), make_job("corpus", language="a")
TRAINING = make_job("training", stage="train_language_adapter", inputs={"base_model": BASE, "corpus": CORPUS})
AFTER = make_job("after", inputs={"language_adapter": TRAINING, "base_model": BASE})
ALONE = make_job("alone", language="b")


def names(graph: Graph) -> list[str]:
    return [job.name for job in graph.jobs.values()]


def test_the_job_with_the_most_work_behind_it_comes_first_and_none_before_what_it_needs() -> None:
    assert names(Graph.of([ALONE, BASE, CORPUS, TRAINING, AFTER])) == ["base", "corpus", "training", "alone", "after"]


def test_what_is_there_already_is_not_waited_for() -> None:
    graph = Graph.of([TRAINING, AFTER])
    assert graph.needs == {TRAINING.fingerprint: [], AFTER.fingerprint: [TRAINING.fingerprint]}
    assert names(graph)[0] == "training"


def test_everything_behind_a_job_is_known() -> None:
    graph = Graph.of([BASE, CORPUS, TRAINING, AFTER, ALONE])
    assert {job.name for job in graph.behind(CORPUS.fingerprint)} == {"training", "after"}
    assert graph.behind(ALONE.fingerprint) == []


def test_a_job_can_start_when_the_last_of_its_needs_is_made() -> None:
    ready = Ready(Graph.of([BASE, CORPUS, TRAINING]))
    assert [ready.take().name, ready.take().name] == ["base", "corpus"]
    ready.made(BASE.fingerprint)
    assert not ready
    ready.made(CORPUS.fingerprint)
    assert ready.first().name == ready.take().name == "training"
