from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import XLMRobertaConfig

from madx_pipeline.adapter_model import (
    LANGUAGE_MODEL_HEAD,
    AdapterModel,
    AdapterShape,
    active_stack,
    adapter_parameters,
    add_adapter,
    count_invertible_calls,
    expected_tensors,
    head_hash,
    inverse_error,
    load_language_model,
    load_model,
    set_stack,
    train_everything,
    train_only,
    trainable_names,
    trainable_set,
    weights_hash,
)
from madx_pipeline.errors import JobError
from tests.model_builders import random_ids, save_tiny_base

LANGUAGE = AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)
TASK = AdapterShape("seq_bn", 4)


@pytest.fixture
def language_model(tmp_path: Path) -> AdapterModel:
    save_tiny_base(tmp_path)
    model = load_language_model(tmp_path, "tiny")
    add_adapter(model, "language_en", LANGUAGE, seed=0)
    return model


@pytest.fixture
def task_model(tmp_path: Path) -> AdapterModel:
    """Two language adapters that do something, a task adapter and its head."""
    save_tiny_base(tmp_path)
    model = load_model(tmp_path, "tiny")
    for number, language in enumerate(("language_en", "language_sw")):
        add_adapter(model, language, LANGUAGE, seed=number)
        make_strong(model, language)
    add_adapter(model, "task_pos", TASK, seed=2)
    model.add_tagging_head("task_pos", num_labels=3)
    model.add_tagging_head("task_ner", num_labels=2)
    return model


def make_strong(model: AdapterModel, name: str) -> None:
    for key, parameter in model.named_parameters():
        if f"adapters.{name}." in key:
            nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(zlib.crc32(key.encode())))


def logits(model: AdapterModel) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        found: torch.Tensor = model(random_ids()).logits
    return found


def step(model: AdapterModel, **batch: Any) -> None:
    """One large optimizer step on everything that trains."""
    optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=1.0)
    model(**batch, return_dict=True).loss.backward()
    optimizer.step()


def test_the_inverse_runs_as_often_as_the_forward_direction_in_a_masked_lm(language_model: AdapterModel) -> None:
    set_stack(language_model, ["language_en"])
    with count_invertible_calls(language_model, "language_en") as calls:
        for _ in range(3):
            logits(language_model)
    assert (calls.forward, calls.inverse) == (3, 3)


def test_the_inverse_undoes_the_forward_direction_on_real_embeddings(language_model: AdapterModel) -> None:
    make_strong(language_model, "language_en")
    set_stack(language_model, ["language_en"])
    assert inverse_error(language_model, "language_en", random_ids()) < 1e-5


