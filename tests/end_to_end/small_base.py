"""A small base model for real text: the real one beside the repository, or one made on the spot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from gzip import open as open_gzip
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForMaskedLM

_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
_LINES = 500
"""Lines of each language that the tokenizer is trained on."""


def small_base(shared: Path, languages: Iterable[str], folder: Path) -> Path:
    """The folder of a small multilingual base model with a tokenizer that knows these languages.

    Made on the spot it has learned nothing, but its tokenizer is trained on the real text.
    """
    there = shared / "models/mini-xlmr"
    return there if there.is_dir() else made_on_the_spot(shared, languages, folder)


def made_on_the_spot(shared: Path, languages: Iterable[str], folder: Path) -> Path:
    """Writes an untrained XLM-R of 2 layers x 64, with a unigram tokenizer trained on the text of the languages."""
    tokenizer = _tokenizer(_lines(shared / "data/text", languages))
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=130,
        type_vocab_size=1,
    )
    XLMRobertaForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _lines(texts: Path, languages: Iterable[str]) -> Iterator[str]:
    for language in languages:
        with open_gzip(texts / f"{language}.txt.gz", "rt", encoding="utf-8") as file:
            yield from (line for _, line in zip(range(_LINES), file, strict=False))


def _tokenizer(lines: Iterator[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=4000, special_tokens=_SPECIALS, unk_token="<unk>")
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=128,
    )
