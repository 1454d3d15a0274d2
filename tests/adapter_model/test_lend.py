"""One base model a process: lent, given back by being dropped, and the same for every job."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from madx_pipeline.adapter_model import (
    AdapterModel,
    AdapterShape,
    add_adapter,
    checks,
    lend,
    load_language_model,
    load_model,
    train_only,
    weights_hash,
)
from madx_pipeline.adapter_model.base import read_base_model
from madx_pipeline.adapter_model.checks import off_the_plain_model
from madx_pipeline.adapter_model.lend import lend_language_model, lend_model, let_go
from madx_pipeline.errors import JobError
from madx_pipeline.training import train
from tests.model_builders import MODEL_TYPES, random_ids, save_tiny_base, workspace
from tests.training_runs import NAME, PARAMS, language_training


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    let_go()
    yield
    let_go()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    save_tiny_base(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every folder from which weights are read."""
    read: list[Path] = []

    def counted(folder: Path) -> AdapterModel:
        read.append(folder)
        return read_base_model(folder)

    monkeypatch.setattr("madx_pipeline.adapter_model.lend.read_base_model", counted)
    return read


def word_embeddings(model: AdapterModel) -> torch.Tensor:
    weights: torch.Tensor = model.get_input_embeddings().weight
    return weights


def test_weights_are_read_once_and_shared(base: Path, reads: list[Path]) -> None:
    models = [lend_model(base, "tiny"), lend_language_model(base, "tiny"), lend_model(base, "other")]
    assert len(reads) == 1
    assert len({word_embeddings(model).data_ptr() for model in models}) == 1


@pytest.mark.parametrize("kind", MODEL_TYPES)
def test_a_lent_model_computes_what_a_loaded_one_does_bit_for_bit(tmp_path: Path, kind: str) -> None:
    save_tiny_base(tmp_path, kind)
    ids = random_ids()
    for _ in range(2):
        lent, loaded = lend_language_model(tmp_path, "tiny"), load_language_model(tmp_path, "tiny")
        assert torch.equal(lent(input_ids=ids).logits, loaded(input_ids=ids).logits)
        assert torch.equal(lent(input_ids=ids, labels=ids).loss, loaded(input_ids=ids, labels=ids).loss)
        assert word_embeddings(lent) is lent.heads["default"].get_output_embeddings().weight
        plain = lend_model(tmp_path, "tiny")
        assert weights_hash(plain) == weights_hash(load_model(tmp_path, "tiny"))
        assert (len(plain.heads), plain.config.prediction_heads, plain.training) == (0, {}, False)


def test_whatever_a_job_does_to_its_model_the_next_one_gets_a_clean_one(base: Path, reads: list[Path]) -> None:
    before = described(lend_model(base, "tiny"))
    model = lend_model(base, "another name")
    add_adapter(model, "language_x", AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2), 0)
    model.add_tagging_head("task_x", num_labels=3)
    train_only(model, "language_x", ["language_x"])
    model.register_forward_pre_hook(lambda *unused: None)
    model.config.hidden_dropout_prob = 0.9
    assert described(lend_model(base, "tiny")) == before
    assert len(reads) == 1


def described(model: AdapterModel) -> tuple[object, ...]:
    """What a job could leave behind beside weights."""
    parameters = [(name, one.requires_grad, one.dtype, one.device) for name, one in model.named_parameters()]
    state = (model.training, model.active_head, model.active_adapters, list(model.heads), len(model.adapters_config))
    return (parameters, state, model.config.to_json_string(use_diff=False), len(model._forward_pre_hooks))


