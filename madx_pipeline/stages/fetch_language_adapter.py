"""Brings a published language adapter, from the hub or a folder, and checks it before it is trusted.

Only config and weights are taken, never a prediction head (a published masked-LM head would overwrite the
word embeddings). The adapter ends as the same kind of artifact that training makes, saved by today's
library as safetensors.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from madx_pipeline.stage import Artifact, Inputs, Json, Workspace
from madx_pipeline.stage import Params as StageParams

if TYPE_CHECKING:
    from madx_pipeline.adapter_files import AdapterFolder
    from madx_pipeline.adapter_model import AdapterModel

VERSION = 1

_MODEL_CARD = "README.md"


class Params(StageParams):
    """None: which adapter it is stands in the recipe, and is the job's source."""


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Writes `adapter/` and describes where it is from.

    Raises:
        JobError: If it cannot be had, or does not belong to this base model, with every reason found.
    """
    from madx_pipeline.adapter_model import language_adapter_name, load_language_adapter, load_model, save_adapter

    base, language = inputs["base_model"], str(inputs.key["language"])
    folder, where, origin = _locate(inputs)
    name = language_adapter_name(language)
    model = load_model(base.path / "model", base.facts["name"])
    adapter = load_language_adapter(model, folder, name, base.facts, where=where)
    _check_says_where_from(adapter, base, out)
    save_adapter(model, name, out.path / "adapter", with_head=False)
    out.describe(language=language, origin="published", name=name, **origin, **_facts(model, name, adapter, out))


def _locate(inputs: Inputs) -> tuple[Path, str, dict[str, Json]]:
    """The folder, what messages call it, and facts about where it is from."""
    from madx_pipeline.adapter_files import ADAPTER_FILES
    from madx_pipeline.base_model_files import check_hashes
    from madx_pipeline.hub import download

    source = inputs.source
    if "id" in source:
        repository = str(source["id"])
        folder, commit = download(repository, source.get("revision"), (*ADAPTER_FILES, _MODEL_CARD))
        return folder, repository, {"repository": repository, "revision": commit}
    folder = Path(inputs.locations["path"])
    check_hashes(folder, source["path_sha256"])
    return folder, str(folder), {"path": str(folder), "revision": None}


def _check_says_where_from(adapter: AdapterFolder, base: Artifact, out: Workspace) -> None:
    """Whether the adapter names this base model; a mismatch that is certain has been refused before."""
    from madx_pipeline.base_models import canonical_name

    said = adapter.record.get("model_name")
    out.check(
        "adapter_names_this_base_model",
        said is not None and canonical_name(str(said)) == canonical_name(str(base.facts["name"])),
        said,
        f"The adapter says that it was trained for {said}; the base model is {base.facts['name']}.",
        hard=False,
    )


def _facts(model: AdapterModel, name: str, adapter: AdapterFolder, out: Workspace) -> dict[str, Json]:
    from madx_pipeline.adapter_model import adapter_parameters

    assert adapter.weights_file is not None
    with adapter.weights_file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {
        "sha256": digest,
        "weights_file": adapter.weights_file.name,
        "licence": _licence(adapter.weights_file.parent / _MODEL_CARD),
        "trained_for": adapter.record.get("model_name"),
        "format": adapter.record.get("version"),
        "reduction_factor": adapter.config.get("reduction_factor"),
        "leave_out": adapter.config.get("leave_out"),
        "non_linearity": adapter.config.get("non_linearity"),
        "has_invertible_adapter": adapter.has_inverse,
        "parameters": adapter_parameters(model, name),
        "bytes": sum(file.stat().st_size for file in (out.path / "adapter").iterdir()),
    }


def _licence(card: Path) -> str | None:
    """The licence in the head of a model card, if there is one."""
    from huggingface_hub import ModelCard

    if not card.is_file():
        return None
    try:
        licence = ModelCard.load(card).data.license
    except (ValueError, OSError):
        return None
    return str(licence) if licence else None
