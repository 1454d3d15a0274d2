"""What an `adapter_config.json` may say: old spellings brought up to date, every value on an allow-list.

A flipped LayerNorm flag or a misspelt key changes what an adapter computes and nothing complains: the
weights fit as before. So a config is accepted only when it is one of the known layouts, and every key and
value in it is one whose meaning is known. What no config can show (relu written where gelu was trained)
is seen by `catalogue_check`, against what the publisher says.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from madx_pipeline.adapter_files.report import AdapterCheck, check, shown
from madx_pipeline.adapter_files.values import (
    FLAGS,
    LAYOUTS,
    PRE_VERSION_ACTIVATIONS,
    REQUIRED,
    RULES,
    WITHOUT_EFFECT,
    layout_of,
)
from madx_pipeline.errors import Problem
from madx_pipeline.records import Json

_HINT = "Nothing is loaded from a config that is not understood: such mistakes change results silently."
_VERSION = re.compile(r"(adapters\.)?\d+(\.\d+)*[\w.+-]*")
_TYPES = ("text_lang", "text_task")
_OF_FUSION = ("attention_type", "new_attention_norm")
"""Keys of mid-2020, about what combines several adapters: they say nothing about one."""
_OTHER_VALUES = ("architecture", "scaling", "dropout", "cross_adapter", "use_gating", "phm_layer", "stochastic_depth")


def modern_config(record: Mapping[str, Json], has_inverse: bool) -> dict[str, Json]:
    """The `config` of an `adapter_config.json` of any age, as today's library writes it.

    Args:
        record: The whole of `adapter_config.json`.
        has_inverse: Whether the weights hold an invertible adapter. Task adapters of the first format were
            saved with the invertible adapter of a language adapter in their config and never had one.
    """
    config: dict[str, Json] = dict(record.get("config") or {})
    activation = config.get("non_linearity")
    if "version" not in record:
        config = {key: value for key, value in config.items() if key not in _OF_FUSION}
        if isinstance(activation, str):
            config["non_linearity"] = PRE_VERSION_ACTIVATIONS.get(activation, activation)
    nested = config.pop("invertible_adapter", None)
    if isinstance(nested, dict):
        config["inv_adapter"] = nested.get("block_type")
        config["inv_adapter_reduction_factor"] = nested.get("reduction_factor")
    if record.get("type") == "text_task" and not has_inverse:
        config["inv_adapter"] = config["inv_adapter_reduction_factor"] = None
    if config.get("leave_out") is None:
        config["leave_out"] = []
    if type(config.get("scaling")) is int:  # the library takes a fraction only
        config["scaling"] = float(config["scaling"])
    return config


def config_checks(config: Mapping[str, Json], record: Mapping[str, Json], where: str) -> list[AdapterCheck]:
    """Every key and value of a modern config, those included that this pipeline does not know the meaning of.

    Args:
        config: From `modern_config`.
        record: The `adapter_config.json` it is from.
        where: What messages call the adapter.
    """
    return [
        _format(record, where),
        check("config_keys", len(config), _key_problems(config, where)),
        _layout(config, where),
        check(
            "non_linearity", config.get("non_linearity"), _wrong(config, ("non_linearity",), where), _renamed(record)
        ),
        check("reduction_factor", config.get("reduction_factor"), _wrong(config, ("reduction_factor",), where)),
        check("leave_out", config.get("leave_out", []), _wrong(config, ("leave_out",), where)),
        _invertible(config, record, where),
        _others(config, where),
    ]


def _format(record: Mapping[str, Json], where: str) -> AdapterCheck:
    problems = []
    version, kind = record.get("version"), record.get("type")
    if "version" in record and not (isinstance(version, str) and _VERSION.fullmatch(version)):
        possible = 'a number such as "0.2.0", "adapters.1.0.1", or no version at all'
        problems.append(_problem(where, f"version={shown(version)}", possible))
    if kind is not None and kind not in _TYPES:
        problems.append(_problem(where, f"type={shown(kind)}", ", ".join(_TYPES)))
    value = str(version) if "version" in record else "without a version (2020)"
    return check("format", f"{value}, {kind}" if kind in _TYPES else value, problems)


def _key_problems(config: Mapping[str, Json], where: str) -> Iterable[Problem]:
    known = {*RULES, *FLAGS}
    for key in REQUIRED:
        if key not in config:
            yield Problem(f"{where}: adapter_config.json has no {key}; possible: {RULES[key][1]}.", _HINT)
    for key in sorted(config.keys() - known):
        close = difflib.get_close_matches(key[:100], known, n=1)
        nearest = f' Nearest: "{close[0]}".' if close else ""
        found = f'an unknown config key "{key[:100]}"'
        yield Problem(f"{where}: adapter_config.json has {found}.{nearest}", _HINT)


def _layout(config: Mapping[str, Json], where: str) -> AdapterCheck:
    found = layout_of(config)
    if found:
        return check("layout", found)
    flags = ", ".join(f"{key}={shown(config.get(key, default))}" for key, default in FLAGS.items())
    message = f"{where}: adapter_config.json has no known layout ({', '.join(LAYOUTS)}): {flags}."
    return check("layout", None, [Problem(message, _HINT)])


def _invertible(config: Mapping[str, Json], record: Mapping[str, Json], where: str) -> AdapterCheck:
    kind, factor = config.get("inv_adapter"), config.get("inv_adapter_reduction_factor")
    problems = [*_wrong(config, ("inv_adapter", "inv_adapter_reduction_factor"), where)]
    if kind is not None and factor is None:
        found = f"inv_adapter={shown(kind)} and no inv_adapter_reduction_factor"
        problems.append(_problem(where, found, "a number above 0"))
    value = "none" if kind is None else f"{kind}, reduction factor {factor}"
    return check("invertible_adapter", value, problems, _invertible_note(config, record))


def _invertible_note(config: Mapping[str, Json], record: Mapping[str, Json]) -> str:
    """What the library does with an old way of writing it."""
    old = record.get("config", {}).get("invertible_adapter")
    promised = isinstance(old, dict) or record.get("config", {}).get("inv_adapter") is not None
    if promised and config.get("inv_adapter") is None:
        return "Promised by a task adapter of an old format, which never had one: left out."
    return inverse_note(config, record)


def inverse_note(config: Mapping[str, Json], record: Mapping[str, Json]) -> str:
    """How the invertible adapter that the library makes differs from the trained one; empty if it does not.

    Args:
        config: From `modern_config`.
        record: The `adapter_config.json` it is from.
    """
    written = record.get("config")
    old = written.get("invertible_adapter") if isinstance(written, dict) else None
    if not isinstance(old, dict) or config.get("inv_adapter") is None:
        return ""
    own = old.get("non_linearity")
    own = PRE_VERSION_ACTIVATIONS.get(own, own) if isinstance(own, str) and "version" not in record else own
    if own is None or own == config.get("non_linearity"):
        return ""
    return f"It was written with {own}; the library uses {config.get('non_linearity')} there too."


def _others(config: Mapping[str, Json], where: str) -> AdapterCheck:
    problems = [*_wrong(config, (*_OTHER_VALUES, *WITHOUT_EFFECT), where)]
    if config.get("scaling") == 4.0 and layout_of(config) in ("seq_bn", "double_seq_bn"):
        problems.append(_problem(where, f"scaling=4.0 with the layout {layout_of(config)}", "1.0"))
    said = ", ".join(f"{key}={shown(config[key])}" for key in _OTHER_VALUES if key in config)
    return check("other_values", said or "none", problems)


def _wrong(config: Mapping[str, Json], keys: Iterable[str], where: str) -> Iterable[Problem]:
    for key in keys:
        allowed, said = RULES[key]
        if key in config and not allowed(config[key]):
            yield _problem(where, f"{key}={shown(config[key])}", said)


def _renamed(record: Mapping[str, Json]) -> str:
    written = record.get("config", {}).get("non_linearity")
    if "version" in record or not isinstance(written, str) or written not in PRE_VERSION_ACTIVATIONS:
        return ""
    return f'Written as "{written}", which meant this before files had a version.'


def _problem(where: str, found: str, possible: str) -> Problem:
    return Problem(f"{where}: adapter_config.json has {found}; possible: {possible}.", _HINT)
