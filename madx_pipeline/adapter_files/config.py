"""What an `adapter_config.json` may say: old spellings brought up to date, every value on an allow-list.

A flipped LayerNorm flag or a misspelt key changes what an adapter computes and nothing complains: the
weights fit as before. So a config is accepted only when it is one of the known layouts.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from madx_pipeline.errors import Problem
from madx_pipeline.stage import Json

_LAYOUT_DEFAULTS: dict[str, Json] = {
    "mh_adapter": None,
    "output_adapter": None,
    "original_ln_before": False,
    "original_ln_after": True,
    "ln_before": False,
    "ln_after": False,
    "residual_before_ln": True,
    "adapter_residual_before_ln": False,
    "is_parallel": False,
}
LAYOUTS: dict[str, dict[str, Json]] = {
    "seq_bn": _LAYOUT_DEFAULTS | {"mh_adapter": False, "output_adapter": True, "original_ln_before": True},
    "double_seq_bn": _LAYOUT_DEFAULTS | {"mh_adapter": True, "output_adapter": True},
    "par_bn": _LAYOUT_DEFAULTS | {"mh_adapter": False, "output_adapter": True, "is_parallel": True},
}
"""Known layouts by the library's names: Pfeiffer et al. 2020, Houlsby et al. 2019, He et al. 2021."""

_ACTIVATIONS = ("relu", "gelu", "gelu_new", "swish", "silu", "tanh", "leakyrelu")
_PRE_VERSION_ACTIVATIONS = {"gelu": "gelu_new", "gelu_orig": "gelu"}
"""Files without a `version` key used other names for the same functions."""

_WITHOUT_EFFECT = (
    *("phm_dim", "phm_bias", "phm_rank", "phm_c_init", "phm_init_range", "learn_phm"),
    *("factorized_phm_W", "factorized_phm_rule", "shared_W_phm", "shared_phm_rule", "hypercomplex_nonlinearity"),
    *("init_weights", "init_weights_seed"),
)
"""Keys that say nothing about a loaded adapter while `phm_layer` is false."""


def modern_config(record: Mapping[str, Json], has_inverse: bool) -> dict[str, Json]:
    """The `config` of an `adapter_config.json` of any age, as today's library writes it.

    Args:
        record: The whole of `adapter_config.json`.
        has_inverse: Whether the weights hold an invertible adapter. Task adapters of the first format were
            saved with the invertible adapter of a language adapter in their config and never had one.
    """
    config: dict[str, Json] = dict(record.get("config") or {})
    activation = config.get("non_linearity")
    if "version" not in record and isinstance(activation, str):
        config["non_linearity"] = _PRE_VERSION_ACTIVATIONS.get(activation, activation)
    nested = config.pop("invertible_adapter", None)
    if isinstance(nested, dict):
        config["inv_adapter"] = nested.get("block_type")
        config["inv_adapter_reduction_factor"] = nested.get("reduction_factor")
    if record.get("type") == "text_task" and not has_inverse:
        config["inv_adapter"] = config["inv_adapter_reduction_factor"] = None
    if config.get("leave_out") is None:
        config["leave_out"] = []
    return config


def config_problems(config: Mapping[str, Json], where: str) -> list[Problem]:
    """Every key and value of a modern config that this pipeline does not know the meaning of."""
    problems = [
        Problem(f"{where}: adapter_config.json has {key}={config[key]!r}; possible: {said}.", _HINT)
        for key, (allowed, said) in _RULES.items()
        if key in config and not allowed(config[key])
    ]
    problems += [
        Problem(f"{where}: adapter_config.json has no {key}; possible: {_RULES[key][1]}.", _HINT)
        for key in _REQUIRED
        if key not in config
    ]
    if config.get("inv_adapter") is not None and config.get("inv_adapter_reduction_factor") is None:
        found = f"inv_adapter={config['inv_adapter']!r} and no inv_adapter_reduction_factor"
        problems.append(Problem(f"{where}: adapter_config.json has {found}; possible: a number above 0.", _HINT))
    for key in sorted(config.keys() - _KNOWN):
        close = difflib.get_close_matches(key, _KNOWN, n=1)
        nearest = f' Nearest: "{close[0]}".' if close else ""
        problems.append(Problem(f'{where}: adapter_config.json has an unknown config key "{key}".{nearest}', _HINT))
    if not any(_has_layout(config, layout) for layout in LAYOUTS.values()):
        flags = ", ".join(f"{key}={config.get(key, default)}" for key, default in _LAYOUT_DEFAULTS.items())
        problems.append(
            Problem(f"{where}: adapter_config.json has no known layout ({', '.join(LAYOUTS)}): {flags}.", _HINT)
        )
    return problems


def _has_layout(config: Mapping[str, Json], layout: Mapping[str, Json]) -> bool:
    return all(config.get(key, _LAYOUT_DEFAULTS[key]) is value for key, value in layout.items())


def _is_factor(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(_is_number(factor) for factor in value.values())
    return _is_number(value)


def _is_number(value: Any) -> bool:
    return _is_real(value) and 0 < value < 10_000


def _is_real(value: Any) -> bool:
    """A number and not a flag: Python takes True for 1."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_layer_list(value: Any) -> bool:
    return isinstance(value, list) and all(type(layer) is int and layer >= 0 for layer in value)


_HINT = "Nothing is loaded from a config that is not understood: such mistakes change results silently."
_Rule = tuple[Callable[[Any], bool], str]
_RULES: dict[str, _Rule] = {
    "architecture": (lambda value: value is None, "null (bottleneck adapters)"),
    "non_linearity": (lambda value: isinstance(value, str) and value in _ACTIVATIONS, ", ".join(_ACTIVATIONS)),
    "reduction_factor": (_is_factor, "a number above 0, or one per layer"),
    "inv_adapter": (lambda value: value in (None, "nice"), "nice, null"),
    "inv_adapter_reduction_factor": (lambda value: value is None or _is_number(value), "a number above 0, null"),
    "leave_out": (_is_layer_list, "a list of layer numbers from 0"),
    "scaling": (lambda value: _is_real(value) and value in (1.0, 4.0), "1.0, 4.0"),
    "dropout": (lambda value: _is_real(value) and 0 <= value < 1, "a number from 0 to below 1"),
    "cross_adapter": (lambda value: value is False, "false"),
    "use_gating": (lambda value: value is False, "false"),
    "phm_layer": (lambda value: value is False, "false"),
    "stochastic_depth": (lambda value: _is_real(value) and value == 0, "0.0"),
}
_REQUIRED = ("non_linearity", "reduction_factor")
"""Keys for which the library has no default."""
_KNOWN = {*_RULES, *_LAYOUT_DEFAULTS, *_WITHOUT_EFFECT}
