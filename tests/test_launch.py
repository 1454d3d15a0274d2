"""What is said when processes that share a training fail, and which GPUs they see; tests/test_training_processes.py
has real ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import distributed

from madx_pipeline import rank
from madx_pipeline.errors import CheckError, InputError
from madx_pipeline.launch import NOTES, SIGNALS, _environment, _why
from madx_pipeline.machine import VISIBLE_GPUS
from madx_pipeline.store import Store
from madx_pipeline.training import processes
from tests.builders import make_job

Note = Callable[..., None]


@pytest.fixture
def note(tmp_path: Path) -> Note:
    """Leaves the note of a process that failed."""

    def write(number: int, message: str, is_of_another: bool = False, is_check: bool = False) -> None:
        found = {"message": message, "hint": "", "is_check": is_check, "is_of_another": is_of_another, "time": number}
        (tmp_path / f"error-{number}.json").write_text(json.dumps(found), encoding="utf-8")

    return write


def killed(notes: Path) -> None:
    (notes / SIGNALS).write_text('["SIGKILL"]', encoding="utf-8")


def test_the_first_error_of_a_process_itself_counts_most(tmp_path: Path, note: Note) -> None:
    note(1, "Connection closed by peer", is_of_another=True)
    note(2, "check loss failed", is_check=True)
    note(3, "the text is empty.")
    killed(tmp_path)
    error = _why(tmp_path, 4)
    assert str(error) == "check loss failed"
    assert isinstance(error, CheckError)


def test_then_that_one_was_killed(tmp_path: Path, note: Note) -> None:
    note(0, "Connection closed by peer", is_of_another=True)
    killed(tmp_path)
    assert str(_why(tmp_path, 2)) == "one of its 2 processes was killed (SIGKILL; out of memory, perhaps)."


def test_processes_that_did_not_find_together_are_not_said_to_have_been_killed(tmp_path: Path, note: Note) -> None:
    note(1, "DistBackendError: NCCL error: unhandled system error", is_of_another=True)
    assert str(_why(tmp_path, 2)).startswith("its 2 processes lost each other: DistBackendError: NCCL error")


def test_nothing_is_made_up_where_nothing_is_known(tmp_path: Path) -> None:
    error = _why(tmp_path, 2)
    assert error.problems[0].message == "its 2 processes ended without a word."
    assert "the log" in error.problems[0].hint


@pytest.mark.parametrize(("end", "signals"), [("os.kill(os.getpid(), 9)", ["SIGKILL"]), ("sys.exit(1)", [])])
def test_the_launcher_notes_what_signal_ended_a_process(tmp_path: Path, end: str, signals: list[str]) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"import os, sys, time\nif os.environ['RANK'] == '1':\n    {end}\ntime.sleep(60)\n")
    where = ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", "2"]
    command = [sys.executable, "-m", "madx_pipeline.launcher", str(tmp_path / SIGNALS), *where, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert json.loads((tmp_path / SIGNALS).read_text(encoding="utf-8")) == signals
    assert "ChildFailedError" in done.stderr


@pytest.fixture
def partial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a job in which one of several processes takes part; the job's file is not there."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(rank, "_end_with_launcher", lambda: None)
    job = make_job("job")
    workspace = Store(tmp_path).begin(job)
    (workspace.path / NOTES).mkdir()
    return workspace.path


def test_an_error_before_the_stage_begins_is_noted_as_well(tmp_path: Path, partial: Path) -> None:
    with pytest.raises(InputError):
        rank.main(tmp_path, make_job("job").folder)
    error = _why(partial / NOTES, 2)
    assert str(error).startswith("there is no job prepare_corpus/qaa-")


def test_an_error_that_comes_from_another_process_is_noted_as_such(
    tmp_path: Path, partial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def join() -> None:
        raise distributed.DistNetworkError("The client socket has timed out")

    monkeypatch.setattr(rank, "read_job", lambda home, folder: make_job("job"))
    monkeypatch.setattr(processes, "join", join)
    with pytest.raises(distributed.DistNetworkError):
        rank.main(tmp_path, make_job("job").folder)
    assert "lost each other: DistNetworkError: The client socket has timed out" in str(_why(partial / NOTES, 2))


@pytest.mark.parametrize(("gpus", "seen"), [(0, ""), (2, "0,1")])
def test_processes_see_gpus_only_where_the_job_asks_for_some(
    monkeypatch: pytest.MonkeyPatch, gpus: int, seen: str
) -> None:
    monkeypatch.setenv(VISIBLE_GPUS, "0,1")
    job = make_job("job")
    job.resources.update(gpus=gpus, processes=2)
    assert _environment(job)[VISIBLE_GPUS] == seen
