"""The exported folder: the adapter's files, the model card and the recipe, whole or not at all.

Files are written into a `.partial` folder beside the final one, which is then renamed. `export.json` says what was
written: a folder that holds nothing but an earlier export, unchanged, may be replaced; any other is left alone.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path, PurePath

import yaml

from madx_pipeline import __version__
from madx_pipeline.durable import sha256_of, sync
from madx_pipeline.errors import InputError
from madx_pipeline.export.described import Described
from madx_pipeline.records import Json

RECORD = "export.json"
"""Where the folder comes from, and the sha256 of its files; written last."""

FORMAT = 1
"""Version of the layout of `export.json`."""

ADAPTER = {"adapter.safetensors": "pytorch_adapter.bin", "model_head.safetensors": "pytorch_model_head.bin"}
"""Weights as they are stored, and what old readers look for."""

CONFIGS = ("adapter_config.json", "head_config.json")

_BEFORE, _AFTER = r"(?<![^\s\"'\[{,:])", r"(?![^\s\"'\]},#])"
"""What may stand around a path in YAML: a shorter path inside a longer one is not meant."""

FILES = (*CONFIGS, *ADAPTER, *ADAPTER.values(), "README.md", "recipe.yaml", RECORD)
"""Everything that an export may hold."""


@dataclass(frozen=True)
class Texts:
    """What is written beside the adapter.

    Attributes:
        card: `README.md`.
        recipe: `recipe.yaml`.
    """

    card: str
    recipe: str


def check_target(folder: Path, store: Path) -> None:
    """Makes sure that the folder can be written without harm, before anything is done.

    Raises:
        InputError: If it is in the store, or holds anything but an earlier export.
    """
    if folder == Path.cwd() or folder.is_relative_to(store):
        where = "the current folder" if folder == Path.cwd() else f"in the store {store}"
        raise InputError(f"--to is {where}.", "Name a folder of its own.")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--to is {folder}, which is a file.", "Name a folder.")
    odd = _not_exported(folder)
    if odd:
        raise InputError(f"{folder} is not an earlier export: {odd}.", "Give another --to, or clear it yourself.")


def write_folder(folder: Path, described: Described, texts: Texts, *, old_format: bool) -> None:
    """Writes the folder; what `check_target` allowed to be there is replaced.

    Args:
        folder: Where it goes, absolute.
        described: The adapter.
        texts: Model card and recipe.
        old_format: Whether `.bin` files for old readers are written as well.

    Raises:
        InputError: If it cannot be written; nothing is left behind then.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", suffix=".partial", dir=folder.parent) as work:
            partial = Path(work) / "new"
            partial.mkdir()
            _write_adapter(partial, described, old_format)
            (partial / "README.md").write_text(texts.card, encoding="utf-8", newline="\n")
            (partial / "recipe.yaml").write_text(texts.recipe, encoding="utf-8", newline="\n")
            _write_record(partial, described)
            _swap(partial, folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.", "Give another --to.") from error


def published_recipe(text: str, values: Json) -> str:
    """The recipe as it is, but for absolute paths: where files lie on this machine is nobody's business.

    Args:
        text: The recipe's file.
        values: What is in it, as data.
    """
    paths = {path for path in _paths(values) if _is_absolute(path)}
    for path in sorted(paths, key=len, reverse=True):
        text = re.sub(_BEFORE + re.escape(path) + _AFTER, PurePath(path).name.replace("\\", r"\\"), text)
    if not paths:
        return text
    left = yaml.safe_load(text)
    if any(map(_is_absolute, _paths(left))):  # written with escapes, or over several lines
        text = yaml.safe_dump(_cut(left, paths), allow_unicode=True, sort_keys=False)
    return f"# Absolute paths were cut to the names of the files.\n{text}"


def _write_adapter(partial: Path, described: Described, old_format: bool) -> None:
    """The adapter's files as they are in the store; the configs name the base model as the hub does."""
    stored = described.adapter.path / "adapter"
    for name in CONFIGS:
        if (stored / name).is_file():
            config = json.loads((stored / name).read_text(encoding="utf-8"))
            config["model_name"] = described.base.name
            text = json.dumps(config, indent=2, sort_keys=True)  # as the adapters library writes it
            (partial / name).write_text(text, encoding="utf-8")
    for name, old_name in ADAPTER.items():
        if (stored / name).is_file():
            shutil.copyfile(stored / name, partial / name)
            if old_format:
                _write_old_format(partial / name, partial / old_name)


def _write_old_format(weights: Path, target: Path) -> None:
    """The same tensors as `torch.save` writes them; `torch.load(weights_only=True)` reads them."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(weights), target)


def _write_record(partial: Path, described: Described) -> None:
    record = described.adapter.record
    base = described.base_model.facts
    note = {
        "format": FORMAT,
        "madx_pipeline": __version__,
        "recipe": described.plan.recipe.name,
        "job": record.name,
        "fingerprint": record.fingerprint,
        "base_model": {
            "name": described.base.name,
            "on_hub": described.base.on_hub,
            "revision": base.get("revision"),
            "weights_sha256": base.get("weights_sha256"),
        },
        "libraries": record.libraries,
        "files": {path.name: sha256_of(path) for path in sorted(partial.iterdir())},
    }
    (partial / RECORD).write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for path in partial.iterdir():
        sync(path)


def _not_exported(folder: Path) -> str:
    """Why a folder may not be replaced; empty if it may, or is not there."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if not names:
        return ""
    files = _recorded(folder)
    if files is None:
        return f"it has no readable {RECORD}"
    strange = sorted(names - {RECORD, *files})
    if strange:
        return f"it holds {strange[0]}"
    changed = sorted(name for name in names - {RECORD} if sha256_of(folder / name) != files[name])
    return f"{changed[0]} was changed since" if changed else ""


def _recorded(folder: Path) -> Mapping[str, str] | None:
    """Name to sha256 of the files of an export, or None if the folder is none."""
    try:
        note = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in note["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _swap(partial: Path, folder: Path) -> None:
    """Puts the new folder in its place; the old one goes with the rest of the `.partial` folder."""
    if folder.exists():
        old = partial.with_name("old")
        folder.rename(old)
        try:
            partial.rename(folder)
        except OSError:
            old.rename(folder)
            raise
    else:
        partial.rename(folder)
    sync(folder.parent)


def _is_absolute(path: str) -> bool:
    return PurePath(path).is_absolute() or path.startswith("~")


def _cut(values: Json, paths: AbstractSet[str]) -> Json:
    """The same data, each of these paths in it but the name of its file."""
    if isinstance(values, Mapping):
        return {key: _cut(value, paths) for key, value in values.items()}
    if isinstance(values, list):
        return [_cut(value, paths) for value in values]
    return PurePath(values).name if isinstance(values, str) and values in paths else values


def _paths(values: Json) -> Iterator[str]:
    """Every path in a recipe: `path` of whatever it is, and everything under `files`."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            if key == "path" and isinstance(value, str):
                yield value
            elif key == "files":
                yield from (path for splits in (value or {}).values() for path in splits.values())
            else:
                yield from _paths(value)
