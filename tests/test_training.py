from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import Trainer, TrainingArguments

from madx_pipeline.adapter_model import AdapterModel, trainable_names, weights_hash
from madx_pipeline.errors import JobError
from madx_pipeline.training import FixedExamples, TrainingResult, steps_for_epochs, train
from madx_pipeline.training.run import _READERS
from madx_pipeline.training.schedule import Schedule
from tests.model_builders import save_tiny_base, workspace
from tests.training_runs import (
    NAME,
    PARAMS,
    Evaluate,
    language_items,
    language_training,
    loss_on,
    new_language_model,
    new_task_model,
    train_and_save,
)

REPOSITORY = Path(__file__).resolve().parents[1]


class CrashError(Exception):
    """Stands for a crash."""


def interrupted(evaluate: Evaluate, calls: int) -> Evaluate:
    """Fails at the n-th call."""
    left = [calls]

    def evaluate_or_fail(model: AdapterModel) -> dict[str, float]:
        left[0] -= 1
        if left[0] == 0:
            raise CrashError
        return evaluate(model)

    return evaluate_or_fail


def run(folder: Path, **changes: Any) -> tuple[str, TrainingResult]:
    """Trains a language adapter; gives its hash."""
    model = new_language_model(folder.parent / "base")
    result = train(model, language_training(**changes), PARAMS, 7, workspace(folder))
    return weights_hash(model, NAME), result


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").glob("checkpoint-*"))


def files_of(folder: Path, checkpoint: str) -> list[str]:
    return sorted(os.listdir(folder / "checkpoints" / checkpoint))


def test_processes_that_read_ahead_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = run(tmp_path / "alone")
    monkeypatch.setitem(_READERS, "cpu", 2)
    assert run(tmp_path / "ahead") == alone
    with pytest.raises(CrashError):
        run(tmp_path / "broken", evaluate=interrupted(language_training().evaluate, 3))
    assert run(tmp_path / "broken") == alone


# The schedule


