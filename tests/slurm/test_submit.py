"""What Slurm is handed: the batch script's text, and arrays no longer than the cluster lets them be.

Slurm's commands are stand-ins here; tests/runners/test_slurm.py has the real ones.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from madx_pipeline.graph import Graph
from madx_pipeline.jobs import Job
from madx_pipeline.slurm.arrays import arrays_of
from madx_pipeline.slurm.config import Cluster
from tests.builders import make_job

pytest.importorskip("submitit", reason="submitit is not installed: pip install madx-pipeline[slurm]")
from madx_pipeline.slurm.submit import longest_array, submit


@pytest.fixture
def configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What `scontrol show config` prints; sbatch keeps the scripts that it is given in `scripts`."""
    programs, scripts, shown = tmp_path / "bin", tmp_path / "scripts", tmp_path / "config"
    programs.mkdir()
    scripts.mkdir()
    hand_over = f'number=$(ls {scripts} | wc -l)\ncp "$1" {scripts}/$number\necho "Submitted batch job $number"'
    for name, does in (("scontrol", f"cat {shown}"), ("sbatch", hand_over), ("srun", "exit 1"), ("scancel", "")):
        (programs / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return shown


def scripts_of(jobs: list[Job], home: Path) -> list[str]:

    submit(arrays_of(Graph.of(jobs), longest_array()), {}, home, Cluster())
    return [path.read_text(encoding="utf-8") for path in sorted((home / "scripts").iterdir())]


def test_no_array_is_longer_than_the_cluster_says(configuration: Path, tmp_path: Path) -> None:
    configuration.write_text("MaxArrayTasks = 9\nMaxArraySize            = 2\nMaxDBDMsgs = 20024\n", encoding="utf-8")
    scripts = scripts_of([make_job(f"job{number}", language=f"l{number}") for number in range(5)], tmp_path)
    found = [re.findall(r"^#SBATCH --array=0-(\d+)", script, flags=re.MULTILINE) for script in scripts]
    assert found == [["1"], ["1"], ["0"]]


def test_a_cluster_that_does_not_say_has_the_length_that_is_usual(configuration: Path) -> None:

    configuration.write_text("", encoding="utf-8")
    assert longest_array() == 1001


def test_a_job_has_all_cores_that_it_asked_for_and_not_one_alone(configuration: Path, tmp_path: Path) -> None:
    configuration.write_text("", encoding="utf-8")
    job = make_job("job")
    job.resources.update(threads=3, gpus=2)
    [script] = scripts_of([job], tmp_path)
    assert "#SBATCH --cpus-per-task=6" in script
    [command] = [line for line in script.splitlines() if line.startswith("srun ")]
    assert " --cpus-per-task=6 " in command
