"""Running a plan: order, failures, what is found, what is set aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.errors import InputError
from madx_pipeline.jobs import Cell, Plan
from madx_pipeline.outcome import Outcome
from madx_pipeline.runner import Selection, run_plan, select
from madx_pipeline.store import Store
from tests.builders import InstantRunner, Silent, finish, make_job, make_plan_of

BASE = make_job("base", stage="prepare_base_model")
CORPUS = make_job("corpus", inputs={"base_model": BASE})
ADAPTER = make_job("adapter", stage="train_language_adapter", inputs={"base_model": BASE, "corpus": CORPUS})
OTHER = make_job("other", language="qad", inputs={"base_model": BASE})
PLAN = make_plan_of(BASE, CORPUS, ADAPTER, OTHER)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.open_for_writing()
    return store


def states(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {PLAN.jobs[fingerprint].name: outcome.state for fingerprint, outcome in outcomes.items()}


def everything(plan: Plan = PLAN, *force: str) -> Selection:
    return Selection(set(plan.jobs), frozenset(force))


def test_a_job_starts_after_everything_it_needs(store: Store) -> None:
    runner = InstantRunner(store)
    run_plan(PLAN, everything(), store, runner, Silent())
    order = runner.order
    assert order.index("base") < order.index("corpus") < order.index("adapter")
    assert sorted(order) == ["adapter", "base", "corpus", "other"]
    assert runner.closed


def test_the_job_with_the_most_work_behind_it_goes_first(store: Store) -> None:
    runner = InstantRunner(store)
    run_plan(make_plan_of(BASE, OTHER, CORPUS, ADAPTER), everything(), store, runner, Silent())
    assert runner.order == ["base", "corpus", "adapter", "other"]


def test_a_second_run_does_nothing(store: Store) -> None:
    run_plan(PLAN, everything(), store, InstantRunner(store), Silent())
    again = InstantRunner(store)
    outcomes = run_plan(PLAN, everything(), store, again, Silent())
    assert again.order == []
    assert set(states(outcomes).values()) == {"found"}


def test_a_failed_job_stops_only_what_depends_on_it(store: Store) -> None:
    runner = InstantRunner(store, fails=frozenset({"corpus"}))
    outcomes = run_plan(PLAN, everything(), store, runner, Silent())
    assert states(outcomes) == {"base": "ran", "corpus": "failed", "adapter": "not run", "other": "ran"}
    problem = outcomes[ADAPTER.fingerprint].problem
    assert problem is not None
    assert problem.message == "adapter was not run: corpus failed."


def test_a_damaged_artifact_is_named_set_aside_and_made_again(store: Store) -> None:
    run_plan(PLAN, everything(), store, InstantRunner(store), Silent())
    (store.path(CORPUS) / "out.txt").write_text("mad3", encoding="utf-8")
    runner, observer = InstantRunner(store), Silent()
    outcomes = run_plan(PLAN, everything(), store, runner, observer)
    assert runner.order == ["corpus"]
    assert states(outcomes)["corpus"] == "ran"
    said = [outcome.problem for name, outcome in observer.outcomes if outcome.state == "damaged"]
    assert said[0] is not None
    assert "out.txt: does not match its checksum" in said[0].message
    assert len(list(store.path(CORPUS).parent.glob("*.damaged-1"))) == 1


def test_what_is_to_be_made_again_because_it_is_damaged_is_asked_about_before_anything_runs(store: Store) -> None:
    impossible, other = make_job("impossible"), make_job("other", language="qad")
    finish(store, impossible)
    (store.path(impossible) / "out.txt").write_text("mad3", encoding="utf-8")
    runner = InstantRunner(store)
    plan = make_plan_of(other, impossible)
    with pytest.raises(InputError, match="impossible asks for too much"):
        run_plan(plan, everything(plan), store, runner, Silent())
    assert runner.order == []
    assert runner.closed


def test_force_makes_a_stage_again_and_keeps_the_old_one_aside(store: Store) -> None:
    run_plan(PLAN, everything(), store, InstantRunner(store), Silent())
    runner = InstantRunner(store)
    run_plan(PLAN, everything(PLAN, "train_language_adapter"), store, runner, Silent())
    assert runner.order == ["adapter"]
    assert len(list(store.path(ADAPTER).parent.glob("*.replaced-1"))) == 1


def test_what_is_not_selected_is_not_run_and_says_so(store: Store) -> None:
    wanted = select(PLAN, only="prepare_corpus")
    outcomes = run_plan(PLAN, Selection(wanted), store, InstantRunner(store), Silent())
    problem = outcomes[CORPUS.fingerprint].problem
    assert problem is not None
    assert problem.message == "corpus was not run: base is not there."


def test_until_runs_a_stage_and_what_it_needs(store: Store) -> None:
    runner = InstantRunner(store)
    run_plan(PLAN, Selection(select(PLAN, until="train_language_adapter")), store, runner, Silent())
    assert sorted(runner.order) == ["adapter", "base", "corpus"]


def test_a_language_is_run_with_what_its_scores_need() -> None:
    plan = make_plan_of(BASE, CORPUS, ADAPTER, OTHER)
    plan.cells.append(Cell("pos", "madx", "qad", 1, OTHER.fingerprint))
    names = {plan.jobs[fingerprint].name for fingerprint in select(plan, language="qad")}
    assert names == {"base", "other"}


def test_an_artifact_made_by_somebody_else_in_the_meantime_counts_as_found(store: Store) -> None:
    finish(store, BASE)
    runner = InstantRunner(store)
    outcomes = run_plan(PLAN, everything(), store, runner, Silent())
    assert "base" not in runner.order
    assert states(outcomes)["base"] == "found"
