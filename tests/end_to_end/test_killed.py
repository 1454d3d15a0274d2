"""A run that is killed and started again ends where an uninterrupted one does, to the byte."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.end_to_end.story import artifact_bytes, begin_with, environment, madx, madx_command, results_of, write_recipe

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("MADX_TEST_KILLS", "6"))
"""How often the run is killed; MADX_TEST_KILLS=20 for a longer look."""


@pytest.mark.parametrize("runner", ["local"])
def test_kills_at_random_moments_change_no_byte(pretrained: Path, tmp_path: Path, runner: str) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
        begin_with(pretrained, folder)
        write_recipe(folder)
    started = time.monotonic()
    madx("run", "small.yaml", "--runner", runner, folder=whole)
    seconds = time.monotonic() - started
    draw = random.Random(0)
    for _ in range(KILLS):
        # A run that goes on from where the last one was killed is shorter: moments from its whole length.
        run_and_kill(broken, draw.uniform(0.3, max(4.0, seconds * 0.4)), runner)
    madx("run", "small.yaml", "--runner", runner, folder=broken)
    assert artifact_bytes(broken / "madx_runs") == artifact_bytes(whole / "madx_runs")
    assert results_of(broken)["scores"] == results_of(whole)["scores"]
    madx("verify", folder=broken)


def run_and_kill(folder: Path, after: float, runner: str) -> None:
    """Starts a run and kills it, without warning, after this many seconds (unless it has ended)."""
    with (folder / "killed.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            madx_command("run", "small.yaml", "--runner", runner), cwd=folder, env=environment(), stdout=log, stderr=log
        )
        try:
            process.wait(timeout=after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()


def test_two_runs_at_the_same_time_do_each_job_once(pretrained: Path, tmp_path: Path) -> None:
    begin_with(pretrained, tmp_path)
    write_recipe(tmp_path)
    runs = [
        subprocess.Popen(
            madx_command("run", "small.yaml", "--runner", "serial"),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    done = [line.split(" ran ")[1].split(" (")[0] for text in outputs for line in text.splitlines() if "] ran " in line]
    assert len(done) == len(set(done))
    assert len(done) + 1 == len(results_of(tmp_path)["jobs"]), "all but the base model"
