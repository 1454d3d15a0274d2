"""What an adapter says about where it belongs: its base model, and its entry in a catalogue.

The library reads none of it, and loads an adapter of another base model of the same width without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from madx_pipeline.adapter_files.read import AdapterFolder
from madx_pipeline.adapter_files.report import AdapterCheck, check, shown
from madx_pipeline.adapter_files.values import layout_of
from madx_pipeline.base_models import canonical_name, is_known
from madx_pipeline.errors import Problem
from madx_pipeline.published.catalogue import LanguageAdapter, TaskAdapter
from madx_pipeline.published.shapes import LAYOUT_OF, activation_family, what_else_it_needs
from madx_pipeline.records import Json
from madx_pipeline.stage import Workspace

_ANOTHER = "Choose another adapter, or train one."
_HUB_ID = re.compile(r"[\w-][\w.-]*(?:/[\w.-]+)?")
"""What may be a name on the hub; anything else was a folder on somebody's machine, and says nothing."""


def base_model_checks(
    adapter: AdapterFolder, base_facts: Mapping[str, Json], asked: str = "the recipe uses"
) -> list[AdapterCheck]:
    """What the adapter says it was trained for, against the base model's facts.

    Args:
        adapter: What was read.
        base_facts: `name`, `revision`, `model_type` and `hidden_size`; `weights_sha256` where known.
        asked: How messages introduce the base model's name.
    """
    if not adapter.record:
        return []
    return [
        _named(adapter, base_facts, asked),
        _described_as(adapter, base_facts, "model_type"),
        _described_as(adapter, base_facts, "hidden_size"),
        _weights(adapter, base_facts),
    ]


def catalogue_check(
    adapter: AdapterFolder, entry: LanguageAdapter | TaskAdapter, commit: str | None = None
) -> AdapterCheck:
    """The adapter against its entry in our catalogue, for what no folder can show by itself.

    A wrong activation of the allow-list, another layout with the same tensors, changed weights: the folder
    looks sound, and only what the publisher said about it can tell.

    Args:
        adapter: What was read.
        entry: What the catalogue says.
        commit: The one it was taken from; weights are compared only if the catalogue's sha256 is of that commit.
    """
    hint = f"The catalogue's facts are the publisher's; this is not what {entry.repository} was."
    findings = [*_disagreements(adapter, entry)]
    if commit is not None and commit == entry.revision:
        findings += _other_bytes(adapter, entry)
    problems = [Problem(f"{adapter.where}: {finding}.", hint) for finding in findings]
    said = f"{entry.architecture}, {entry.non_linearity}, reduction factor {entry.reduction_factor}"
    if isinstance(entry, LanguageAdapter) and entry.invertible_adapter is not None:
        said += f", {'with' if entry.invertible_adapter else 'without'} invertible adapter"
    note = what_else_it_needs(entry.repository) or ""
    return check("catalogue", said, problems, note)


def check_inverse(adapter: AdapterFolder, out: Workspace) -> None:
    """Records whether the invertible adapter that the library makes is the one that was trained, not failing the job.

    The first format gave it an activation of its own; the library has one for both.
    """
    note = adapter.inverse_note
    detail = note or "The invertible adapter, if there is one, computes what it was trained to."
    out.check("invertible_adapter_is_the_trained_one", not note, None, detail, hard=False)


def _named(adapter: AdapterFolder, facts: Mapping[str, Json], asked: str) -> AdapterCheck:
    said, name = adapter.record.get("model_name"), str(facts["name"])
    if not said:
        return check("base_model", None, note=f"The adapter does not name its base model; this is {name}.")
    if canonical_name(str(said)) == canonical_name(name):
        return check("base_model", said)
    if not is_known(str(said)) and not _HUB_ID.fullmatch(str(said)):
        return check("base_model", said, note=f"That is the name of a folder, which may be {name} or another model.")
    if is_known(name) or facts.get("revision") is not None:
        message = f"{adapter.where} was trained for {said}; {asked} {name}."
        return check("base_model", said, [Problem(message, _ANOTHER)])
    return check("base_model", said, note=f"Whether {name} is that model cannot be told from its name.")


def _described_as(adapter: AdapterFolder, facts: Mapping[str, Json], key: str) -> AdapterCheck:
    said, name = adapter.record.get(key), facts["name"]
    if said is None and key == "model_type":
        problem = Problem(f"{adapter.where}: adapter_config.json has no {key}.", "Fetch or save the adapter again.")
        return check(key, None, [problem])
    if said is None:
        return check(key, None, note="The adapter does not say; its tensors do.")
    if said == facts[key]:
        return check(key, said)
    found = said if isinstance(said, type(facts[key])) else shown(said)
    message = f"{adapter.where} is for {key} {found}; the base model {name} has {facts[key]}."
    return check(key, found, [Problem(message, _ANOTHER)])


def _weights(adapter: AdapterFolder, facts: Mapping[str, Json]) -> AdapterCheck:
    said, found = adapter.record.get("base_weights_sha256"), facts.get("weights_sha256")
    if said is None:
        return check("base_weights", None, note="The adapter does not say which weights it was trained on.")
    if found is None:
        return check("base_weights", said, note="Not compared: the base model's weights are not here.")
    if said == found:
        return check("base_weights", said)
    message = f"{adapter.where} was trained on other weights than this {facts['name']} has."
    return check("base_weights", said, [Problem(message, _ANOTHER)])


def _disagreements(adapter: AdapterFolder, entry: LanguageAdapter | TaskAdapter) -> Iterable[str]:
    config = adapter.config
    layout = layout_of(config)
    if layout != LAYOUT_OF.get(entry.architecture, entry.architecture):
        yield f"the catalogue says {entry.architecture}; adapter_config.json has the layout {layout}"
    found = config.get("non_linearity")
    if activation_family(found) != activation_family(entry.non_linearity):
        yield f"the catalogue says non_linearity {entry.non_linearity}; adapter_config.json has {shown(found)}"
    factor = config.get("reduction_factor")
    if factor != entry.reduction_factor:
        yield f"the catalogue says reduction_factor {entry.reduction_factor}; adapter_config.json has {shown(factor)}"
    if isinstance(entry, LanguageAdapter) and entry.invertible_adapter not in (None, adapter.has_inverse):
        said, holds = ("an", "none") if entry.invertible_adapter else ("no", "one")
        yield f"the catalogue says {said} invertible adapter; the weights hold {holds}"


def _other_bytes(adapter: AdapterFolder, entry: LanguageAdapter | TaskAdapter) -> Iterable[str]:
    digests = [digest for name, digest in adapter.sha256.items() if not name.endswith(".json")]
    if entry.sha256 is not None and entry.sha256 not in digests:
        yield f"the catalogue says sha256 {entry.sha256}; the weights have {', '.join(digests) or 'none'}"
