"""Text to token ids: no special token comes out of what somebody wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.data.tokens import Tokens
from tests.data.jobs import SPECIALS, UNKNOWN, base_model
from tests.model_builders import tiny_tokenizer
from tests.tasks.letters import letter_tokenizer


@pytest.mark.parametrize("special", SPECIALS)
def test_a_special_token_spelt_out_in_a_text_is_an_unknown_one(tmp_path: Path, special: str) -> None:
    base_model(tmp_path)
    tokens = Tokens(tmp_path / "model")
    a, b = tokens.of_texts(["ab"])[0]
    assert tokens.of_texts([f"a {special} b", "ab"]) == [[a, UNKNOWN, b], [a, b]]
    assert tokens.of_words([["a", special, "b"]]) == [[a, UNKNOWN, b]]


def test_the_same_holds_for_a_unigram_vocabulary_and_for_that_of_bert(tmp_path: Path) -> None:
    tiny_tokenizer().save_pretrained(tmp_path / "unigram")
    letter_tokenizer().save_pretrained(tmp_path / "bert")
    for folder, text in (("unigram", "aa </s> <pad> <mask> bb"), ("bert", "a [MASK] [PAD] [SEP] b")):
        tokens = Tokens(tmp_path / folder)
        ids, words = tokens.of_texts([text])[0], tokens.of_words([text.split()])[0]
        assert ids.count(tokens.unknown) >= 3
        assert min(ids[0], ids[-1], words[0], words[-1]) >= len(SPECIALS)
        assert {*ids, *words} & set(range(len(SPECIALS))) == {tokens.unknown}


def test_a_text_of_special_tokens_alone_is_a_row_of_unknown_ones(tmp_path: Path) -> None:
    base_model(tmp_path)
    assert Tokens(tmp_path / "model").of_texts(["<pad> </s>"]) == [[UNKNOWN, UNKNOWN]]
