"""From bytes on disk to JSON and tensors; nothing in them can execute, and nothing they hold raises.

`adapter.safetensors` and `pytorch_adapter.bin` (the latter by `weights_only=True`) are both understood.
The library takes whichever a flag names and stays silent when both are there; here they must then agree.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from madx_pipeline.adapter_files.report import AdapterCheck, check
from madx_pipeline.durable import sha256_of
from madx_pipeline.errors import Problem
from madx_pipeline.records import Json

DAMAGED = "Fetch or save the adapter again."
MAX_JSON_BYTES = 4 * 2**20
"""Far beyond any config of an adapter or head; more is not read."""

_FORBIDDEN = ("Unsupported global", "Unsupported class", "unrecognized function", "Can only")
"""What torch says of a pickle that is whole and holds more than tensors."""
_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


@dataclass(frozen=True)
class Weights:
    """What the weight files of a folder hold.

    Attributes:
        tensors: Name to tensor; empty if unreadable.
        file: The file that was read, if any.
        sha256: Name of every weights file there is to its sha256 (hex).
        checks: What was asked of them.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    file: Path | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    checks: tuple[AdapterCheck, ...] = ()


def read_json(folder: Path, name: str, where: str) -> tuple[dict[str, Json], list[Problem]]:
    """The JSON object in a file, or why there is none."""
    path = folder / name
    if not path.is_file():
        return {}, [Problem(f"{where}: no {name}.", "An adapter folder has adapter_config.json and its weights.")]
    size = path.stat().st_size
    if size > MAX_JSON_BYTES:
        return {}, [Problem(f"{where}: {name} has {size} bytes; no more than {MAX_JSON_BYTES} are read.", DAMAGED)]
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        return {}, [Problem(f"{where}: {name} is not JSON ({_first_line(error)}).", DAMAGED)]
    if not isinstance(record, dict):
        return {}, [Problem(f"{where}: {name} is not a JSON object.", DAMAGED)]
    return record, []


def read_weights(folder: Path, names: Sequence[str], where: str) -> Weights:
    """The tensors in the first of these files that is there, if the others agree with it."""
    files = [folder / name for name in names if (folder / name).is_file()]
    if not files:
        problem = Problem(f"{where}: no weights ({' or '.join(names)}).", "Fetch the adapter again.")
        return Weights(checks=(check("weights_file", None, [problem]),))
    readings = [_read_tensors(file, where) for file in files]
    problems = [problem for _, found in readings for problem in found]
    tensors = readings[0][0]
    if not problems and any(not _equal(tensors, other) for other, _ in readings[1:]):
        both = " and ".join(file.name for file in files)
        problems.append(Problem(f"{where}: {both} hold different weights.", "Remove the one that is not meant."))
    sha256 = hashes(files)
    checks = (
        check("weights_file", described(files, sha256), problems),
        _types(tensors, where),
        _finite(tensors, where),
    )
    return Weights(tensors, files[0], sha256, checks[:1] if not tensors and problems else checks)


def hashes(files: Sequence[Path]) -> dict[str, str]:
    """Name to sha256 (hex) of the files that are there and can be read."""
    return {file.name: sha256_of(file) for file in files if file.is_file() and os.access(file, os.R_OK)}


def described(files: Sequence[Path], sha256: Mapping[str, str]) -> str | None:
    """Name, size in bytes and sha256 of files; None if there are none."""
    parts = (
        f"{file.name}, {file.stat().st_size} bytes, sha256 {sha256.get(file.name)}" for file in files if file.is_file()
    )
    return "; ".join(parts) or None


def _read_tensors(file: Path, where: str) -> tuple[dict[str, Tensor], list[Problem]]:
    try:
        content: Any = load_file(file) if file.suffix == ".safetensors" else _torch_load(file)
    except Exception as error:  # what a damaged file makes the readers raise is any of a dozen types
        if isinstance(error, pickle.UnpicklingError) and any(word in str(error) for word in _FORBIDDEN):
            hint = "Nothing in it was executed. Do not load it with anything else."
            return {}, [Problem(f"{where}: {file.name} holds something other than tensors.", hint)]
        found = f"{file.name} cannot be read, it is truncated or damaged ({_first_line(error)})"
        return {}, [Problem(f"{where}: {found}.", DAMAGED)]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        return {}, [Problem(f"{where}: {file.name} is not a table of tensors.", DAMAGED)]
    return {str(name): value for name, value in content.items()}, []


def _torch_load(file: Path) -> Any:
    return torch.load(file, map_location="cpu", weights_only=True)


def _types(tensors: Mapping[str, Tensor], where: str) -> AdapterCheck:
    kinds = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values()})
    odd = [name for name, tensor in tensors.items() if not _is_plain(tensor)]
    problems = []
    if odd:
        first = f"the first is {odd[0]} ({tensors[odd[0]].dtype}, {tensors[odd[0]].layout})"
        found = f"{len(odd)} tensors are not plain floating-point numbers, {first}"
        problems.append(Problem(f"{where}: {found}.", DAMAGED))
    note = "" if kinds in ([], ["float32"]) else "They become float32 when they are loaded."
    return check("tensor_types", ", ".join(kinds), problems, note)


def _finite(tensors: Mapping[str, Tensor], where: str) -> AdapterCheck:
    """As float32, which is what they become: a float64 may be finite and its float32 not."""
    plain = {name: tensor for name, tensor in tensors.items() if _is_plain(tensor)}
    broken = [name for name, tensor in plain.items() if not bool(torch.isfinite(tensor.float()).all())]
    problems = []
    if broken:
        found = f"{len(broken)} tensors hold NaN or infinity, the first is {broken[0]}"
        problems.append(Problem(f"{where}: {found}.", DAMAGED))
    return check("finite", f"{len(plain) - len(broken)} of {len(tensors)} tensors", problems)


def _is_plain(tensor: Tensor) -> bool:
    """Floating-point numbers on the CPU, each with bytes of its own (a file can stretch one over terabytes)."""
    if tensor.dtype not in _FLOATS or tensor.layout is not torch.strided or tensor.device.type != "cpu":
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _equal(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)


def _same(left: Tensor, right: Tensor) -> bool:
    if not (_is_plain(left) and _is_plain(right)):
        return left.dtype == right.dtype  # refused anyway, by its type
    return left.dtype == right.dtype and torch.equal(left.nan_to_num(), right.nan_to_num())


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
