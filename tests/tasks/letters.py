"""A tokenizer whose pieces one can count by hand: every letter is a piece, invisible marks are none."""

from __future__ import annotations

import string

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = string.ascii_letters + string.digits


def letter_tokenizer(before: str = "[CLS]", after: str = "[SEP]", pair: str | None = None) -> PreTrainedTokenizerFast:
    """`abc` becomes `a ##b ##c`; the special tokens around a text can be chosen, and those of a pair."""
    pieces = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    backend = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=10_000))
    backend.normalizer = BertNormalizer(lowercase=False)
    backend.pre_tokenizer = BertPreTokenizer()
    backend.post_processor = TemplateProcessing(
        single=" ".join(filter(None, [before, "$A", after])),
        pair=pair,
        special_tokens=[(name, vocabulary[name]) for name in SPECIAL],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
