"""What the data stages need to run by themselves: a base model's tokenizer, finished artifacts, a workspace."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from madx_pipeline.records import Artifact, Json
from madx_pipeline.stage import Inputs, Workspace
from tests.tasks.artifacts import artifact

SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
LETTERS = [*string.ascii_lowercase, *string.digits]
UNKNOWN = SPECIALS.index("<unk>")


def base_model(folder: Path, world_seed: int | None = None, pieces: Sequence[str] = LETTERS) -> Artifact:
    """A base model of which there is only the tokenizer; with `pieces`, it knows these words, else letters.

    The tokenizer is saved with truncation and padding switched on, as some published ones are.
    """
    vocabulary = {piece: number for number, piece in enumerate([*SPECIALS, *pieces])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    split_letters = [pre_tokenizers.Split("", "isolated")] if pieces == LETTERS else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), *split_letters])
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
