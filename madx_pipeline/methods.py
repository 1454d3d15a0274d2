"""The methods: on which language adapter a task is learnt, which one is there at evaluation, what is tuned.

`madx` is Pfeiffer et al. 2020, section 4; the others are the baselines without which its score says little. The first
three are the default of a recipe; whoever asks for `lora`, `mlm_target` or `majority_class` as well adds jobs and
changes none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Method = Literal[
    "madx", "madx_source_kept", "task_adapter_only", "full_finetuning", "lora", "mlm_target", "majority_class"
]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class MethodSpec:
    """What a method means.

    Attributes:
        stacked: Whether the task adapter is trained on the source language adapter.
        at_evaluation: Which language adapter is there at evaluation: `target`, `source` or none.
        tunes: What is trained on the task: a `task_adapter`, `lora` matrices, the whole `base_model`, or `nothing`.
        meaning: What it is, in a few words that a reader of the report understands.
        continues: Whether the whole base model first learns the language of the test set from unlabelled text.
    """

    stacked: bool
    at_evaluation: Literal["target", "source"] | None
    tunes: Literal["task_adapter", "lora", "base_model", "nothing"]
    meaning: str
    continues: bool = False

    @property
    def seeded(self) -> bool:
        """Whether a seed changes its score: something is trained on the task."""
        return self.tunes != "nothing"


METHOD_SPECS: Mapping[Method, MethodSpec] = {
    "madx": MethodSpec(True, "target", "task_adapter", "MAD-X: the right language adapter is swapped in"),
    "madx_source_kept": MethodSpec(True, "source", "task_adapter", "MAD-X with the wrong language adapter"),
    "task_adapter_only": MethodSpec(False, None, "task_adapter", "a task adapter without any language adapter"),
    "full_finetuning": MethodSpec(False, None, "base_model", "every weight of the base model"),
    "lora": MethodSpec(False, None, "lora", "low-rank updates of the attention (Hu et al. 2021)"),
    "mlm_target": MethodSpec(
        False, None, "base_model", "every weight, first on text of the language, then on the task (MLM-TRG)", True
    ),
    "majority_class": MethodSpec(False, None, "nothing", "the most frequent label of the source training set"),
}


def is_seeded(method: str) -> bool:
    """Whether a seed changes the score of a method; of one that is not known here, yes."""
    return next((spec.seeded for name, spec in METHOD_SPECS.items() if name == method), True)
