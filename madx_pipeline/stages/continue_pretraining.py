"""continue_pretraining: the whole base model learns a language from unlabelled text; every weight trains.

The first half of the baseline `mlm_target` (MLM-TRG of Pfeiffer et al. 2020, section 5): its result is a base model,
which `finetune_base_model` takes as it takes any other. It reads what `train_language_adapter` reads, in the same rows
under the same masks. What surprises is its price: a base model for every language, where MAD-X has an adapter.
"""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING

from pydantic import Field

from madx_pipeline.masked_lm.params import MaskedTextParams
from madx_pipeline.records import Artifact, Json
from madx_pipeline.stage import Inputs, Workspace

if TYPE_CHECKING:
    from madx_pipeline.adapter_model import AdapterModel
    from madx_pipeline.masked_lm.text import MaskedText
    from madx_pipeline.training import TrainingResult

VERSION = 5

_RELOADED_TOLERANCE = 1e-4
"""Nats; the saved model, loaded again, must give the loss that was measured in training."""


class Params(MaskedTextParams):
    """What is read in a step, how long the training is."""

    max_steps: int = Field(ge=1, description="Optimizer steps.")
    eval_steps: int = Field(ge=1, description="Steps between two evaluations on held-out text, each with a checkpoint.")


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Writes `model/`, a masked language model with its tokenizer, and describes what it gained.

    Raises:
        JobError: If there is too little text, or the loss is no longer a finite number.
        CheckError: If the model did not learn the language, or was not saved as it was.
    """
    from madx_pipeline.adapter_model import load_language_model, save_language_model
    from madx_pipeline.adapter_model.lend import let_go
    from madx_pipeline.masked_lm.loss import masked_lm_loss
    from madx_pipeline.masked_lm.text import masked_text
    from madx_pipeline.tasks.batches import on_fastest_device

    base, folder = inputs["base_model"], inputs["base_model"].path / "model"
    text = masked_text(base, inputs["corpus"], params, out)
    let_go()  # weights that train are a copy of their own
    model = load_language_model(folder, base.facts["name"])
    on_fastest_device(model)
    before = masked_lm_loss(model, text.held_out)
    result = _train(model, text, params, out)
    save_language_model(model, folder, out.path / "model")
    _copy_tokenizer(base, out)
    del model
    weights = _check_saved(base, text, result.best["loss"], out)
    after = result.best["loss"]
    out.check(
        "held_out_loss_fell",
        after < before,
        round(after - before, 6),
        f"Held-out loss is {after:.4f} after training, {before:.4f} before (nats a masked token).",
    )
    facts = {"language": str(inputs.key["language"]), "weights_sha256": weights, "origin": "continued"}
    out.describe(**{**base.facts, **facts}, **_training_facts(result, before))


def _train(model: AdapterModel, text: MaskedText, params: Params, out: Workspace) -> TrainingResult:
    from madx_pipeline.adapter_model import LANGUAGE_MODEL_HEAD, train_everything
    from madx_pipeline.masked_lm.batches import pass_tokens
    from madx_pipeline.masked_lm.loss import masked_lm_loss
    from madx_pipeline.tasks import checks
    from madx_pipeline.training import Training, train

    train_everything(model, LANGUAGE_MODEL_HEAD)
    checks.check_stack(model, (), out)
    checks.check_all_trainable(model, out)
    training = Training(
        examples=text.examples,
        collate=text.collate,
        evaluate=lambda current: {"loss": masked_lm_loss(current, text.held_out)},
        metric="loss",
        greater_is_better=False,
        max_steps=params.max_steps,
        eval_steps=params.eval_steps,
        pass_tokens=pass_tokens(model.config),
    )
    return train(model, training, params, params.seed, out)


def _copy_tokenizer(base: Artifact, out: Workspace) -> None:
    from madx_pipeline.base_model_files import TOKENIZER_FILES

    for name in TOKENIZER_FILES:
        if (base.path / "model" / name).is_file():
            shutil.copyfile(base.path / "model" / name, out.path / "model" / name)


def _check_saved(base: Artifact, text: MaskedText, measured: float, out: Workspace) -> str:
    """Loads what was saved: it must give the loss that was measured in training. Gives the hash of its weights."""
    from madx_pipeline.adapter_model import load_language_model, weights_hash
    from madx_pipeline.masked_lm.loss import masked_lm_loss
    from madx_pipeline.tasks.batches import on_fastest_device

    model = load_language_model(out.path / "model", base.facts["name"])
    on_fastest_device(model)
    again = masked_lm_loss(model, text.held_out)
    out.check(
        "saved_model_gives_the_loss",
        abs(again - measured) <= _RELOADED_TOLERANCE,
        again - measured,
        "The saved model, loaded again, has the held-out loss that was measured in training.",
    )
    return weights_hash(model)


def _training_facts(result: TrainingResult, before: float) -> dict[str, Json]:
    after = result.best["loss"]
    return {
        "steps": result.steps,
        "best_step": result.best_step,
        "heldout_loss_before": before,
        "heldout_loss_after": after,
        "heldout_perplexity_before": math.exp(min(before, 700.0)),
        "heldout_perplexity_after": math.exp(min(after, 700.0)),
        "curve": result.curve,
    }
