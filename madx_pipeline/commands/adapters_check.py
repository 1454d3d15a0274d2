"""`madx adapters check`: everything that can be asked of an adapter, with its value, and nothing loaded.

Neither the base model nor a prediction head's weights are fetched or held in memory: what the adapter should
consist of comes from the base model's configuration alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from madx_pipeline.base_models import canonical_name, known_names, shape_of
from madx_pipeline.errors import InputError, JobError, Problem, suggestion
from madx_pipeline.published.catalogue import LanguageAdapter, TaskAdapter
from madx_pipeline.published.refusals import Entry, other_kind
from madx_pipeline.published.resolve import (
    OtherBaseModelError,
    Resolved,
    resolve_language_adapter,
    resolve_task_adapter,
)
from madx_pipeline.records import Json

if TYPE_CHECKING:
    from madx_pipeline.adapter_files import AdapterCheck

_OTHER_BASES = "One that we do not know is written owner/name; its config.json is then taken from the hub or its cache."
_ASKED = "--base is"
"""How messages introduce the base model's name."""
_WIDEST = 300
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class _Base:
    """A base model by its configuration: its transformers configuration, and facts as of a base_model artifact."""

    config: Any
    facts: dict[str, Json]


@dataclass(frozen=True)
class _Adapter:
    """An adapter's folder, what it is called, and what is known about it."""

    folder: Path
    where: str
    commit: str | None = None
    entry: Entry | None = None


