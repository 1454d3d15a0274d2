"""LoRA on disk: read by its own rules, then checked against the base model and loaded as a task adapter is.

What bottleneck adapters may say in their config is in `adapter_files`; LoRA has other keys. Only what `add_adapter`
makes from a `LoraShape` is loaded: whatever else the config says must be the library's default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from adapters import AdapterConfig

from madx_pipeline.adapter_files import ADAPTER_FILES, AdapterFolder
from madx_pipeline.adapter_files.files import hashes, read_json, read_weights
from madx_pipeline.adapter_files.report import check, shown
from madx_pipeline.adapter_model.base import AdapterModel
from madx_pipeline.adapter_model.files import load_with_head
from madx_pipeline.adapter_model.stack import LoraShape
from madx_pipeline.errors import Problem
from madx_pipeline.records import Json

_CONFIG, *_WEIGHTS = ADAPTER_FILES


def load_lora(model: AdapterModel, folder: Path, name: str, base_facts: Mapping[str, Json]) -> AdapterFolder:
    """Inspects and loads LoRA matrices with their prediction head, which becomes active.

    Args:
        model: From `load_model`.
        folder: What `save_adapter(..., with_head=True)` wrote.
        name: Name to load both under (`task_adapter_name(...)`); must be free.
        base_facts: `facts` of the base_model artifact, against which they are checked.

    Returns:
        What was read.

    Raises:
        JobError: With every problem found. Neither LoRA nor head of that name is in the model then.
    """
    return load_with_head(model, _read(folder), folder, name, base_facts)


def _read(folder: Path) -> AdapterFolder:
    """The folder as the library wrote it; what is wrong ends up in the checks."""
    where = str(folder)
    record, problems = read_json(folder, _CONFIG, where)
    config: dict[str, Json] = dict(record.get("config") or {})
    if record:
        problems = [*problems, *_odd_values(config, where)]
    weights = read_weights(folder, _WEIGHTS, where)
    sha256 = hashes([folder / _CONFIG]) | weights.sha256
    checks = (check("config_file", _CONFIG, problems), *weights.checks)
    return AdapterFolder(where, record, config, weights.tensors, weights.file, sha256, checks)


def _odd_values(config: Mapping[str, Json], where: str) -> Iterator[Problem]:
    """Values that are neither part of a `LoraShape` nor the library's default."""
    usual, free = AdapterConfig.load("lora").to_dict(), {field.name for field in fields(LoraShape)}
    for key in sorted({*usual, *config} - free):
        if config.get(key) != usual.get(key):
            message = f"{where}: {_CONFIG} has {key}={shown(config.get(key))}; possible: {shown(usual.get(key))}."
            yield Problem(message, "Only LoRA as it is trained here can be loaded.")
