"""Does this adapter belong to this base model: tensor by tensor, by name and shape."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from madx_pipeline.adapter_files.files import DAMAGED
from madx_pipeline.adapter_files.read import AdapterFolder, layer_of
from madx_pipeline.adapter_files.report import AdapterCheck, check
from madx_pipeline.adapter_files.values import layout_of
from madx_pipeline.errors import Problem

Shape = tuple[int, ...]
_BASE_PREFIX = re.compile(r"\w+\.(?=(?:encoder|transformer|embeddings|invertible_adapters)\.)")
_ADAPTER = re.compile(r"(?:.*[._])?adapters\.(.+?)\.(?:adapter_\w+|[FG]|gate)(?:\.|$)")
_HEAD_PARTS = ("heads.", "lm_head.", "cls.", "classifier.", "qa_outputs.", "vocab_")
_INVERSE = "invertible_adapters."


@dataclass(frozen=True)
class ExpectedTensors:
    """What an adapter consists of in a base model.

    Attributes:
        prefix: What the base model's tensors begin with (`roberta.`).
        shapes: Name, without that prefix, to shape.
        base_names: Names, without that prefix, of the base model's own tensors.
        layers: Number of the base model's layers.
    """

    prefix: str
    shapes: dict[str, Shape]
    base_names: frozenset[str]
    layers: int


@dataclass(frozen=True)
class _Comparison:
    """The tensors there are against those that config and base model call for, names without a prefix."""

    adapter: AdapterFolder
    expected: ExpectedTensors
    shapes: dict[str, Shape]
    twice: list[str]
    other_prefixes: list[str]

    @property
    def missing(self) -> list[str]:
        return sorted(self.expected.shapes.keys() - self.shapes.keys())

    @property
    def own_extra(self) -> list[str]:
        """Tensors of this adapter that should not be there."""
        return [name for name in self._extra if _adapter_of(name) == self.adapter.name]

    @property
    def others(self) -> list[str]:
        """Tensors of adapters by another name."""
        return [name for name in self._extra if _adapter_of(name) not in (None, self.adapter.name)]

    @property
    def foreign(self) -> list[str]:
        """Tensors that are no adapter's."""
        return [name for name in self._extra if _adapter_of(name) is None]

    @property
    def _extra(self) -> list[str]:
        return sorted(self.shapes.keys() - self.expected.shapes.keys())


def tensor_checks(adapter: AdapterFolder, expected: ExpectedTensors) -> list[AdapterCheck]:
    """Every difference between the tensors there are and those that config and base model call for.

    Args:
        adapter: What was read.
        expected: What the library would make for its config in the base model.
    """
    compared = _compare(adapter, expected)
    wanted = expected.shapes
    inverse = [name for name in wanted if name.startswith(_INVERSE)]
    found_inverse = sum(name in compared.shapes for name in inverse)
    layers = sorted(_layers(compared.shapes.keys() & wanted.keys()))
    fit = sum(compared.shapes.get(name) == shape for name, shape in wanted.items())
    rows = (
        ("invertible_tensors", f"{found_inverse} of {len(inverse)}", _inverse_findings(compared)),
        ("layers", f"{_spans(layers)} of {expected.layers}" if layers else "none", _layer_findings(compared)),
        ("adapter_name", adapter.name, _name_findings(compared)),
        ("tensors", f"{len(adapter.tensors)} found, {len(wanted)} expected", _foreign_findings(compared)),
        ("shapes", f"{fit} of {len(wanted)} as expected", _shape_findings(compared)),
    )
    return [
        check(name, value, [Problem(f"{adapter.where}: {finding}.", DAMAGED) for finding in findings])
        for name, value, findings in rows
    ]


def _compare(adapter: AdapterFolder, expected: ExpectedTensors) -> _Comparison:
    shapes: dict[str, Shape] = {}
    twice, prefixes = [], []
    for full, tensor in adapter.tensors.items():
        name = full.removeprefix(expected.prefix)
        other = _BASE_PREFIX.match(name)
        if other:
            prefixes.append(other.group())
            name = name.removeprefix(other.group())
        if name in shapes:
            twice.append(name)
        shapes[name] = tuple(tensor.shape)
    return _Comparison(adapter, expected, shapes, twice, prefixes)


