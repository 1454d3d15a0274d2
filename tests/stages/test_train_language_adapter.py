from __future__ import annotations

import gzip
import json
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from adapters.methods.modeling import NICECouplingBlock
from transformers import PreTrainedModel

from madx_pipeline.adapter_model import (
    AdapterModel,
    base,
    load_language_adapter,
    load_language_model,
    set_stack,
    stack,
)
from madx_pipeline.errors import CheckError, JobError
from madx_pipeline.masked_lm import loss as masked_lm
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Inputs, Workspace, stage_page
from madx_pipeline.stages.train_language_adapter import Params, run
from tests.model_builders import as_artifact, corpus_of, random_ids, save_tiny_base, tiny_base, workspace

QUICK: dict[str, Any] = {
    "max_steps": 12,
    "eval_steps": 4,
    "logging_steps": 4,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "learning_rate": 1e-2,
}


def params(**changes: Any) -> Params:
    return Params.model_validate(stage_page("train_language_adapter").params | QUICK | changes)


def lines(number: int, seed: int = 0) -> list[list[int]]:
    """Lines of different length in which few tokens are frequent, so that there is something to learn."""
    ids = random_ids(number, 20, seed=seed) % 8 + 6
    return [line[: 4 + place % 17] for place, line in enumerate(ids.tolist())]


def inputs(folder: Path, train: Sequence[list[int]] = lines(40), held_out: Sequence[list[int]] = lines(8, 1)) -> Inputs:
    model = tiny_base(folder / "base")
    corpus = corpus_of(folder / "corpus", list(train), list(held_out))
    return Inputs({"language": "xx"}, {}, {}, {"base_model": model, "corpus": corpus})


def trained(folder: Path, **changes: Any) -> Workspace:
    out = workspace(folder / "out")
    run(inputs(folder), params(**changes), out)
    return out


def checks(out: Workspace) -> dict[str, bool]:
    return {check.name: check.passed for check in out.checks}


def test_a_language_adapter_lowers_the_held_out_loss_and_every_check_is_recorded(tmp_path: Path) -> None:
    out = trained(tmp_path)
    assert checks(out) == {
        "pretrained_head_kept": True,
        "trainable_set": True,
        "base_model_unchanged": True,
        "saved_adapter_gives_the_loss": True,
        "inverse_called_as_often_as_forward": True,
        "inverse_undoes_forward": True,
        "held_out_loss_fell": True,
    }
    assert out.facts["heldout_loss_after"] < out.facts["heldout_loss_before"]
    assert out.facts["heldout_perplexity_after"] == pytest.approx(torch.tensor(out.facts["heldout_loss_after"]).exp())


def test_it_is_described(tmp_path: Path) -> None:
    facts = trained(tmp_path).facts
    expected = {
        "language": "xx",
        "origin": "trained",
        "name": "language_xx",
        "reduction_factor": 2.0,
        "leave_out": [],
        "has_invertible_adapter": True,
        "parameters": 992,
        "steps": 12,
        "rows": 40,
        "epochs": 2.4,
    }
    assert {key: facts[key] for key in expected} == expected
    assert [point["step"] for point in facts["curve"]] == [4, 8, 12]
    assert [point["step"] for point in facts["train_curve"]] == [4, 8, 12]
    assert facts["bytes"] == sum(file.stat().st_size for file in (tmp_path / "out" / "adapter").iterdir())
    assert min(point["loss"] for point in facts["curve"]) == facts["heldout_loss_after"]
    json.dumps(facts)


def test_only_the_adapter_is_saved_without_the_head(tmp_path: Path) -> None:
    out = trained(tmp_path)
    assert sorted(os.listdir(out.path / "adapter")) == ["adapter.safetensors", "adapter_config.json"]
    assert sorted(os.listdir(out.path)) == ["adapter", "checkpoints", "progress.json"]


def test_two_runs_give_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    adapters = []
    for number, seed in enumerate((0, 0, 1)):
        out = trained(tmp_path / str(number), seed=seed)
        adapters.append((out.path / "adapter" / "adapter.safetensors").read_bytes())
    assert adapters[0] == adapters[1] != adapters[2]


def test_a_job_that_crashed_goes_on_from_its_checkpoint_and_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(tmp_path / "whole")
    measured = masked_lm.masked_lm_loss
    calls = []

    def crash_later(model: AdapterModel, batches: Any) -> float:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return measured(model, batches)

    monkeypatch.setattr(masked_lm, "masked_lm_loss", crash_later)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "broken")
    kept = (tmp_path / "broken" / "out" / "checkpoints").glob("checkpoint-*")
    assert [folder.name for folder in kept] == ["checkpoint-8"]
    again = workspace(tmp_path / "broken" / "out")
    run(inputs(tmp_path / "broken"), params(), again)
    for name in ("adapter.safetensors", "adapter_config.json"):
        assert (again.path / "adapter" / name).read_bytes() == (whole.path / "adapter" / name).read_bytes()
    assert again.facts == whole.facts


