"""The miniature base model's subword tokenizer, in the form AutoTokenizer loads.

Trained on text of all the world's languages, also those the base model never sees, as XLM-R's
vocabulary covers languages that its user calls unseen. Names are told by their capital letter, so
nothing is lower-cased. The start of a word is a mark of its own, as XLM-R's: with BERT's marks on the
inside of words (`##`), the library numbers pieces in another order in every process.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from string import ascii_letters
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from madx_pipeline.miniature.languages import LANGUAGES
from madx_pipeline.miniature.world import World

VOCABULARY = 800
"""Subwords, special tokens included."""

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}

DOCUMENTS = 1_300
"""Documents of each language that the vocabulary is counted on."""


def train_tokenizer(world: World, max_length: int) -> Any:
    """A byte-pair tokenizer for the world's languages.

    Args:
        world: Whose text to count.
        max_length: Tokens of the longest row the model takes, special tokens included.

    Returns:
        A `PreTrainedTokenizerFast` that writes `[CLS] text [SEP]` as BERT's does.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL["unk_token"]))
    marks = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), marks])
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=[*ascii_letters, ".", marks.replacement],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_text(world), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length, **SPECIAL)


def _text(world: World) -> Iterator[str]:
    for language in LANGUAGES:
        yield from islice(world.corpus(language), DOCUMENTS)
