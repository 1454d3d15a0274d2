"""What the data stages need to run by themselves: a base model's tokenizer, finished artifacts, a workspace."""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from madx_pipeline.stage import Artifact, Inputs, Json, Workspace
from tests.tasks.artifacts import artifact

SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
UNKNOWN = SPECIALS.index("<unk>")


def base_model(folder: Path, world_seed: int | None = None) -> Artifact:
    """A base model of which there is only the tokenizer: a token a lower-case letter or digit, nothing else known.

    The tokenizer is saved with truncation and padding switched on, as some published ones are.
    """
    pieces = [*SPECIALS, *string.ascii_lowercase, *string.digits]
    tokenizer = Tokenizer(models.WordLevel({piece: number for number, piece in enumerate(pieces)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("", "isolated")]
    )
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    named = {
        "bos_token": "<s>",
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder / "model")
    return artifact(folder, {"world_seed": world_seed}, "base_model")


def workspace(folder: Path) -> Workspace:
    """An empty workspace."""
    (folder / "checkpoints").mkdir(parents=True)
    return Workspace(folder, folder / "checkpoints")


def inputs(
    key: Mapping[str, str | int], source: Mapping[str, Json], locations: Mapping[str, str], **artifacts: Artifact
) -> Inputs:
    """What a job reads."""
    return Inputs(key, source, locations, artifacts)
