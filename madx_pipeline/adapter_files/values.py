"""The allow-list: layouts, and what each key of an adapter's config may be.

Values, not only types, because the library believes any of them: a size that is not one raises deep inside
it, and a flag that is not one changes the function that the adapter computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from madx_pipeline.records import Json

FLAGS: dict[str, Json] = {
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
"""What a layout consists of, with the library's defaults; None where it has no default."""

LAYOUTS: dict[str, dict[str, Json]] = {
    "seq_bn": FLAGS | {"mh_adapter": False, "output_adapter": True, "original_ln_before": True},
    "double_seq_bn": FLAGS | {"mh_adapter": True, "output_adapter": True},
    "par_bn": FLAGS | {"mh_adapter": False, "output_adapter": True, "is_parallel": True},
}
"""Known layouts by the library's names: Pfeiffer et al. 2020, Houlsby et al. 2019, He et al. 2021."""

ACTIVATIONS = ("relu", "gelu", "gelu_new", "swish", "silu", "tanh", "leakyrelu")
PRE_VERSION_ACTIVATIONS = {"gelu": "gelu_new", "gelu_orig": "gelu"}
"""Files without a `version` key used other names for the same functions."""

SMALLEST_FACTOR, LARGEST_FACTOR = 0.01, 10_000
"""Bounds of what a reduction factor can sensibly be; beyond them sizes overflow inside torch."""

REQUIRED = ("non_linearity", "reduction_factor")
"""Keys for which the library has no default."""


def layout_of(config: Mapping[str, Json]) -> str | None:
    """The library's name of a config's layout, or None."""
    return next((name for name, layout in LAYOUTS.items() if _has(config, layout)), None)


def _has(config: Mapping[str, Json], layout: Mapping[str, Json]) -> bool:
    return all(config.get(key, FLAGS[key]) is value for key, value in layout.items())


def _is_factor(value: Any) -> bool:
    if isinstance(value, dict):
        keys = all(key == "default" or key.isdecimal() for key in value)
        return bool(value) and keys and all(_is_number(factor) for factor in value.values())
    return _is_number(value)


def _is_number(value: Any) -> bool:
    return is_real(value) and SMALLEST_FACTOR <= value < LARGEST_FACTOR


def is_real(value: Any) -> bool:
    """A number and not a flag: Python takes True for 1."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_layer_list(value: Any) -> bool:
    return isinstance(value, list) and all(type(layer) is int and layer >= 0 for layer in value)


def _is_seed(value: Any) -> bool:
    return value is None or (type(value) is int and 0 <= value < 2**63)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


_Rule = tuple[Callable[[Any], bool], str]
_SCALAR: _Rule = (_is_scalar, "a number, a text, true, false or null")
_FALSE: _Rule = (lambda value: value is False, "false")

WITHOUT_EFFECT: dict[str, _Rule] = {
    **{f"phm_{name}": _SCALAR for name in ("dim", "bias", "rank", "c_init", "init_range")},
    **dict.fromkeys(("learn_phm", "factorized_phm_W", "factorized_phm_rule", "shared_W_phm"), _SCALAR),
    **dict.fromkeys(("shared_phm_rule", "hypercomplex_nonlinearity"), _SCALAR),
    "init_weights": (lambda value: value in ("bert", "mam_adapter", "houlsby"), "bert, mam_adapter, houlsby"),
    "init_weights_seed": (_is_seed, "a whole number from 0, null"),
}
"""Keys that say nothing about a loaded adapter while `phm_layer` is false."""

RULES: dict[str, _Rule] = {
    "architecture": (lambda value: value is None, "null (bottleneck adapters)"),
    "non_linearity": (lambda value: isinstance(value, str) and value in ACTIVATIONS, ", ".join(ACTIVATIONS)),
    "reduction_factor": (
        _is_factor,
        f"a number from {SMALLEST_FACTOR} to below {LARGEST_FACTOR}, or one per layer",
    ),
    "inv_adapter": (lambda value: value in (None, "nice"), "nice, null"),
    "inv_adapter_reduction_factor": (
        lambda value: value is None or _is_number(value),
        f"a number from {SMALLEST_FACTOR} to below {LARGEST_FACTOR}, null",
    ),
    "leave_out": (_is_layer_list, "a list of layer numbers from 0"),
    "scaling": (lambda value: is_real(value) and value in (1.0, 4.0), "1.0, 4.0"),
    "dropout": (lambda value: is_real(value) and 0 <= value < 1, "a number from 0 to below 1"),
    "cross_adapter": _FALSE,
    "use_gating": _FALSE,
    "phm_layer": _FALSE,
    "stochastic_depth": (lambda value: is_real(value) and value == 0, "0.0"),
    **WITHOUT_EFFECT,
}
"""Key to what it may be, and how that is said."""
