"""Adapter folders, inspected before the adapters library touches them: it checks nothing itself.

The library loads an adapter of another base model, one with NaN, one without half of its tensors or with
the base model's inside, all without a word. Here a folder is read (no code in it can run), brought to
today's format whatever its age, and compared with the base model it is meant for; every finding is
reported at once. Nothing here imports the library: names and shapes that it would expect come from
`adapter_model.expected_tensors`.
"""

from __future__ import annotations

from madx_pipeline.adapter_files.compare import base_model_problems, tensor_problems
from madx_pipeline.adapter_files.config import LAYOUTS, config_problems, modern_config
from madx_pipeline.adapter_files.read import (
    ADAPTER_FILES,
    AdapterFolder,
    HeadFolder,
    read_adapter,
    read_head,
    with_prefix_removed,
)

__all__ = [
    "ADAPTER_FILES",
    "LAYOUTS",
    "AdapterFolder",
    "HeadFolder",
    "base_model_problems",
    "config_problems",
    "modern_config",
    "read_adapter",
    "read_head",
    "tensor_problems",
    "with_prefix_removed",
]
