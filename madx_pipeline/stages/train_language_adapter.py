"""Trains a language adapter with its invertible adapter on unlabelled text of one language.

MAD-X, Pfeiffer et al. 2020, sections 4.1 and 4.3: masked language modelling with everything frozen but
the adapter. The invertible adapter runs after the embeddings and its inverse before the output embeddings.
The pretrained prediction head is frozen: it is thrown away afterwards, and would take part of the
adaptation with it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from madx_pipeline.masked_lm.params import MaskedTextParams
from madx_pipeline.records import Artifact, Json
from madx_pipeline.stage import Inputs, Workspace

if TYPE_CHECKING:
    from madx_pipeline.adapter_model import AdapterModel
    from madx_pipeline.masked_lm.packing import Batch
    from madx_pipeline.masked_lm.text import MaskedText
    from madx_pipeline.training import TrainingResult

VERSION = 6

_INVERSE_TOLERANCE = 1e-5
"""About a hundred times the rounding of float32, as a few matrix products add up; a wrong inverse gives 0.1 or more."""

_ARCHITECTURE: Literal["seq_bn"] = "seq_bn"
"""One bottleneck a layer, by the library's name: MAD-X, section 4.1."""

_RELOADED_TOLERANCE = 1e-4
"""Nats; the saved adapter, loaded into a fresh model, must give the loss that was measured in training."""


