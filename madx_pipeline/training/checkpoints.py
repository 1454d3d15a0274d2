"""Checkpoints that are either complete or nothing to go on from: the last one, and the weights of the best.

A checkpoint folder is what the Trainer writes (optimizer, scheduler, random state, trainer state) plus
the trainable tensors as safetensors. A training goes on from it only when `complete.json` is in it, which is written
last, after everything else has reached the disk; it is removed first when the folder is deleted. Of the best
checkpoint, once it is not the last, the tensors and the trainer state stay: the optimizer weighs twice as much as they
do, and nothing would read it.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerState

from madx_pipeline.adapter_model import AdapterModel
from madx_pipeline.durable import sync
from madx_pipeline.errors import JobError

_MARK = "complete.json"
_WEIGHTS = "trainable.safetensors"
_STATE = "trainer_state.json"
_FOLDER = re.compile(r"checkpoint-(\d+)")


def checkpoint_folder(checkpoints: Path, step: int) -> Path:
    """Where the Trainer keeps the checkpoint of a step."""
    return checkpoints / f"checkpoint-{step}"


def steps_with_checkpoint(checkpoints: Path) -> list[int]:
    """Steps that have a complete checkpoint, ascending."""
    return sorted(step for step, folder in _folders(checkpoints).items() if (folder / _MARK).is_file())


def mark_complete(folder: Path) -> None:
    """Brings the folder's files to the disk, then says that they are all there."""
    for file in sorted(folder.iterdir()):
        sync(file)
    mark = folder / _MARK
    mark.write_text(json.dumps({"complete": True}), encoding="utf-8")
    for path in (mark, folder, folder.parent):
        sync(path)


def state_of(checkpoint: Path) -> TrainerState:
    """What the Trainer knew when it wrote the checkpoint."""
    return TrainerState.load_from_json(str(checkpoint / _STATE))


def tidy(checkpoints: Path) -> None:
    """Leaves the last complete checkpoint and, of the best that it knows of, the weights; deletes everything else.

    Whatever is half-deleted does not look complete.
    """
    complete = steps_with_checkpoint(checkpoints)
    last = complete[-1] if complete else None
    best = None if last is None else state_of(checkpoint_folder(checkpoints, last)).best_global_step
    for step, folder in _folders(checkpoints).items():
        if step == last:
            continue
        (folder / _MARK).unlink(missing_ok=True)
        if step == best:
            _leave_only(folder, {_WEIGHTS, _STATE})
        else:
            shutil.rmtree(folder)


def save_trainable(model: AdapterModel, folder: Path) -> None:
    """Writes exactly the tensors that train.

    Raises:
        JobError: If one of them holds a value that is not finite.
    """
    tensors = {name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad}
    broken = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise JobError(f"{broken[0]} is no longer finite.", "Lower learning_rate, or raise warmup_ratio.")
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, folder / _WEIGHTS)


def load_trainable(model: AdapterModel, folder: Path) -> None:
    """Writes a checkpoint's tensors into the model in place; nothing is rebuilt, frozen or unfrozen.

    Raises:
        JobError: If the checkpoint's tensors are not exactly those that train now.
    """
    saved = load_file(folder / _WEIGHTS)
    trainable = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if saved.keys() != trainable.keys():
        odd = sorted(saved.keys() ^ trainable.keys())
        raise JobError(f"{folder} was made by another training: {len(odd)} tensors differ, {odd[0]}.")
    with torch.no_grad():
        for name, parameter in trainable.items():
            parameter.copy_(saved[name])


def _leave_only(folder: Path, names: set[str]) -> None:
    for file in folder.iterdir():
        if file.name not in names:
            file.unlink()


def _folders(checkpoints: Path) -> dict[int, Path]:
    found = ((_FOLDER.fullmatch(folder.name), folder) for folder in checkpoints.iterdir() if folder.is_dir())
    return {int(match.group(1)): folder for match, folder in found if match}
