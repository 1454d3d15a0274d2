"""The base model's tokenizer: loaded in one way everywhere, and kept from reading special tokens in text.

Surprising: transformers 4.57 takes every vocabulary of more than 100,000 pieces that it saved itself (XLM-R,
mBERT) for one of Mistral's and warns of a wrong pattern; `fix_mistral_regex=False` says that nothing is to be
changed, and the warning is not given. A byte-level vocabulary (RoBERTa) writes the space before a word into the word:
unless every text begins with one, a word of a sentence that is already cut into words looks like a piece of another.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from madx_pipeline.errors import JobError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The fast tokenizer of a base model (a slow one does not know which piece belongs to which word).

    Nothing is fetched and no foreign code runs.

    Raises:
        JobError: If it is a slow one, or has no unknown token (which stands for words without pieces, and for
            special tokens spelt out in a text).
    """
    from transformers import AutoTokenizer

    options = {"add_prefix_space": True} if _is_byte_level(folder) else {}
    tokenizer = AutoTokenizer.from_pretrained(
        str(folder.resolve()),
        use_fast=True,
        local_files_only=True,
        trust_remote_code=False,
        fix_mistral_regex=False,
        **options,
    )
    tokenizer.init_kwargs.pop("fix_mistral_regex", None)  # else it is saved, as if the tokenizer had such an option
    kind = type(tokenizer).__name__
    if not tokenizer.is_fast:
        raise JobError(
            f"{kind} is not a fast tokenizer.", "Save it with a current transformers, so that it has a tokenizer.json."
        )
    if tokenizer.unk_token_id is None:
        raise JobError(f"{kind} has no unknown token.", "Choose a base model whose tokenizer has one.")
    return tokenizer


def _is_byte_level(folder: Path) -> bool:
    file = folder / "tokenizer.json"
    if not file.is_file():
        return (folder / "vocab.json").is_file()
    splits = json.loads(file.read_text(encoding="utf-8")).get("pre_tokenizer") or {}
    return any(part.get("type") == "ByteLevel" for part in (splits, *splits.get("pretokenizers", ())))


def kept_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """What `load_tokenizer` gives, shared by the jobs of this process that only encode: XLM-R's takes 2 s to load."""
    file = (folder / "tokenizer.json").stat()
    return _kept(folder.resolve(), (file.st_size, file.st_ino, file.st_mtime_ns))


@lru_cache(maxsize=1)
def _kept(folder: Path, file: tuple[int, int, int]) -> PreTrainedTokenizerFast:
    return load_tokenizer(folder)


def without_special(pieces: Sequence[int], special: Collection[int], unknown: int) -> list[int]:
    """The pieces of a text, the unknown token in place of each special one.

    `</s>` in the middle of a sentence would end it for the model, and `<pad>` would shift the positions of
    XLM-R, which counts them by comparing with the padding id. (The tokenizer's `split_special_tokens` does
    not prevent this: a unigram vocabulary holds them as ordinary pieces as well.)

    Args:
        pieces: Ids, made without adding special tokens.
        special: Ids of the special tokens.
        unknown: Id of the unknown token.
    """
    return [unknown if piece in special else piece for piece in pieces]
