"""Adding adapters, saying which one trains, and stacking them: language adapter first, task adapter second.

Surprising: the library unfreezes whatever is in the setup it is given, leaves every head trainable, uses
only the first adapter's inverse, and calls two stacks equal when one is the beginning of the other. So
the trainable set and the stack are compared name by name after every change: `trainable_set`, `set_stack`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Literal

from adapters import AdapterConfig
from adapters.composition import Stack
from adapters.loading import AdapterLoader

from madx_pipeline.adapter_model.base import AdapterModel, check_adapter_name, seeded
from madx_pipeline.adapter_model.checks import has_invertible_adapter
from madx_pipeline.errors import CheckError, JobError

Architecture = Literal["seq_bn", "double_seq_bn", "par_bn"]
"""Bottleneck adapters by the library's names: Pfeiffer et al. 2020, Houlsby et al. 2019, He et al. 2021."""


@dataclass(frozen=True)
class AdapterShape:
    """What an adapter looks like, in the library's own argument names.

    Attributes:
        architecture: Kind of bottleneck adapter.
        reduction_factor: Hidden size divided by bottleneck size.
        leave_out: Layers (from 0) without an adapter.
        non_linearity: Activation function in the bottleneck (and in the invertible adapter).
        inv_adapter: `nice` for a language adapter, None for a task adapter.
        inv_adapter_reduction_factor: Half the hidden size divided by the invertible adapter's bottleneck size.
    """

    architecture: Architecture
    reduction_factor: float
    leave_out: tuple[int, ...] = ()
    non_linearity: str = "relu"
    inv_adapter: Literal["nice"] | None = None
    inv_adapter_reduction_factor: float | None = None

    def config(self) -> AdapterConfig:
        """What the library makes it from."""
        values = asdict(self)
        return AdapterConfig.load(values.pop("architecture")).replace(**{**values, "leave_out": list(self.leave_out)})


@dataclass(frozen=True)
class LoraShape:
    """What LoRA changes (Hu et al. 2021, section 4), in the library's own argument names.

    Attributes:
        r: Rank of an update.
        alpha: The update is scaled by `alpha` / `r`.
        dropout: Share of the inputs of an update that training sets to 0.
        attn_matrices: Which matrices of the self-attention get an update: `q`, `k`, `v`.
        intermediate_lora: Whether the first matrix of the feed-forward layer gets one.
        output_lora: Whether the second does.
        leave_out: Layers (from 0) without updates.
    """

    r: int
    alpha: int
    dropout: float
    attn_matrices: tuple[str, ...]
    intermediate_lora: bool = False
    output_lora: bool = False
    leave_out: tuple[int, ...] = ()

    def config(self) -> AdapterConfig:
        """What the library makes it from."""
        lists = {"attn_matrices": list(self.attn_matrices), "leave_out": list(self.leave_out)}
        return AdapterConfig.load("lora").replace(**{**asdict(self), **lists})


def add_adapter(model: AdapterModel, name: str, shape: AdapterShape | LoraShape, seed: int) -> None:
    """Adds a fresh adapter, initialised from `seed` alone. It is neither active nor set to train.

    Raises:
        JobError: If the name is taken or impossible, or a layer in `leave_out` does not exist.
    """
    check_adapter_name(name)
    if name in model.adapters_config:
        raise JobError(f"the model already has an adapter {name!r}.")
    layers = model.config.num_hidden_layers
    wrong = [layer for layer in shape.leave_out if not 0 <= layer < layers]
    if wrong:
        raise JobError(
            f"leave_out has layer {wrong[0]}; the base model has layers 0 to {layers - 1}.",
            "Set leave_out to layers that exist (MAD-X 2.0 leaves out the last one).",
        )
    with seeded(seed):
        model.add_adapter(name, config=shape.config())


@dataclass(frozen=True)
class TrainableSet:
    """The names of the parameters that train, and of those that should.

    Attributes:
        found: Parameters that require a gradient.
        expected: All parameters of one adapter and of its head.
    """

    found: frozenset[str]
    expected: frozenset[str]

    @property
    def exact(self) -> bool:
        """Whether exactly the expected parameters train, and there are any."""
        return bool(self.expected) and self.found == self.expected

    @property
    def odd(self) -> list[str]:
        """Names that train and should not, or the other way round."""
        return sorted(self.found ^ self.expected)


def train_only(model: AdapterModel, adapter: str, stack: Sequence[str], head: str | None = None) -> None:
    """Makes exactly one adapter (and one head) trainable, and `stack` active; `trainable_set` says if that is so.

    Args:
        model: The model, adapters and head already in it.
        adapter: The adapter that trains.
        stack: Adapters of the forward pass, language first.
        head: The prediction head that trains with it; None trains no head (language adapters: a head that
            is thrown away afterwards must not take part of the adaptation with it).
    """
    with _activating():
        model.train_adapter(adapter)
    model.train()  # the library leaves heads, and their dropout, in eval mode
    for name, module in model.heads.items():
        if name != head:
            module.requires_grad_(False)
    set_stack(model, stack)


def trainable_set(model: AdapterModel, adapter: str, head: str | None = None) -> TrainableSet:
    """What trains, against one adapter and the head that trains with it (None: no head).

    It raises nothing: whoever trains records the comparison as a check first.
    """
    belongs = AdapterLoader(model).filter_func(adapter)
    expected = (
        name
        for name, _ in model.named_parameters()
        if belongs(name) or (head is not None and name.startswith(f"heads.{head}."))
    )
    return TrainableSet(frozenset(trainable_names(model)), frozenset(expected))


def train_everything(model: AdapterModel, head: str) -> None:
    """Makes the whole base model and one head trainable, with no adapter: full fine-tuning."""
    set_stack(model, ())
    model.train()
    model.requires_grad_(True)
    model.active_head = head


def trainable_names(model: AdapterModel) -> set[str]:
    """Names of the parameters that train."""
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def set_stack(model: AdapterModel, names: Sequence[str]) -> None:
    """Makes the adapters active in every forward pass, in this order; the last one's head too, if it has one.

    By `set_active_adapters` and never by `with AdapterSetup(...)`, which silently skips the inverse.

    Args:
        model: The model.
        names: Adapters, language first; empty for none.

    Raises:
        JobError: If an adapter is missing, or one that is not first has an invertible adapter: the library
            would silently not use it.
    """
    for name in names:
        if name not in model.adapters_config:
            raise JobError(f"the model has no adapter {name!r}; it has {sorted(model.adapters_config)}.")
    for name in names[1:]:
        if has_invertible_adapter(model, name):
            raise JobError(f"{name} has an invertible adapter and is not first in the stack {list(names)}.")
    with _activating():
        model.set_active_adapters(Stack(*names) if names else None)
    if active_stack(model) != tuple(names):
        raise CheckError(f"the active stack is {active_stack(model)}, not {tuple(names)}")


def active_stack(model: AdapterModel) -> tuple[str, ...]:
    """Names of the active adapters, in the order in which they are applied."""
    setup = model.active_adapters
    return tuple(str(child) for child in setup) if setup is not None else ()


@contextmanager
def _activating() -> Iterator[None]:
    """Without the library's warning that no adapter is active, given while one is being made active."""
    log = logging.getLogger("adapters.model_mixin")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
