"""Adapters on disk: inspected before the library touches them, loaded whole or not at all, saved as safetensors.

Surprising: the library's own `load_adapter` accepts almost anything silently, leaves a random adapter
behind when it fails, shares one config between adapters that look alike (loading an old task adapter can
take the inverse from a language adapter), and cannot report missing tensors when it renames. So folders
are read and checked by `adapter_files`; only then the library adds the adapter, and every tensor is
compared afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from adapters import AdapterConfig, ClassificationHead, MultipleChoiceHead, TaggingHead
from adapters.loading import AdapterLoader
from torch import Tensor

from madx_pipeline.adapter_files import AdapterFolder, HeadFolder, read_adapter, read_head, with_prefix_removed
from madx_pipeline.adapter_model.base import AdapterModel, check_adapter_name, seeded
from madx_pipeline.adapter_model.checks import weights_hash
from madx_pipeline.adapter_model.inspection import adapter_problems, renamed
from madx_pipeline.adapter_model.parsing_head import ParsingHead
from madx_pipeline.adapter_model.span_head import SpanHead
from madx_pipeline.errors import JobError, Problem
from madx_pipeline.records import Json

_HEADS = {
    "tagging": TaggingHead,
    "classification": ClassificationHead,
    "multiple_choice": MultipleChoiceHead,
    "question_answering": SpanHead,
    "dependency_parsing": ParsingHead,
}


def load_language_adapter(
    model: AdapterModel, folder: Path, name: str, base_facts: Mapping[str, Json], where: str | None = None
) -> AdapterFolder:
    """Inspects and loads a language adapter, never its head; on any problem the model stays exactly as it was.

    Args:
        model: From `load_model` or `load_language_model`.
        folder: What `save_adapter` wrote (the `adapter/` folder of a language_adapter artifact).
        name: Name to load it under (`language_adapter_name(...)`); must be free.
        base_facts: `facts` of the base_model artifact, against which the adapter is checked.
        where: What messages call it; the folder if None.

    Returns:
        What was read, in today's format.

    Raises:
        JobError: With every problem found. No adapter of that name is in the model then.
    """
    _check_free(model, name)
    adapter = read_adapter(folder, where or str(folder))
    problems = adapter_problems(adapter, model, base_facts)
    if problems:
        raise JobError(problems)
    _add(model, adapter, name)
    return adapter


def load_task_adapter(
    model: AdapterModel, folder: Path, name: str, base_facts: Mapping[str, Json], where: str | None = None
) -> AdapterFolder:
    """Inspects and loads a task adapter together with its prediction head, which becomes active.

    Args:
        model: From `load_model`.
        folder: What `save_adapter(..., with_head=True)` wrote.
        name: Name to load both under (`task_adapter_name(...)`); must be free.
        base_facts: `facts` of the base_model artifact, against which the adapter is checked.
        where: What messages call it; the folder if None.

    Returns:
        What was read, in today's format.

    Raises:
        JobError: With every problem found. Neither adapter nor head of that name is in the model then.
    """
    return load_with_head(model, read_adapter(folder, where or str(folder)), folder, name, base_facts)


def load_with_head(
    model: AdapterModel, adapter: AdapterFolder, folder: Path, name: str, base_facts: Mapping[str, Json]
) -> AdapterFolder:
    """Loads an adapter that was read, with the prediction head beside it; for `load_task_adapter` and `load_lora`."""
    _check_free(model, name)
    head = read_head(folder, adapter.where)
    problems = [*adapter_problems(adapter, model, base_facts), *head.problems]
    module: Any = None
    if not head.problems:
        module = _head_module(model, head, name)
        problems += _misfits(module, head, adapter.where)
    if problems:
        raise JobError(problems)
    _add(model, adapter, name)
    module.load_state_dict(head.tensors)
    model.add_prediction_head(module)
    return adapter


def head_labels(model: AdapterModel, head: str) -> list[str]:
    """Label names of a prediction head by id: published heads of one task number their labels differently."""
    by_id = model.get_labels_dict(head)
    return [by_id[number] for number in sorted(by_id)]


def save_adapter(model: AdapterModel, name: str, folder: Path, with_head: bool) -> None:
    """Saves an adapter as safetensors, exactly as the library does, so that anyone can load it.

    `adapter_config.json` also gets `base_weights_sha256`, which the library ignores and our loading compares.

    Args:
        model: The model.
        name: The adapter.
        folder: Made if missing.
        with_head: Whether the prediction head of the same name goes with it. Never for language adapters:
            a masked-LM head holds the whole decoder (771 MB for XLM-R base).
    """
    folder.mkdir(parents=True, exist_ok=True)
    meta = {"base_weights_sha256": weights_hash(model)}
    model.save_adapter(str(folder), name, with_head=with_head, meta_dict=meta, use_safetensors=True)


def _check_free(model: AdapterModel, name: str) -> None:
    check_adapter_name(name)
    if name in model.adapters_config or name in model.heads:
        raise JobError(f"the model already has an adapter or head {name!r}.")


def _add(model: AdapterModel, adapter: AdapterFolder, name: str) -> None:
    """Adds an inspected adapter; its tensors are in the model afterwards, bit for bit, or it is not there."""
    wanted = {key: tensor.float() for key, tensor in _renamed(model, adapter, name).items()}
    info: dict[str, list[str]] = {}
    with seeded(0):
        model.add_adapter(name, config=AdapterConfig.load(dict(adapter.config)))
    try:
        AdapterLoader(model).load_from_state_dict(wanted, name, loading_info=info)
        state = model.state_dict()
        left_over = [key for key, tensor in wanted.items() if not _holds(state, key, tensor)]
        if any(info.values()) or left_over:
            raise JobError(f"{adapter.where} was not loaded whole: {info or left_over}.")
    except BaseException:
        model.delete_adapter(name)
        raise


def _holds(state: Mapping[str, Tensor], key: str, tensor: Tensor) -> bool:
    return key in state and torch.equal(state[key].cpu(), tensor)


def _renamed(model: AdapterModel, adapter: AdapterFolder, name: str) -> dict[str, Tensor]:
    prefix = f"{model.base_model_prefix}."
    tensors = with_prefix_removed(adapter.tensors, prefix)
    return {prefix + renamed(key, adapter.name, name): tensor for key, tensor in tensors.items()}


def _head_module(model: AdapterModel, head: HeadFolder, name: str) -> Any:
    """The head as a module that is not in the model yet, its weights not loaded."""
    settings = {key: value for key, value in head.config.items() if key not in ("head_type", "label2id")}
    by_id = {number: label for label, number in head.config["label2id"].items()}
    with seeded(0):
        return _HEADS[head.config["head_type"]](model, name, id2label=by_id, **settings)


def _misfits(module: Any, head: HeadFolder, where: str) -> list[Problem]:
    expected = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in head.tensors.items()}
    if found == expected:
        return []
    odd = sorted(dict(found.items() ^ expected.items()))
    message = f"{where}: the head's weights do not fit head_config.json: {odd[0]}."
    return [Problem(message, "Fetch or save the adapter again.")]