def test_the_inverse_is_measured_on_what_the_invertible_adapter_gets_after_the_embeddings(
    language_model: AdapterModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_stack(language_model, ["language_en"])
    block = language_model.base_model.invertible_adapters["language_en"]
    got: list[torch.Tensor] = []
    genuine = block.forward

    def remember(values: torch.Tensor, rev: bool = False) -> torch.Tensor:
        found: torch.Tensor = genuine(values, rev=rev)
        got.append(values)
        return found

    monkeypatch.setattr(block, "forward", remember)
    inverse_error(language_model.eval(), "language_en", random_ids())
    in_the_model, measured = got[0], got[2]  # forward, inverse of the model's own pass; then the measurement
    assert torch.equal(measured, in_the_model)
    assert not torch.equal(measured, language_model.get_input_embeddings()(random_ids()))


def test_an_inverse_that_is_wrong_only_for_large_values_is_found_out(
    language_model: AdapterModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values of word embeddings alone are small here; the normalised ones that the adapter gets are not."""
    with torch.no_grad():
        language_model.get_input_embeddings().weight.mul_(0.1)
    set_stack(language_model, ["language_en"])
    block = language_model.base_model.invertible_adapters["language_en"]
    genuine = block.forward
    monkeypatch.setattr(
        block, "forward", lambda values, rev=False: genuine(values, rev=rev).clamp(-1, 1) if rev else genuine(values)
    )
    assert inverse_error(language_model.eval(), "language_en", random_ids()) > 0.01


def test_an_invertible_adapter_that_does_not_run_cannot_be_measured(language_model: AdapterModel) -> None:
    set_stack(language_model, [])
    with pytest.raises(JobError, match="the invertible adapter did not run"):
        inverse_error(language_model, "language_en", random_ids())


def test_a_language_adapter_trains_alone_and_the_masked_lm_head_stays_frozen(language_model: AdapterModel) -> None:
    before = weights_hash(language_model), head_hash(language_model), weights_hash(language_model, "language_en")
    train_only(language_model, "language_en", ["language_en"])
    names = trainable_names(language_model)
    assert trainable_set(language_model, "language_en").exact
    assert all("adapters.language_en." in name for name in names)
    assert any(".invertible_adapters." in name for name in names)
    step(language_model, input_ids=random_ids(), labels=random_ids())
    after = weights_hash(language_model), head_hash(language_model), weights_hash(language_model, "language_en")
    assert [one == two for one, two in zip(before, after, strict=True)] == [True, True, False]
    assert language_model.active_head == LANGUAGE_MODEL_HEAD


def test_a_task_adapter_trains_alone_with_its_head_on_a_frozen_language_adapter(task_model: AdapterModel) -> None:
    hashes = [weights_hash(task_model), weights_hash(task_model, "language_en")]
    train_only(task_model, "task_pos", ["language_en", "task_pos"], head="task_pos")
    names = trainable_names(task_model)
    assert trainable_set(task_model, "task_pos", "task_pos").exact
    assert all("adapters.task_pos." in name or name.startswith("heads.task_pos.") for name in names)
    assert any(name.startswith("heads.task_pos.") for name in names)
    assert active_stack(task_model) == ("language_en", "task_pos")
    assert task_model.active_head == "task_pos"
    assert all(module.training for module in task_model.modules())
    task = weights_hash(task_model, "task_pos")
    step(task_model, input_ids=random_ids(), labels=random_ids() % 3)
    assert [weights_hash(task_model), weights_hash(task_model, "language_en")] == hashes
    assert weights_hash(task_model, "task_pos") != task


def test_what_is_added_after_freezing_is_found_out_and_frozen_by_the_next_call(task_model: AdapterModel) -> None:
    train_only(task_model, "task_pos", ["language_en", "task_pos"], head="task_pos")
    add_adapter(task_model, "language_qu", LANGUAGE, seed=0)
    assert any("language_qu" in name for name in trainable_names(task_model))
    train_only(task_model, "task_pos", ["language_en", "task_pos"], head="task_pos")
    assert not any("language" in name for name in trainable_names(task_model))


def test_a_trainable_set_that_is_not_exact_names_what_is_odd(task_model: AdapterModel, monkeypatch: Any) -> None:
    monkeypatch.setattr(task_model, "train_adapter", lambda adapter: None)  # nothing is frozen
    train_only(task_model, "task_pos", ["language_en", "task_pos"], head="task_pos")
    trains = trainable_set(task_model, "task_pos", "task_pos")
    assert not trains.exact
    assert "roberta.embeddings.word_embeddings.weight" in trains.odd
    assert not trains.expected & set(trains.odd)


def test_a_part_of_the_adapter_that_is_frozen_is_odd_too(task_model: AdapterModel) -> None:
    train_only(task_model, "task_pos", ["language_en", "task_pos"], head="task_pos")
    task_model.heads["task_pos"].requires_grad_(False)
    odd = trainable_set(task_model, "task_pos", "task_pos").odd
    assert odd
    assert all(name.startswith("heads.task_pos.") for name in odd)


def test_nothing_to_train_is_not_exact(task_model: AdapterModel) -> None:
    task_model.requires_grad_(False)
    assert not trainable_set(task_model, "task_xx").exact


def test_full_fine_tuning_trains_everything_with_no_adapter_active(tmp_path: Path) -> None:
    save_tiny_base(tmp_path)
    model = load_model(tmp_path, "tiny")
    model.add_tagging_head("task_pos", num_labels=3)
    train_everything(model, "task_pos")
    assert trainable_names(model) == {name for name, _ in model.named_parameters()}
    assert (active_stack(model), model.active_head) == ((), "task_pos")


def test_swapping_the_language_adapter_changes_the_logits_and_swapping_back_restores_them(
    task_model: AdapterModel,
) -> None:
    set_stack(task_model, ["language_en", "task_pos"])
    english = logits(task_model)
    set_stack(task_model, ["language_sw", "task_pos"])
    swahili = logits(task_model)
    set_stack(task_model, ["language_en", "task_pos"])
    assert not torch.equal(english, swahili)
    assert torch.equal(logits(task_model), english)


def test_the_language_adapters_invertible_part_runs_in_a_stack_and_the_inverse_does_not(
    task_model: AdapterModel,
) -> None:
    set_stack(task_model, ["language_en", "task_pos"])
    with count_invertible_calls(task_model, "language_en") as calls:
        logits(task_model)
    assert (calls.forward, calls.inverse) == (1, 0)  # a tagging head has no output embeddings


def test_a_language_adapter_that_is_not_first_is_refused(task_model: AdapterModel) -> None:
    with pytest.raises(JobError, match="language_en has an invertible adapter and is not first in the stack"):
        set_stack(task_model, ["task_pos", "language_en"])
    with pytest.raises(JobError, match="language_sw has an invertible adapter and is not first"):
        set_stack(task_model, ["language_en", "language_sw", "task_pos"])


def test_a_stack_is_compared_name_by_name_and_not_by_its_beginning(task_model: AdapterModel) -> None:
    set_stack(task_model, ["language_en"])
    assert active_stack(task_model) == ("language_en",)
    set_stack(task_model, ["language_en", "task_pos"])
    assert active_stack(task_model) == ("language_en", "task_pos")
    set_stack(task_model, [])
    assert active_stack(task_model) == ()


def test_an_adapter_that_is_not_there_cannot_be_stacked(task_model: AdapterModel) -> None:
    with pytest.raises(JobError, match="no adapter 'language_fi'; it has"):
        set_stack(task_model, ["language_fi"])


def test_a_layer_to_leave_out_that_does_not_exist_is_an_error(task_model: AdapterModel) -> None:
    with pytest.raises(JobError, match="leave_out has layer 11; the base model has layers 0 to 2"):
        add_adapter(task_model, "language_qu", AdapterShape("seq_bn", 2, leave_out=(11,)), seed=0)


def test_a_taken_name_is_an_error(task_model: AdapterModel) -> None:
    with pytest.raises(JobError, match="already has an adapter 'task_pos'"):
        add_adapter(task_model, "task_pos", TASK, seed=0)


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [
        ({"reduction_factor": 2, "inv_adapter": "nice", "inv_adapter_reduction_factor": 2}, 7_387_776),
        (
            {"reduction_factor": 2, "inv_adapter": "nice", "inv_adapter_reduction_factor": 2, "leave_out": [11]},
            6_796_800,
        ),
        ({"reduction_factor": 16}, 894_528),
        ({"reduction_factor": 16, "leave_out": [11]}, 819_984),
    ],
    ids=["language", "language MAD-X 2.0", "task", "task MAD-X 2.0"],
)
def test_adapters_for_xlmr_base_have_the_sizes_of_the_paper(shape: dict[str, Any], parameters: int) -> None:
    config = XLMRobertaConfig(vocab_size=100, max_position_embeddings=514)
    layout = {"original_ln_before": True, "mh_adapter": False, "output_adapter": True, "non_linearity": "relu"}
    shapes = expected_tensors(config, layout | shape, "x").shapes
    assert sum(torch.Size(one).numel() for one in shapes.values()) == parameters


def test_the_number_of_parameters_counts_the_adapter_and_its_invertible_part(language_model: AdapterModel) -> None:
    bottlenecks, invertible = 3 * (2 * 16 * 8 + 8 + 16), 2 * (2 * 8 * 4 + 4 + 8)
    assert adapter_parameters(language_model, "language_en") == bottlenecks + invertible
