"""The only place that imports the `adapters` library: base model, checked loading, stack, training set, saving.

Everything the library does silently wrong for MAD-X has its one home here, and its one test in
`tests/adapter_model/`. The rest of the package sees functions with plain arguments and a model
that is called like any transformers model.

The walk: `load_model` / `load_language_model` (a base model without any adapter), `add_adapter` (a fresh
one) or `load_language_adapter` / `load_task_adapter` (checked ones), `train_only` (exactly one adapter
trains), `set_stack` (language then task), `save_adapter`.
"""

from __future__ import annotations

from madx_pipeline.adapter_model.base import (
    LANGUAGE_MODEL_HEAD,
    AdapterModel,
    AdapterTrainer,
    check_adapter_name,
    language_adapter_name,
    load_language_model,
    load_model,
    load_task_model,
    own_random_state,
    save_task_model,
    seeded,
    task_adapter_name,
)
from madx_pipeline.adapter_model.checks import (
    InvertibleCalls,
    adapter_parameters,
    count_invertible_calls,
    has_invertible_adapter,
    head_hash,
    inverse_error,
    weights_hash,
)
from madx_pipeline.adapter_model.files import head_labels, load_language_adapter, load_task_adapter, save_adapter
from madx_pipeline.adapter_model.inspection import adapter_checks, adapter_problems, base_config, expected_tensors
from madx_pipeline.adapter_model.language_model import save_language_model
from madx_pipeline.adapter_model.lora import load_lora
from madx_pipeline.adapter_model.stack import (
    AdapterShape,
    LoraShape,
    TrainableSet,
    active_stack,
    add_adapter,
    set_stack,
    train_everything,
    train_only,
    trainable_names,
    trainable_set,
)

__all__ = [
    "LANGUAGE_MODEL_HEAD",
    "AdapterModel",
    "AdapterShape",
    "AdapterTrainer",
    "InvertibleCalls",
    "LoraShape",
    "TrainableSet",
    "active_stack",
    "adapter_checks",
    "adapter_parameters",
    "adapter_problems",
    "add_adapter",
    "base_config",
    "check_adapter_name",
    "count_invertible_calls",
    "expected_tensors",
    "has_invertible_adapter",
    "head_hash",
    "head_labels",
    "inverse_error",
    "language_adapter_name",
    "load_language_adapter",
    "load_language_model",
    "load_lora",
    "load_model",
    "load_task_adapter",
    "load_task_model",
    "own_random_state",
    "save_adapter",
    "save_language_model",
    "save_task_model",
    "seeded",
    "set_stack",
    "task_adapter_name",
    "train_everything",
    "train_only",
    "trainable_names",
    "trainable_set",
    "weights_hash",
]
