"""Real files of published adapters, of every age there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from adapters import AutoAdapterModel
from transformers import BertConfig

from madx_pipeline.adapter_files import (
    base_model_checks,
    config_checks,
    head_problems,
    modern_config,
    problems_of,
    read_adapter,
    read_head,
)
from madx_pipeline.adapter_model import (
    adapter_problems,
    head_labels,
    load_model,
    load_task_adapter,
    save_adapter,
    set_stack,
)
from tests.model_builders import save_tiny_base

MBERT: dict[str, Any] = {
    "name": "google-bert/bert-base-multilingual-cased",
    "revision": "a" * 40,
    "model_type": "bert",
    "hidden_size": 768,
    "layers": 12,
}


@pytest.fixture
def published(shared: Path) -> Path:
    folder = shared / "published"
    if not folder.is_dir():
        pytest.skip("the folder of published adapters is not here")
    return folder


def test_configs_of_every_format_are_understood(published: Path) -> None:
    files = sorted((published / "configs").glob("*.adapter_config.json"))
    assert len(files) >= 4
    for file in files:
        record = json.loads(file.read_text())
        assert problems_of(config_checks(modern_config(record, has_inverse=True), record, file.name)) == []


def test_heads_of_every_format_are_understood(published: Path) -> None:
    files = sorted((published / "configs").glob("*.head_config.json"))
    assert len(files) >= 3
    for file in files:
        assert head_problems(json.loads(file.read_text())["config"], file.name) == []


def test_a_real_published_adapter_fits_mbert_tensor_by_tensor(published: Path, tmp_path: Path) -> None:
    BertConfig(vocab_size=200).save_pretrained(tmp_path)
    adapter = read_adapter(published / "mbert-metaphor", "AnHu2410/MD_crosslingual")
    assert adapter_problems(adapter, tmp_path, MBERT) == []
    assert adapter.weights_file == published / "mbert-metaphor" / "pytorch_adapter.bin"


def test_a_real_published_adapter_is_refused_for_xlmr_although_its_width_fits(published: Path) -> None:
    adapter = read_adapter(published / "mbert-metaphor", "AnHu2410/MD_crosslingual")
    facts = MBERT | {"name": "FacebookAI/xlm-roberta-base", "model_type": "xlm-roberta"}
    assert [problem.message for problem in problems_of(base_model_checks(adapter, facts))] == [
        "AnHu2410/MD_crosslingual was trained for bert-base-multilingual-cased; "
        "the recipe uses FacebookAI/xlm-roberta-base.",
        "AnHu2410/MD_crosslingual is for model_type bert; the base model FacebookAI/xlm-roberta-base has xlm-roberta.",
    ]


def test_a_real_published_adapter_gives_the_librarys_own_logits_and_keeps_its_label_map(
    published: Path, tmp_path: Path
) -> None:
    """In this revision label "0" has id 1: whoever trusts the order of ids predicts the opposite."""
    sizes = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "vocab_size": 200}
    save_tiny_base(tmp_path, "bert", **sizes, intermediate_size=64)
    folder = published / "mbert-metaphor"
    model = load_model(tmp_path, "bert-base-multilingual-cased")
    load_task_adapter(model, folder, "task_metaphor", MBERT)
    set_stack(model, ["task_metaphor"])
    assert head_labels(model, "task_metaphor") == ["1", "0"]
    assert read_head(folder, "x").config["label2id"] == {"0": 1, "1": 0}

    plain = AutoAdapterModel.from_pretrained(str(tmp_path))
    plain.set_active_adapters(plain.load_adapter(str(folder), load_as="metaphor"))
    ids = torch.arange(5, 15)[None]
    with torch.no_grad():
        ours, theirs = model.eval()(ids).logits, plain.eval()(ids).logits
    assert ours.shape == (1, 2)
    assert torch.equal(ours, theirs)
    assert model.get_labels_dict("task_metaphor") == plain.get_labels_dict("metaphor")

    save_adapter(model, "task_metaphor", tmp_path / "again", with_head=True)
    assert read_head(tmp_path / "again", "x").config["label2id"] == {"0": 1, "1": 0}
