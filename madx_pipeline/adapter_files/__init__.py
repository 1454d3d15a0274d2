"""Adapter folders, inspected before the adapters library touches them: it checks nothing itself.

The library loads an adapter of another base model, one with NaN, one without half of its tensors or with
the base model's inside, all without a word. Here a folder is read (no code in it can run), brought to
today's format whatever its age, and compared with the base model it is meant for; every question asked is
in one list with its answer, and every finding is reported at once. Nothing here imports the library: names
and shapes that it would expect come from `adapter_model.expected_tensors`.
"""

from __future__ import annotations

from madx_pipeline.adapter_files.belongs import base_model_checks, catalogue_check, check_inverse
from madx_pipeline.adapter_files.compare import ExpectedTensors, tensor_checks
from madx_pipeline.adapter_files.config import config_checks, modern_config
from madx_pipeline.adapter_files.head import (
    HEAD_WEIGHTS,
    HeadFolder,
    head_check,
    head_problems,
    read_head,
    with_prefix_removed,
)
from madx_pipeline.adapter_files.read import AdapterFolder, read_adapter
from madx_pipeline.adapter_files.report import AdapterCheck, problems_of
from madx_pipeline.adapter_files.values import LAYOUTS, layout_of
from madx_pipeline.published.files import ADAPTER_FILES
from madx_pipeline.published.files import HEAD_CONFIG_FILE as HEAD_CONFIG

__all__ = [
    "ADAPTER_FILES",
    "HEAD_CONFIG",
    "HEAD_WEIGHTS",
    "LAYOUTS",
    "AdapterCheck",
    "AdapterFolder",
    "ExpectedTensors",
    "HeadFolder",
    "base_model_checks",
    "catalogue_check",
    "check_inverse",
    "config_checks",
    "head_check",
    "head_problems",
    "layout_of",
    "modern_config",
    "problems_of",
    "read_adapter",
    "read_head",
    "tensor_checks",
    "with_prefix_removed",
]