def _inverse_findings(compared: _Comparison) -> Iterable[str]:
    kind = compared.adapter.config.get("inv_adapter")
    if any(name.startswith(_INVERSE) for name in compared.missing):
        if compared.adapter.has_inverse:
            yield "the invertible adapter is not complete"
        else:
            yield f"adapter_config.json promises an invertible adapter (inv_adapter: {kind}) and the weights hold none"
    elif any(name.startswith(_INVERSE) for name in compared.own_extra):
        yield f"the weights hold an invertible adapter that adapter_config.json does not have (inv_adapter: {kind})"


def _layer_findings(compared: _Comparison) -> Iterable[str]:
    expected = compared.expected
    wanted = _layers(expected.shapes)
    lacking, extra = _layers(compared.missing), _layers(compared.own_extra)
    if lacking:
        spans = _spans(sorted(lacking))
        yield f"layers {spans} should have an adapter (see leave_out) and the weights hold none or a part"
    if extra - wanted:
        found, has = _spans(sorted(extra - wanted)), _spans(sorted(wanted)) or "none"
        yield f"the weights hold adapters in layers {found}; adapter_config.json and base model have {has}"
    elif extra:
        first = next(name for name in compared.own_extra if _layers([name]))
        yield f"layers {_spans(sorted(extra))} hold more than the layout {_layout(compared)} has: {first}"
    beyond = sorted(layer for layer in compared.adapter.config["leave_out"] if layer >= expected.layers)
    if beyond:
        yield f"leave_out has layer {beyond[0]}; the base model has layers 0-{expected.layers - 1}"


def _name_findings(compared: _Comparison) -> Iterable[str]:
    if compared.others:
        names = sorted({str(_adapter_of(name)) for name in compared.others})
        found = f"{len(compared.others)} tensors of another adapter, {names[0]!r}"
        yield f"the weights hold {found}; adapter_config.json names {compared.adapter.name!r}"


def _foreign_findings(compared: _Comparison) -> Iterable[str]:
    own, odd = compared.expected.base_names, compared.foreign
    heads = [name for name in odd if name.startswith(_HEAD_PARTS)]
    base = [name for name in odd if name in own]
    rest = [name for name in odd if name not in own and not name.startswith(_HEAD_PARTS)]
    if compared.other_prefixes:
        named = f"{len(compared.other_prefixes)} tensors are named for another kind of base model"
        yield f"{named}, {compared.other_prefixes[0]!r}; this one's names begin with {compared.expected.prefix!r}"
    if compared.twice:
        yield f"{len(compared.twice)} tensors are there twice: {compared.twice[0]}"
    if heads:
        yield f"the weights hold {len(heads)} tensors of a prediction head, the first is {heads[0]}"
    if base:
        yield f"the weights hold {len(base)} tensors of a base model, which would overwrite ours: {base[0]}"
    if rest:
        yield f"the weights hold {len(rest)} tensors that are not an adapter's, the first is {rest[0]}"


def _shape_findings(compared: _Comparison) -> Iterable[str]:
    expected, found = compared.expected.shapes, compared.shapes
    wrong = [name for name in sorted(expected) if name in found and found[name] != expected[name]]
    if wrong:
        name = wrong[0]
        yield f"{len(wrong)} tensors have the wrong shape: {name} is {found[name]} and should be {expected[name]}"


def _layout(compared: _Comparison) -> str | None:
    return layout_of(compared.adapter.config)


def _adapter_of(name: str) -> str | None:
    """The adapter that a tensor belongs to, by its name; None if it belongs to none."""
    match = _ADAPTER.match(name)
    return match.group(1) if match else None


def _layers(names: Iterable[str]) -> set[int]:
    return {layer for layer in map(layer_of, names) if layer is not None}


def _spans(layers: list[int]) -> str:
    """`0-3, 7` for [0, 1, 2, 3, 7]."""
    spans: list[list[int]] = []
    for layer in layers:
        if spans and layer == spans[-1][1] + 1:
            spans[-1][1] = layer
        else:
            spans.append([layer, layer])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
