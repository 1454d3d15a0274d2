"""One step after another of a language adapter's training, in this process or as one of several (data parallel).

`python -m tests.training_processes FOLDER BATCH` reads RANK and WORLD_SIZE as torch's launcher sets them, and writes
the trained tensors of rank 0 to FOLDER.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from safetensors.torch import save_file
from transformers import TrainingArguments

from madx_pipeline.training import FixedExamples
from madx_pipeline.training.precision import loss_of_model
from madx_pipeline.training.schedule import Schedule
from madx_pipeline.training.trainer import Flow, ResumableAdapterTrainer
from tests.model_builders import workspace
from tests.training_runs import collate, language_items, new_language_model

STEPS = 3
EXAMPLES_PER_STEP = 4


def main(folder: Path, batch: int) -> None:
    """Trains on four examples a step, `batch` of them in each forward pass of a process."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    out = workspace(folder / f"rank-{os.environ.get('RANK', '0')}-of-{processes}-batch-{batch}")
    model = new_language_model(folder / "base")
    arguments = TrainingArguments(
        output_dir=str(out.checkpoints),
        max_steps=STEPS,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=EXAMPLES_PER_STEP // (batch * processes),
        learning_rate=0.1,
        optim="sgd",  # Adam would hide a gradient of another size
        max_grad_norm=0.0,
        remove_unused_columns=False,
        use_cpu=True,
        disable_tqdm=True,
        report_to="none",
    )
    trainer = ResumableAdapterTrainer(
        model=model,
        args=arguments,
        train_dataset=Schedule(FixedExamples(language_items()), STEPS * EXAMPLES_PER_STEP, seed=1),
        data_collator=collate,
    )
    trainer.follow(Flow(STEPS, out, lambda state: False), lambda current: {"loss": 0.0}, loss_of_model)
    trainer.train()
    trained = {name: one.detach().clone() for name, one in model.named_parameters() if one.requires_grad}
    save_file(trained, out.path / "trained.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
