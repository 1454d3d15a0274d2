from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from madx_pipeline.adapter_model import (
    AdapterShape,
    add_adapter,
    load_language_adapter,
    load_language_model,
    load_model,
    save_adapter,
    weights_hash,
)
from madx_pipeline.errors import JobError
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.stages.fetch_language_adapter import Params, run
from tests.hub_cache import COMMIT, put_in_cache
from tests.model_builders import tiny_base, workspace

CARD = "---\nlicense: apache-2.0\nlanguage: sw\n---\n# An adapter\n"


@pytest.fixture
def base(tmp_path: Path) -> Artifact:
    return tiny_base(tmp_path / "base")


@pytest.fixture
def published(base: Artifact, tmp_path: Path) -> Path:
    """An adapter folder as the library saves it by default (a pickle), with a model card."""
    model = load_model(base.path / "model", base.facts["name"])
    add_adapter(model, "sw", AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2), seed=4)
    folder = tmp_path / "published"
    model.save_adapter(str(folder), "sw", with_head=False)
    (folder / "README.md").write_text(CARD)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def fetch(
    source: dict[str, Any],
    base: Artifact,
    folder: Path,
    locations: dict[str, str] | None = None,
    expected: dict[str, str] | None = None,
    leave_out: tuple[int, ...] = (),
) -> Workspace:
    out = workspace(folder)
    inputs = Inputs({"language": "sw"}, source, locations or {}, {"base_model": base}, expected or {})
    run(inputs, Params(leave_out=leave_out), out)
    return out


def fetch_folder(folder: Path, base: Artifact, into: Path, leave_out: tuple[int, ...] = ()) -> Workspace:
    hashes = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    return fetch({"path_sha256": hashes}, base, into, {"path": str(folder)}, leave_out=leave_out)


def test_an_adapter_from_a_folder_becomes_the_artifact_that_training_makes(
    published: Path, base: Artifact, tmp_path: Path
) -> None:
    out = fetch_folder(published, base, tmp_path / "out")
    assert sorted(os.listdir(out.path / "adapter")) == ["adapter.safetensors", "adapter_config.json"]
    model = load_language_model(base.path / "model", base.facts["name"])
    load_language_adapter(model, out.path / "adapter", "language_sw", base.facts)
    before = torch.load(published / "pytorch_adapter.bin", weights_only=True)
    after = load_file(out.path / "adapter" / "adapter.safetensors")
    assert {name.replace(".sw.", ".language_sw."): tensor.sum() for name, tensor in before.items()} == {
        name: tensor.sum() for name, tensor in after.items()
    }


def test_it_is_described_with_its_checksum_and_licence(published: Path, base: Artifact, tmp_path: Path) -> None:
    facts = fetch_folder(published, base, tmp_path / "out").facts
    digest = hashlib.sha256((published / "pytorch_adapter.bin").read_bytes()).hexdigest()
    expected = {
        "language": "sw",
        "origin": "published",
        "name": "language_sw",
        "path": str(published),
        "sha256": digest,
        "weights_file": "pytorch_adapter.bin",
        "files": {
            "adapter_config.json": hashlib.sha256((published / "adapter_config.json").read_bytes()).hexdigest(),
            "pytorch_adapter.bin": digest,
        },
        "licence": "apache-2.0",
        "trained_for": "tiny-xlm-roberta",
        "architecture": "seq_bn",
        "reduction_factor": 2,
        "non_linearity": "relu",
        "variant": "pfeiffer_relu",
        "leave_out": [],
        "has_invertible_adapter": True,
        "parameters": 992,
    }
    assert {key: facts[key] for key in expected} == expected
    json.dumps(facts)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_an_inverse_that_was_trained_with_another_activation_is_recorded(
    published: Path, base: Artifact, tmp_path: Path, activation: str
) -> None:
    file = published / "adapter_config.json"
    record = json.loads(file.read_text())
    config = record["config"]
    factor = config.pop("inv_adapter_reduction_factor")
    nested = {"block_type": config.pop("inv_adapter"), "non_linearity": activation, "reduction_factor": factor}
    record["config"] = {**config, "invertible_adapter": nested}
    file.write_text(json.dumps(record))
    [check] = [
        check
        for check in fetch_folder(published, base, tmp_path / "out").checks
        if check.name == "invertible_adapter_is_the_trained_one"
    ]
    assert (check.passed, check.hard) == (activation == "relu", False)
    assert check.passed or check.detail == "It was written with tanh; the library uses relu there too."


def test_an_adapter_from_the_hub_is_pinned_to_its_commit(
    published: Path, base: Artifact, cache: Path, tmp_path: Path
) -> None:
    put_in_cache(cache, "AdapterHub/tiny-sw", published)
    out = fetch({"id": "AdapterHub/tiny-sw", "revision": None}, base, tmp_path / "out")
    assert (out.facts["repository"], out.facts["revision"]) == ("AdapterHub/tiny-sw", COMMIT)
    assert out.facts["licence"] == "apache-2.0"


