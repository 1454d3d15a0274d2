"""What is asked of a model before a number is believed: unchanged weights, a real inverse, used as often as forward."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from adapters.loading import AdapterLoader
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM

from madx_pipeline.adapter_model.base import AdapterModel
from madx_pipeline.errors import JobError

_NOT_BASE = (".prompt_tuning.", ".pooler.")
"""A second name of the embeddings, and a layer that masked-LM checkpoints lack and nothing here uses."""

_COMPARED = 32
"""Tokens whose logits are compared with the plain model's: for a whole batch they would be gigabytes."""


@dataclass
class InvertibleCalls:
    """How often an invertible adapter ran in each direction.

    Attributes:
        forward: Calls after the embeddings.
        inverse: Calls before the output embeddings.
    """

    forward: int = 0
    inverse: int = 0


def has_invertible_adapter(model: AdapterModel, name: str) -> bool:
    """Whether the adapter has an invertible part, as a module and not only in its config."""
    return name in _invertible(model)


@contextmanager
def count_invertible_calls(model: AdapterModel, name: str) -> Iterator[InvertibleCalls]:
    """Counts the calls of the adapter's invertible part in both directions while the block runs.

    In MLM training both counts must be equal: `AutoModelForMaskedLM` with `adapters.init` never inverts.
    Without an invertible adapter both stay 0.
    """
    calls = InvertibleCalls()
    if not has_invertible_adapter(model, name):
        yield calls
        return

    def count(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if named.get("rev", False):
            calls.inverse += 1
        else:
            calls.forward += 1

    handle = _invertible(model)[name].register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield calls
    finally:
        handle.remove()


def inverse_error(model: AdapterModel, name: str, input_ids: Tensor, attention_mask: Tensor | None = None) -> float:
    """Largest difference between what the invertible adapter gets and what comes back through forward and inverse.

    What it gets is taken from a real forward pass: the normalised sum of word and position embeddings, whose
    values are ten times those of the word embeddings. The difference is absolute while values on the way stay
    below 1, else relative to the largest of them: float32 can do no more.

    Args:
        model: The model.
        name: A language adapter in it, active and first in the stack.
        input_ids: (batch, length)
        attention_mask: (batch, length); None for rows without padding.

    Raises:
        JobError: If the adapter's invertible part did not run.
    """
    block = _invertible(model)[name]
    with torch.no_grad():
        received = _received(model, block, input_ids=input_ids, attention_mask=attention_mask)
        there = block(received)
        back = block(there, rev=True)
    largest = torch.stack([received.abs().max(), there.abs().max()]).max()
    return float((back - received).abs().max() / largest.clamp(min=1.0))


def _received(model: AdapterModel, block: nn.Module, **batch: Tensor | None) -> Tensor:
    """What an invertible adapter gets after the embeddings, (batch, length, hidden)."""
    found: list[Tensor] = []

    def take(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if not named.get("rev", False):
            found.append(arguments[0])

    handle = block.register_forward_pre_hook(take, with_kwargs=True)
    try:
        model(**batch)
    finally:
        handle.remove()
    if not found:
        raise JobError("the invertible adapter did not run in the forward pass.")
    return found[0]


def off_the_plain_model(model: AdapterModel, folder: Path) -> float:
    """Largest difference between the logits of a language model without adapters and those of the plain one.

    Args:
        model: From `load_language_model(folder, ...)`.
        folder: Where the plain model, `AutoModelForMaskedLM`, is read from: a second copy of all weights, for a moment.
    """
    plain: Any = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    plain.to(model.device).eval()
    tokens = min(_COMPARED, model.config.max_position_embeddings // 2)
    ids = torch.arange(1, tokens + 1, device=model.device)[None] * model.config.vocab_size // (tokens + 1)
    with torch.no_grad():
        return float((model(input_ids=ids).logits - plain(input_ids=ids).logits).abs().max())


def adapter_parameters(model: AdapterModel, name: str) -> int:
    """Number of parameters of an adapter, its invertible part included, heads excluded."""
    belongs = AdapterLoader(model).filter_func(name)
    return sum(parameter.numel() for key, parameter in model.named_parameters() if belongs(key))


def weights_hash(model: AdapterModel, adapter: str | None = None) -> str:
    """sha256 (hex) over names, shapes and bytes of one adapter's tensors, or of the base model's.

    Args:
        model: The model.
        adapter: An adapter in it; None hashes the base model without any adapter and without heads.
    """
    loader = AdapterLoader(model)
    if adapter is not None:
        belongs = loader.filter_func(adapter)
        return _hash({name: tensor for name, tensor in model.state_dict().items() if belongs(name)})
    filters = [loader.filter_func(name) for name in model.adapters_config]
    base = model.base_model.state_dict(prefix=f"{model.base_model_prefix}.")
    return _hash(
        {
            name: tensor
            for name, tensor in base.items()
            if not any(part in name for part in _NOT_BASE) and not any(belongs(name) for belongs in filters)
        }
    )


def head_hash(model: AdapterModel) -> str:
    """sha256 (hex) over all prediction heads."""
    return _hash(model.heads.state_dict())


def _hash(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _invertible(model: AdapterModel) -> nn.ModuleDict:
    found: nn.ModuleDict = model.base_model.invertible_adapters
    return found
