"""Base models as the adapters library sees them: loaded in float32, without heads, or with the pretrained LM head.

Surprising: the library's own loading of a masked-LM checkpoint drops the pretrained decoder bias and
makes it a frozen zero. `load_language_model` puts it back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch
from adapters import AdapterTrainer, AutoAdapterModel, QuestionAnsweringHead
from adapters.heads import BiaffineParsingHead
from safetensors import safe_open
from torch import nn
from transformers.utils import logging

from madx_pipeline.adapter_model.masked_head import predict_only_masked
from madx_pipeline.adapter_model.parsing_head import ParsingHead
from madx_pipeline.adapter_model.span_head import SpanHead
from madx_pipeline.errors import JobError

__all__ = ["AdapterTrainer"]

AdapterModel: TypeAlias = Any
"""A model of the adapters library with flexible heads (`XLMRobertaAdapterModel`, `BertAdapterModel`, ...)."""

LANGUAGE_MODEL_HEAD = "default"
"""Name of the masked-LM head that the library makes from a masked-LM checkpoint."""

_DECODER_BIASES = ("lm_head.bias", "cls.predictions.bias", "vocab_projector.bias")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_OURS = {QuestionAnsweringHead: SpanHead, BiaffineParsingHead: ParsingHead}
"""Heads of the library that are called in another way here: the same weights and config, another class."""
_TAKEN = frozenset(dir(nn.ModuleDict()))


def check_adapter_name(name: str) -> str:
    """Returns `name` if the library can use it for an adapter and its head.

    Names become module names and parts of tensor names: a dot splits them, and the names of a module's
    own methods (`to`, `pop`, ...; also language codes) are refused by torch.

    Raises:
        JobError: If it cannot.
    """
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise JobError(
            f"{name!r} cannot be the name of an adapter.",
            "Use letters, digits, - and _, and no name that torch modules use themselves.",
        )
    return name


def language_adapter_name(language: str) -> str:
    """Name of a language's adapter inside a model: never equal to a task's, whatever the codes are."""
    return check_adapter_name(f"language_{language}")


def task_adapter_name(task: str) -> str:
    """Name of a task's adapter, and of its prediction head, inside a model."""
    return check_adapter_name(f"task_{task}")


@contextmanager
def own_random_state() -> Iterator[None]:
    """Whatever happens inside, torch's random state outside stays as it was, on the CPU and every GPU."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        yield


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's random numbers inside depend on `seed` alone; outside nothing changes."""
    with own_random_state():
        torch.manual_seed(seed)
        yield


def load_model(folder: Path, name: str) -> AdapterModel:
    """Loads a base model with neither adapters nor heads.

    Args:
        folder: The `model/` folder of a base_model artifact.
        name: What saved adapters say they belong to (the artifact's `facts["name"]`).

    Returns:
        The model in float32 on the CPU, in eval mode.
    """
    return as_plain_model(read_base_model(folder), name)


def load_language_model(folder: Path, name: str) -> AdapterModel:
    """Loads a base model with its pretrained masked-LM head, decoder bias included.

    Its logits equal those of `AutoModelForMaskedLM` bit for bit while no adapter is active. Called with `labels`
    it computes the loss alone, at the masked positions alone (`masked_head`).

    Args:
        folder: The `model/` folder of a base_model artifact.
        name: What saved adapters say they belong to (the artifact's `facts["name"]`).

    Raises:
        JobError: If the folder holds no masked-LM head.
    """
    return as_language_model(read_base_model(folder), name, folder)


def read_base_model(folder: Path) -> AdapterModel:
    """The base model as it lies in the folder, with its masked-LM head if it has one, decoder bias included."""
    model = _from_pretrained(folder)
    if LANGUAGE_MODEL_HEAD in model.heads:
        decoder = model.heads[LANGUAGE_MODEL_HEAD].get_output_embeddings()
        with torch.no_grad():
            decoder.bias.copy_(_decoder_bias(folder))
    return model


def as_plain_model(model: AdapterModel, name: str) -> AdapterModel:
    """Takes the heads from what `read_base_model` gave: the model of `load_model`."""
    for head in list(model.heads):
        model.delete_head(head)
    model.config.name_or_path = name
    return model


def as_language_model(model: AdapterModel, name: str, folder: Path) -> AdapterModel:
    """Makes what `read_base_model(folder)` gave the model of `load_language_model`."""
    if LANGUAGE_MODEL_HEAD not in model.heads:
        raise JobError(f"{folder} has no masked-LM head ({model.config.architectures}).")
    predict_only_masked(model, LANGUAGE_MODEL_HEAD)
    model.config.name_or_path = name
    return model


def save_task_model(model: AdapterModel, folder: Path) -> None:
    """Saves a fully fine-tuned model with its prediction head, as safetensors, for `load_task_model`."""
    model.save_pretrained(str(folder), safe_serialization=True)


def load_task_model(folder: Path) -> AdapterModel:
    """Loads what `save_task_model` wrote: the fine-tuned model with its prediction head active, in eval mode."""
    model = _from_pretrained(folder)
    for head in model.heads.values():
        head.__class__ = _OURS.get(type(head), type(head))
    return model


def _from_pretrained(folder: Path) -> AdapterModel:
    with _quiet(), seeded(0):  # a pooler that the checkpoint lacks is drawn at random
        return AutoAdapterModel.from_pretrained(
            str(folder.resolve()), dtype=torch.float32, use_safetensors=True, local_files_only=True
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that the decoder bias and the pooler are not initialised: both are taken care of."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _decoder_bias(folder: Path) -> torch.Tensor:
    with safe_open(folder / "model.safetensors", framework="pt") as weights:
        names = set(weights.keys())
        for name in _DECODER_BIASES:
            if name in names:
                bias: torch.Tensor = weights.get_tensor(name)
                return bias.float()
    raise JobError(f"{folder}: model.safetensors has no bias of the masked-LM decoder.")
