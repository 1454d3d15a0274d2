from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMaskedLM

from madx_pipeline.adapter_model import (
    LANGUAGE_MODEL_HEAD,
    AdapterShape,
    add_adapter,
    check_adapter_name,
    language_adapter_name,
    load_language_model,
    load_model,
    load_task_model,
    save_task_model,
    seeded,
    task_adapter_name,
    train_everything,
    weights_hash,
)
from madx_pipeline.errors import JobError
from tests.model_builders import MODEL_TYPES, random_ids, save_tiny_base

SHAPE = AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_the_pretrained_decoder_bias_is_kept_and_logits_equal_the_plain_models_bit_for_bit(
    tmp_path: Path, model_type: str
) -> None:
    save_tiny_base(tmp_path, model_type)
    model, plain = load_language_model(tmp_path, "tiny"), AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    bias = model.heads[LANGUAGE_MODEL_HEAD].get_output_embeddings().bias
    assert torch.equal(bias, plain.get_output_embeddings().bias)
    assert bias.abs().sum() > 0
    with torch.no_grad():
        assert torch.equal(model(random_ids()).logits, plain(random_ids()).logits)


def test_the_real_small_model_keeps_its_decoder_bias(shared: Path) -> None:
    folder = shared / "models" / "mini-xlmr"
    if not folder.is_dir():
        pytest.skip("the small real model is not here")
    model = load_language_model(folder, "mini-xlmr")
    plain = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.arange(5, 45).reshape(2, 20)
    with torch.no_grad():
        assert torch.equal(model(ids).logits, plain(ids).logits)


def test_a_base_model_in_half_precision_is_loaded_in_float32_so_that_adapters_fit_it(tmp_path: Path) -> None:
    save_tiny_base(tmp_path)
    AutoModelForMaskedLM.from_pretrained(tmp_path).half().save_pretrained(tmp_path)
    model = load_language_model(tmp_path, "tiny")
    add_adapter(model, "language_xx", SHAPE, seed=0)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_model_for_tasks_has_no_head_and_no_adapter_and_is_in_eval_mode(tmp_path: Path) -> None:
    save_tiny_base(tmp_path)
    model = load_model(tmp_path, "tiny")
    assert (list(model.heads), list(model.adapters_config), model.training) == ([], [], False)


def test_loading_twice_gives_the_same_weights_whatever_the_random_state(tmp_path: Path) -> None:
    save_tiny_base(tmp_path)
    first = {name: tensor.clone() for name, tensor in load_model(tmp_path, "tiny").state_dict().items()}
    torch.rand(3)
    second = load_model(tmp_path, "tiny").state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_language_model_and_the_task_model_of_a_folder_have_the_same_base_hash(tmp_path: Path) -> None:
    save_tiny_base(tmp_path)
    assert weights_hash(load_model(tmp_path, "a")) == weights_hash(load_language_model(tmp_path, "b"))


def test_a_checkpoint_without_masked_lm_head_is_refused(tmp_path: Path) -> None:
    save_tiny_base(tmp_path)
    AutoModelForMaskedLM.from_pretrained(tmp_path).roberta.save_pretrained(tmp_path)
    with pytest.raises(JobError, match="has no masked-LM head"):
        load_language_model(tmp_path, "tiny")


def test_initial_weights_depend_on_the_seed_alone(tmp_path: Path) -> None:
    save_tiny_base(tmp_path)
    hashes = []
    for seed in (1, 1, 2):
        torch.rand(seed + 1)
        model = load_model(tmp_path, "tiny")
        add_adapter(model, "language_xx", SHAPE, seed)
        hashes.append(weights_hash(model, "language_xx"))
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_seeded_block_leaves_the_random_state_outside_as_it_was() -> None:
    state = torch.random.get_rng_state()
    with seeded(3):
        torch.rand(2)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", ["", "a.b", "../x", "to", "pop", "a b", "-a", "a,b"])
def test_a_name_that_breaks_inside_the_library_is_refused(name: str) -> None:
    with pytest.raises(JobError, match="cannot be the name of an adapter"):
        check_adapter_name(name)


def test_adapters_of_language_and_task_never_have_the_same_name_and_codes_that_torch_uses_work(tmp_path: Path) -> None:
    assert language_adapter_name("ner") != task_adapter_name("ner")  # ner is Yahadian, to is Tongan, pos is Mixe
    save_tiny_base(tmp_path)
    model = load_model(tmp_path, "tiny")
    for name in (language_adapter_name("to"), language_adapter_name("zh-Hant"), task_adapter_name("pos")):
        add_adapter(model, name, SHAPE, seed=0)
    assert list(model.adapters_config) == ["language_to", "language_zh-Hant", "task_pos"]


def test_a_fully_fine_tuned_model_comes_back_with_its_head(tmp_path: Path) -> None:
    save_tiny_base(tmp_path / "base")
    model = load_model(tmp_path / "base", "tiny")
    model.add_tagging_head("task_pos", num_labels=3, id2label={0: "B", 1: "A", 2: "C"})
    train_everything(model, "task_pos")
    model.eval()
    save_task_model(model, tmp_path / "model")
    again = load_task_model(tmp_path / "model")
    with torch.no_grad():
        assert torch.equal(model(random_ids()).logits, again(random_ids()).logits)
    assert again.get_labels_dict("task_pos") == {0: "B", 1: "A", 2: "C"}
    assert sorted(file.name for file in (tmp_path / "model").glob("*.safetensors")) == ["model.safetensors"]