class Params(MaskedTextParams):
    """What the adapter looks like, what is read in a step, how long it trains."""

    reduction_factor: float = Field(gt=0, description="Hidden size divided by the size of the bottleneck.")
    leave_out: tuple[int, ...] = Field(strict=False, description="Layers, from 0, without an adapter.")
    non_linearity: Literal["relu", "gelu", "swish", "tanh"] = Field(description="Activation in the bottlenecks.")
    inv_adapter: Literal["nice"] | None = Field(description="Kind of invertible adapter; null for none.")
    inv_adapter_reduction_factor: float = Field(
        gt=0, description="Half the hidden size divided by the size of the invertible adapter's bottleneck."
    )
    max_steps: int = Field(ge=1, description="Optimizer steps.")
    eval_steps: int = Field(ge=1, description="Steps between two evaluations on held-out text, each with a checkpoint.")


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Writes `adapter/` and describes how it was trained and what it gained.

    Raises:
        JobError: If there is too little text, or the loss is no longer a finite number.
        CheckError: If the model does not compute what MAD-X says, or the adapter gained nothing.
    """
    from madx_pipeline.adapter_model import language_adapter_name
    from madx_pipeline.masked_lm.loss import masked_lm_loss
    from madx_pipeline.masked_lm.text import masked_text

    base, language = inputs["base_model"], str(inputs.key["language"])
    name = language_adapter_name(language)
    text = masked_text(base, inputs["corpus"], params, out)
    model = _language_model(base, out)
    before = masked_lm_loss(model, text.held_out)
    result = _train(model, name, text, params, out)
    _save(model, name, out)
    del model
    _check_saved(base, name, text.held_out, result.best["loss"], out)
    out.check(
        "held_out_loss_fell",
        result.best["loss"] < before,
        round(result.best["loss"] - before, 6),
        f"Held-out loss is {result.best['loss']:.4f} with the adapter, {before:.4f} without (nats a masked token).",
    )
    facts = _training_facts(result, before, params, len(text.examples))
    out.describe(language=language, origin="trained", name=name, **facts)


def _language_model(base: Artifact, out: Workspace) -> AdapterModel:
    """The base model with its masked-LM head, proven to compute what the plain model computes."""
    from madx_pipeline.adapter_model.lend import lend_language_model, off_the_plain_model

    model = lend_language_model(base.path / "model", base.facts["name"])
    difference = off_the_plain_model(model, base.path / "model")
    out.check(
        "pretrained_head_kept",
        difference == 0.0,
        difference,
        "Without an adapter the logits equal those of the plain masked language model bit for bit.",
    )
    return model


def _train(model: AdapterModel, name: str, text: MaskedText, params: Params, out: Workspace) -> TrainingResult:
    from madx_pipeline.adapter_model import head_hash, weights_hash
    from madx_pipeline.masked_lm.batches import pass_tokens
    from madx_pipeline.masked_lm.loss import masked_lm_loss
    from madx_pipeline.training import Training, train

    _add_trainable(model, name, params, out)
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
    frozen = (weights_hash(model), head_hash(model))
    result = train(model, training, params, params.seed, out)
    out.check(
        "base_model_unchanged",
        (weights_hash(model), head_hash(model)) == frozen,
        frozen[0][:16],
        "Base model and prediction head are the same before and after training, bit for bit.",
    )
    return result


def _add_trainable(model: AdapterModel, name: str, params: Params, out: Workspace) -> None:
    """Adds the adapter, active, and nothing else trains."""
    from madx_pipeline.adapter_model import AdapterShape, add_adapter, train_only, trainable_set

    invertible = {"inv_adapter", "inv_adapter_reduction_factor"} if params.inv_adapter else set()
    shape: dict[str, Any] = params.model_dump(include={"reduction_factor", "leave_out", "non_linearity", *invertible})
    add_adapter(model, name, AdapterShape(_ARCHITECTURE, **shape), params.seed)
    train_only(model, name, [name])
    trains = trainable_set(model, name)
    detail = "Tensors that train: the language adapter's, neither the base model's nor the prediction head's; wrong: "
    out.check("trainable_set", trains.exact, len(trains.found), f"{detail}{', '.join(trains.odd[:3]) or 'none'}.")


def _save(model: AdapterModel, name: str, out: Workspace) -> None:
    from madx_pipeline.adapter_model import adapter_parameters, has_invertible_adapter, save_adapter

    folder = out.path / "adapter"
    save_adapter(model, name, folder, with_head=False)
    out.describe(
        has_invertible_adapter=has_invertible_adapter(model, name),
        parameters=adapter_parameters(model, name),
        bytes=sum(file.stat().st_size for file in folder.iterdir()),
    )


def _check_saved(base: Artifact, name: str, batches: list[Batch], measured: float, out: Workspace) -> None:
    """Loads what was saved into a fresh base model: it must give the loss that was measured in training."""
    from madx_pipeline import adapter_model
    from madx_pipeline.adapter_model.lend import lend_language_model
    from madx_pipeline.masked_lm.loss import masked_lm_loss

    model = lend_language_model(base.path / "model", base.facts["name"])
    adapter_model.load_language_adapter(model, out.path / "adapter", name, base.facts)
    adapter_model.set_stack(model, [name])
    with adapter_model.count_invertible_calls(model, name) as calls:
        again = masked_lm_loss(model, batches)
    out.check(
        "saved_adapter_gives_the_loss",
        abs(again - measured) <= _RELOADED_TOLERANCE,
        again - measured,
        "The saved adapter, loaded into a fresh base model, has the held-out loss that was measured in training.",
    )
    if not out.facts["has_invertible_adapter"]:
        return
    out.check(
        "inverse_called_as_often_as_forward",
        calls.forward == calls.inverse > 0,
        f"{calls.forward} / {calls.inverse}",
        "The invertible adapter runs after the embeddings, and its inverse before the output embeddings.",
    )
    rows = {part: batches[0][part].to(model.device) for part in ("input_ids", "attention_mask")}
    error = adapter_model.inverse_error(model, name, **rows)
    detail = "Largest change of what the invertible adapter gets after forward and inverse, relative to values above 1."
    out.check("inverse_undoes_forward", error <= _INVERSE_TOLERANCE, error, detail)


def _training_facts(result: TrainingResult, before: float, params: Params, examples: int) -> dict[str, Json]:
    after = result.best["loss"]
    batch = params.per_device_train_batch_size * params.gradient_accumulation_steps
    return {
        "architecture": _ARCHITECTURE,
        "reduction_factor": params.reduction_factor,
        "leave_out": list(params.leave_out),
        "non_linearity": params.non_linearity,
        "steps": result.steps,
        "best_step": result.best_step,
        "rows": examples,
        "epochs": result.steps * batch / examples,
        "heldout_loss_before": before,
        "heldout_loss_after": after,
        "heldout_perplexity_before": math.exp(min(before, 700.0)),
        "heldout_perplexity_after": math.exp(min(after, 700.0)),
        "curve": [{"step": point["step"], "loss": point["loss"]} for point in result.curve if "loss" in point],
        "train_curve": [
            {"step": point["step"], "loss": point["train_loss"]} for point in result.curve if "train_loss" in point
        ],
    }
