"""The parameters every training stage has, in the Trainer's own argument names; cheap to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from madx_pipeline.stage import Params


class TrainingParams(Params):
    """How an optimizer run goes; `max_steps` and `eval_steps` come from the stage. Values are in the stage pages."""

    per_device_train_batch_size: int = Field(ge=1, description="Examples in one forward pass.")
    gradient_accumulation_steps: int = Field(
        ge=1, description="Forward passes before one optimizer step; a step sees batch size times this many examples."
    )
    precision: Literal["fp32", "bf16"] = Field(
        description="What matrix products are computed in: float32, or bfloat16 on hardware that has it."
    )
    learning_rate: float = Field(gt=0, description="Peak learning rate of AdamW.")
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = Field(
        description="Shape of the learning rate after the warm-up."
    )
    warmup_ratio: float = Field(ge=0, le=1, description="Share of the steps over which the learning rate rises from 0.")
    weight_decay: float = Field(ge=0, description="AdamW weight decay, on weights and not on biases or layer norms.")
    adam_beta1: float = Field(ge=0, lt=1, description="AdamW: decay of the mean of gradients.")
    adam_beta2: float = Field(ge=0, lt=1, description="AdamW: decay of the mean of squared gradients.")
    adam_epsilon: float = Field(gt=0, description="AdamW: added to the denominator.")
    max_grad_norm: float = Field(ge=0, description="Gradients are scaled down to this norm; 0 switches that off.")
    logging_steps: int = Field(ge=1, description="Steps between two points of the training-loss curve.")
    early_stopping_patience: int | None = Field(
        ge=1, description="Stops after this many evaluations in a row without a better one; null never stops early."
    )


def uneven(examples: int, processes: int) -> str:
    """What is wrong when several processes cannot share the examples of a step."""
    return f"{processes} processes cannot share the {examples} examples of a step evenly."
