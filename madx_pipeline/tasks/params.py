"""The parameters that both task training stages have, on top of those of every training; cheap to import."""

from __future__ import annotations

from pydantic import Field

from madx_pipeline.training_params import TrainingParams


class TaskTrainingParams(TrainingParams):
    """How a task is learnt on the source language. Values are in the stage pages."""

    num_train_epochs: float = Field(
        gt=0,
        description="Times the source training set is seen; after each, the validation set chooses the checkpoint.",
    )
    max_length: int = Field(
        ge=4,
        description="Tokens in a row, special tokens included, at most what the base model takes. Longer sentences"
        " are split into windows at word boundaries, longer texts are truncated and counted.",
    )
