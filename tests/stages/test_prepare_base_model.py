from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoTokenizer

from madx_pipeline.adapter_model import load_model, weights_hash
from madx_pipeline.errors import JobError
from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.stages.prepare_base_model import Params, run
from tests.hub_cache import COMMIT, put_in_cache
from tests.model_builders import MODEL_TYPES, random_ids, save_tiny_base, workspace

PARAMS = Params(miniature_steps=2)


def hashes(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def prepare(folder: Path, out: Path) -> Workspace:
    made = workspace(out)
    source = {"name": folder.name, "path_sha256": hashes(folder)}
    run(Inputs({}, source, {"path": str(folder)}, {}), PARAMS, made)
    return made


def refused(folder: Path, out: Path) -> list[str]:
    """Messages of the refusal; nothing must have been written."""
    with pytest.raises(JobError) as raised:
        prepare(folder, out)
    assert not (out / "model").exists()
    return [problem.message.replace(str(folder), "FOLDER") for problem in raised.value.problems]


def edit(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    save_tiny_base(tmp_path / "my-base")
    return tmp_path / "my-base"


# What comes out


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_a_local_folder_becomes_a_model_that_computes_the_same(tmp_path: Path, model_type: str) -> None:
    save_tiny_base(tmp_path / "base", model_type)
    prepare(tmp_path / "base", tmp_path / "out")
    before, after = (
        AutoModelForMaskedLM.from_pretrained(folder).eval()
        for folder in (tmp_path / "base", tmp_path / "out" / "model")
    )
    with torch.no_grad():
        assert torch.equal(before(random_ids()).logits, after(random_ids()).logits)
    assert AutoTokenizer.from_pretrained(tmp_path / "out" / "model").is_fast


def test_it_is_described(base: Path, tmp_path: Path) -> None:
    out = prepare(base, tmp_path / "out")
    assert out.facts == {
        "name": "my-base",
        "revision": None,
        "model_type": "xlm-roberta",
        "hidden_size": 16,
        "layers": 3,
        "vocab_size": 78,
        "max_length": 32,
        "parameters": AutoModelForMaskedLM.from_pretrained(base).num_parameters(),
        "tokenizer": "PreTrainedTokenizerFast",
        "weights_sha256": weights_hash(load_model(tmp_path / "out" / "model", "x")),
        "languages_seen": None,
        "world_seed": None,
    }


def test_positions_that_a_model_type_never_uses_do_not_count_as_length(tmp_path: Path) -> None:
    lengths = {}
    for model_type in ("xlm-roberta", "roberta", "bert"):
        save_tiny_base(tmp_path / model_type, model_type)
        edit(tmp_path / model_type / "tokenizer_config.json", lambda content: content.pop("model_max_length"))
        lengths[model_type] = prepare(tmp_path / model_type, tmp_path / f"out-{model_type}").facts["max_length"]
    assert lengths == {"xlm-roberta": 32, "roberta": 32, "bert": 34}


def test_half_precision_becomes_float32(base: Path, tmp_path: Path) -> None:
    AutoModelForMaskedLM.from_pretrained(base).half().save_pretrained(base)
    prepare(base, tmp_path / "out")
    tensors = load_file(tmp_path / "out" / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}


def test_pickled_weights_become_safetensors(base: Path, tmp_path: Path) -> None:
    expected = prepare(base, tmp_path / "safe").facts["weights_sha256"]
    torch.save(load_file(base / "model.safetensors"), base / "pytorch_model.bin")
    (base / "model.safetensors").unlink()
    assert prepare(base, tmp_path / "out").facts["weights_sha256"] == expected
    assert "model.safetensors" in os.listdir(tmp_path / "out" / "model")


def test_preparing_twice_gives_the_same_bytes_without_any_path_of_this_machine(base: Path, tmp_path: Path) -> None:
    prepare(base, tmp_path / "a")
    prepare(base, tmp_path / "b")
    assert hashes(tmp_path / "a" / "model") == hashes(tmp_path / "b" / "model")
    for file in (tmp_path / "a" / "model").glob("*.json"):
        assert "/tmp" not in file.read_text()


def test_files_that_are_not_known_are_never_seen(base: Path, tmp_path: Path) -> None:
    (base / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else"}')
    (base / "modeling_evil.py").write_text("raise SystemExit")
    prepare(base, tmp_path / "out")
    assert not {"adapter_config.json", "modeling_evil.py"} & set(os.listdir(tmp_path / "out" / "model"))


def test_a_folder_keeps_its_planned_name_wherever_it_lies_now(base: Path, tmp_path: Path) -> None:
    out = workspace(tmp_path / "out")
    source = {"name": "planned", "path_sha256": hashes(base)}
    run(Inputs({}, source, {"path": str(base)}, {}), PARAMS, out)
    assert out.facts["name"] == "planned"


# From the hub


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_hub_id_at_a_commit_is_taken_from_the_cache_and_its_languages_are_known(
    base: Path, cache: Path, tmp_path: Path
) -> None:
    put_in_cache(cache, "FacebookAI/xlm-roberta-base", base, branch=None)
    out = workspace(tmp_path / "out")
    run(Inputs({}, {"id": "FacebookAI/xlm-roberta-base", "revision": COMMIT}, {}, {}), PARAMS, out)
    assert (out.facts["name"], out.facts["revision"]) == ("FacebookAI/xlm-roberta-base", COMMIT)
    assert len(out.facts["languages_seen"]) == 100
    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()


def test_a_hub_id_with_pickled_weights_only_works_too(base: Path, cache: Path, tmp_path: Path) -> None:
    torch.save(load_file(base / "model.safetensors"), base / "pytorch_model.bin")
    (base / "model.safetensors").unlink()
    put_in_cache(cache, "owner/name", base)
    out = workspace(tmp_path / "out")
    run(Inputs({}, {"id": "owner/name", "revision": COMMIT}, {}, {}), PARAMS, out)
    assert out.facts["languages_seen"] is None


def test_a_hub_id_that_cannot_be_had_is_an_error(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=f"owner/name at {COMMIT} is not in the cache"):
        run(Inputs({}, {"id": "owner/name", "revision": COMMIT}, {}, {}), PARAMS, workspace(tmp_path / "out"))


def test_a_hub_model_with_remote_code_is_refused_by_its_id(base: Path, cache: Path, tmp_path: Path) -> None:
    edit(base / "config.json", lambda content: content.update(auto_map={"AutoModel": "modeling.Evil"}))
    put_in_cache(cache, "owner/name", base)
    with pytest.raises(JobError, match=r"owner/name: config.json has auto_map, which is refused"):
        run(Inputs({}, {"id": "owner/name", "revision": COMMIT}, {}, {}), PARAMS, workspace(tmp_path / "out"))


# What is refused


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("key", ["auto_map", "_attn_implementation_internal", "attn_implementation"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_configuration_that_can_run_foreign_code_is_refused(
    base: Path, tmp_path: Path, file: str, key: str, nested: bool
) -> None:
    dangerous = {key: "someone/evil"}
    edit(base / file, lambda content: content.update({"inner": [dangerous]} if nested else dangerous))
    assert refused(base, tmp_path / "out") == [f"FOLDER: {file} has {key}, which is refused."]


def test_the_harmless_mark_of_older_versions_is_not_refused(base: Path, tmp_path: Path) -> None:
    edit(base / "config.json", lambda content: content.update(_attn_implementation_autoset=True))
    prepare(base, tmp_path / "out")


def test_a_folder_without_tokenizer_is_refused(base: Path, tmp_path: Path) -> None:
    (base / "tokenizer.json").unlink()
    (message,) = refused(base, tmp_path / "out")
    assert message.startswith("FOLDER: no tokenizer (none of tokenizer.json, vocab.txt")


def test_a_tokenizer_that_cannot_be_loaded_fast_is_refused(base: Path, tmp_path: Path) -> None:
    (base / "tokenizer.json").unlink()
    (base / "sentencepiece.bpe.model").write_bytes(b"not a model")
    (message,) = refused(base, tmp_path / "out")
    assert message.startswith("FOLDER: the tokenizer cannot be loaded (")


def test_a_tokenizer_without_mask_token_is_refused(base: Path, tmp_path: Path) -> None:
    edit(base / "tokenizer_config.json", lambda content: content.pop("mask_token"))
    edit(base / "special_tokens_map.json", lambda content: content.pop("mask_token"))
    assert refused(base, tmp_path / "out") == ["FOLDER: the tokenizer has no mask_token."]


def test_a_tokenizer_without_unknown_token_is_refused(base: Path, tmp_path: Path) -> None:
    edit(base / "tokenizer_config.json", lambda content: content.pop("unk_token"))
    edit(base / "special_tokens_map.json", lambda content: content.pop("unk_token"))
    assert refused(base, tmp_path / "out") == ["FOLDER: PreTrainedTokenizerFast has no unknown token."]


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    save_tiny_base(tmp_path / "base", vocab_size=50)
    assert refused(tmp_path / "base", tmp_path / "out") == [
        "FOLDER: the tokenizer has 78 tokens and the model embeds 50."
    ]


def test_a_model_without_pretrained_masked_lm_head_is_refused(base: Path, tmp_path: Path) -> None:
    AutoModelForMaskedLM.from_pretrained(base).roberta.save_pretrained(base)
    (message,) = refused(base, tmp_path / "out")
    assert message.startswith("FOLDER has no pretrained masked-LM head (")


@pytest.mark.parametrize("model_type", ["llama", "xlm"])
def test_an_unsupported_model_type_is_refused(base: Path, tmp_path: Path, model_type: str) -> None:
    edit(base / "config.json", lambda content: content.update(model_type=model_type))
    assert refused(base, tmp_path / "out") == [
        f"FOLDER: model_type is '{model_type}'; possible: xlm-roberta, roberta, bert, distilbert."
    ]


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(base: Path, tmp_path: Path, file: str) -> None:
    (base / file).unlink()
    (message,) = refused(base, tmp_path / "out")
    assert message in ("FOLDER: no config.json.", "FOLDER: no weights (model.safetensors or pytorch_model.bin).")


def test_truncated_weights_are_refused(base: Path, tmp_path: Path) -> None:
    whole = (base / "model.safetensors").read_bytes()
    (base / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    (message,) = refused(base, tmp_path / "out")
    assert message.startswith("FOLDER: the weights cannot be loaded (SafetensorError")


def test_pickled_weights_with_code_in_them_are_refused_and_the_code_does_not_run(base: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "was-here",)

    (base / "model.safetensors").unlink()
    (base / "pytorch_model.bin").write_bytes(pickle.dumps({"weights": Evil()}, protocol=2))
    (message,) = refused(base, tmp_path / "out")
    assert message.startswith("FOLDER: the weights cannot be loaded (")
    assert not (tmp_path / "was-here").exists()


def test_a_file_that_changed_since_the_plan_is_an_error(base: Path, tmp_path: Path) -> None:
    planned = hashes(base)
    edit(base / "config.json", lambda content: content.update(hidden_act="relu"))
    source = {"name": "my-base", "path_sha256": planned}
    with pytest.raises(JobError, match=r"config.json has changed since the run was planned"):
        run(Inputs({}, source, {"path": str(base)}, {}), PARAMS, workspace(tmp_path / "out"))


# The miniature


@pytest.mark.slow
def test_the_miniature_is_pretrained_on_the_spot(tmp_path: Path) -> None:
    out = workspace(tmp_path / "out")
    run(Inputs({}, {"builtin": "miniature", "world_seed": 3}, {}, {}), PARAMS, out)
    assert (out.facts["name"], out.facts["world_seed"], out.facts["model_type"]) == ("miniature", 3, "bert")
    assert "qaa" in out.facts["languages_seen"]
    assert (out.path / "progress.json").is_file()
