"""The methods: on which language adapter a task is learnt, which one is there at evaluation, what is tuned.

`madx` is Pfeiffer et al. 2020, section 4; the others are the baselines without which its score says little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Method = Literal["madx", "madx_source_kept", "task_adapter_only", "full_finetuning"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class MethodSpec:
    """What a method means.

    Attributes:
        stacked: Whether the task adapter is trained on the source language adapter.
        at_evaluation: Which language adapter is there at evaluation: `target`, `source` or none.
        tunes: What is trained on the task: a `task_adapter`, or the whole `base_model`.
    """

    stacked: bool
    at_evaluation: Literal["target", "source"] | None
    tunes: Literal["task_adapter", "base_model"]


METHOD_SPECS: Mapping[Method, MethodSpec] = {
    "madx": MethodSpec(True, "target", "task_adapter"),
    "madx_source_kept": MethodSpec(True, "source", "task_adapter"),
    "task_adapter_only": MethodSpec(False, None, "task_adapter"),
    "full_finetuning": MethodSpec(False, None, "base_model"),
}
