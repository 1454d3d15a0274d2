"""Adapters go both ways between this package and the plain adapters library, in a process without us."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from madx_pipeline.adapter_files import LAYOUTS, config_checks, problems_of
from madx_pipeline.adapter_model import (
    AdapterShape,
    add_adapter,
    load_language_adapter,
    load_language_model,
    load_model,
    load_task_adapter,
    save_adapter,
    set_stack,
)
from tests.model_builders import random_ids, save_tiny_base

PACKAGE = Path(__file__).resolve().parents[2] / "madx_pipeline"
LANGUAGE = AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)

PLAIN = """
import json, sys
import torch
from adapters import AutoAdapterModel, SeqBnInvConfig, SeqBnConfig, DoubleSeqBnConfig, ParBnConfig
from adapters.composition import Stack
from safetensors.torch import save_file

folder = sys.argv[1]
ids = torch.load(f"{folder}/ids.pt")
model = AutoAdapterModel.from_pretrained(f"{folder}/base")
language = model.load_adapter(f"{folder}/ours_language", with_head=False, use_safetensors=True)
task = model.load_adapter(f"{folder}/ours_task", use_safetensors=True)
model.set_active_adapters(Stack(language, task))
model.eval()
with torch.no_grad():
    found = {"ours": model(ids).logits}

torch.manual_seed(3)
model.add_adapter("theirs", config=SeqBnInvConfig(reduction_factor=4))
model.set_active_adapters("theirs")
model.active_head = None
with torch.no_grad():
    found["theirs"] = model(ids).last_hidden_state
model.save_adapter(f"{folder}/theirs_bin", "theirs")
model.save_adapter(f"{folder}/theirs_safe", "theirs", use_safetensors=True)
save_file(found, f"{folder}/found.safetensors")
layouts = {"seq_bn": SeqBnConfig(), "double_seq_bn": DoubleSeqBnConfig(), "par_bn": ParBnConfig()}
json.dump({name: config.to_dict() for name, config in layouts.items()}, open(f"{folder}/layouts.json", "w"))
assert not [name for name in sys.modules if name.startswith("madx_pipeline")]
"""


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Adapters saved by us, loaded by the plain library in its own process, which then saves one of its own."""
    folder = tmp_path_factory.mktemp("exchange")
    save_tiny_base(folder / "base")
    model = load_language_model(folder / "base", "tiny-xlm-roberta")
    add_adapter(model, "language_en", LANGUAGE, seed=0)
    add_adapter(model, "task_pos", AdapterShape("seq_bn", 4), seed=1)
    model.add_tagging_head("task_pos", num_labels=3)
    save_adapter(model, "language_en", folder / "ours_language", with_head=False)
    save_adapter(model, "task_pos", folder / "ours_task", with_head=True)
    torch.save(random_ids(), folder / "ids.pt")
    subprocess.run([sys.executable, "-c", PLAIN, str(folder)], check=True, cwd=folder, capture_output=True)
    return folder


def test_adapters_saved_by_us_give_the_same_logits_in_the_plain_library(exchanged: Path) -> None:
    facts = save_tiny_base(exchanged / "base")
    model = load_model(exchanged / "base", "tiny-xlm-roberta")
    load_language_adapter(model, exchanged / "ours_language", "language_en", facts)
    load_task_adapter(model, exchanged / "ours_task", "task_pos", facts)
    set_stack(model, ["language_en", "task_pos"])
    with torch.no_grad():
        assert torch.equal(model(random_ids()).logits, load_file(exchanged / "found.safetensors")["ours"])


@pytest.mark.parametrize("format", ["theirs_bin", "theirs_safe"])
def test_an_adapter_saved_by_the_plain_library_gives_the_same_hidden_states_here(exchanged: Path, format: str) -> None:
    facts = save_tiny_base(exchanged / "base") | {"name": str(exchanged / "base")}
    model = load_model(exchanged / "base", "tiny-xlm-roberta")
    load_language_adapter(model, exchanged / format, "language_xx", facts)
    set_stack(model, ["language_xx"])
    with torch.no_grad():
        found = model(random_ids()).last_hidden_state
    assert torch.equal(found, load_file(exchanged / "found.safetensors")["theirs"])


def test_the_known_layouts_are_those_of_the_library(exchanged: Path) -> None:
    layouts = json.loads((exchanged / "layouts.json").read_text())
    assert layouts.keys() == LAYOUTS.keys()
    for name, config in layouts.items():
        assert {key: config[key] for key in LAYOUTS[name]} == LAYOUTS[name]
        assert problems_of(config_checks(config, {}, name)) == []


def test_only_adapter_model_imports_the_library() -> None:
    importing = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            if any(name.split(".")[0] == "adapters" for name in names):
                importing.add(file.relative_to(PACKAGE).parts[0])
    assert importing == {"adapter_model"}
