"""What the adapters library would make of an adapter's config, and every check that follows from it.

A probe is built on the meta device: all names and shapes, no memory, so an adapter is checked against a
base model that is not here.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from adapters import AdapterConfig, AutoAdapterModel
from adapters.loading import AdapterLoader
from transformers import AutoConfig

from madx_pipeline.adapter_files import (
    AdapterCheck,
    AdapterFolder,
    ExpectedTensors,
    base_model_checks,
    problems_of,
    tensor_checks,
)
from madx_pipeline.adapter_model.base import AdapterModel
from madx_pipeline.errors import Problem
from madx_pipeline.records import Json

_PROBE = "probe"
"""Published adapters may have names (`to`) that cannot be added; what they are called is only text here."""
_READABLE = ("finite", "tensor_types", "format")
"""Checks that may say no without making a comparison with the base model meaningless."""


def base_config(shape: Mapping[str, Json]) -> Any:
    """The transformers configuration of a base model from the keys of its `config.json`, nothing of it executed."""
    return AutoConfig.for_model(**copy.deepcopy(dict(shape)))


def expected_tensors(config: Any, adapter_config: Mapping[str, Json], name: str) -> ExpectedTensors:
    """Names and shapes of the tensors that an adapter has in a base model, by adding it to one without memory.

    Args:
        config: The base model's transformers configuration.
        adapter_config: An adapter's config in today's format.
        name: The name that its tensors carry; any text.
    """
    probed = _probed(_shape(config), json.dumps(dict(adapter_config), sort_keys=True))
    return replace(probed, shapes={renamed(key, _PROBE, name): shape for key, shape in probed.shapes.items()})


@lru_cache(maxsize=64)
def _probed(shape: str, adapter_config: str) -> ExpectedTensors:
    """The same for an adapter called `_PROBE`; both arguments are JSON. Jobs ask for the same few again and again."""
    with torch.device("meta"):
        probe = AutoAdapterModel.from_config(AutoConfig.for_model(**json.loads(shape)))
        probe.add_adapter(_PROBE, config=AdapterConfig.load(json.loads(adapter_config)))
    belongs = AdapterLoader(probe).filter_func(_PROBE)
    prefix = f"{probe.base_model_prefix}."
    state = {
        key.removeprefix(prefix): (belongs(key), tuple(tensor.shape)) for key, tensor in probe.state_dict().items()
    }
    return ExpectedTensors(
        prefix,
        {key: tensor_shape for key, (own, tensor_shape) in state.items() if own},
        frozenset(key for key, (own, _) in state.items() if not own),
        probe.config.num_hidden_layers,
    )


def adapter_checks(
    adapter: AdapterFolder, config: Any, base_facts: Mapping[str, Json], asked: str = "the recipe uses"
) -> list[AdapterCheck]:
    """Everything that can be asked of an adapter for a base model without loading either.

    Where the adapter is of another kind or width than the base model, or cannot be read, tensors are not compared.

    Args:
        adapter: From `adapter_files.read_adapter`.
        config: The base model's transformers configuration.
        base_facts: `name`, `revision`, `model_type`, `hidden_size`, and `weights_sha256` where known.
        asked: How messages introduce the base model's name.
    """
    about_base = base_model_checks(adapter, base_facts, asked)
    checks = [*adapter.checks, *about_base]
    readable = all(one.passed or one.name in _READABLE for one in adapter.checks)
    if readable and all(one.passed for one in about_base if one.name in ("model_type", "hidden_size")):
        checks += _compared(adapter, config)
    return checks


def adapter_problems(
    adapter: AdapterFolder, base_model: Path | AdapterModel, base_facts: Mapping[str, Json]
) -> list[Problem]:
    """Everything that is wrong with an adapter for this base model, found without loading it.

    Args:
        adapter: From `adapter_files.read_adapter`.
        base_model: The `model/` folder of a base_model artifact, or a model loaded from it.
        base_facts: The artifact's `facts`.
    """
    config = AutoConfig.from_pretrained(base_model) if isinstance(base_model, Path) else base_model.config
    return problems_of(adapter_checks(adapter, config, base_facts))


def renamed(key: str, old: str, new: str) -> str:
    """The name of an adapter's tensor under another name of the adapter."""
    return key.replace(f"adapters.{old}.", f"adapters.{new}.").replace(f".loras.{old}.", f".loras.{new}.")


def _compared(adapter: AdapterFolder, config: Any) -> list[AdapterCheck]:
    try:
        expected = expected_tensors(config, adapter.config, adapter.name)
    except KeyError:  # the library's answer to a layer that a mapping of factors leaves out
        found = "adapter_config.json gives no reduction_factor for some layer, and no default"
        problem = Problem(f"{adapter.where}: {found}.", "Fetch or save the adapter again.")
        return [AdapterCheck("tensors", f"{len(adapter.tensors)} found", (problem,))]
    return tensor_checks(adapter, expected)


def _shape(config: Any) -> str:
    """The base model's shape as JSON, without the adapters and heads that a live model's config collects."""
    settings = json.loads(config.to_json_string(use_diff=False))
    collected = ("adapters", "prediction_heads", "architectures")
    return json.dumps({key: value for key, value in settings.items() if key not in collected}, sort_keys=True)