def check_adapter(written: str, base: str, as_json: bool) -> int:
    """Prints every check of an adapter against a base model, with its value.

    Args:
        written: An id as in recipes, or a folder.
        base: A folder with a `config.json`, or the name of a base model: one that we know, or one whose
            `config.json` the hub or its cache has.
        as_json: Print JSON: `adapter`, `revision`, `base_model`, `passed` and `checks`.

    Returns:
        0 if every check says yes, else 1.

    Raises:
        InputError: If the id or the base model means nothing.
        JobError: If the adapter cannot be had.
    """
    wanted = _base_model(base)
    adapter, checks = _located_and_checked(written, base, wanted)
    passed = all(check.passed for check in checks)
    if as_json:
        report = {"adapter": adapter.where, "revision": adapter.commit, "base_model": base, "passed": passed}
        typer.echo(json.dumps(report | {"checks": [check.row() for check in checks]}, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(_lines(adapter, base, checks)))
    return 0 if passed else 1


def _located_and_checked(written: str, base: str, wanted: _Base) -> tuple[_Adapter, list[AdapterCheck]]:
    """The adapter and its checks; of one that the catalogue has for another base model, that and nothing more."""
    from madx_pipeline.adapter_files import AdapterCheck

    try:
        adapter = _locate(written, base)
    except OtherBaseModelError as error:
        return _Adapter(Path(), written), [AdapterCheck("base_model", None, error.problems)]
    return adapter, _checks(adapter, wanted)


def _checks(adapter: _Adapter, base: _Base) -> list[AdapterCheck]:
    from madx_pipeline.adapter_files import catalogue_check, head_check, read_adapter
    from madx_pipeline.adapter_model import adapter_checks

    read = read_adapter(adapter.folder, adapter.where)
    checks = adapter_checks(read, base.config, base.facts, asked=_ASKED)
    checks.append(head_check(adapter.folder, adapter.where, _is_language_adapter(read.has_inverse, adapter.entry)))
    if adapter.entry is not None:
        checks.append(catalogue_check(read, adapter.entry, adapter.commit))
    return checks


def _is_language_adapter(has_inverse: bool, entry: Entry | None) -> bool:
    return has_inverse or isinstance(entry, LanguageAdapter)


def _base_model(written: str) -> _Base:
    from madx_pipeline.adapter_model import base_config

    folder = Path(os.path.expanduser(written))
    revision = None
    if folder.is_dir():
        shape = _read_config(folder, written)
    else:
        known = shape_of(written)
        shape, revision = (known, None) if known is not None else _from_hub(canonical_name(written))
    config = base_config(shape)
    facts = {"name": written, "revision": revision}
    facts |= {key: getattr(config, key) for key in ("model_type", "hidden_size")}
    return _Base(config, facts)


def _read_config(folder: Path, name: str) -> dict[str, Json]:
    from madx_pipeline.base_model_files import CONFIG_FILE, config_problems

    problems = config_problems(folder, name)
    if problems:
        raise InputError(problems)
    shape: dict[str, Json] = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    return shape


def _from_hub(name: str) -> tuple[dict[str, Json], str]:
    """The configuration of a base model that we do not know by name, and its commit."""
    from madx_pipeline.base_model_files import CONFIG_FILE
    from madx_pipeline.hub.download import download

    if _is_path(name):
        raise InputError(f"--base: there is no folder {name}.", "Give a folder with a config.json, or a name.")
    unknown = Problem(f"--base: no base model is called {name}. {suggestion(name, known_names())}", _OTHER_BASES)
    if "/" not in name:
        raise InputError(unknown)
    try:
        folder, commit = download(name, None, (CONFIG_FILE,))
    except JobError as error:
        raise InputError([unknown, *error.problems]) from error
    return _read_config(folder, name), commit


def _locate(written: str, base: str) -> _Adapter:
    from madx_pipeline.adapter_files import ADAPTER_FILES, HEAD_CONFIG
    from madx_pipeline.hub.download import download

    folder = Path(os.path.expanduser(written))
    if folder.is_dir():
        return _Adapter(folder, written)
    if _is_path(written):
        raise InputError(f"there is no folder {written}.", "Give the folder that holds adapter_config.json.")
    resolved = _resolve(written, base)
    folder, commit = download(resolved.repository, resolved.revision, (*ADAPTER_FILES, HEAD_CONFIG))
    return _Adapter(folder, resolved.repository, commit, resolved.entry)


def _resolve(written: str, base: str) -> Resolved:
    """The adapter that an id means, of whichever kind it is."""
    try:
        return resolve_language_adapter(written, base, None, _ASKED)
    except InputError as error:
        no_language_adapter = error
    try:
        return resolve_task_adapter(written, base, _ASKED)
    except InputError as error:
        if error.problems == (other_kind(written, TaskAdapter),):
            raise no_language_adapter from None
        if no_language_adapter.problems == (other_kind(written, LanguageAdapter),):
            raise
        raise InputError(dict.fromkeys([*no_language_adapter.problems, *error.problems])) from None


def _is_path(written: str) -> bool:
    return written.startswith((".", "/", "~", "\\")) or written.endswith("/")


def _lines(adapter: _Adapter, base: str, checks: Sequence[AdapterCheck]) -> list[str]:
    at = f" at {adapter.commit}" if adapter.commit else ""
    width = max(len(check.name) for check in checks)
    lines = [f"{adapter.where}{at}, for {base}"]
    lines += [_line(check, width) for check in checks]
    problems = [problem for check in checks for problem in check.problems]
    for problem in problems:
        lines += [f"problem: {problem.message}", *([f"  hint: {problem.hint}"] if problem.hint else [])]
    lines = [_printable(line) for line in lines]
    refused = sum(not check.passed for check in checks)
    verdict = f"{refused} say no: it is not to be used with this base model" if refused else "all say yes"
    return [*lines, f"{len(checks)} checks, {verdict}."]


def _line(check: AdapterCheck, width: int) -> str:
    value = "-" if check.value is None else check.value if isinstance(check.value, str) else json.dumps(check.value)
    note = f"  ({check.note})" if check.note and check.passed else ""
    return f"{'ok' if check.passed else 'NO'}  {check.name:{width}}  {value[:_WIDEST]}{note}"


def _printable(line: str) -> str:
    """Without what would steer a terminal: names and values are foreign text."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)