def test_a_second_language_reads_no_weights_of_the_base_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, read = inputs(tmp_path), []
    genuine = PreTrainedModel.from_pretrained.__func__

    def counted(kind: type, folder: Any, *unnamed: Any, **named: Any) -> Any:
        read.append(kind.__name__)
        return genuine(kind, folder, *unnamed, **named)

    monkeypatch.setattr(PreTrainedModel, "from_pretrained", classmethod(counted))
    found = []
    for number in range(2):
        out = workspace(tmp_path / str(number))
        run(made, params(max_steps=2, eval_steps=2), out)
        found.append([(check.passed, check.value) for check in out.checks if check.name == "pretrained_head_kept"])
    assert sorted(read) == ["XLMRobertaAdapterModel", "XLMRobertaForMaskedLM"]
    assert found == [[(True, 0.0)]] * 2


def test_layers_can_be_left_out_as_in_madx_2(tmp_path: Path) -> None:
    out = trained(tmp_path, leave_out=[2])
    config = json.loads((out.path / "adapter" / "adapter_config.json").read_text())["config"]
    assert config["leave_out"] == out.facts["leave_out"] == [2]
    assert out.facts["parameters"] == 992 - (2 * 16 * 8 + 8 + 16)


def test_without_invertible_adapter_there_is_nothing_to_invert_and_nothing_to_check(tmp_path: Path) -> None:
    out = trained(tmp_path, inv_adapter=None)
    assert out.facts["has_invertible_adapter"] is False
    assert not any("inverse" in name for name in checks(out))


def test_rows_are_no_longer_than_the_base_model_takes(tmp_path: Path) -> None:
    long = [[7] * 75 for _ in range(10)]
    made = inputs(tmp_path, train=long)
    out = workspace(tmp_path / "out")
    run(made, params(max_length=256), out)
    assert out.facts["rows"] == 30  # 75 tokens in windows of at most 30 and two special tokens


