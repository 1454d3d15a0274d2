"""Which runner is taken, and what is said where it cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.errors import InputError
from madx_pipeline.runners import Choice, make_runner
from tests.builders import make_job


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("ray", "--runner ray needs Ray, which is not installed.", 'Install it: pip install "madx-pipeline[ray]"'),
        (
            "slurm",
            "--runner slurm needs submitit, which is not installed.",
            'Install it: pip install "madx-pipeline[slurm]"',
        ),
    ],
)
def test_without_its_extra_a_runner_says_which_command_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, message: str, hint: str
) -> None:
    monkeypatch.setattr("madx_pipeline.runners.find_spec", lambda module: None)
    with pytest.raises(InputError) as refused:
        make_runner(Choice(name), tmp_path, [make_job("job")])
    assert [(problem.message, problem.hint) for problem in refused.value.problems] == [(message, hint)]


@pytest.mark.parametrize("name", ["serial", "local", "slurm"])
def test_a_job_that_has_to_be_made_again_is_refused_where_it_cannot_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """While planning its damage was not known, so the runner was made for no job at all."""
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    job = make_job("job")
    job.resources["gpus"] = 1
    runner = make_runner(Choice(name), tmp_path, [])
    with pytest.raises(InputError, match=r"asks for 1 GPU, this machine has 0|sbatch is not found"):
        runner.refuse([job])
    runner.close()


def test_without_slurm_itself_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"there is no Slurm here: sbatch is not found\."):
        make_runner(Choice("slurm"), tmp_path, [make_job("job")])


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice("rai"), "there is no runner 'rai'. Possible: serial, local, ray, slurm."),
        (Choice("local", address="head:6379"), "--address is for --runner ray."),
        (Choice(leave=True), "--leave is for --runner slurm."),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, choice: Choice, message: str) -> None:
    with pytest.raises(InputError) as refused:
        make_runner(choice, tmp_path, [])
    assert refused.value.problems[0].message == message
