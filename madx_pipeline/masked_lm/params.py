"""The parameters of every stage that trains on masked text; cheap to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from madx_pipeline.training_params import TrainingParams

Packing = Literal["lines", "documents", "none"]


class MaskedTextParams(TrainingParams):
    """What is read of a corpus in a step, and what is masked. Values are in the stage pages."""

    max_length: int = Field(
        ge=8, description="Tokens of the longest row, special tokens included; less if the base model takes less."
    )
    packing: Packing = Field(
        description="lines: an example is a line, and the lines of a batch share rows; documents: an example is a "
        "row filled from the whole corpus, long lines in full windows; none: an example is a line in a padded row."
    )
    per_device_eval_batch_size: int = Field(ge=1, description="Rows in one forward pass of an evaluation.")
    mlm_probability: float = Field(gt=0, lt=1, description="Share of the tokens that are to be predicted.")
    whole_word_share: float = Field(
        ge=0, le=1, description="Share of the lines (windows of long ones) in which whole words are masked."
    )
    max_eval_samples: int = Field(ge=1, description="Held-out lines (windows of long ones) evaluated, at most.")
    seed: int = Field(ge=0, description="Determines initial weights, order, masks and dropout.")