def test_a_prediction_head_beside_it_is_left_where_it_is(
    published: Path, base: Artifact, cache: Path, tmp_path: Path
) -> None:
    (published / "head_config.json").write_text('{"name": "sw", "config": {"head_type": "masked_lm"}}')
    torch.save({"heads.sw.3.weight": torch.zeros(78, 16)}, published / "pytorch_model_head.bin")
    out = fetch_folder(published, base, tmp_path / "out")
    assert not any("head" in name for name in os.listdir(out.path / "adapter"))


def test_an_adapter_that_does_not_name_a_local_base_model_is_taken_with_a_warning(
    published: Path, base: Artifact, tmp_path: Path
) -> None:
    record = json.loads((published / "adapter_config.json").read_text()) | {"model_name": "xlm-roberta-base"}
    (published / "adapter_config.json").write_text(json.dumps(record))
    (check,) = (check for check in fetch_folder(published, base, tmp_path / "out").checks if not check.passed)
    assert (check.name, check.passed, check.hard) == ("adapter_names_this_base_model", False, False)
    assert (
        check.detail == "The adapter says that it was trained for xlm-roberta-base; the base model is tiny-xlm-roberta."
    )


def test_an_adapter_for_another_base_model_is_an_error_that_names_it(
    published: Path, base: Artifact, cache: Path, tmp_path: Path
) -> None:
    record = json.loads((published / "adapter_config.json").read_text())
    record |= {"model_name": "bert-base-multilingual-cased", "model_type": "bert", "hidden_size": 768}
    (published / "adapter_config.json").write_text(json.dumps(record))
    put_in_cache(cache, "AdapterHub/x", published)
    base.facts["name"] = "FacebookAI/xlm-roberta-base"
    with pytest.raises(JobError) as raised:
        fetch({"id": "AdapterHub/x", "revision": COMMIT}, base, tmp_path / "out")
    assert [problem.message for problem in raised.value.problems] == [
        "AdapterHub/x was trained for bert-base-multilingual-cased; the recipe uses FacebookAI/xlm-roberta-base.",
        "AdapterHub/x is for model_type bert; the base model FacebookAI/xlm-roberta-base has xlm-roberta.",
        "AdapterHub/x is for hidden_size 768; the base model FacebookAI/xlm-roberta-base has 16.",
    ]
    assert not (tmp_path / "out" / "adapter").exists()


def test_an_adapter_with_nan_or_foreign_tensors_or_a_typo_is_an_error_with_every_finding(
    published: Path, base: Artifact, tmp_path: Path
) -> None:
    tensors = torch.load(published / "pytorch_adapter.bin", weights_only=True)
    next(iter(tensors.values())).fill_(float("nan"))
    (published / "pytorch_adapter.bin").unlink()
    save_file(tensors, published / "adapter.safetensors")
    record = json.loads((published / "adapter_config.json").read_text())
    record["config"]["inv_adaptor"] = record["config"].pop("inv_adapter")
    (published / "adapter_config.json").write_text(json.dumps(record))
    with pytest.raises(JobError) as raised:
        fetch_folder(published, base, tmp_path / "out")
    messages = [problem.message.removeprefix(f"{published}: ") for problem in raised.value.problems]
    assert messages == [
        'adapter_config.json has an unknown config key "inv_adaptor". Nearest: "inv_adapter".',
        f"1 tensors hold NaN or infinity, the first is {next(iter(tensors))}.",
    ]
    assert not (tmp_path / "out" / "adapter").exists()


@pytest.mark.parametrize("name", ["adapter_config.json", "pytorch_adapter.bin"])
def test_a_repository_that_lacks_a_file_is_an_error(
    published: Path, base: Artifact, cache: Path, tmp_path: Path, name: str
) -> None:
    (published / name).unlink()
    put_in_cache(cache, "AdapterHub/x", published)
    with pytest.raises(JobError, match=r"AdapterHub/x: no (adapter_config\.json|weights)"):
        fetch({"id": "AdapterHub/x", "revision": COMMIT}, base, tmp_path / "out")


def test_an_id_that_is_not_in_the_cache_is_an_error_without_a_network(
    base: Artifact, cache: Path, tmp_path: Path
) -> None:
    with pytest.raises(JobError, match="AdapterHub/none at its default branch is not in the cache"):
        fetch({"id": "AdapterHub/none", "revision": None}, base, tmp_path / "out")


def test_what_was_fetched_can_be_fetched_again_and_gives_the_same_bytes(
    published: Path, base: Artifact, tmp_path: Path
) -> None:
    first, second = (fetch_folder(published, base, tmp_path / name) for name in ("a", "b"))
    for file in (first.path / "adapter").iterdir():
        assert file.read_bytes() == (second.path / "adapter" / file.name).read_bytes()


