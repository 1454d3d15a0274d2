"""One base model a process: its weights are read once and lent to job after job.

What is lent is a copy of everything but the weights' memory. Whatever a job does to its copy (adapters, heads,
hooks, what trains, mode, device) is gone with the copy, so nothing has to be undone. Only a weight itself could be
left changed, by a training that failed half-way or a mistake; therefore every tensor is hashed when it is read, and
again whenever it is lent. XXH3 does that as fast as memory is read, about six times as fast as sha256, and is made to
tell accidents, not attacks. Trainings compare the sha256 of the base model before and after as well.

Full fine-tuning changes the weights and must never get lent ones: it uses `load_model`.
"""

from __future__ import annotations

import copy
import gc
import logging
from dataclasses import dataclass
from pathlib import Path

import torch
import xxhash
from torch import Tensor, nn

from madx_pipeline.adapter_model import checks
from madx_pipeline.adapter_model.base import AdapterModel, as_language_model, as_plain_model, read_base_model

_FILES = ("config.json", "model.safetensors")

_PIECE = 2**24
"""Values hashed at a time: so much of a model on a GPU is copied to main memory at once."""

_log = logging.getLogger("madx_pipeline.job")

Source = tuple[Path, tuple[tuple[int, int, int], ...]]
"""A folder, and of each file that matters its size, inode and time of last change (nanoseconds)."""


@dataclass
class _Kept:
    """The base model that this process holds, and how far its logits are from the plain model's once that is known."""

    source: Source
    model: AdapterModel
    hashes: dict[str, str]
    off: float | None = None


_kept: list[_Kept] = []
"""At most one."""


def lend_model(folder: Path, name: str) -> AdapterModel:
    """What `load_model` gives, on weights that other jobs of this process use too: they must not be changed.

    Args:
        folder: The `model/` folder of a base_model artifact.
        name: What saved adapters say they belong to (the artifact's `facts["name"]`).

    Returns:
        The model in float32, in eval mode, on the GPU if there is one.
    """
    return as_plain_model(_lent(folder), name)


def lend_language_model(folder: Path, name: str) -> AdapterModel:
    """What `load_language_model` gives, on weights that other jobs of this process use too: they must not be changed.

    Args:
        folder: The `model/` folder of a base_model artifact.
        name: What saved adapters say they belong to (the artifact's `facts["name"]`).

    Returns:
        The model in float32, in eval mode, on the GPU if there is one.

    Raises:
        JobError: If the folder holds no masked-LM head.
    """
    return as_language_model(_lent(folder), name, folder)


def off_the_plain_model(model: AdapterModel, folder: Path) -> float:
    """What `checks.off_the_plain_model` gives, computed once for what is kept: it reads all weights a second time.

    Args:
        model: What `lend_language_model(folder, ...)` has just given, unchanged.
        folder: The `model/` folder of a base_model artifact.
    """
    (kept,) = _kept
    if kept.off is None:
        kept.off = checks.off_the_plain_model(model, folder)
    return kept.off


def let_go() -> None:
    """Frees the memory of the base model that is kept, for whoever is about to load weights of their own."""
    _kept.clear()
    gc.collect()  # a Trainer and its model refer to each other, so a job that is over still holds what it was lent


def _lent(folder: Path) -> AdapterModel:
    """A copy of the base model in a folder, which is read unless it is the one that is kept, unchanged."""
    source = _source(folder)
    if _kept and _kept[0].source != source:
        let_go()
    if _kept and _hashes(_kept[0].model) != _kept[0].hashes:
        _log.warning("an earlier job has left the base model changed in memory; it is read again from %s", folder)
        let_go()
    if not _kept:
        model = read_base_model(folder).to("cuda" if torch.cuda.is_available() else "cpu")
        _kept.append(_Kept(source, model, _hashes(model)))
    return _copy(_kept[0].model)


def _source(folder: Path) -> Source:
    found = [(folder / file).stat() for file in _FILES]
    return folder.resolve(), tuple((file.st_size, file.st_ino, file.st_mtime_ns) for file in found)


def _copy(model: AdapterModel) -> AdapterModel:
    """Modules, config and flags of its own over the same weights; tied tensors stay tied."""
    known: dict[int, Tensor] = {}
    for parameter in model.parameters():
        known[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=parameter.requires_grad)
    return copy.deepcopy(model, known)


def _hashes(model: AdapterModel) -> dict[str, str]:
    """Of the bytes of each tensor: XXH3, 128 bits, hex."""
    return {name: _hash(parameter.detach().flatten()) for name, parameter in model.named_parameters()}


def _hash(flat: Tensor) -> str:
    digest = xxhash.xxh3_128()
    for piece in torch.split(flat, _PIECE):
        digest.update(piece.view(torch.uint8).cpu().numpy().data)
    return digest.hexdigest()