def test_packed_lines_learn_what_padded_ones_learn(tmp_path: Path) -> None:
    made = inputs(tmp_path)
    no_dropout = tiny_base(tmp_path / "steady", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    curves = []
    for packing in ("lines", "none"):
        out = workspace(tmp_path / packing)
        run(Inputs(made.key, {}, {}, {**made.artifacts, "base_model": no_dropout}), params(packing=packing), out)
        assert out.facts["rows"] == 40
        curves.append([point["loss"] for point in out.facts["curve"] + out.facts["train_curve"]])
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


def test_documents_fill_rows(tmp_path: Path) -> None:
    out = trained(tmp_path, packing="documents")
    tokens = sum(len(line) + 2 for line in lines(40))
    assert out.facts["rows"] == -(-tokens // 32)
    assert out.facts["epochs"] == 12 * 8 / out.facts["rows"]


def test_a_base_model_that_takes_no_positions_reads_padded_lines_instead(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = inputs(tmp_path)
    base_model = tiny_base(tmp_path / "other", "distilbert")
    with caplog.at_level("INFO"):
        run(
            Inputs(made.key, {}, {}, {**made.artifacts, "base_model": base_model}),
            params(),
            workspace(tmp_path / "out"),
        )
    assert "lines are padded, not packed, which is slower: distilbert takes no positions" in caplog.text


def test_documents_are_refused_for_a_base_model_that_takes_no_positions(tmp_path: Path) -> None:
    made, base_model = inputs(tmp_path), tiny_base(tmp_path / "other", "distilbert")
    asked = Inputs(made.key, {}, {}, {**made.artifacts, "base_model": base_model})
    with pytest.raises(JobError, match="packing: documents needs a base model that takes positions, which distilbert"):
        run(asked, params(packing="documents"), workspace(tmp_path / "out"))


# What goes wrong


@pytest.mark.parametrize(
    ("train", "held_out", "part"),
    [([], lines(2), "train on"), (lines(2), [], "hold out"), ([[]], lines(2), "train on")],
)
def test_too_little_text_is_an_error(
    tmp_path: Path, train: list[list[int]], held_out: list[list[int]], part: str
) -> None:
    with pytest.raises(JobError, match=f"the corpus of xx is too small: no line to {part}"):
        run(inputs(tmp_path, train, held_out), params(), workspace(tmp_path / "out"))


def test_an_adapter_that_gained_nothing_fails_the_job(tmp_path: Path) -> None:
    other_words = [[token + 40 for token in line] for line in lines(8, 1)]  # what is learnt does not help there
    out = workspace(tmp_path / "out")
    with pytest.raises(CheckError, match="check held_out_loss_fell failed"):
        run(inputs(tmp_path, held_out=other_words), params(), out)
    assert [check.name for check in out.checks if not check.passed] == ["held_out_loss_fell"]


def test_a_parameter_too_many_that_trains_is_a_recorded_check_that_fails_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def activates_and_unfreezes(model: AdapterModel, names: Sequence[str]) -> None:
        set_stack(model, names)
        model.get_input_embeddings().weight.requires_grad_(True)

    monkeypatch.setattr(stack, "set_stack", activates_and_unfreezes)
    out = workspace(tmp_path / "out")
    with pytest.raises(CheckError, match="check trainable_set failed"):
        run(inputs(tmp_path), params(), out)
    assert [(check.name, check.passed) for check in out.checks][-1] == ("trainable_set", False)
    assert "wrong: roberta.embeddings.word_embeddings.weight." in out.checks[-1].detail


def test_an_inverse_that_is_wrong_fails_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = NICECouplingBlock.forward

    def nearly(self: Any, values: torch.Tensor, rev: bool = False) -> torch.Tensor:
        found: torch.Tensor = genuine(self, values, rev=rev)
        return found * 1.001 if rev else found

    monkeypatch.setattr(NICECouplingBlock, "forward", nearly)
    out = workspace(tmp_path / "out")
    with pytest.raises(CheckError, match="check inverse_undoes_forward failed"):
        run(inputs(tmp_path), params(max_steps=2, eval_steps=2), out)
    assert out.checks[-1].passed is False


def test_a_base_model_that_lost_its_decoder_bias_fails_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_decoder_bias", lambda folder: torch.zeros(78))
    with pytest.raises(CheckError, match="check pretrained_head_kept failed"):
        trained(tmp_path)


def test_a_layer_to_leave_out_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="leave_out has layer 11; the base model has layers 0 to 2"):
        trained(tmp_path, leave_out=[11])


def test_a_learning_rate_that_is_far_too_high_says_what_to_try(tmp_path: Path) -> None:
    with pytest.raises(JobError) as raised:
        trained(tmp_path, learning_rate=1e30, max_grad_norm=0.0)
    assert "is nan at step" in str(raised.value) or "is inf at step" in str(raised.value)
    assert raised.value.problems[0].hint.startswith("Lower learning_rate (now 1e+30)")


# Real text


@pytest.mark.slow
def test_a_real_language_that_a_real_small_model_has_not_seen_is_learnt(shared: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from madx_pipeline.stages import prepare_base_model

    folder = shared / "models" / "mini-xlmr"
    if not folder.is_dir():
        pytest.skip("the small real model is not here")
    prepared = workspace(tmp_path / "base")
    source = Inputs({}, {"name": "mini-xlmr", "path_sha256": {}}, {"path": str(folder)}, {})
    prepare_base_model.run(source, prepare_base_model.Params(miniature_steps=1), prepared)
    real_base = as_artifact(prepared.path, prepared.facts)
    tokenizer = AutoTokenizer.from_pretrained(prepared.path / "model")
    with gzip.open(shared / "data" / "text" / "sw.txt.gz", "rt", encoding="utf-8") as text:
        ids = [tokenizer(line.strip(), add_special_tokens=False)["input_ids"] for line in islice(text, 1200)]
    made = Inputs(
        {"language": "sw"},
        {},
        {},
        {"base_model": real_base, "corpus": corpus_of(tmp_path / "corpus", ids[100:], ids[:100], "sw")},
    )
    out = workspace(tmp_path / "out")
    run(made, params(max_length=64, max_steps=40, eval_steps=20, learning_rate=2e-3, whole_word_share=0.5), out)
    assert out.facts["heldout_loss_after"] < out.facts["heldout_loss_before"] - 0.5

    model = load_language_model(prepared.path / "model", "mini-xlmr")
    load_language_adapter(model, out.path / "adapter", "language_sw", prepared.facts)
    set_stack(model, ["language_sw"])


def test_the_adapter_of_another_base_model_is_refused_by_the_next_stage(tmp_path: Path) -> None:
    out = trained(tmp_path / "first")
    other: Artifact = as_artifact(tmp_path / "other", save_tiny_base(tmp_path / "other" / "model", seed=9))
    model = load_language_model(other.path / "model", other.facts["name"])
    with pytest.raises(JobError, match="was trained on other weights"):
        load_language_adapter(model, out.path / "adapter", "language_xx", other.facts | {"weights_sha256": "other"})
