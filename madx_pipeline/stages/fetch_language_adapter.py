"""Brings a published language adapter, from the hub or a folder, and checks it before it is trusted.

Only config and weights are taken, never a prediction head (a published masked-LM head would overwrite the
word embeddings). The adapter ends as the same kind of artifact that training makes, saved by today's
library as safetensors.

For MAD-X 2.0 layers can be left out (Pfeiffer et al. 2021, "UNKs Everywhere"): the whole adapter is checked
first, then the adapters of these layers are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import Field

from madx_pipeline.errors import JobError
from madx_pipeline.published.fetched import check_names_base_model, fetch
from madx_pipeline.published.files import ADAPTER_FILES
from madx_pipeline.published.shapes import variant_of
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.stage import Params as StageParams

if TYPE_CHECKING:
    from madx_pipeline.adapter_files import AdapterFolder
    from madx_pipeline.adapter_model import AdapterModel

VERSION = 1


class Params(StageParams):
    """Which adapter it is stands in the recipe, and is the job's source."""

    leave_out: tuple[int, ...] = Field(
        strict=False,
        description="Layers, counted from 0, whose adapter is dropped, beside those that the published one lacks.",
    )


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Writes `adapter/` and describes where it is from.

    Raises:
        JobError: If it cannot be had, or does not belong to this base model, with every reason found.
    """
    from madx_pipeline.adapter_files import check_inverse
    from madx_pipeline.adapter_model import (
        adapter_parameters,
        language_adapter_name,
        load_language_adapter,
        save_adapter,
    )
    from madx_pipeline.adapter_model.lend import lend_model
    from madx_pipeline.published.catalogue import LanguageAdapter

    base, language = inputs["base_model"], str(inputs.key["language"])
    found = fetch(inputs, ADAPTER_FILES)
    name = language_adapter_name(language)
    model = lend_model(base.path / "model", base.facts["name"])
    adapter = load_language_adapter(model, found.folder, name, base.facts, where=found.where)
    entry = found.entry(adapter, base)
    check_names_base_model(adapter.record, base, out)
    check_inverse(adapter, out)
    facts = found.facts(adapter)
    if params.leave_out:
        facts["leave_out"] = _leave_out(model, adapter, name, params.leave_out, base)
    save_adapter(model, name, out.path / "adapter", with_head=False)
    out.describe(
        language=language,
        name=name,
        **facts,
        variant=entry.variant if isinstance(entry, LanguageAdapter) else variant_of(facts),
        catalogued=entry is not None,
        has_invertible_adapter=adapter.has_inverse,
        parameters=adapter_parameters(model, name),
        bytes=sum(file.stat().st_size for file in (out.path / "adapter").iterdir()),
    )


def _leave_out(
    model: AdapterModel, adapter: AdapterFolder, name: str, layers: Sequence[int], base: Artifact
) -> list[int]:
    """Puts the adapter without those of some layers in the place of the whole one; gives the layers it lacks."""
    from madx_pipeline.adapter_files.leave_out import write_without_layers
    from madx_pipeline.adapter_model import load_language_adapter

    last = int(base.facts["layers"]) - 1
    wrong = [layer for layer in layers if not 0 <= layer <= last]
    if wrong:
        raise JobError(
            f"leave_out has layer {wrong[0]}; the base model has layers 0 to {last}.",
            "Set leave_out to layers that exist (MAD-X 2.0 leaves out the last one).",
        )
    model.delete_adapter(name)
    with TemporaryDirectory(prefix="madx-adapter-") as folder:
        write_without_layers(adapter, layers, Path(folder))
        reduced = load_language_adapter(model, Path(folder), name, base.facts, where=adapter.where)
    return list(reduced.config["leave_out"])
