"""The precision of a training step: float32, or bfloat16 where the hardware computes in it.

Under bfloat16 only the matrix products of the forward and backward pass are (torch's autocast); weights, gradients,
the optimizer and the loss stay in float32. It is no other seed: results differ from float32 by more than rounding.
Evaluations are always in float32, so that what is measured does not depend on how it was trained.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from madx_pipeline.adapter_model import AdapterModel
from madx_pipeline.errors import JobError

Loss = Callable[[AdapterModel, dict[str, Tensor]], Tensor]
"""The mean loss of a model over the labels of a batch."""


def loss_of_model(model: AdapterModel, batch: dict[str, Tensor]) -> Tensor:
    """The loss that the model itself computes from a batch."""
    loss: Tensor = model(**batch, return_dict=True).loss
    return loss


def in_precision(precision: Literal["fp32", "bf16"], loss: Loss) -> Loss:
    """`loss`, computed in that precision.

    Raises:
        JobError: If this machine does not compute in it.
    """
    if precision == "fp32":
        return loss
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if not _has_bf16(device):
        name = {"cuda": "GPU", "cpu": "CPU"}[device]
        raise JobError(f"precision is bf16, and the {name} of this machine has no bfloat16.", "Set precision to fp32.")

    def with_autocast(model: AdapterModel, batch: dict[str, Tensor]) -> Tensor:
        with torch.autocast(device, dtype=torch.bfloat16):
            return loss(model, batch)

    return with_autocast


def _has_bf16(device: str) -> bool:
    """Whether products in bfloat16 are made by instructions of their own, and not slowly in float32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if hasattr(torch.cpu, "get_capabilities"):
        return any(value is True and "bf16" in name for name, value in torch.cpu.get_capabilities().items())
    return bool(torch.cpu._is_avx512_bf16_supported())
