"""Language adapters of one run that are not alike: what differs, in sentences.

A task adapter is learnt on the source's language adapter. Over one of another shape it meets other values
than it has seen, and what it scores there says less about the language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from madx_pipeline.published.catalogue import catalogues
from madx_pipeline.records import Json

SHAPE = ("architecture", "reduction_factor", "non_linearity", "leave_out", "has_invertible_adapter")
"""What the shape of a language adapter consists of, by the names of facts."""

LAYOUT_OF = {"pfeiffer": "seq_bn", "houlsby": "double_seq_bn", "parallel": "par_bn"}
"""Architecture as published adapters call it, to the library's name."""

_FAMILY = {"gelu_new": "gelu", "silu": "swish"}
"""Activations to the name that catalogues have: theirs are from when gelu meant gelu_new, and the two are as good as
equal; swish and silu are one function."""


def variant_of(shape: Mapping[str, Json]) -> str | None:
    """`pfeiffer_relu`: what the catalogue calls an adapter of this shape; None if too little is known.

    A reduction factor other than the 2 of MAD-X is part of it: `pfeiffer_relu_16`.
    """
    architecture, activation, factor = (shape.get(key) for key in ("architecture", "non_linearity", "reduction_factor"))
    if architecture is None or activation is None:
        return None
    called = {layout: name for name, layout in LAYOUT_OF.items()}
    narrow = "" if factor in (2, None) else f"_{factor:g}" if isinstance(factor, int | float) else "_by_layer"
    return f"{called.get(architecture, architecture)}_{activation_family(activation)}{narrow}"


def activation_family(activation: Json) -> Json:
    """An activation by the name that catalogues have for it and its like; anything else as it is."""
    return _FAMILY.get(activation, activation) if isinstance(activation, str) else activation


def what_else_it_needs(repository: str | None) -> str | None:
    """What our catalogue says of a language adapter that does not work alone; None for all others.

    Args:
        repository: Where it is published.
    """
    for catalogue in catalogues():
        variants = {entry.variant for entry in catalogue.language_adapters if entry.repository == repository}
        for variant in catalogue.variants:
            if variant.name in variants and not variant.standalone:
                return f"{repository} is of the variant {variant.name}: {variant.summary}"
    return None


def shape_sentences(source: str, shapes: Mapping[str, Mapping[str, Json]]) -> list[str]:
    """A sentence for each way in which adapters differ from the source's.

    Published adapters of a catalogue that differ among themselves are of other variants:
    `published.resolve.mixed_variants` says that.

    Args:
        source: Code of the source language.
        shapes: Language to the `SHAPE` of its adapter, as far as known, its `origin`, and whether it is `catalogued`.
    """
    if source not in shapes:
        return []
    own = shapes[source]
    differences = (
        (_difference(own, shape), code)
        for code, shape in shapes.items()
        if not (own.get("catalogued") and shape.get("catalogued"))
    )
    return [
        f"The language adapter of the source {source} is {own.get('origin')}, and that of {', '.join(codes)}"
        f" has another shape: {difference}. The task is learnt on that of {source}."
        for difference, codes in _grouped(differences).items()
        if difference
    ]


def _difference(own: Mapping[str, Json], other: Mapping[str, Json]) -> str:
    """`reduction_factor 16 (source: 2)`, for everything that both say and that differs."""
    return ", ".join(
        f"{name} {other[name]} (source: {own[name]})"
        for name in SHAPE
        if own.get(name) is not None
        and other.get(name) is not None
        and _plain(name, own[name]) != _plain(name, other[name])
    )


def _plain(name: str, value: Json) -> Json:
    if name == "non_linearity":
        return activation_family(value)
    return list(value) if isinstance(value, tuple) else value


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups
