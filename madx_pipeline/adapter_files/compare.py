"""Does this adapter belong to this base model: by what it says about itself, and tensor by tensor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from madx_pipeline.adapter_files.read import AdapterFolder
from madx_pipeline.base_models import canonical_name, is_known
from madx_pipeline.errors import Problem
from madx_pipeline.stage import Json

Shapes = Mapping[str, tuple[int, ...]]
_LAYER = re.compile(r"(?:^|\.)layer\.(\d+)\.")
_HEAD_PARTS = ("heads.", "lm_head.", "cls.", "classifier.", "qa_outputs.", "vocab_")


def base_model_problems(adapter: AdapterFolder, base_facts: Mapping[str, Json]) -> list[Problem]:
    """What the adapter says it was trained for, against the base model's facts; the library reads none of it."""
    record, name = adapter.record, base_facts["name"]
    hint = "Choose another adapter, or train one."
    problems = []
    trained_for = record.get("model_name")
    sure = is_known(str(name)) or base_facts.get("revision") is not None
    if sure and trained_for and canonical_name(str(trained_for)) != canonical_name(str(name)):
        problems.append(Problem(f"{adapter.where} was trained for {trained_for}; the recipe uses {name}.", hint))
    for key in ("model_type", "hidden_size"):
        said = record.get(key)
        if said is not None and said != base_facts[key]:
            problems.append(
                Problem(f"{adapter.where} is for {key} {said}; the base model {name} has {base_facts[key]}.", hint)
            )
    weights = record.get("base_weights_sha256")
    if weights is not None and weights != base_facts.get("weights_sha256", weights):
        problems.append(Problem(f"{adapter.where} was trained on other weights than this {name} has.", hint))
    return problems


def tensor_problems(adapter: AdapterFolder, shapes: Shapes, expected: Shapes) -> list[Problem]:
    """Every difference between the tensors there are and those that config and base model call for.

    Args:
        adapter: What was read.
        shapes: Its tensors, names without the base model's prefix, to shapes.
        expected: What the library would make for this config, names without the base model's prefix.
    """
    missing = sorted(expected.keys() - shapes.keys())
    unexpected = sorted(shapes.keys() - expected.keys())
    findings = [
        *_inverse_findings(adapter, missing, unexpected),
        *_layer_findings(missing, unexpected, expected),
        *_foreign_findings(unexpected),
        *_shape_findings(shapes, expected),
    ]
    if not findings and (missing or unexpected):
        findings = [
            f"{len(missing)} tensors are missing and {len(unexpected)} are too many: {(missing + unexpected)[0]}"
        ]
    return [Problem(f"{adapter.where}: {finding}.", "Fetch or save the adapter again.") for finding in findings]


def _inverse_findings(adapter: AdapterFolder, missing: list[str], unexpected: list[str]) -> Iterable[str]:
    kind = adapter.config.get("inv_adapter")
    if any(name.startswith("invertible_adapters.") for name in missing):
        if adapter.has_inverse:
            yield "the invertible adapter is not complete"
        else:
            yield f"adapter_config.json promises an invertible adapter (inv_adapter: {kind}) and the weights hold none"
    elif any(name.startswith("invertible_adapters.") for name in unexpected):
        yield f"the weights hold an invertible adapter that adapter_config.json does not have (inv_adapter: {kind})"


def _layer_findings(missing: list[str], unexpected: list[str], expected: Shapes) -> Iterable[str]:
    lacking = sorted(_layers(missing))
    extra = sorted(_layers(name for name in unexpected if ".adapters." in name))
    if lacking:
        yield f"layers {_spans(lacking)} should have an adapter (see leave_out) and the weights hold none or a part"
    if extra:
        wanted = _spans(sorted(_layers(expected)))
        yield f"the weights hold adapters in layers {_spans(extra)}; adapter_config.json and base model have {wanted}"


def _foreign_findings(unexpected: list[str]) -> Iterable[str]:
    foreign = [name for name in unexpected if "adapters." not in name]
    heads = [name for name in foreign if name.startswith(_HEAD_PARTS)]
    base = [name for name in foreign if not name.startswith(_HEAD_PARTS)]
    if heads:
        yield f"the weights hold {len(heads)} tensors of a prediction head, the first is {heads[0]}"
    if base:
        yield f"the weights hold {len(base)} tensors of a base model, which would overwrite ours: {base[0]}"


def _shape_findings(shapes: Shapes, expected: Shapes) -> Iterable[str]:
    wrong = [name for name in sorted(expected) if name in shapes and shapes[name] != expected[name]]
    if wrong:
        name = wrong[0]
        yield f"{len(wrong)} tensors have the wrong shape: {name} is {shapes[name]} and should be {expected[name]}"


def _layers(names: Iterable[str]) -> set[int]:
    return {int(match.group(1)) for match in map(_LAYER.search, names) if match}


def _spans(layers: list[int]) -> str:
    """`0-3, 7` for [0, 1, 2, 3, 7]."""
    spans: list[list[int]] = []
    for layer in layers:
        if spans and layer == spans[-1][1] + 1:
            spans[-1][1] = layer
        else:
            spans.append([layer, layer])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
