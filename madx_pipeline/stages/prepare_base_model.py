"""Brings the base model: from the hub at a pinned revision, from a local folder, or the built-in miniature.

First in the walk; everything else builds on its `model/`. What comes from outside is inspected before it
is loaded and written again as float32 safetensors, so no later stage ever reads a foreign file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from madx_pipeline.records import Json
from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.stage import Params as StageParams

VERSION = 1


class Params(StageParams):
    """Which base model it is stands in the recipe and is the job's source."""

    miniature_steps: int = Field(ge=1, description="Pretraining steps of the built-in miniature; unused otherwise.")


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Writes `model/` and describes it.

    Raises:
        JobError: If the model cannot be had, is refused, or has no pretrained masked-LM head.
    """
    source = inputs.source
    if "builtin" in source:
        facts = _make_miniature(int(source["world_seed"]), params.miniature_steps, out)
    elif "id" in source:
        facts = _from_hub(str(source["id"]), source.get("revision"), out)
    else:
        facts = _from_folder(Path(inputs.locations["path"]), source, out)
    out.describe(**_described(out.path / "model"), **facts)


def _make_miniature(world_seed: int, steps: int, out: Workspace) -> dict[str, Json]:
    from madx_pipeline.miniature.base import pretrain

    made = pretrain(
        world_seed,
        out.path / "model",
        out.checkpoints,
        lambda done, total, loss: out.progress(done, total, loss=loss),
        steps=steps,
    )
    return {
        "name": "miniature",
        "revision": None,
        "languages_seen": made["languages_seen"],
        "world_seed": world_seed,
    }


def _from_hub(name: str, revision: str | None, out: Workspace) -> dict[str, Json]:
    from madx_pipeline.base_model_files import CONFIG_FILE, PICKLED_WEIGHTS, SAFE_WEIGHTS, TOKENIZER_FILES
    from madx_pipeline.hub.download import download

    files = (CONFIG_FILE, *TOKENIZER_FILES)
    folder, commit = download(name, revision, (*files, *SAFE_WEIGHTS))
    if not any(folder.glob("*.safetensors")):
        folder, commit = download(name, commit, (*files, *PICKLED_WEIGHTS))
    _convert(folder, name, out)
    return _facts(name, commit)


def _from_folder(folder: Path, source: Mapping[str, Json], out: Workspace) -> dict[str, Json]:
    """The name is the planned one, part of the fingerprint: where the folder lies now changes nothing."""
    from madx_pipeline.base_model_files import check_hashes

    check_hashes(folder, source["path_sha256"])
    _convert(folder, str(folder), out)
    return _facts(str(source["name"]), None)


def _facts(name: str, revision: str | None) -> dict[str, Json]:
    from madx_pipeline.base_models import languages_seen

    return {"name": name, "revision": revision, "languages_seen": languages_seen(name), "world_seed": None}


def _convert(folder: Path, name: str, out: Workspace) -> None:
    from madx_pipeline.base_model_files import folder_problems, load_masked_lm
    from madx_pipeline.errors import JobError

    problems = folder_problems(folder, name)
    if problems:
        raise JobError(problems)
    model, tokenizer = load_masked_lm(folder, name)
    model.save_pretrained(out.path / "model", safe_serialization=True, max_shard_size="1TB")
    tokenizer.save_pretrained(out.path / "model")


def _described(folder: Path) -> dict[str, Json]:
    """Facts that are read off the finished `model/`, whatever it was made from."""
    from madx_pipeline.adapter_model import load_language_model, weights_hash
    from madx_pipeline.base_model_files import load_masked_lm, usable_length

    plain, tokenizer = load_masked_lm(folder, "the prepared base model")
    config: Any = plain.config
    return {
        "model_type": config.model_type,
        "hidden_size": config.hidden_size,
        "layers": config.num_hidden_layers,
        "vocab_size": config.vocab_size,
        "max_length": usable_length(config, tokenizer),
        "parameters": plain.num_parameters(),
        "tokenizer": type(tokenizer).__name__,
        "weights_sha256": weights_hash(load_language_model(folder, "base model")),
    }
