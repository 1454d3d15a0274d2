"""Adapters on disk: what is saved, what is loaded, and that a broken one is refused without leaving a trace."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from madx_pipeline.adapter_model import (
    AdapterModel,
    AdapterShape,
    add_adapter,
    count_invertible_calls,
    head_labels,
    load_language_adapter,
    load_language_model,
    load_model,
    load_task_adapter,
    save_adapter,
    set_stack,
    weights_hash,
)
from madx_pipeline.errors import JobError
from tests.model_builders import random_ids, save_tiny_base

LANGUAGE = AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)
Tensors = dict[str, Tensor]


class Saved:
    """A tiny base model and a language adapter `language_xx` saved for it; tests then break the folder."""

    def __init__(self, folder: Path, shape: AdapterShape = LANGUAGE, **changes: Any) -> None:
        self.base = folder / "base"
        self.facts = save_tiny_base(self.base, **changes)
        self.adapter = folder / "adapter"
        self.model = load_language_model(self.base, self.facts["name"])
        add_adapter(self.model, "language_xx", shape, seed=1)
        save_adapter(self.model, "language_xx", self.adapter, with_head=False)
        self.facts["weights_sha256"] = weights_hash(self.model)

    def edit_config(self, change: Callable[[dict[str, Any]], Any]) -> None:
        file = self.adapter / "adapter_config.json"
        record = json.loads(file.read_text())
        change(record)
        file.write_text(json.dumps(record))

    def edit_tensors(self, change: Callable[[Tensors], Any]) -> None:
        tensors = load_file(self.adapter / "adapter.safetensors")
        change(tensors)
        save_file(tensors, self.adapter / "adapter.safetensors")

    def messages(self) -> list[str]:
        """Loads into a fresh model, which must be refused without a trace; gives the messages."""
        model = load_model(self.base, self.facts["name"])
        before = weights_hash(model)
        with pytest.raises(JobError) as raised:
            load_language_adapter(model, self.adapter, "language_xx", self.facts, where="AdapterHub/x")
        assert weights_hash(model) == before
        assert list(model.adapters_config) == []
        assert not any("language_xx" in name for name in model.state_dict())
        return [problem.message for problem in raised.value.problems]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    return Saved(tmp_path)


def logits(model: AdapterModel) -> Tensor:
    with torch.no_grad():
        found: Tensor = model.eval()(random_ids()).logits
    return found


# What is saved


def test_a_language_adapter_is_saved_as_safetensors_without_the_head(saved: Saved) -> None:
    assert sorted(os.listdir(saved.adapter)) == ["adapter.safetensors", "adapter_config.json"]
    assert all("adapters.language_xx." in name for name in load_file(saved.adapter / "adapter.safetensors"))


def test_the_saved_config_names_the_base_model_and_not_a_path(saved: Saved) -> None:
    record = json.loads((saved.adapter / "adapter_config.json").read_text())
    assert record["model_name"] == "tiny-xlm-roberta"
    assert record["base_weights_sha256"] == weights_hash(saved.model)
    assert str(saved.base.parent) not in json.dumps(record)


def test_saving_twice_gives_the_same_bytes(saved: Saved, tmp_path: Path) -> None:
    save_adapter(saved.model, "language_xx", tmp_path / "again", with_head=False)
    for file in saved.adapter.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


# What is loaded


def test_a_loaded_language_adapter_computes_what_the_saved_one_did_under_any_name(saved: Saved) -> None:
    set_stack(saved.model, ["language_xx"])
    model = load_language_model(saved.base, "tiny-xlm-roberta")
    plain = logits(model)
    load_language_adapter(model, saved.adapter, "language_other", saved.facts)
    set_stack(model, ["language_other"])
    assert torch.equal(logits(model), logits(saved.model))
    assert not torch.equal(logits(model), plain)


def test_a_name_that_is_taken_is_refused_since_the_old_config_would_stay(saved: Saved) -> None:
    with pytest.raises(JobError, match="already has an adapter or head 'language_xx'"):
        load_language_adapter(saved.model, saved.adapter, "language_xx", saved.facts)


def test_a_task_adapter_comes_back_with_its_head_and_its_labels_by_name(saved: Saved, tmp_path: Path) -> None:
    labels = {0: "NOUN", 1: "ADJ", 2: "VERB"}
    saved.model.add_tagging_head("task_pos", num_labels=3, id2label=labels)
    add_adapter(saved.model, "task_pos", AdapterShape("seq_bn", 4), seed=2)
    set_stack(saved.model, ["language_xx", "task_pos"])
    save_adapter(saved.model, "task_pos", tmp_path / "task", with_head=True)

    model = load_model(saved.base, "tiny-xlm-roberta")
    load_language_adapter(model, saved.adapter, "language_xx", saved.facts)
    load_task_adapter(model, tmp_path / "task", "task_pos", saved.facts)
    set_stack(model, ["language_xx", "task_pos"])
    assert torch.equal(logits(model), logits(saved.model))
    assert head_labels(model, "task_pos") == ["NOUN", "ADJ", "VERB"]


def test_a_task_adapter_with_a_broken_head_is_refused_whole(saved: Saved, tmp_path: Path) -> None:
    saved.model.add_tagging_head("task_pos", num_labels=3)
    add_adapter(saved.model, "task_pos", AdapterShape("seq_bn", 4), seed=2)
    save_adapter(saved.model, "task_pos", tmp_path / "task", with_head=True)
    head = tmp_path / "task" / "head_config.json"
    whole = json.loads(head.read_text())
    model = load_model(saved.base, "tiny-xlm-roberta")
    for broken, message in [
        ({"label2id": {"A": 0, "B": 2}}, "no complete label2id"),
        ({"head_type": "masked_lm"}, "head_type is 'masked_lm'; possible: tagging, classification"),
        ({"label2id": {"A": "x", "B": 1}}, "no complete label2id"),
        ({"num_labels": "3"}, "no complete label2id"),
        ({"num_labels": 2, "label2id": {"A": 0, "B": 1}}, "the head's weights do not fit head_config.json"),
    ]:
        head.write_text(json.dumps(whole | {"config": whole["config"] | broken}))
        with pytest.raises(JobError, match=message):
            load_task_adapter(model, tmp_path / "task", "task_pos", saved.facts)
        assert (list(model.heads), list(model.adapters_config)) == ([], [])


def test_a_pickled_adapter_as_the_library_saves_it_by_default_is_read_too(saved: Saved) -> None:
    torch.save(load_file(saved.adapter / "adapter.safetensors"), saved.adapter / "pytorch_adapter.bin")
    (saved.adapter / "adapter.safetensors").unlink()
    model = load_model(saved.base, "tiny-xlm-roberta")
    load_language_adapter(model, saved.adapter, "language_xx", saved.facts)
    assert weights_hash(model, "language_xx") == weights_hash(saved.model, "language_xx")


def test_of_two_weight_files_that_agree_one_is_read_and_if_they_differ_it_is_an_error(saved: Saved) -> None:
    tensors = load_file(saved.adapter / "adapter.safetensors")
    torch.save(tensors, saved.adapter / "pytorch_adapter.bin")
    load_language_adapter(load_model(saved.base, "t"), saved.adapter, "language_xx", saved.facts)
    torch.save({name: tensor + 1 for name, tensor in tensors.items()}, saved.adapter / "pytorch_adapter.bin")
    assert saved.messages() == ["AdapterHub/x: adapter.safetensors and pytorch_adapter.bin hold different weights."]


def test_an_adapter_saved_under_a_name_that_no_module_can_have_is_loaded_under_ours(saved: Saved) -> None:
    def rename(tensors: Tensors) -> None:
        for name in list(tensors):
            tensors[name.replace(".language_xx.", ".to.")] = tensors.pop(name)

    saved.edit_tensors(rename)
    saved.edit_config(lambda record: record.update(name="to"))
    model = load_model(saved.base, "t")
    load_language_adapter(model, saved.adapter, "language_to", saved.facts)
    assert "language_to" in model.adapters_config


# For another base model


def test_an_adapter_for_another_base_model_is_refused_by_name(saved: Saved) -> None:
    saved.edit_config(lambda record: record.update(model_name="bert-base-multilingual-cased"))
    saved.facts["name"] = "FacebookAI/xlm-roberta-base"
    assert saved.messages() == [
        "AdapterHub/x was trained for bert-base-multilingual-cased; the recipe uses FacebookAI/xlm-roberta-base."
    ]


def test_an_adapter_that_names_the_base_model_by_its_old_name_is_accepted(saved: Saved) -> None:
    saved.edit_config(lambda record: record.update(model_name="xlm-roberta-base"))
    saved.facts["name"] = "FacebookAI/xlm-roberta-base"
    load_language_adapter(load_model(saved.base, "t"), saved.adapter, "language_xx", saved.facts)


@pytest.mark.parametrize(("key", "value"), [("model_type", "roberta"), ("hidden_size", 768)])
def test_an_adapter_of_another_architecture_or_width_is_refused(saved: Saved, key: str, value: Any) -> None:
    saved.edit_config(lambda record: record.update({key: value}))
    assert saved.messages() == [
        f"AdapterHub/x is for {key} {value}; the base model tiny-xlm-roberta has {saved.facts[key]}."
    ]


def test_an_adapter_trained_on_other_weights_of_the_same_shape_is_refused(saved: Saved) -> None:
    saved.facts["weights_sha256"] = "0" * 64
    assert saved.messages() == ["AdapterHub/x was trained on other weights than this tiny-xlm-roberta has."]


def test_an_adapter_for_more_layers_is_refused(tmp_path: Path) -> None:
    saved = Saved(tmp_path, num_hidden_layers=5)
    saved.facts = save_tiny_base(saved.base)
    (message,) = saved.messages()
    assert message == (
        "AdapterHub/x: the weights hold adapters in layers 3-4; adapter_config.json and base model have 0-2."
    )


def test_an_adapter_for_fewer_layers_is_refused(tmp_path: Path) -> None:
    saved = Saved(tmp_path, num_hidden_layers=2)
    saved.facts = save_tiny_base(saved.base)
    (message,) = saved.messages()
    assert message == (
        "AdapterHub/x: layers 2 should have an adapter (see leave_out) and the weights hold none or a part."
    )


# Damaged weights


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(saved: Saved, value: float) -> None:
    saved.edit_tensors(lambda tensors: next(iter(tensors.values())).view(-1).__setitem__(0, value))
    (message,) = saved.messages()
    assert message.startswith("AdapterHub/x: 1 tensors hold NaN or infinity, the first is roberta.")


@pytest.mark.parametrize("name", ["adapter.safetensors", "pytorch_adapter.bin"])
def test_truncated_weights_are_refused(saved: Saved, name: str) -> None:
    if name.endswith(".bin"):
        torch.save(load_file(saved.adapter / "adapter.safetensors"), saved.adapter / name)
        (saved.adapter / "adapter.safetensors").unlink()
    whole = (saved.adapter / name).read_bytes()
    (saved.adapter / name).write_bytes(whole[: len(whole) // 2])
    (message,) = saved.messages()
    assert message.startswith(f"AdapterHub/x: {name} cannot be read, it is truncated or damaged (")


def test_a_pickle_with_code_in_it_is_refused_and_the_code_does_not_run(saved: Saved, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "was-here",)

    (saved.adapter / "adapter.safetensors").unlink()
    (saved.adapter / "pytorch_adapter.bin").write_bytes(pickle.dumps({"weights": Evil()}, protocol=2))
    assert saved.messages() == ["AdapterHub/x: pytorch_adapter.bin holds something other than tensors."]
    assert not (tmp_path / "was-here").exists()


def test_tensors_of_the_base_model_inside_are_refused(saved: Saved) -> None:
    saved.edit_tensors(
        lambda tensors: tensors.update(
            {
                "roberta.embeddings.word_embeddings.weight": torch.zeros(78, 16),
                "roberta.encoder.layer.0.output.dense.weight": torch.zeros(16, 32),
            }
        )
    )
    assert saved.messages() == [
        "AdapterHub/x: the weights hold 2 tensors of a base model, which would overwrite ours: "
        "embeddings.word_embeddings.weight."
    ]


def test_tensors_of_a_prediction_head_inside_are_refused(saved: Saved) -> None:
    saved.edit_tensors(lambda tensors: tensors.update({"heads.default.3.weight": torch.zeros(78, 16)}))
    assert saved.messages() == [
        "AdapterHub/x: the weights hold 1 tensors of a prediction head, the first is heads.default.3.weight."
    ]


def test_a_masked_lm_head_beside_the_adapter_is_never_loaded(saved: Saved) -> None:
    model = saved.model
    torch.save(
        {"heads.language_xx.3.weight": torch.zeros(78, 16)},
        saved.adapter / "pytorch_model_head.bin",
    )
    (saved.adapter / "head_config.json").write_text(
        json.dumps({"name": "language_xx", "model_class": type(model).__name__, "config": {"head_type": "masked_lm"}})
    )
    fresh = load_language_model(saved.base, "t")
    before = weights_hash(fresh)
    load_language_adapter(fresh, saved.adapter, "language_xx", saved.facts)
    assert weights_hash(fresh) == before
    assert list(fresh.heads) == ["default"]


def test_missing_tensors_and_wrong_shapes_are_refused(saved: Saved) -> None:
    def change(tensors: Tensors) -> None:
        names = sorted(tensors)
        del tensors[names[0]]
        tensors[names[-1]] = torch.zeros(3)

    saved.edit_tensors(change)
    first, second = saved.messages()
    assert first.startswith("AdapterHub/x: layers 0 should have an adapter (see leave_out)")
    assert second.startswith("AdapterHub/x: 1 tensors have the wrong shape: invertible_adapters.language_xx.G.2.weight")


# A config that does not say what the weights are


def test_a_promised_invertible_adapter_that_is_missing_is_refused(saved: Saved) -> None:
    saved.edit_tensors(lambda tensors: [tensors.pop(name) for name in list(tensors) if "invertible" in name])
    assert saved.messages() == [
        "AdapterHub/x: adapter_config.json promises an invertible adapter (inv_adapter: nice) "
        "and the weights hold none."
    ]


def test_an_invertible_adapter_that_the_config_does_not_have_is_refused(saved: Saved) -> None:
    saved.edit_config(lambda record: record["config"].update(inv_adapter=None))
    assert saved.messages() == [
        "AdapterHub/x: the weights hold an invertible adapter that adapter_config.json does not have "
        "(inv_adapter: None)."
    ]


def test_a_misspelt_key_is_refused_with_the_nearest_one(saved: Saved) -> None:
    def misspell(record: dict[str, Any]) -> None:
        record["config"]["inv_adaptor"] = record["config"].pop("inv_adapter")

    saved.edit_config(misspell)
    assert saved.messages() == [
        'AdapterHub/x: adapter_config.json has an unknown config key "inv_adaptor". Nearest: "inv_adapter".'
    ]


def test_leave_out_that_disagrees_with_the_weights_is_refused_either_way(tmp_path: Path) -> None:
    all_layers, all_but_last = (
        Saved(tmp_path / str(number), AdapterShape("seq_bn", 2, leave_out, "relu", "nice", 2))
        for number, leave_out in enumerate(((), (2,)))
    )
    all_layers.edit_config(lambda record: record["config"].update(leave_out=[2]))
    all_but_last.edit_config(lambda record: record["config"].update(leave_out=[]))
    assert all_layers.messages() == [
        "AdapterHub/x: the weights hold adapters in layers 2; adapter_config.json and base model have 0-1."
    ]
    assert all_but_last.messages() == [
        "AdapterHub/x: layers 2 should have an adapter (see leave_out) and the weights hold none or a part."
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("non_linearity", "sine"),
        ("reduction_factor", 0),
        ("inv_adapter", "glow"),
        ("use_gating", True),
        ("scaling", "learned"),
        ("architecture", "lora"),
        ("leave_out", ["last"]),
        ("phm_layer", True),
        ("dropout", "x"),
        ("dropout", None),
        ("dropout", -0.5),
        ("dropout", True),
        ("scaling", True),
        ("stochastic_depth", False),
        ("non_linearity", ["gelu"]),
        ("non_linearity", None),
        ("reduction_factor", None),
        ("leave_out", False),
        ("inv_adapter", ["nice"]),
        ("inv_adapter_reduction_factor", "2"),
    ],
)
def test_a_value_that_is_not_understood_is_refused(saved: Saved, key: str, value: Any) -> None:
    saved.edit_config(lambda record: record["config"].update({key: value}))
    (message,) = saved.messages()
    assert message.startswith(f"AdapterHub/x: adapter_config.json has {key}={value!r}; possible: ")


def test_an_activation_that_is_not_text_is_refused_in_files_without_a_version_too(saved: Saved) -> None:
    def age(record: dict[str, Any]) -> None:
        del record["version"]
        record["config"]["non_linearity"] = ["gelu"]

    saved.edit_config(age)
    (message,) = saved.messages()
    assert message.startswith("AdapterHub/x: adapter_config.json has non_linearity=['gelu']; possible: relu, gelu")


@pytest.mark.parametrize("key", ["non_linearity", "reduction_factor"])
def test_a_key_without_which_nothing_can_be_built_is_missed(saved: Saved, key: str) -> None:
    saved.edit_config(lambda record: record["config"].pop(key))
    (message,) = saved.messages()
    assert message.startswith(f"AdapterHub/x: adapter_config.json has no {key}; possible: ")


@pytest.mark.parametrize("change", [{"inv_adapter_reduction_factor": None}, {}])
def test_an_invertible_adapter_without_a_size_is_refused(saved: Saved, change: dict[str, Any]) -> None:
    def without_size(record: dict[str, Any]) -> None:
        del record["config"]["inv_adapter_reduction_factor"]
        record["config"].update(change)

    saved.edit_config(without_size)
    assert saved.messages() == [
        "AdapterHub/x: adapter_config.json has inv_adapter='nice' and no inv_adapter_reduction_factor; "
        "possible: a number above 0."
    ]


def test_a_factor_per_layer_that_forgets_a_layer_is_refused(saved: Saved) -> None:
    saved.edit_config(lambda record: record["config"].update(reduction_factor={"0": 2, "1": 2}))
    (message,) = saved.messages()
    assert message == "AdapterHub/x: adapter_config.json gives no reduction_factor for some layer, and no default."


@pytest.mark.parametrize("flag", ["original_ln_before", "ln_after", "residual_before_ln", "mh_adapter"])
def test_a_flipped_flag_that_fits_no_known_layout_is_refused(saved: Saved, flag: str) -> None:
    saved.edit_config(lambda record: record["config"].update({flag: not record["config"][flag]}))
    (message,) = saved.messages()
    assert message.startswith("AdapterHub/x: adapter_config.json has no known layout (seq_bn, double_seq_bn, par_bn)")


def test_every_finding_is_reported_at_once(saved: Saved) -> None:
    saved.edit_config(lambda record: record.update(hidden_size=8))
    saved.edit_config(lambda record: record["config"].update(non_linearity="sine", typo=1))
    saved.edit_tensors(lambda tensors: next(iter(tensors.values())).fill_(float("nan")))
    assert len(saved.messages()) == 4


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter.safetensors"])
def test_a_missing_file_is_named(saved: Saved, name: str) -> None:
    (saved.adapter / name).unlink()
    (message,) = saved.messages()
    assert message in (
        "AdapterHub/x: no adapter_config.json.",
        "AdapterHub/x: no weights (adapter.safetensors or pytorch_adapter.bin).",
    )


@pytest.mark.parametrize("content", ["{not json", "[1, 2]", "{}"])
def test_a_config_that_is_not_one_is_an_error(saved: Saved, content: str) -> None:
    (saved.adapter / "adapter_config.json").write_text(content)
    assert all(message.startswith("AdapterHub/x: adapter_config.json ") for message in saved.messages())


# Old formats


def test_the_first_format_with_its_names_and_nested_invertible_adapter_is_understood(saved: Saved) -> None:
    def age(record: dict[str, Any]) -> None:
        del record["version"], record["base_weights_sha256"]
        record["type"] = "text_lang"
        config = record["config"]
        del config["inv_adapter"], config["inv_adapter_reduction_factor"]
        config["invertible_adapter"] = {"block_type": "nice", "non_linearity": "relu", "reduction_factor": 2}

    def rename(tensors: Tensors) -> None:
        for name in list(tensors):
            old = name.replace(".output.adapters.", ".output.layer_text_lang_adapters.")
            tensors[old.replace("invertible_adapters.", "invertible_lang_adapters.")] = tensors.pop(name)

    saved.edit_config(age)
    saved.edit_tensors(rename)
    model = load_language_model(saved.base, "t")
    load_language_adapter(model, saved.adapter, "language_xx", saved.facts)
    set_stack(model, ["language_xx"])
    with count_invertible_calls(model, "language_xx") as calls:
        logits(model)
    assert (calls.forward, calls.inverse) == (1, 1)
    assert weights_hash(model, "language_xx") == weights_hash(saved.model, "language_xx")


@pytest.mark.parametrize(("version", "meant"), [(None, "gelu_new"), ("0.2.0", "gelu"), ("3.1.0", "gelu")])
def test_gelu_meant_another_function_before_files_had_a_version(saved: Saved, version: str | None, meant: str) -> None:
    def age(record: dict[str, Any]) -> None:
        del record["version"]
        record.update({"version": version} if version else {})
        record["config"]["non_linearity"] = "gelu"

    saved.edit_config(age)
    model = load_model(saved.base, "t")
    load_language_adapter(model, saved.adapter, "language_xx", saved.facts)
    assert model.adapters_config.get("language_xx")["non_linearity"] == meant


def test_loading_an_old_task_adapter_does_not_take_the_inverse_from_a_language_adapter(
    saved: Saved, tmp_path: Path
) -> None:
    """An old task adapter has the same config as a language adapter, and the library shares equal configs."""
    old = Saved(tmp_path / "old")
    old.edit_tensors(lambda tensors: [tensors.pop(name) for name in list(tensors) if "invertible" in name])
    old.edit_config(lambda record: record.update(type="text_task"))
    (old.adapter / "head_config.json").write_text(
        json.dumps(
            {
                "name": "t",
                "config": {"head_type": "tagging", "num_labels": 2, "layers": 1, "label2id": {"A": 0, "B": 1}},
            }
        )
    )
    save_file(
        {"heads.t.1.weight": torch.ones(2, 16), "heads.t.1.bias": torch.ones(2)}, old.adapter / "model_head.safetensors"
    )

    model = load_language_model(saved.base, "tiny-xlm-roberta")
    load_language_adapter(model, saved.adapter, "language_xx", saved.facts)
    load_task_adapter(model, old.adapter, "task_t", saved.facts)
    save_adapter(model, "language_xx", tmp_path / "again", with_head=False)
    assert json.loads((tmp_path / "again" / "adapter_config.json").read_text())["config"]["inv_adapter"] == "nice"
    assert (tmp_path / "again" / "adapter.safetensors").read_bytes() == (
        saved.adapter / "adapter.safetensors"
    ).read_bytes()