def test_every_epoch_shows_each_example_once_in_its_own_order() -> None:
    schedule = Schedule(FixedExamples([{"n": number} for number in range(10)]), 30, seed=1)
    shown = [schedule[position]["n"] for position in range(30)]
    epochs = [shown[start : start + 10] for start in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_the_order_depends_on_the_seed_alone_and_on_nothing_shown_before() -> None:
    items = FixedExamples([{"n": number} for number in range(10)])
    whole = [Schedule(items, 30, seed=1)[position]["n"] for position in range(30)]
    later = Schedule(items, 30, seed=1)
    assert [later[position]["n"] for position in range(17, 30)] == whole[17:]
    assert [Schedule(items, 30, seed=2)[position]["n"] for position in range(30)] != whole


def test_an_example_is_asked_for_with_its_position_in_the_whole_training() -> None:
    class Recorder:
        def __len__(self) -> int:
            return 3

        def example(self, index: int, position: int) -> dict[str, int]:
            return {"position": position}

    schedule = Schedule(Recorder(), 9, seed=1)
    assert [schedule[position]["position"] for position in range(9)] == list(range(9))


def test_steps_for_epochs_count_whole_optimizer_steps() -> None:
    accumulating = PARAMS.model_copy(update={"gradient_accumulation_steps": 2})
    assert [steps_for_epochs(10, epochs, PARAMS) for epochs in (0.1, 1, 4)] == [1, 3, 10]
    assert steps_for_epochs(10, 4, accumulating) == 5


# What comes out


def test_training_lowers_the_loss_and_tells_the_curve(tmp_path: Path) -> None:
    _, result = run(tmp_path / "run")
    held_out = {point["step"]: point["loss"] for point in result.curve if "loss" in point}
    assert list(held_out) == [4, 8, 12, 16, 20]
    assert held_out[20] < held_out[4]
    assert result.steps == 20
    assert result.best == {"loss": min(held_out.values())}
    assert [point["step"] for point in result.curve if "train_loss" in point] == [3, 4, 6, 8, 9, 12, 15, 16, 18, 20]


def test_two_runs_give_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    assert first == second
    model = new_language_model(tmp_path / "base")
    train(model, language_training(), PARAMS, 8, workspace(tmp_path / "c"))
    assert weights_hash(model, NAME) != first[0]


def test_the_weights_of_the_best_step_are_kept_not_the_last(tmp_path: Path) -> None:
    losses = iter([3.0, 1.0, 2.0, 4.0, 5.0])
    hashes = []

    def evaluate(model: AdapterModel) -> dict[str, float]:
        hashes.append(weights_hash(model, NAME))
        return {"loss": next(losses)}

    kept, result = run(tmp_path / "run", evaluate=evaluate)
    assert (result.best_step, result.best) == (8, {"loss": 1.0})
    assert kept == hashes[1] != hashes[-1]
    assert checkpoints(tmp_path / "run") == ["checkpoint-20", "checkpoint-8"]
    assert files_of(tmp_path / "run", "checkpoint-8") == ["trainable.safetensors", "trainer_state.json"]
    assert "optimizer.pt" in files_of(tmp_path / "run", "checkpoint-20")


def test_more_can_be_better(tmp_path: Path) -> None:
    scores = iter([0.1, 0.9, 0.5, 0.4, 0.3])
    _, result = run(tmp_path / "run", evaluate=lambda model: {"f1": next(scores)}, metric="f1", greater_is_better=True)
    assert (result.best_step, result.best) == (8, {"f1": 0.9})


def test_early_stopping_ends_after_so_many_evaluations_without_a_better_one(tmp_path: Path) -> None:
    params = PARAMS.model_copy(update={"early_stopping_patience": 2})
    losses = iter([3.0, 1.0, 2.0, 2.0, 0.0])
    training = language_training(evaluate=lambda model: {"loss": next(losses)})
    model, out = new_language_model(tmp_path / "base"), workspace(tmp_path / "run")
    result = train(model, training, params, 7, out)
    assert (result.steps, result.best_step) == (16, 8)
    again = train(new_language_model(tmp_path / "base"), training, params, 7, out)
    assert again == result
    assert next(losses) == 0.0


def test_the_model_is_left_in_eval_mode_with_the_same_things_trainable(tmp_path: Path) -> None:
    model = new_language_model(tmp_path / "base")
    names = trainable_names(model)
    train(model, language_training(4), PARAMS, 7, workspace(tmp_path / "run"))
    assert not model.training
    assert trainable_names(model) == names


def test_accumulating_small_batches_is_the_same_as_one_large_batch(tmp_path: Path) -> None:
    save_tiny_base(tmp_path / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    found = []
    for size, accumulated in ((8, 1), (2, 4)):
        params = PARAMS.model_copy(
            update={"per_device_train_batch_size": size, "gradient_accumulation_steps": accumulated}
        )
        model = new_language_model(tmp_path / "base")
        result = train(model, language_training(6), params, 7, workspace(tmp_path / str(size)))
        found.append((model.state_dict(), [point["train_loss"] for point in result.curve if "train_loss" in point]))
    assert found[0][1] == pytest.approx(found[1][1], abs=2e-4)
    for name, tensor in found[0][0].items():
        torch.testing.assert_close(tensor, found[1][0][name], atol=1e-5, rtol=1e-4)


# Resuming


@pytest.mark.parametrize("calls", [1, 2, 4, 5])
def test_a_resumed_training_ends_with_the_same_bytes_as_an_unbroken_one(tmp_path: Path, calls: int) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(CrashError):
        run(tmp_path / "broken", evaluate=interrupted(language_training().evaluate, calls))
    torch.rand(5)
    assert run(tmp_path / "broken") == whole


def test_resuming_shows_no_example_again(tmp_path: Path) -> None:
    shown: list[int] = []

    class Recorder(FixedExamples):
        def example(self, index: int, position: int) -> Any:
            shown.append(position)
            return super().example(index, position)

    examples = Recorder(language_items())
    with pytest.raises(CrashError):
        run(tmp_path / "run", examples=examples, evaluate=interrupted(language_training().evaluate, 3))
    shown.clear()
    run(tmp_path / "run", examples=examples)
    assert shown == list(range(8 * 4, 20 * 4))


def test_a_resumed_full_fine_tuning_ends_with_the_same_bytes_as_an_unbroken_one(tmp_path: Path) -> None:
    def run_whole_model(folder: Path, evaluate: Evaluate) -> tuple[str, TrainingResult]:
        model = new_task_model(tmp_path / "base")
        result = train(model, language_training(8, evaluate=evaluate), PARAMS, 7, workspace(folder))
        return weights_hash(model), result

    evaluate = loss_on(language_items()[:4])
    whole = run_whole_model(tmp_path / "whole", evaluate)
    with pytest.raises(CrashError):
        run_whole_model(tmp_path / "broken", interrupted(evaluate, 2))
    assert run_whole_model(tmp_path / "broken", evaluate) == whole


def test_a_finished_training_that_is_run_again_only_loads_its_best_weights(tmp_path: Path) -> None:
    whole = run(tmp_path / "run")

    def never(model: AdapterModel) -> dict[str, float]:
        raise AssertionError("nothing is left to evaluate")

    assert run(tmp_path / "run", evaluate=never) == whole


def test_a_checkpoint_holds_exactly_what_trains_and_what_resuming_needs(tmp_path: Path) -> None:
    run(tmp_path / "run")
    assert files_of(tmp_path / "run", "checkpoint-20") == [
        "complete.json",
        "optimizer.pt",
        "rng_state.pth",
        "scheduler.pt",
        "trainable.safetensors",
        "trainer_state.json",
    ]
    saved = load_file(tmp_path / "run" / "checkpoints" / "checkpoint-20" / "trainable.safetensors")
    assert saved.keys() == trainable_names(new_language_model(tmp_path / "base"))


def test_a_half_written_checkpoint_is_deleted_and_never_resumed_from(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(CrashError):
        run(tmp_path / "broken", evaluate=interrupted(language_training().evaluate, 3))
    half = tmp_path / "broken" / "checkpoints" / "checkpoint-12"
    half.mkdir()
    (half / "trainable.safetensors").write_bytes(b"half")
    assert run(tmp_path / "broken") == whole
    assert not half.exists()


BEST_AT_STEP_4: dict[str, Any] = {"max_steps": 12, "greater_is_better": True}
"""The loss falls, so the first evaluation has the most of it."""


@pytest.mark.parametrize("deletions", [1, 3])
def test_a_training_broken_off_while_the_best_checkpoint_loses_its_optimizer_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deletions: int
) -> None:
    whole = run(tmp_path / "whole", **BEST_AT_STEP_4)
    assert whole[1].best_step == 4
    left, unlink = [deletions], Path.unlink

    def unlink_or_fail(file: Path, missing_ok: bool = False) -> None:
        left[0] -= file.parent.name == "checkpoint-4"
        if left[0] == 0:
            raise CrashError
        unlink(file, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", unlink_or_fail)
        with pytest.raises(CrashError):
            run(tmp_path / "broken", **BEST_AT_STEP_4)
    assert run(tmp_path / "broken", **BEST_AT_STEP_4) == whole
    assert files_of(tmp_path / "broken", "checkpoint-4") == ["trainable.safetensors", "trainer_state.json"]


def test_the_weights_of_the_best_step_alone_are_nothing_to_go_on_from(tmp_path: Path) -> None:
    whole = run(tmp_path / "run", **BEST_AT_STEP_4)
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "checkpoint-12")
    assert run(tmp_path / "run", **BEST_AT_STEP_4) == whole


def test_a_checkpoint_of_something_else_is_an_error(tmp_path: Path) -> None:
    run(tmp_path / "run", max_steps=4)
    model = new_task_model(tmp_path / "base")
    with pytest.raises(JobError, match="was made by another training"):
        train(model, language_training(), PARAMS, 7, workspace(tmp_path / "run"))


Moments = list[dict[str, float]]


def killed(folder: Path, kills: dict[str, Moments]) -> dict[str, tuple[bytes, bytes]]:
    """What trainings leave that were killed at these moments and started again after each."""
    command = [sys.executable, "-m", "tests.training_runs", str(folder), json.dumps(kills)]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}  # other threads round otherwise
    subprocess.run(command, check=True, cwd=REPOSITORY, env=environment, capture_output=True)
    return {name: left(folder / name) for name in kills}


def unbroken(folder: Path) -> tuple[bytes, bytes]:
    train_and_save(folder)
    return left(folder)


def left(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "adapter" / "adapter.safetensors").read_bytes(), (folder / "result.json").read_bytes()


def test_a_training_killed_for_real_several_times_ends_with_the_same_bytes(tmp_path: Path) -> None:
    moments: Moments = [{"at_sync": 16}, {"while_deleting": 1}]
    assert killed(tmp_path, {"killed": moments})["killed"] == unbroken(tmp_path / "unbroken")


@pytest.mark.slow
def test_a_training_killed_at_any_write_or_deletion_or_moment_ends_with_the_same_bytes(tmp_path: Path) -> None:
    later = random.Random(1)
    kills: dict[str, Moments] = {
        **{f"write-{number}": [{"at_sync": number}] for number in range(1, 20)},
        **{f"deletion-{number}": [{"while_deleting": number}] * 2 for number in (1, 2, 3)},
        **{f"moment-{run}": [{"after": later.uniform(0.02, 1.0)} for _ in range(4)] for run in range(3)},
    }
    whole = unbroken(tmp_path / "unbroken")
    assert {name: found == whole for name, found in killed(tmp_path, kills).items()} == dict.fromkeys(kills, True)


# What goes wrong


def test_a_loss_that_is_no_number_says_at_which_step_and_what_to_try(tmp_path: Path) -> None:
    params = PARAMS.model_copy(update={"learning_rate": 1e30, "max_grad_norm": 0.0, "warmup_ratio": 0.0})
    with pytest.raises(JobError, match=r"the training loss is (nan|inf) at step \d+ of 20") as raised:
        train(new_language_model(tmp_path / "base"), language_training(), params, 7, workspace(tmp_path / "run"))
    assert raised.value.problems[0].hint == "Lower learning_rate (now 1e+30), or raise warmup_ratio (now 0)."


def test_an_evaluation_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"the evaluation after step 4 gave \{'loss': nan\}"):
        run(tmp_path / "run", evaluate=lambda model: {"loss": float("nan")})
    assert checkpoints(tmp_path / "run") == []


