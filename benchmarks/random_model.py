"""A base model with random weights whose words are numbers: all that speed and memory have to know of a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import lognorm  # type: ignore[import-untyped]  # scipy ships no types
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedTokenizerFast

from madx_pipeline.adapter_model import seeded

START, PAD, END, UNKNOWN, MASK, FIRST_WORD = range(6)
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


@dataclass(frozen=True)
class Size:
    """The shape of a base model."""

    words: int
    hidden: int
    layers: int
    heads: int
    inner: int


SIZES = {
    "base": Size(250_002, 768, 12, 12, 3072),
    "miniature": Size(800, 128, 4, 4, 256),
    "small": Size(1_000, 32, 2, 2, 64),
}
"""`base` is the shape of XLM-R base, `miniature` that of the built-in miniature, `small` only shows that all works."""


def save_base_model(folder: Path, size: Size, dropout: float = 0.0) -> None:
    """An XLM-R of that shape with random weights, and with this dropout of hidden states and attention."""
    with seeded(0):
        config = AutoConfig.for_model(
            "xlm-roberta",
            vocab_size=size.words,
            hidden_size=size.hidden,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            intermediate_size=size.inner,
            max_position_embeddings=514,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            pad_token_id=PAD,
        )
        model: Any = AutoModelForMaskedLM.from_config(config)
    model.save_pretrained(folder)


def word(number: int) -> str:
    """The word whose token has this number."""
    return f"w{number}"


def tokenizer_of(words: int) -> PreTrainedTokenizerFast:
    """A vocabulary of so many words, the special tokens first; a word between blanks is a token."""
    vocabulary = {name: number for number, name in enumerate(SPECIAL)}
    vocabulary |= {word(number): number for number in range(FIRST_WORD, words)}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL[UNKNOWN]))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", START), ("</s>", END)]
    )
    names = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")
    special = {**dict(zip(names, SPECIAL, strict=True)), "cls_token": SPECIAL[START], "sep_token": SPECIAL[END]}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **special, model_max_length=512)


def lengths_of_sentences(number: int, mean: float, most: int) -> list[int]:
    """Lengths as sentences have them, log-normal with a long tail: its quantiles, so that no draw is a lucky one.

    Args:
        number: How many.
        mean: Their mean, which cutting at `most` makes a little smaller.
        most: No length is larger.
    """
    spread = 0.75
    ranks = (np.arange(number) + 0.5) / number
    lengths = lognorm.ppf(ranks, spread, scale=mean * np.exp(-(spread**2) / 2))
    shuffled = np.random.default_rng(1).permutation(np.clip(lengths.round(), 4, most).astype(int))
    return [int(length) for length in shuffled]
