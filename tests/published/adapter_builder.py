"""Writes adapter folders as every version of the library has written them, without the library.

Names, shapes and configs are written out here by hand, so that a test that reads them back does not compare
our code with itself. Weights are random, and large enough to change what a model computes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

Tensors = dict[str, Tensor]

AGES = ("2020", "without version", "0.2.0", "3.1.0", "adapters.1.0.1", "adapters.1.3.0")
"""Formats that are out there: the first one, one between, that of all migrated MAD-X adapters, and later ones."""

_LAYOUTS: dict[str, dict[str, Any]] = {
    "seq_bn": {"mh_adapter": False, "original_ln_before": True},
    "double_seq_bn": {"mh_adapter": True, "original_ln_before": False},
    "par_bn": {"mh_adapter": False, "original_ln_before": False, "is_parallel": True, "scaling": 4.0},
}
_FIRST_KEYS: dict[str, Any] = {
    "adapter_residual_before_ln": False,
    "ln_after": False,
    "ln_before": False,
    "original_ln_after": True,
    "output_adapter": True,
    "residual_before_ln": True,
}
_LATER_KEYS: dict[str, Any] = {
    "cross_adapter": False,
    "factorized_phm_W": True,
    "factorized_phm_rule": False,
    "hypercomplex_nonlinearity": "glorot-uniform",
    "init_weights": "bert",
    "is_parallel": False,
    "learn_phm": True,
    "phm_bias": True,
    "phm_c_init": "normal",
    "phm_dim": 4,
    "phm_init_range": 0.0001,
    "phm_layer": False,
    "phm_rank": 1,
    "scaling": 1.0,
    "shared_W_phm": False,
    "shared_phm_rule": True,
    "use_gating": False,
}


@dataclass(frozen=True)
class BaseShape:
    """The part of a base model that decides an adapter's tensors."""

    model_type: str = "xlm-roberta"
    name: str = "xlm-roberta-base"
    hidden: int = 16
    layers: int = 3

    @property
    def prefix(self) -> str:
        return {"bert": "bert.", "xlm-roberta": "roberta.", "roberta": "roberta."}[self.model_type]


XLMR = BaseShape()
MBERT = BaseShape("bert", "bert-base-multilingual-cased")
XLMR_BASE = BaseShape(hidden=768, layers=12)
"""Of XLM-R base's real size: 29.6 MB with reduction factor 2 and an invertible adapter."""


@dataclass(frozen=True)
class AdapterShape:
    """What an adapter consists of, and how it was written."""

    base: BaseShape = XLMR
    name: str = "sw"
    age: str = "0.2.0"
    layout: str = "seq_bn"
    reduction_factor: int = 2
    inverse: bool = True
    non_linearity: str = "relu"
    leave_out: tuple[int, ...] = ()
    task: bool = False
    safetensors: bool = False
    dtype: torch.dtype = torch.float32
    seed: int = 0


