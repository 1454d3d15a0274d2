"""Reading an adapter folder of any age, as today's library would have written it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from madx_pipeline.adapter_files.config import config_checks, inverse_note, modern_config
from madx_pipeline.adapter_files.files import DAMAGED, described, hashes, read_json, read_weights
from madx_pipeline.adapter_files.report import AdapterCheck, check, problems_of, shown
from madx_pipeline.errors import Problem
from madx_pipeline.published.files import CONFIG_FILE, WEIGHTS_FILES
from madx_pipeline.records import Json

_OLD_MODULE_NAMES = {
    "attention_text_task_adapters": "adapters",
    "attention_text_lang_adapters": "adapters",
    "layer_text_task_adapters": "adapters",
    "layer_text_lang_adapters": "adapters",
    "invertible_lang_adapters": "invertible_adapters",
}
"""Module names of the first format and today's."""

_LAYER = re.compile(r"(?:^|\.)layer\.(\d+)\.")


@dataclass(frozen=True)
class AdapterFolder:
    """An adapter as it lies on disk, in today's format.

    Attributes:
        where: What messages call it (repository or folder).
        record: `adapter_config.json` as it is.
        config: Its `config` as today's library writes it.
        tensors: Name to tensor, module names brought up to date; empty if unreadable.
        weights_file: The file that was read, if any.
        sha256: Name of every file that was read to its sha256 (hex).
        checks: What was asked of it whatever the base model.
    """

    where: str
    record: dict[str, Json]
    config: dict[str, Json]
    tensors: dict[str, Tensor]
    weights_file: Path | None
    sha256: Mapping[str, str]
    checks: tuple[AdapterCheck, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it whatever the base model."""
        return tuple(problems_of(self.checks))

    @property
    def name(self) -> str:
        """The name it was saved under, which is part of its tensors' names."""
        return str(self.record.get("name", ""))

    @property
    def has_inverse(self) -> bool:
        """Whether the weights hold an invertible adapter."""
        return _has_inverse(self.tensors)

    @property
    def inverse_note(self) -> str:
        """In what the invertible adapter differs from what it was when it was trained; empty if in nothing."""
        return inverse_note(self.config, self.record)


def read_adapter(folder: Path, where: str) -> AdapterFolder:
    """Reads an adapter folder; what is wrong ends up in `checks` and `problems`, never in an exception."""
    record, problems = read_json(folder, CONFIG_FILE, where)
    problems += [] if problems else _incomplete(record, where)
    weights = read_weights(folder, WEIGHTS_FILES, where)
    tensors = {modern_name(name): tensor for name, tensor in weights.tensors.items()}
    config: dict[str, Json] = {}
    about_config: list[AdapterCheck] = []
    if isinstance(record.get("config"), dict):
        config = modern_config(record, _has_inverse(tensors))
        about_config = config_checks(config, record, where)
    sha256 = hashes([folder / CONFIG_FILE]) | weights.sha256
    about_file = check("config_file", described([folder / CONFIG_FILE], sha256), problems)
    checks = (about_file, *weights.checks[:1], *about_config, *_names(weights.tensors, where), *weights.checks[1:])
    return AdapterFolder(where, record, config, tensors, weights.file, sha256, checks)


def modern_name(name: str) -> str:
    """The name of a tensor with today's module names."""
    for old, new in _OLD_MODULE_NAMES.items():
        name = name.replace(old, new)
    return name


def layer_of(name: str) -> int | None:
    """The layer that a tensor belongs to; None for the invertible adapter, which belongs to none."""
    match = _LAYER.search(name)
    return int(match.group(1)) if match else None


def _incomplete(record: Mapping[str, Json], where: str) -> Iterable[Problem]:
    kinds: tuple[tuple[str, type], ...] = (("config", dict), ("name", str))
    for key, kind in kinds:
        if key not in record:
            yield Problem(f"{where}: {CONFIG_FILE} has no {key}.", DAMAGED)
        elif not isinstance(record[key], kind) or not record[key]:
            possible = "an object that is not empty" if kind is dict else "a text that is not empty"
            yield Problem(f"{where}: {CONFIG_FILE} has {key}={shown(record[key])}; possible: {possible}.", DAMAGED)


def _names(tensors: Mapping[str, Tensor], where: str) -> Iterable[AdapterCheck]:
    """Nothing unless a tensor is there twice: one of the two would silently be dropped."""
    twice = [name for name, count in Counter(map(modern_name, tensors)).items() if count > 1]
    if twice:
        found = f"{len(twice)} tensors are there twice, by an old name and today's: {twice[0]}"
        yield check("tensor_names", len(tensors), [Problem(f"{where}: {found}.", DAMAGED)])


def _has_inverse(tensors: Iterable[str]) -> bool:
    return any("invertible_adapters." in name for name in tensors)
