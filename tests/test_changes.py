"""Why a job has to run, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from madx_pipeline.changes import Reasons
from madx_pipeline.store import Store
from tests.builders import finish, make_job, make_plan_of


def test_a_job_that_is_known_to_be_impossible_says_what_is_in_its_way(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open_for_writing()
    job = replace(make_job("fetch_language_adapter/sw"), obstacle="x/sw is not in the cache.")
    assert Reasons(make_plan_of(job), store).why(job) == "x/sw is not in the cache."


def test_a_commit_that_changed_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open_for_writing()
    old = replace(make_job("sw", params={"a": 1}), source={"id": "x/sw", "revision": "1" * 12})
    finish(store, old)
    job = replace(make_job("sw", params={"a": 2}), params={"a": 1}, source={"id": "x/sw", "revision": "2" * 12})
    assert Reasons(make_plan_of(job), store).why(job) == f'revision "{"1" * 12}" -> "{"2" * 12}"'
