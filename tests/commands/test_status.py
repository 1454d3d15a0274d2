"""`madx status`, for people and for programs."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from madx_pipeline.cli import main
from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.place import here
from madx_pipeline.store import Store
from tests.builders import finish


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["madx", "status", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A store in which one job of the quickstart is done, one failed, and one was left at half."""
    jobs = {job.name: job for job in plan_recipe("quickstart", tmp_path).jobs.values()}
    store = Store(tmp_path)
    store.open_for_writing()
    finish(store, jobs["prepare_base_model"])
    store.fail(jobs["prepare_corpus/qad"], "prepare_corpus/qad failed: the disk melted.", "")
    store.begin(jobs["prepare_corpus/qaa"], here()).progress(1, 2)
    return tmp_path


def test_people_see_what_is_not_as_it_should_be_then_the_sum_and_the_longest_chain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    job = next(job for job in plan_recipe("quickstart", home).jobs.values() if job.name == "prepare_corpus/qaa")
    with Store(home).lock(job):
        call(monkeypatch, "--home", str(home))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "failed      prepare_corpus/qad  prepare_corpus/qad failed: the disk melted."
    assert lines[1].startswith(f"running     prepare_corpus/qaa  50%; on {socket.gethostname()}, process ")
    assert lines[2] == "53 jobs: 1 done, 1 running, 1 failed, 50 waiting."
    assert lines[3].startswith("longest chain: prepare_corpus/")
    assert " -> train_language_adapter/" in lines[3]
    assert lines[4].startswith("left: about ")


def test_programs_get_every_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    call(monkeypatch, "--home", str(home), "--json")
    found = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in found["jobs"]}
    assert len(rows) == 53
    assert rows["prepare_corpus/qaa"]["state"] == "interrupted"
    assert rows["prepare_corpus/qaa"]["progress"] == {"done": 1, "total": 2, "numbers": {}}
    assert rows["prepare_corpus/qad"]["why"] == "prepare_corpus/qad failed: the disk melted."
    assert set(found["left"]) == {"critical_path", "critical_path_seconds", "work_seconds", "side_by_side", "seconds"}
