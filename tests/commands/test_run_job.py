"""`madx run-job`: one job from its file, which is input like any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.cli import main
from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.errors import JobError
from madx_pipeline.job_file import job_path, noted_outcome, read_job, write_job
from madx_pipeline.jobs import Job
from madx_pipeline.stage import Inputs, Workspace, stage_module
from madx_pipeline.store import Store

Run = Callable[[Inputs, Any, Workspace], None]


@pytest.fixture
def jobs(tmp_path: Path) -> dict[str, Job]:
    """Jobs of the quickstart by name, written down in a home folder whose store is empty."""
    found = {job.name: job for job in plan_recipe("quickstart", tmp_path).jobs.values()}
    for name in ("prepare_base_model", "prepare_corpus/qaa", "prepare_corpus/qad"):
        write_job(found[name], tmp_path)
    Store(tmp_path).open_for_writing()
    return found


@pytest.fixture
def stage_does(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    return lambda run: monkeypatch.setattr(stage_module("prepare_base_model"), "run", run)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["madx", "run-job", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_job_is_done_from_its_file_and_how_it_ended_is_noted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, jobs: dict[str, Job], stage_does: Callable[[Run], None]
) -> None:
    stage_does(lambda inputs, params, out: out.describe(languages=3))
    job = jobs["prepare_base_model"]
    for state in ("ran", "found"):
        assert call(monkeypatch, job.folder, "--home", str(tmp_path)) == 0
        outcome = noted_outcome(job, tmp_path)
        assert outcome is not None
        assert outcome.state == state
    artifact = Store(tmp_path).find(job)
    assert artifact is not None
    assert artifact.facts == {"languages": 3}


def test_a_job_that_fails_ends_with_1_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    jobs: dict[str, Job],
    stage_does: Callable[[Run], None],
) -> None:
    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        raise JobError("the disk melted.", "Cool it.")

    stage_does(run)
    assert call(monkeypatch, jobs["prepare_base_model"].folder, "--home", str(tmp_path)) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == ["failed: prepare_base_model failed: the disk melted.", "  hint: Cool it."]


def test_a_job_whose_input_is_not_there_is_not_run_and_not_called_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, jobs: dict[str, Job]
) -> None:
    job = jobs["prepare_corpus/qaa"]
    assert call(monkeypatch, job.folder, "--home", str(tmp_path)) == 1
    assert "prepare_corpus/qaa was not run: its base_model is not in the store" in capsys.readouterr().err
    assert Store(tmp_path).failure(job) is None


def test_one_of_a_list_is_counted_off_by_slurms_task(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, jobs: dict[str, Job], stage_does: Callable[[Run], None]
) -> None:
    stage_does(lambda inputs, params, out: None)
    listed = tmp_path / "list.txt"
    listed.write_text(f"no such job\n{jobs['prepare_base_model'].folder}\n", encoding="utf-8")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    assert call(monkeypatch, "--from-list", str(listed), "--home", str(tmp_path)) == 0
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    assert call(monkeypatch, "--from-list", str(listed), "--home", str(tmp_path)) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": {"miniature_steps": 7}}, "its fingerprint is not that of its content"),
        ({"stage": "os.system"}, "there is no stage 'os.system'"),
        ({"key": {"x": "../../etc"}}, "a name in it is no name of a folder"),
        ({"inputs": {"base_model": "00"}}, "its inputs and their folders do not match"),
        ({"surprise": 1}, "is not a job"),
        ({"version": "many"}, "is not a job"),
        ({"resources": {"threads": 0, "gpus": 0, "memory_gib": 1, "processes": 1}}, "is not a job"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    jobs: dict[str, Job],
    change: dict[str, Any],
    message: str,
) -> None:
    job = jobs["prepare_base_model"]
    path = job_path(tmp_path, job.folder)
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    assert call(monkeypatch, job.folder, "--home", str(tmp_path)) == 2
    assert message in capsys.readouterr().err


def test_a_job_of_another_version_of_its_stage_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, jobs: dict[str, Job]
) -> None:
    monkeypatch.setattr(stage_module("prepare_base_model"), "VERSION", 99)
    assert call(monkeypatch, jobs["prepare_base_model"].folder, "--home", str(tmp_path)) == 2
    assert "of prepare_base_model, this is version 99" in capsys.readouterr().err


def test_the_file_of_another_job_under_a_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, jobs: dict[str, Job]
) -> None:
    first, second = jobs["prepare_corpus/qaa"], jobs["prepare_corpus/qad"]
    job_path(tmp_path, first.folder).write_bytes(job_path(tmp_path, second.folder).read_bytes())
    assert call(monkeypatch, first.folder, "--home", str(tmp_path)) == 2
    assert "holds another job" in capsys.readouterr().err


@pytest.mark.parametrize(
    "folder", ["../store/x-0123456789ab", "prepare_corpus/../x-0123456789ab", "prepare_corpus", ""]
)
def test_a_name_that_is_a_path_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str) -> None:
    assert call(monkeypatch, folder, "--home", str(tmp_path)) == 2


def test_a_job_survives_the_way_through_its_file(tmp_path: Path, jobs: dict[str, Job]) -> None:
    job = replace(jobs["prepare_base_model"], expected={"a": "00"}, obstacle="no network", report_to=["wandb"])
    write_job(job, tmp_path)
    assert read_job(tmp_path, job.folder) == job