def write_adapter(folder: Path, shape: AdapterShape) -> Path:
    """Writes `adapter_config.json` and the weights; the folder is made."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps(record_of(shape), indent=2, sort_keys=True))
    write_tensors(folder, tensors_of(shape), shape.safetensors)
    return folder


def record_of(shape: AdapterShape) -> dict[str, Any]:
    """An `adapter_config.json` of its age."""
    base = shape.base
    record: dict[str, Any] = {
        "config": _config_of(shape),
        "hidden_size": base.hidden,
        "model_class": "XLMRobertaAdapterModel" if base.model_type == "xlm-roberta" else "BertAdapterModel",
        "model_name": base.name,
        "model_type": base.model_type,
        "name": shape.name,
    }
    if shape.age == "2020":
        return record | {"type": "text_task" if shape.task else "text_lang", "config_id": "9076f36a74755ac4"}
    return record if shape.age == "without version" else record | {"version": shape.age}


def tensors_of(shape: AdapterShape) -> Tensors:
    """Every tensor by the name that its age gave it."""
    generator = torch.Generator().manual_seed(shape.seed)
    kind = "task" if shape.task else "lang"
    old = shape.age == "2020"
    hidden, narrow = shape.base.hidden, shape.base.hidden // shape.reduction_factor
    half = hidden // 2
    sizes: dict[str, tuple[int, ...]] = {}
    for layer in sorted({*range(shape.base.layers)} - {*shape.leave_out}):
        places = {"output": f"layer_text_{kind}_adapters" if old else "adapters"}
        if shape.layout == "double_seq_bn":
            places["attention.output"] = f"attention_text_{kind}_adapters" if old else "adapters"
        for place, module in places.items():
            start = f"encoder.layer.{layer}.{place}.{module}.{shape.name}"
            sizes |= {f"{start}.adapter_down.0.weight": (narrow, hidden), f"{start}.adapter_down.0.bias": (narrow,)}
            sizes |= {f"{start}.adapter_up.weight": (hidden, narrow), f"{start}.adapter_up.bias": (hidden,)}
    for part in "FG" if shape.inverse and not shape.task else "":
        start = f"{'invertible_lang_adapters' if old else 'invertible_adapters'}.{shape.name}.{part}"
        sizes |= {f"{start}.0.weight": (half // 2, half), f"{start}.0.bias": (half // 2,)}
        sizes |= {f"{start}.2.weight": (half, half // 2), f"{start}.2.bias": (half,)}
    return {
        shape.base.prefix + name: (torch.randn(size, generator=generator) * 0.2).to(shape.dtype)
        for name, size in sizes.items()
    }


def write_tensors(folder: Path, tensors: Mapping[str, Any], safetensors: bool = False) -> None:
    """Writes weights in one of the two formats."""
    if safetensors:
        save_file(dict(tensors), folder / "adapter.safetensors")
    else:
        torch.save(dict(tensors), folder / "pytorch_adapter.bin")


def write_head(folder: Path, base: BaseShape, name: str, head_type: str, **changes: Any) -> None:
    """Writes a head beside an adapter: `tagging` or `classification` with three labels, or the `masked_lm` decoder."""
    config: dict[str, Any] = {"head_type": head_type, "activation_function": None, "layers": 1}
    tensors = {f"heads.{name}.1.weight": torch.ones(3, base.hidden), f"heads.{name}.1.bias": torch.ones(3)}
    if head_type in ("tagging", "classification"):
        config |= {"num_labels": 3, "label2id": {"O": 1, "B-PER": 0, "I-PER": 2}, "dropout_prob": None}
    else:
        config |= {"vocab_size": 78, "layer_norm": True, "bias": True}
        tensors = {f"heads.{name}.3.weight": torch.zeros(78, base.hidden), f"heads.{name}.3.bias": torch.zeros(78)}
    record = {"name": name, "model_type": base.model_type, "hidden_size": base.hidden, "config": config | changes}
    (folder / "head_config.json").write_text(json.dumps(record))
    torch.save(tensors, folder / "pytorch_model_head.bin")


def write_static_head(folder: Path, base: BaseShape, name: str, model_class: str) -> None:
    """Writes the head of a model class that has one built in: no `config`, labels beside it, weights named by it."""
    record: dict[str, Any] = {"name": name, "model_type": base.model_type, "model_class": model_class, "config": None}
    record |= {"num_labels": 3, "label2id": {"O": 0, "B-PER": 1, "I-PER": 2}, "hidden_size": base.hidden}
    (folder / "head_config.json").write_text(json.dumps(record))
    tensors = {"classifier.weight": torch.ones(3, base.hidden), "classifier.bias": torch.ones(3)}
    torch.save(tensors, folder / "pytorch_model_head.bin")


def edit_record(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Changes `adapter_config.json` in place."""
    file = folder / "adapter_config.json"
    record = json.loads(file.read_text())
    change(record)
    file.write_text(json.dumps(record))


def edit_tensors(folder: Path, change: Callable[[Tensors], Any]) -> None:
    """Changes the weights in place, in whichever format they are."""
    safe = (folder / "adapter.safetensors").is_file()
    tensors: Tensors = load_file(folder / "adapter.safetensors") if safe else torch.load(folder / "pytorch_adapter.bin")
    change(tensors)
    write_tensors(folder, tensors, safe)


def _config_of(shape: AdapterShape) -> dict[str, Any]:
    config: dict[str, Any] = {
        **_FIRST_KEYS,
        **({} if shape.age in ("2020", "without version") else _LATER_KEYS),
        **_LAYOUTS[shape.layout],
        "non_linearity": shape.non_linearity,
        "reduction_factor": shape.reduction_factor,
    }
    if shape.age == "2020":
        nested = {"block_type": "nice", "non_linearity": shape.non_linearity, "reduction_factor": 2}
        return config | {"invertible_adapter": nested, "attention_type": "sent-lvl", "new_attention_norm": False}
    config |= {"inv_adapter": "nice" if shape.inverse else None, "leave_out": list(shape.leave_out)}
    config["inv_adapter_reduction_factor"] = 2 if shape.inverse else None
    if shape.age not in ("without version", "3.1.0"):
        config["dropout"] = 0.0
    if shape.age == "adapters.1.3.0":
        config |= {"init_weights_seed": None, "stochastic_depth": 0.0}
    return config
