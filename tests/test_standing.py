"""Where jobs stand, read from the store and the queue alone; and how long the rest takes, by what was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from madx_pipeline.forecast import forecast
from madx_pipeline.place import here
from madx_pipeline.slurm.queue import Place, Seen
from madx_pipeline.standing import Stands, standing_of
from madx_pipeline.store import Store
from tests.builders import finish, make_job, make_plan_of

BASE = make_job("base", stage="prepare_base_model")
CORPUS = make_job("corpus", inputs={"base_model": BASE})
TRAINING = make_job("training", stage="train_language_adapter", inputs={"base_model": BASE, "corpus": CORPUS})
OTHER = make_job("other", stage="train_language_adapter", language="b", inputs={"base_model": BASE})
LAST = make_job("last", stage="evaluate_zero_shot", inputs={"language_adapter": TRAINING})
PLAN = make_plan_of(BASE, CORPUS, TRAINING, OTHER, LAST)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.open_for_writing()
    return store


def states(store: Store, slurm: dict[str, tuple[Place, Seen]] | None = None) -> dict[str, Stands]:
    return {stands.job.name: stands for stands in standing_of(PLAN, store, slurm or {})}


def test_each_state_is_told_by_what_lies_in_the_store(store: Store) -> None:
    finish(store, BASE)
    store.begin(CORPUS, here())
    store.fail(OTHER, "other failed: it was to.", "")
    workspace = store.begin(TRAINING, {**here(), "engine": "ray 12"})
    workspace.progress(30, 40, loss=2.0)
    with store.lock(TRAINING):
        found = states(store)
    assert {name: stands.state for name, stands in found.items()} == {
        "base": "done",
        "corpus": "interrupted",
        "training": "running",
        "other": "failed",
        "last": "waiting",
    }
    assert found["training"].place == {**here(), "engine": "ray 12"}
    assert found["training"].fraction == 0.75
    assert found["other"].why == "other failed: it was to."
    assert states(store)["training"].state == "interrupted"


def test_a_job_in_slurms_queue_is_queued_until_slurm_is_done_with_it(store: Store) -> None:
    place = Place("7_3", "madx", "7_3.out")
    queue = {LAST.fingerprint: (place, Seen("PENDING", "Dependency", "", "madx"))}
    assert states(store, queue)["last"].state == "queued"
    over = {LAST.fingerprint: (place, Seen("CANCELLED", "None", "", "madx"))}
    assert states(store, over)["last"].state == "waiting"


def standing(done: dict[str, float], running: dict[str, tuple[float, float]]) -> list[Stands]:
    """Jobs that took so long, and jobs that have run so long to such a fraction; the others wait."""
    found = []
    for job in PLAN.jobs.values():
        if job.name in done:
            found.append(Stands(job, "done", done[job.name]))
        elif job.name in running:
            seconds, fraction = running[job.name]
            found.append(Stands(job, "running", seconds, {"done": fraction, "total": 1.0, "numbers": {}}))
        else:
            found.append(Stands(job, "waiting"))
    return found


def test_the_longest_chain_of_what_is_left_is_found_by_recorded_seconds() -> None:
    left = forecast(standing({"base": 10.0, "corpus": 4.0, "other": 100.0}, {}))
    assert left.path == ["training", "last"]
    assert left.path_seconds is not None
    assert left.path_seconds > 100


def test_a_running_job_is_extrapolated_and_more_side_by_side_are_never_faster_than_the_chain() -> None:
    left = forecast(standing({"base": 10.0, "corpus": 4.0}, {"training": (60.0, 0.75), "other": (60.0, 0.25)}))
    assert left.path[0] == "other"
    assert left.path_seconds == pytest.approx(180.0)
    assert left.side_by_side == 2
    assert left.work_seconds is not None
    assert left.seconds == pytest.approx(max(180.0, left.work_seconds / 2))


def test_where_nothing_was_recorded_nothing_is_promised() -> None:
    left = forecast(standing({}, {}))
    assert left.path == ["base", "corpus", "training", "last"]
    assert (left.path_seconds, left.work_seconds, left.seconds) == (None, None, None)


def test_where_all_is_done_nothing_is_left() -> None:
    left = forecast(standing({job.name: 1.0 for job in PLAN.jobs.values()}, {}))
    assert (left.path, left.seconds) == ([], 0.0)


def test_notes_of_nonsense_are_passed_over(store: Store) -> None:
    partial = store.partial(CORPUS)
    partial.mkdir(parents=True)
    (partial / "job.json").write_text(json.dumps([1]), encoding="utf-8")
    (partial / "progress.json").write_text("{", encoding="utf-8")
    assert states(store)["corpus"].state == "waiting"