def test_an_adapter_trained_here_can_be_brought_back_from_a_folder(base: Artifact, tmp_path: Path) -> None:
    model = load_language_model(base.path / "model", base.facts["name"])
    add_adapter(model, "language_sw", AdapterShape("seq_bn", 2, (2,), "gelu", "nice", 2), seed=4)
    save_adapter(model, "language_sw", tmp_path / "ours", with_head=False)
    base.facts["weights_sha256"] = weights_hash(model)
    out = fetch_folder(tmp_path / "ours", base, tmp_path / "out")
    assert (out.facts["leave_out"], out.facts["non_linearity"]) == ([2], "gelu")
    assert (out.path / "adapter" / "adapter.safetensors").read_bytes() == (
        tmp_path / "ours" / "adapter.safetensors"
    ).read_bytes()


def layers_of(tensors: dict[str, torch.Tensor]) -> set[str]:
    return {name.split(".layer.")[1].split(".")[0] for name in tensors if ".layer." in name}


def test_for_madx_2_the_last_layer_is_left_out_and_the_rest_stays_as_published(
    published: Path, base: Artifact, tmp_path: Path
) -> None:
    whole = load_file(fetch_folder(published, base, tmp_path / "whole").path / "adapter" / "adapter.safetensors")
    out = fetch_folder(published, base, tmp_path / "out", leave_out=(2,))
    kept = load_file(out.path / "adapter" / "adapter.safetensors")
    assert (layers_of(whole), layers_of(kept)) == ({"0", "1", "2"}, {"0", "1"})
    assert all(torch.equal(kept[name], tensor) for name, tensor in whole.items() if ".layer.2." not in name)
    assert any("invertible" in name for name in kept)
    record = json.loads((out.path / "adapter" / "adapter_config.json").read_text())
    assert record["config"]["leave_out"] == out.facts["leave_out"] == [2]
    assert out.facts["parameters"] < 992
    model = load_model(base.path / "model", base.facts["name"])
    load_language_adapter(model, out.path / "adapter", "language_sw", base.facts)


def test_layers_that_a_published_adapter_lacks_stay_out(base: Artifact, tmp_path: Path) -> None:
    model = load_model(base.path / "model", base.facts["name"])
    add_adapter(model, "sw", AdapterShape("seq_bn", 2, (0,), inv_adapter="nice", inv_adapter_reduction_factor=2), 4)
    save_adapter(model, "sw", tmp_path / "published", with_head=False)
    assert fetch_folder(tmp_path / "published", base, tmp_path / "out", leave_out=(2,)).facts["leave_out"] == [0, 2]


def test_an_adapter_is_checked_whole_before_layers_are_left_out(
    published: Path, base: Artifact, tmp_path: Path
) -> None:
    tensors = torch.load(published / "pytorch_adapter.bin", weights_only=True)
    next(tensor for name, tensor in tensors.items() if ".layer.2." in name).fill_(float("nan"))
    torch.save(tensors, published / "pytorch_adapter.bin")
    with pytest.raises(JobError, match="NaN"):
        fetch_folder(published, base, tmp_path / "out", leave_out=(2,))


def test_a_layer_that_does_not_exist_cannot_be_left_out(published: Path, base: Artifact, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="leave_out has layer 3; the base model has layers 0 to 2"):
        fetch_folder(published, base, tmp_path / "out", leave_out=(3,))


def test_other_bytes_than_the_lock_file_says_are_refused_with_both_hashes(
    published: Path, base: Artifact, cache: Path, tmp_path: Path
) -> None:
    put_in_cache(cache, "AdapterHub/x", published)
    found = hashlib.sha256((published / "pytorch_adapter.bin").read_bytes()).hexdigest()
    config = hashlib.sha256((published / "adapter_config.json").read_bytes()).hexdigest()
    locked = {"adapter_config.json": config, "pytorch_adapter.bin": "0" * 64}
    with pytest.raises(JobError) as raised:
        fetch({"id": "AdapterHub/x", "revision": COMMIT}, base, tmp_path / "out", expected=locked)
    assert found in str(raised.value)
    assert "0" * 64 in str(raised.value)


def test_an_adapter_that_is_not_what_the_catalogue_says_is_refused(
    published: Path, base: Artifact, cache: Path, tmp_path: Path
) -> None:
    record = json.loads((published / "adapter_config.json").read_text())
    record["config"]["non_linearity"] = "tanh"
    (published / "adapter_config.json").write_text(json.dumps(record | {"model_name": "xlm-roberta-base"}))
    put_in_cache(cache, "AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer", published)
    base.facts["name"] = "FacebookAI/xlm-roberta-base"
    with pytest.raises(JobError, match=r"the catalogue says non_linearity relu; adapter_config\.json has 'tanh'"):
        fetch({"id": "AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer", "revision": COMMIT}, base, tmp_path / "out")
