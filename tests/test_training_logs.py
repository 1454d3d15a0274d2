"""What a training tells TensorBoard and others, and that telling changes nothing."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import TrainerCallback
from transformers.integrations import integration_utils

from madx_pipeline.adapter_model import save_adapter
from madx_pipeline.stage import Workspace
from madx_pipeline.trackers import PACKAGES, Tracker
from madx_pipeline.training import TrainingResult, train
from tests.test_training import REPOSITORY, CrashError, interrupted
from tests.training_runs import NAME, PARAMS, language_training, new_language_model, new_task_model

Points = dict[str, dict[int, float]]


def run(
    folder: Path, *report_to: Tracker, logs: Path | None = None, **changes: Any
) -> tuple[TrainingResult, Workspace]:
    """Trains a language adapter in `folder`, tells of it, and saves it."""
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    out = Workspace(folder, folder / "checkpoints", name="train_language_adapter/xx", logs=logs, report_to=report_to)
    model = new_language_model(folder.parent / "base")
    result = train(model, language_training(**changes), PARAMS, 7, out)
    save_adapter(model, NAME, folder / "adapter", with_head=False)
    return result, out


def adapter(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "adapter").iterdir())}


def logged(folder: Path) -> Points:
    """Tag to step to value, as TensorBoard reads them; a step that is there twice is an error."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    points = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert all(len(dict(found)) == len(found) for found in points.values())
    return {tag: dict(found) for tag, found in points.items()}


def test_tensorboard_has_losses_learning_rates_and_evaluations_at_their_steps(tmp_path: Path) -> None:
    result, _ = run(tmp_path / "run", "tensorboard", logs=tmp_path / "logs")
    points = logged(tmp_path / "logs")
    shown = {point["step"]: point["train_loss"] for point in result.curve if "train_loss" in point}
    held_out = {point["step"]: point["loss"] for point in result.curve if "loss" in point}
    assert points["train/loss"] == pytest.approx(shown)
    assert points["eval/loss"] == pytest.approx(held_out)
    assert list(points["train/learning_rate"]) == list(shown)
    assert points["train/learning_rate"][3] > points["train/learning_rate"][18] > 0
    assert sorted(points) == ["eval/loss", "train/grad_norm", "train/learning_rate", "train/loss"]


