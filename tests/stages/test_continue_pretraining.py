"""continue_pretraining: the whole model learns a language, and what comes out is a base model like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoTokenizer

from madx_pipeline import adapter_model
from madx_pipeline.adapter_model import language_model
from madx_pipeline.errors import CheckError, JobError
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Inputs, Workspace, stage_page
from madx_pipeline.stages.continue_pretraining import Params, run
from tests.model_builders import MODEL_TYPES, corpus_of, random_ids, tiny_base, workspace
from tests.tasks.artifacts import artifact
from tests.tasks.tiny_world import QUICK, SOURCE, TinyWorld, interrupt_at, run_stage

FAST: dict[str, Any] = {
    "max_steps": 12,
    "eval_steps": 4,
    "logging_steps": 4,
    "per_device_train_batch_size": 8,
    "learning_rate": 5e-3,
}


def lines(number: int, seed: int = 0) -> list[list[int]]:
    """Lines in which few tokens are frequent, so that there is something to learn."""
    ids = random_ids(number, 20, seed=seed) % 8 + 6
    return [line[: 4 + place % 17] for place, line in enumerate(ids.tolist())]


def go_on(base: Artifact, folder: Path, **changes: Any) -> Workspace:
    corpus = folder.with_name(f"{folder.name}-corpus")
    inputs = {"base_model": base, "corpus": corpus_of(corpus, lines(40), lines(8, 1))}
    out = workspace(folder)
    run(
        Inputs({"language": "xx"}, {}, {}, inputs),
        Params.model_validate(stage_page("continue_pretraining").params | FAST | changes),
        out,
    )
    return out


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def continued(base: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A finished model; tests read it and change nothing."""
    return go_on(base, tmp_path_factory.mktemp("continued") / "out")


def test_the_held_out_loss_falls_and_every_weight_trains(base: Artifact, continued: Workspace) -> None:
    values = {check.name: check.value for check in continued.checks}
    assert all(check.passed for check in continued.checks)
    assert continued.facts["heldout_loss_after"] < continued.facts["heldout_loss_before"]
    assert values["trainable_set"] == continued.measured["trainable_parameters"] == continued.measured["parameters"]
    before, after = (load_file(folder / "model" / "model.safetensors") for folder in (base.path, continued.path))
    assert before.keys() == after.keys()
    assert not any(torch.equal(before[name], after[name]) for name in before if "position" not in name)


def test_the_facts_are_those_of_a_base_model_with_other_weights(base: Artifact, continued: Workspace) -> None:
    facts = continued.facts
    assert {name: facts[name] for name in ("name", "hidden_size", "max_length")} == {
        name: base.facts[name] for name in ("name", "hidden_size", "max_length")
    }
    model = adapter_model.load_model(continued.path / "model", "tiny")
    assert facts["weights_sha256"] == adapter_model.weights_hash(model) != base.facts.get("weights_sha256")
    assert (facts["language"], facts["origin"]) == ("xx", "continued")
    json.dumps(facts)


def test_the_tokenizer_comes_along_byte_for_byte(base: Artifact, continued: Workspace) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (continued.path / "model" / name).read_bytes() == (base.path / "model" / name).read_bytes()
    assert AutoTokenizer.from_pretrained(continued.path / "model").mask_token == "<mask>"


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_what_is_saved_is_the_trained_model_whoever_loads_it(tmp_path: Path, model_type: str) -> None:
    folder = tiny_base(tmp_path / "base", model_type).path / "model"
    model = adapter_model.load_language_model(folder, "tiny")
    with torch.no_grad(), adapter_model.seeded(3):
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) / 10)
    adapter_model.save_language_model(model, folder, tmp_path / "saved")
    plain = AutoModelForMaskedLM.from_pretrained(tmp_path / "saved").eval()
    again = adapter_model.load_language_model(tmp_path / "saved", "tiny")
    ids = random_ids(2, 9)
    with torch.inference_mode():
        wanted = model.eval()(ids).logits
        assert torch.equal(plain(ids).logits, wanted)
        assert torch.equal(again(ids).logits, wanted)


def test_an_interrupted_training_resumes_to_the_same_bytes(
    base: Artifact, continued: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "progress", interrupt_at(7))
        with pytest.raises(KeyboardInterrupt):
            go_on(base, tmp_path / "out")
    resumed = go_on(base, tmp_path / "out")
    assert resumed.facts == continued.facts
    for path in sorted((continued.path / "model").iterdir()):
        assert (resumed.path / "model" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_training_that_teaches_nothing_fails_the_job(base: Artifact, tmp_path: Path) -> None:
    with pytest.raises(CheckError, match="held_out_loss_fell failed"):
        go_on(base, tmp_path / "out", learning_rate=3.0, max_steps=4)


def test_a_model_that_is_not_saved_as_it_was_fails_the_job(
    base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_model, "_head_names", head_of_the_base)
    with pytest.raises((CheckError, JobError), match=r"saved_model_gives_the_loss failed|has no lm_head"):
        go_on(base, tmp_path / "out")


def head_of_the_base(kind: str) -> dict[str, str]:
    """As if the head had other names in the trained model."""
    return {}


def test_full_fine_tuning_takes_it_as_its_base_model(tmp_path: Path) -> None:
    world = TinyWorld(tmp_path / "world")
    held_out, text = ([[5 + (seed * 7 + place) % 30 for place in range(9)] for seed in range(size)] for size in (8, 40))
    corpus = corpus_of(tmp_path / "corpus", text, held_out)
    inputs = {"base_model": world.base, "corpus": corpus}
    model = run_stage(
        "continue_pretraining", tmp_path / "model", inputs, {"language": "xx"}, **{**FAST, "max_steps": 4}
    )
    base = artifact(model.path, model.facts, kind="base_model")
    data = {"base_model": base, "task_data": world.task_data("ner", SOURCE)}
    key: dict[str, str | int] = {"task": "ner", "language": SOURCE, "seed": 1, "after": "xx"}
    tuned = run_stage("finetune_base_model", tmp_path / "tuned", data, key, **{**QUICK, "learning_rate": 0.005})
    assert tuned.facts["dev"]["span_f1"] > 0.8