def test_weights_that_a_job_left_changed_are_read_again_and_the_log_says_so(
    base: Path, reads: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    clean = weights_hash(lend_model(base, "tiny"))
    half_way = lend_model(base, "tiny")
    with torch.no_grad():
        list(half_way.parameters())[-1].data[0] += 1e-3  # as an optimizer would, before the training failed
    with caplog.at_level(logging.WARNING, logger="madx_pipeline.job"):
        assert weights_hash(lend_model(base, "tiny")) == clean
    assert len(reads) == 2
    assert "left the base model changed" in caplog.text


@pytest.mark.parametrize(("one", "other"), [(slice(0, 2), slice(2, 4)), (slice(0, 16), slice(16, 32))])
def test_values_that_have_changed_places_are_seen_as_a_change(
    base: Path, reads: list[Path], one: slice, other: slice
) -> None:
    """The sum of all values stays what it was."""
    lend_model(base, "tiny")
    flat = word_embeddings(lend_model(base, "tiny")).data.flatten()
    flat[one], flat[other] = flat[other].clone(), flat[one].clone()
    lend_model(base, "tiny")
    assert len(reads) == 2


def test_a_model_larger_than_a_piece_is_hashed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.arange(10.0)
    whole = lend._hash(values)
    monkeypatch.setattr(lend, "_PIECE", 4)
    assert lend._hash(values) == whole
    values[9] = -9.0
    assert lend._hash(values) != whole


def test_the_plain_model_is_read_once_while_a_base_model_is_kept_and_again_for_another(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tiny_base(tmp_path / "two", seed=1)
    compared: list[Path] = []

    def counted(model: AdapterModel, folder: Path) -> float:
        compared.append(folder)
        return off_the_plain_model(model, folder)

    monkeypatch.setattr(checks, "off_the_plain_model", counted)
    folders = [base, base, tmp_path / "two", base]
    assert [lend.off_the_plain_model(lend_language_model(one, "tiny"), one) for one in folders] == [0.0] * 4
    assert compared == [base, tmp_path / "two", base]


@pytest.mark.parametrize("kind", MODEL_TYPES)
def test_one_weight_of_the_head_that_differs_shows_against_the_plain_model(tmp_path: Path, kind: str) -> None:
    save_tiny_base(tmp_path, kind)
    model = load_language_model(tmp_path, "tiny")
    assert off_the_plain_model(model, tmp_path) == 0.0
    with torch.no_grad():
        model.heads["default"].get_output_embeddings().bias[50] += 1.0
    assert off_the_plain_model(model, tmp_path) == pytest.approx(1.0, abs=1e-5)


def test_at_most_one_base_model_is_kept(base: Path, tmp_path: Path, reads: list[Path]) -> None:
    save_tiny_base(tmp_path / "two", seed=1)
    one, two = (weights_hash(lend_model(folder, "tiny")) for folder in (base, tmp_path / "two"))
    assert one != two
    assert len(lend._kept) == 1
    assert weights_hash(lend_model(base, "tiny")) == one
    assert len(reads) == 3


def test_another_model_at_the_same_place_is_read(base: Path, reads: list[Path]) -> None:
    before = weights_hash(lend_model(base, "tiny"))
    save_tiny_base(base, seed=1)
    assert weights_hash(lend_model(base, "tiny")) != before
    assert len(reads) == 2


def test_what_is_let_go_is_read_again(base: Path, reads: list[Path]) -> None:
    for _ in range(2):
        lend_model(base, "tiny")
        let_go()
    assert len(reads) == 2


def test_nothing_lent_outlives_the_training_it_was_lent_to(base: Path, tmp_path: Path, no_collector: None) -> None:
    model = lend_language_model(base, "tiny")
    add_adapter(model, NAME, AdapterShape("seq_bn", 2), seed=0)
    train_only(model, NAME, [NAME])
    train(model, language_training(4), PARAMS, 7, workspace(tmp_path / "out"))
    lent = [weakref.ref(one) for one in (*lend._kept[0].model.parameters(), *model.parameters())]
    del model
    let_go()
    assert not [one for one in lent if one() is not None]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The garbage collector runs when it is asked to, not whenever it likes."""
    gc.disable()
    yield
    gc.enable()


def test_a_base_model_without_masked_lm_head_is_lent_for_tasks_alone(base: Path) -> None:
    model = load_model(base, "tiny")
    model.save_pretrained(base)
    lend_model(base, "tiny")
    with pytest.raises(JobError, match="no masked-LM head"):
        lend_language_model(base, "tiny")
