"""The precision of training: float32, or bfloat16 in the matrix products alone; and what checkpoints weigh."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from madx_pipeline.errors import JobError
from madx_pipeline.training import precision, train
from madx_pipeline.training.precision import in_precision, loss_of_model
from tests.model_builders import workspace
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
    assert result.best["loss"] < result.curve[0]["train_loss"]
    assert training.evaluate(model)["loss"] == result.best["loss"]


def test_a_machine_without_bf16_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_has_bf16", lambda device: False)
    with pytest.raises(JobError, match=r"precision is bf16, and the .PU of this machine has no bfloat16") as caught:
        train(new_language_model(tmp_path / "base"), language_training(), BF16, 7, workspace(tmp_path / "run"))
    assert caught.value.problems[0].hint == "Set precision to fp32."


def test_a_checkpoint_weighs_three_times_what_trains_and_no_more_than_two_are_kept(tmp_path: Path) -> None:
    model, out = new_language_model(tmp_path / "base"), workspace(tmp_path / "run")
    train(model, language_training(), PARAMS, 7, out)
    trained = sum(one.numel() * one.element_size() for one in model.parameters() if one.requires_grad)
    folders = list(out.checkpoints.glob("checkpoint-*"))
    assert 1 <= len(folders) <= 2
    for folder in folders:  # the weights, and two moments of AdamW
        tensors = sum((folder / name).stat().st_size for name in ("trainable.safetensors", "optimizer.pt"))
        names = sum(1 for one in model.parameters() if one.requires_grad)
        assert 3 * trained < tensors < 3 * trained + 3000 * names
        assert sum(file.stat().st_size for file in folder.iterdir()) < tensors + 100_000