def test_full_fine_tuning_is_logged_as_well(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    out = Workspace(
        tmp_path / "run", tmp_path / "run" / "checkpoints", logs=tmp_path / "logs", report_to=["tensorboard"]
    )
    train(new_task_model(tmp_path / "base"), language_training(8), PARAMS, 7, out)
    assert list(logged(tmp_path / "logs")["eval/loss"]) == [4, 8]


def test_the_artifact_is_the_same_bytes_with_and_without_logs_and_holds_none(tmp_path: Path) -> None:
    with_logs, _ = run(tmp_path / "with", "tensorboard", logs=tmp_path / "logs")
    without, _ = run(tmp_path / "without")
    assert with_logs == without
    assert adapter(tmp_path / "with") == adapter(tmp_path / "without")
    assert sorted(os.listdir(tmp_path / "with")) == sorted(os.listdir(tmp_path / "without"))


@pytest.mark.parametrize("calls", [1, 3])
def test_an_interrupted_and_resumed_training_has_each_step_once(tmp_path: Path, calls: int) -> None:
    run(tmp_path / "whole", "tensorboard", logs=tmp_path / "logs" / "whole")
    evaluate = interrupted(language_training().evaluate, calls)
    with pytest.raises(CrashError):
        run(tmp_path / "broken", "tensorboard", logs=tmp_path / "logs" / "broken", evaluate=evaluate)
    run(tmp_path / "broken", "tensorboard", logs=tmp_path / "logs" / "broken")
    assert logged(tmp_path / "logs" / "broken") == logged(tmp_path / "logs" / "whole")


def test_a_training_made_again_from_the_start_takes_the_place_of_the_first(tmp_path: Path) -> None:
    run(tmp_path / "first", "tensorboard", logs=tmp_path / "logs")
    run(tmp_path / "second", "tensorboard", logs=tmp_path / "logs", max_steps=8)
    assert list(logged(tmp_path / "logs")["eval/loss"]) == [4, 8]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.test_training_logs import run
from tests.training_runs import language_training

left = [4]
measure = language_training().evaluate

def evaluate(model):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return measure(model)

folder = Path(sys.argv[1])
run(folder / "killed", "tensorboard", logs=folder / "logs" / "killed", evaluate=evaluate)
"""


@pytest.mark.slow
def test_a_killed_training_has_each_step_once_when_it_was_resumed(tmp_path: Path) -> None:
    run(tmp_path / "whole", "tensorboard", logs=tmp_path / "logs" / "whole")
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    assert subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False).returncode == -9
    assert max(logged(tmp_path / "logs" / "killed")["train/loss"]) == 16  # after the last checkpoint, that of step 12
    run(tmp_path / "killed", "tensorboard", logs=tmp_path / "logs" / "killed")
    assert logged(tmp_path / "logs" / "killed") == logged(tmp_path / "logs" / "whole")


def test_a_log_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "logs").write_text("in the way")
    with caplog.at_level(logging.WARNING, logger="madx_pipeline.job"):
        result, out = run(tmp_path / "run", "tensorboard", logs=tmp_path / "logs" / "run")
    assert result.steps == 20
    assert len(out.warnings) == 1
    assert out.warnings[0].startswith("tensorboard was told nothing of this training from here on (")
    assert out.warnings[0] in caplog.text


# Other trackers


class Listener(TrainerCallback):  # type: ignore[misc]  # transformers carries no types
    """Stands for another tracker's callback: it draws from every random stream there is."""

    heard: ClassVar[list[tuple[str, str]]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **unused: Any) -> None:
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        self.heard.append(("begin", args.run_name))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **unused: Any) -> None:
        torch.rand(1)
        self.heard.append(("log", str(state.global_step)))


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[TrainerCallback]], list[str]]:
    """Puts a callback in the place of that of wandb; gives a list of how often its run was ended."""

    def put(callback: type[TrainerCallback]) -> list[str]:
        ended: list[str] = []
        monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "wandb", callback)
        monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(finish=lambda: ended.append("wandb")))
        return ended

    return put


def test_another_tracker_hears_the_job_s_name_and_every_log_and_changes_nothing(
    tmp_path: Path, listening: Callable[[type[TrainerCallback]], list[str]]
) -> None:
    ended = listening(Listener)
    Listener.heard.clear()
    told, out = run(tmp_path / "told", "wandb")
    assert Listener.heard[0] == ("begin", "train_language_adapter/xx")
    assert {"3", "4", "20"} <= {step for what, step in Listener.heard if what == "log"}
    assert ended == ["wandb"]
    assert out.warnings == []
    assert told == run(tmp_path / "alone")[0]
    assert adapter(tmp_path / "told") == adapter(tmp_path / "alone")


def test_another_tracker_that_fails_is_left_out_with_one_warning(
    tmp_path: Path, listening: Callable[[type[TrainerCallback]], list[str]]
) -> None:
    class Failing(Listener):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **unused: Any) -> None:
            raise ConnectionError("no\nnetwork")

    ended = listening(Failing)
    _, out = run(tmp_path / "run", "wandb", "tensorboard", logs=tmp_path / "logs")
    assert out.warnings == ["wandb was told nothing of this training from here on (ConnectionError: no network)"]
    assert ended == ["wandb"]  # or the next training of this process would go on in its run
    assert list(logged(tmp_path / "logs")["eval/loss"]) == [4, 8, 12, 16, 20]


def test_the_names_of_trackers_are_those_of_transformers() -> None:
    assert set(get_args(Tracker)) == set(PACKAGES) == set(integration_utils.INTEGRATION_TO_CALLBACK)
