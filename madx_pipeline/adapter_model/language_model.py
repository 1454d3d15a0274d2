"""A whole masked language model after training, written as the checkpoint that its base model was read from.

Surprising: the adapters library names the parts of a masked-LM head by number and saves it in a form that no other
program reads as a masked language model. So the weights are put back into the plain model under their own names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from adapters.head_utils import STATIC_TO_FLEX_HEAD_MAP
from torch import Tensor
from transformers import AutoModelForMaskedLM

from madx_pipeline.adapter_model.base import LANGUAGE_MODEL_HEAD, AdapterModel
from madx_pipeline.errors import JobError


def save_language_model(model: AdapterModel, base: Path, folder: Path) -> None:
    """Writes every weight of the model, which has no adapters, as one file of safetensors beside its config.

    Args:
        model: From `load_language_model(base, ...)`.
        base: The `model/` folder that it was loaded from.
        folder: Made if missing.

    Raises:
        JobError: If a weight of the plain model is not in `model`.
    """
    plain: Any = AutoModelForMaskedLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    trained, renamed = model.state_dict(), _head_names(type(plain).__name__)
    weights: dict[str, Tensor] = {}
    for name in plain.state_dict():
        source = renamed.get(name, name)
        if source not in trained:
            raise JobError(f"the trained model has no {source} for {name} of {type(plain).__name__}.")
        weights[name] = trained[source].detach().cpu()
    plain.load_state_dict(weights)
    plain.save_pretrained(folder, safe_serialization=True, max_shard_size="1TB")


def _head_names(kind: str) -> dict[str, str]:
    """Names in the plain model's head to names in the library's, as the library itself maps them."""
    names: dict[str, str] = {}
    parts: list[str | None] = STATIC_TO_FLEX_HEAD_MAP[kind]["layers"]
    for number, part in enumerate(parts):
        for tensor in ("weight", "bias"):
            if part is not None:
                names[f"{part}.{tensor}"] = f"heads.{LANGUAGE_MODEL_HEAD}.{number}.{tensor}"
    decoder = f"heads.{LANGUAGE_MODEL_HEAD}.{len(parts) - 1}.bias"
    return {**names, "lm_head.bias": decoder, "cls.predictions.bias": decoder}
