"""Training with the Trainers of adapters and transformers, made resumable to the last bit.

Three things differ from the libraries' defaults. The order of the examples is a pure function of (seed,
position in the whole training), so a resumed run skips ahead without replaying anything. A checkpoint
holds exactly the trainable tensors, is complete only when its last file is there, and is loaded in
place, so neither heads nor optimizer groups are rebuilt. Evaluation is a function of ours that returns
numbers, so logits are never gathered.
"""

from __future__ import annotations

from madx_pipeline.training.run import Training, TrainingResult, train
from madx_pipeline.training.schedule import Example, Examples, FixedExamples, steps_for_epochs

__all__ = [
    "Example",
    "Examples",
    "FixedExamples",
    "Training",
    "TrainingResult",
    "steps_for_epochs",
    "train",
]