def test_weights_that_are_no_numbers_are_never_saved(tmp_path: Path) -> None:
    def spoil(model: AdapterModel) -> dict[str, float]:
        with torch.no_grad():
            next(one for one in model.parameters() if one.requires_grad).fill_(float("inf"))
        return {"loss": 1.0}

    with pytest.raises(JobError, match="is no longer finite"):
        run(tmp_path / "run", evaluate=spoil)


def test_no_examples_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="there is nothing to train on: no examples"):
        run(tmp_path / "run", examples=FixedExamples([]))


# Manners


def test_nothing_is_printed_and_nothing_written_outside_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    new_language_model(tmp_path / "base")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    capfd.readouterr()
    run(tmp_path / "run")
    assert os.listdir(tmp_path / "elsewhere") == []
    assert sorted(os.listdir(tmp_path / "run")) == ["checkpoints", "progress.json"]
    assert capfd.readouterr().out == ""


def test_progress_says_how_far_and_with_which_loss(tmp_path: Path) -> None:
    run(tmp_path / "run")
    progress = json.loads((tmp_path / "run" / "progress.json").read_text())
    assert (progress["done"], progress["total"]) == (20, 20)
    assert 0 < progress["numbers"]["loss"] < 10


def test_several_gpus_are_never_used_by_one_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DataParallel fails inside adapter layers; the Trainer would use it as soon as there are two GPUs."""
    monkeypatch.setattr(TrainingArguments, "n_gpu", 4)
    seen = []
    monkeypatch.setattr(Trainer, "train", lambda trainer, **unused: seen.append(trainer.args._n_gpu))
    with pytest.raises(IndexError):  # nothing was trained
        run(tmp_path / "run")
    assert seen == [1]


def test_random_states_outside_the_training_are_left_alone(tmp_path: Path) -> None:
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = (random.random(), np.random.rand(), torch.rand(1))
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    run(tmp_path / "run", max_steps=4)
    assert (random.random(), np.random.rand(), torch.rand(1)) == expected


def test_a_large_batch_is_computed_in_passes_whose_gradients_add_up_to_its_own(tmp_path: Path) -> None:
    save_tiny_base(tmp_path / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    weights, curves, largest = [], [], []
    for name, tokens in (("whole", None), ("passes", 24)):
        model = new_language_model(tmp_path / "base")
        seen: list[int] = []
        model.get_input_embeddings().register_forward_hook(lambda _, ids, __, seen=seen: seen.append(ids[0].numel()))
        training = language_training(4, evaluate=lambda _: {"loss": 1.0}, pass_tokens=tokens)
        params = PARAMS.model_copy(update={"gradient_accumulation_steps": 2, "logging_steps": 1})
        result = train(model, training, params, 7, workspace(tmp_path / name))
        weights.append([part.detach().clone() for part in model.parameters() if part.requires_grad])
        curves.append([point["train_loss"] for point in result.curve if "train_loss" in point])
        largest.append(max(seen))
    assert largest == [4 * 12, 24]
    assert curves[0] == pytest.approx(curves[1], rel=1e-5)
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(*weights, strict=True))


def test_progress_of_a_step_in_passes_is_the_loss_of_its_batch(tmp_path: Path) -> None:
    save_tiny_base(tmp_path / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    told: list[list[float]] = []
    for name, tokens in (("whole", None), ("passes", 12)):
        out = workspace(tmp_path / name)
        losses: list[float] = []
        out.progress = lambda done, total, losses=losses, **numbers: losses.append(numbers["loss"])  # type: ignore[method-assign]
        training = language_training(3, evaluate=lambda _: {"loss": 1.0}, pass_tokens=tokens)
        train(new_language_model(tmp_path / "base"), training, PARAMS, 7, out)
        told.append(losses)
    assert len(told[0]) == 3
    assert told[0] == pytest.approx(told[1], rel=1e-5)
