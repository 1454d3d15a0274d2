"""Reading an adapter folder: JSON, and tensors that cannot execute anything.

`adapter.safetensors` and `pytorch_adapter.bin` (the latter by `weights_only=True`) are both understood.
The library takes whichever a flag names and stays silent when both are there; here they must then agree.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from madx_pipeline.adapter_files.config import config_problems, modern_config
from madx_pipeline.errors import Problem
from madx_pipeline.stage import Json

_CONFIG = "adapter_config.json"
_WEIGHTS = ("adapter.safetensors", "pytorch_adapter.bin")
_HEAD_CONFIG = "head_config.json"
_HEAD_WEIGHTS = ("model_head.safetensors", "pytorch_model_head.bin")
ADAPTER_FILES = (_CONFIG, *_WEIGHTS)
"""What an adapter consists of; a head is never taken along from outside."""

_OLD_MODULE_NAMES = {
    "attention_text_task_adapters": "adapters",
    "attention_text_lang_adapters": "adapters",
    "layer_text_task_adapters": "adapters",
    "layer_text_lang_adapters": "adapters",
    "invertible_lang_adapters": "invertible_adapters",
}
"""Module names of the first format and today's."""


@dataclass(frozen=True)
class AdapterFolder:
    """An adapter as it lies on disk, in today's format.

    Attributes:
        where: What messages call it (repository or folder).
        record: `adapter_config.json` as it is.
        config: Its `config` as today's library writes it.
        tensors: Name to tensor, module names brought up to date; empty if unreadable.
        weights_file: The file that was read, if any.
        problems: What is wrong with it whatever the base model.
    """

    where: str
    record: dict[str, Json]
    config: dict[str, Json]
    tensors: dict[str, Tensor]
    weights_file: Path | None
    problems: tuple[Problem, ...]

    @property
    def name(self) -> str:
        """The name it was saved under, which is part of its tensors' names."""
        return str(self.record.get("name", ""))

    @property
    def has_inverse(self) -> bool:
        """Whether the weights hold an invertible adapter."""
        return _has_inverse(self.tensors)


@dataclass(frozen=True)
class HeadFolder:
    """A prediction head as it lies on disk.

    Attributes:
        config: What the library builds the head from (`head_type`, `label2id`, ...).
        tensors: Name within the head (`1.weight`) to tensor.
        problems: What is wrong with it.
    """

    config: dict[str, Json]
    tensors: dict[str, Tensor]
    problems: tuple[Problem, ...]


def read_adapter(folder: Path, where: str) -> AdapterFolder:
    """Reads an adapter folder; what is wrong ends up in `problems`, never in an exception."""
    record, problems = _read_json(folder, _CONFIG, where)
    for key, kind in (("config", dict), ("name", str)):
        if not problems and not isinstance(record.get(key), kind):
            problems.append(Problem(f"{where}: {_CONFIG} has no {key}.", _DAMAGED))
    tensors, weights_file, found = _read_weights(folder, _WEIGHTS, where)
    problems += found
    tensors = {_modern_name(name): tensor for name, tensor in tensors.items()}
    readable = isinstance(record.get("config"), dict)
    config = modern_config(record, _has_inverse(tensors)) if readable else {}
    problems += config_problems(config, where) if readable else []
    problems += not_finite(tensors, where)
    return AdapterFolder(where, record, config, tensors, weights_file, tuple(problems))


def read_head(folder: Path, where: str) -> HeadFolder:
    """Reads the prediction head beside a task adapter."""
    record, problems = _read_json(folder, _HEAD_CONFIG, where)
    tensors, _, found = _read_weights(folder, _HEAD_WEIGHTS, where)
    problems += found
    found_config = record.get("config")
    config: dict[str, Json] = found_config if isinstance(found_config, dict) else {}
    if not problems and not config:
        problems.append(Problem(f"{where}: {_HEAD_CONFIG} has no config.", _DAMAGED))
    prefix = f"heads.{record.get('name')}."
    foreign = sorted(name for name in tensors if not name.startswith(prefix))
    if not problems and foreign:
        problems.append(Problem(f"{where}: the head's weights hold {foreign[0]}, which is not part of it.", _DAMAGED))
    problems += not_finite(tensors, where)
    return HeadFolder(config, with_prefix_removed(tensors, prefix), tuple(problems))


def with_prefix_removed(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors by their names without `prefix`; names without it stay."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def not_finite(tensors: dict[str, Tensor], where: str) -> list[Problem]:
    """A problem if any tensor holds NaN or infinity."""
    broken = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if not broken:
        return []
    return [Problem(f"{where}: {len(broken)} tensors hold NaN or infinity, the first is {broken[0]}.", _DAMAGED)]


def _read_json(folder: Path, name: str, where: str) -> tuple[dict[str, Json], list[Problem]]:
    path = folder / name
    if not path.is_file():
        return {}, [Problem(f"{where}: no {name}.", "An adapter folder has adapter_config.json and its weights.")]
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        return {}, [Problem(f"{where}: {name} is not JSON ({error}).", _DAMAGED)]
    if not isinstance(record, dict):
        return {}, [Problem(f"{where}: {name} is not a JSON object.", _DAMAGED)]
    return record, []


def _read_weights(
    folder: Path, names: Iterable[str], where: str
) -> tuple[dict[str, Tensor], Path | None, list[Problem]]:
    files = [folder / name for name in names if (folder / name).is_file()]
    if not files:
        return {}, None, [Problem(f"{where}: no weights ({' or '.join(names)}).", "Fetch the adapter again.")]
    readings = [_read_tensors(file, where) for file in files]
    problems = [problem for _, found in readings for problem in found]
    tensors = readings[0][0]
    if not problems and any(not _equal(tensors, other) for other, _ in readings[1:]):
        both = " and ".join(file.name for file in files)
        problems.append(Problem(f"{where}: {both} hold different weights.", "Remove the one that is not meant."))
    return tensors, files[0], problems


def _read_tensors(file: Path, where: str) -> tuple[dict[str, Tensor], list[Problem]]:
    try:
        content: Any = load_file(file) if file.suffix == ".safetensors" else _torch_load(file)
    except pickle.UnpicklingError:
        hint = "Nothing in it was executed. Do not load it with anything else."
        return {}, [Problem(f"{where}: {file.name} holds something other than tensors.", hint)]
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return {}, [Problem(f"{where}: {file.name} cannot be read, it is truncated or damaged ({cause}).", _DAMAGED)]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        return {}, [Problem(f"{where}: {file.name} is not a table of tensors.", _DAMAGED)]
    return {str(name): value for name, value in content.items()}, []


def _torch_load(file: Path) -> Any:
    return torch.load(file, map_location="cpu", weights_only=True)


def _equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def _modern_name(name: str) -> str:
    for old, new in _OLD_MODULE_NAMES.items():
        name = name.replace(old, new)
    return name


def _has_inverse(tensors: Iterable[str]) -> bool:
    return any("invertible_adapters." in name for name in tensors)


_DAMAGED = "Fetch or save the adapter again."
