"""The precision of training: float32, or bfloat16 in the matrix products alone; and what checkpoints weigh."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from madx_pipeline.errors import JobError
from madx_pipeline.training import precision, train
from madx_pipeline.training.precision import in_precision, loss_of_model
from tests.model_builders import save_tiny_base, workspace
from tests.training_runs import PARAMS, collate, language_items, language_training, new_language_model

BF16 = PARAMS.model_copy(update={"precision": "bf16"})


def test_in_bf16_products_are_rounded_and_the_loss_and_what_trains_stay_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_has_bf16", lambda device: True)
    model, batch = new_language_model(tmp_path / "base").eval(), collate(language_items())
    full, rounded = (in_precision(kind, loss_of_model)(model, batch) for kind in ("fp32", "bf16"))
    assert full.dtype == rounded.dtype == torch.float32
    assert 0 < abs(float((full - rounded).detach())) < 0.02 * float(full.detach())
    torch.autograd.backward(rounded)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert {(one.dtype, one.grad.dtype) for one in trained if one.grad is not None} == {(torch.float32, torch.float32)}


def test_a_training_in_bf16_learns_and_is_measured_in_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_has_bf16", lambda device: True)
    training, model = language_training(), new_language_model(tmp_path / "base")
    result = train(model, training, BF16, 7, workspace(tmp_path / "run"))
    first = next(point["loss"] for point in result.curve if "loss" in point)  # on the same examples as the best
    assert isinstance(first, float)
    assert result.best["loss"] < first - 0.1
    assert training.evaluate(model)["loss"] == result.best["loss"]


def test_a_machine_without_bf16_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_has_bf16", lambda device: False)
    with pytest.raises(JobError, match=r"precision is bf16, and the .PU of this machine has no bfloat16") as caught:
        train(new_language_model(tmp_path / "base"), language_training(), BF16, 7, workspace(tmp_path / "run"))
    assert caught.value.problems[0].hint == "Set precision to fp32."


def test_the_last_checkpoint_weighs_three_times_what_trains_and_the_best_beside_it_once(tmp_path: Path) -> None:
    save_tiny_base(tmp_path / "base", hidden_size=128)
    model, out = new_language_model(tmp_path / "base"), workspace(tmp_path / "run")
    train(model, language_training(8, greater_is_better=True), PARAMS, 7, out)  # the loss falls: the first is the best
    trained = sum(one.numel() * one.element_size() for one in model.parameters() if one.requires_grad)
    sizes = {
        folder.name: sum(file.stat().st_size for file in folder.iterdir()) / trained
        for folder in out.checkpoints.glob("checkpoint-*")
    }
    expected = {"checkpoint-4": 1, "checkpoint-8": 3}  # the weights; the weights, and two moments of AdamW
    assert sizes == pytest.approx(expected, rel=0.2), "names and states weigh little"
