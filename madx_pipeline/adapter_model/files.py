"""Adapters on disk: inspected before the library touches them, loaded whole or not at all, saved as safetensors.

Surprising: the library's own `load_adapter` accepts almost anything silently, leaves a random adapter
behind when it fails, shares one config between adapters that look alike (loading an old task adapter can
take the inverse from a language adapter), and cannot report missing tensors when it renames. So folders
are read and checked by `adapter_files`; only then the library adds the adapter, and every tensor is
compared afterwards.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from adapters import AdapterConfig, AutoAdapterModel
from adapters.loading import AdapterLoader
from torch import Tensor
from transformers import AutoConfig

from madx_pipeline.adapter_files import (
    AdapterFolder,
    HeadFolder,
    base_model_problems,
    read_adapter,
    read_head,
    tensor_problems,
    with_prefix_removed,
)
from madx_pipeline.adapter_model.base import AdapterModel, check_adapter_name, seeded
from madx_pipeline.adapter_model.checks import weights_hash
from madx_pipeline.errors import JobError, Problem
from madx_pipeline.stage import Json

_HEAD_TYPES = ("tagging", "classification")
_PROBE = "probe"
"""Published adapters may have names (`to`) that cannot be added; what they are called is only text here."""


@dataclass(frozen=True)
class ExpectedTensors:
    """What an adapter consists of in a base model.

    Attributes:
        prefix: What the base model's tensors begin with (`roberta.`).
        shapes: Name, without that prefix, to shape.
    """

    prefix: str
    shapes: dict[str, tuple[int, ...]]


def expected_tensors(config: Any, adapter_config: Mapping[str, Json], name: str) -> ExpectedTensors:
    """Names and shapes of the tensors that an adapter has in a base model, by adding it to one without memory.

    Args:
        config: The base model's transformers configuration.
        adapter_config: An adapter's config in today's format.
        name: The name that its tensors carry; any text.
    """
    with torch.device("meta"):
        probe = AutoAdapterModel.from_config(_plain(config))
        probe.add_adapter(_PROBE, config=AdapterConfig.load(dict(adapter_config)))
    belongs = AdapterLoader(probe).filter_func(_PROBE)
    prefix = f"{probe.base_model_prefix}."
    named = {key.removeprefix(prefix): tensor for key, tensor in probe.state_dict().items() if belongs(key)}
    return ExpectedTensors(prefix, {_rename(key, _PROBE, name): tuple(tensor.shape) for key, tensor in named.items()})


def adapter_problems(
    adapter: AdapterFolder, base_model: Path | AdapterModel, base_facts: Mapping[str, Json]
) -> list[Problem]:
    """Everything that is wrong with an adapter for this base model, found without loading it.

    Args:
        adapter: From `adapter_files.read_adapter`.
        base_model: The `model/` folder of a base_model artifact, or a model loaded from it.
        base_facts: The artifact's `facts`.
    """
    problems = [*adapter.problems, *base_model_problems(adapter, base_facts)]
    fits = all(adapter.record.get(key, base_facts[key]) == base_facts[key] for key in ("model_type", "hidden_size"))
    if not adapter.problems and fits:
        config = AutoConfig.from_pretrained(base_model) if isinstance(base_model, Path) else base_model.config
        try:
            expected = expected_tensors(config, adapter.config, adapter.name)
        except KeyError:  # the library's answer to a layer that a mapping of factors leaves out
            found = "adapter_config.json gives no reduction_factor for some layer, and no default"
            return [*problems, Problem(f"{adapter.where}: {found}.", "Fetch or save the adapter again.")]
        tensors = with_prefix_removed(adapter.tensors, expected.prefix)
        shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
        problems += tensor_problems(adapter, shapes, expected.shapes)
    return problems


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


def load_task_adapter(model: AdapterModel, folder: Path, name: str, base_facts: Mapping[str, Json]) -> None:
    """Inspects and loads a task adapter together with its prediction head, which becomes active.

    Args:
        model: From `load_model`.
        folder: What `save_adapter(..., with_head=True)` wrote.
        name: Name to load both under (`task_adapter_name(...)`); must be free.
        base_facts: `facts` of the base_model artifact, against which the adapter is checked.

    Raises:
        JobError: With every problem found. Neither adapter nor head of that name is in the model then.
    """
    _check_free(model, name)
    adapter, head = read_adapter(folder, str(folder)), read_head(folder, str(folder))
    problems = [*adapter_problems(adapter, model, base_facts), *head.problems]
    problems += [] if problems else _head_problems(head, adapter.where)
    if problems:
        raise JobError(problems)
    _add_head(model, head, name, adapter.where)
    try:
        _add(model, adapter, name)
    except BaseException:
        model.delete_head(name)
        raise


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
        left_over = [key for key, tensor in wanted.items() if not torch.equal(state[key].cpu(), tensor)]
        if any(info.values()) or left_over:
            raise JobError(f"{adapter.where} was not loaded whole: {info or left_over}.")
    except BaseException:
        model.delete_adapter(name)
        raise


def _renamed(model: AdapterModel, adapter: AdapterFolder, name: str) -> dict[str, Tensor]:
    prefix = f"{model.base_model_prefix}."
    tensors = with_prefix_removed(adapter.tensors, prefix)
    return {prefix + _rename(key, adapter.name, name): tensor for key, tensor in tensors.items()}


def _head_problems(head: HeadFolder, where: str) -> list[Problem]:
    kind, labels = head.config.get("head_type"), head.config.get("label2id")
    if kind not in _HEAD_TYPES:
        return [Problem(f"{where}: head_type is {kind!r}; possible: {', '.join(_HEAD_TYPES)}.")]
    if not isinstance(labels, dict) or not _numbers_each_once(labels.values(), head.config.get("num_labels")):
        return [Problem(f"{where}: head_config.json has no complete label2id.")]
    return []


def _numbers_each_once(ids: Iterable[Json], number: Json) -> bool:
    """Whether the ids are 0 to `number` - 1, in any order; both are foreign text, of any type."""
    found = list(ids)
    return all(type(one) is int for one in (*found, number)) and sorted(found) == list(range(number))


def _add_head(model: AdapterModel, head: HeadFolder, name: str, where: str) -> None:
    with seeded(0):
        model.add_prediction_head_from_config(name, copy.deepcopy(head.config))
    module = model.heads[name]
    expected = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in head.tensors.items()}
    if found != expected:
        model.delete_head(name)
        odd = sorted(dict(found.items() ^ expected.items()))
        raise JobError(f"{where}: the head's weights do not fit head_config.json: {odd[0]}.", "Save it again.")
    module.load_state_dict(head.tensors)


def _plain(config: Any) -> Any:
    """The base model's shape without the adapters and heads that a live model's config collects."""
    settings = copy.deepcopy(config).to_dict()
    return AutoConfig.for_model(
        **{
            key: value
            for key, value in settings.items()
            if key not in ("adapters", "prediction_heads", "architectures")
        }
    )


def _rename(key: str, old: str, new: str) -> str:
    return key.replace(f"adapters.{old}.", f"adapters.{new}.")
