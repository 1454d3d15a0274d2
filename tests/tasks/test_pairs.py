"""Pairs of texts: both reach the model, with the tokenizer's own border between them; the longer one is cut."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from madx_pipeline.errors import JobError
from madx_pipeline.tasks import Encoded, task_type
from madx_pipeline.tasks.pairs import PairFrame, fitted, pad_pairs
from madx_pipeline.tasks.parts import exchange
from tests.tasks.letters import letter_tokenizer

LABEL2ID = {"entailment": 0, "neutral": 1}
INFERENCE = task_type("classification")
BERT = "[CLS] $A [SEP] $B:1 [SEP]:1"
ROBERTA = "[CLS] $A [SEP] [SEP] $B [SEP]"


def encode(*pairs: tuple[str, str], max_length: int = 12, template: str | None = BERT) -> Encoded:
    examples = [{"text": first, "text_pair": second, "label": "neutral"} for first, second in pairs]
    return INFERENCE.encode(examples, letter_tokenizer(pair=template), LABEL2ID, max_length)


def tokens(encoded: Encoded, row: int = 0) -> str:
    found: list[str] = letter_tokenizer().convert_ids_to_tokens(encoded.rows[row].input_ids)
    return " ".join(found)


def test_the_border_of_a_pair_is_the_tokenizer_s_own() -> None:
    assert tokens(encode(("ab", "c"))) == "[CLS] a ##b [SEP] c [SEP]"
    assert tokens(encode(("ab", "c"), template=ROBERTA)) == "[CLS] a ##b [SEP] [SEP] c [SEP]"


def test_a_tokenizer_that_knows_no_pairs_gets_the_end_of_a_text_as_border() -> None:
    assert tokens(encode(("ab", "c"), template=None)) == "[CLS] a ##b [SEP] c [SEP]"


def test_a_tokenizer_without_any_border_is_refused() -> None:
    with pytest.raises(JobError, match="puts nothing between the two texts of a pair"):
        PairFrame.of(letter_tokenizer(before="", after=""))


def test_bert_is_told_which_text_a_token_belongs_to_and_roberta_is_not() -> None:
    batch = INFERENCE.collate(encode(("ab", "c"), ("a", "b")).rows, pad_id=0)
    assert batch["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0]]
    assert "token_type_ids" not in INFERENCE.collate(encode(("ab", "c"), template=ROBERTA).rows, pad_id=0)


def test_swapping_the_texts_changes_the_encoding() -> None:
    one, other = encode(("ab", "c"), ("c", "ab")).rows
    assert one.input_ids != other.input_ids
    assert one.types != other.types


def test_any_part_of_a_batch_makes_a_batch() -> None:
    rows = encode(("ab", "c"), ("a", "b"), ("abc", "d")).rows
    whole = INFERENCE.collate(rows, pad_id=0)
    assert torch.equal(INFERENCE.collate(rows[1:2], pad_id=0)["input_ids"], whole["input_ids"][1:2, :5])


def test_the_longer_text_is_shortened_and_the_pair_counted() -> None:
    encoded = encode(("a" * 20, "bc"), ("ab", "c" * 20), ("a" * 20, "b" * 20), ("ab", "cd"))
    assert tokens(encoded, 0) == "[CLS] a " + "##a " * 6 + "[SEP] b ##c [SEP]"
    assert tokens(encoded, 1) == "[CLS] a ##b [SEP] c " + "##c " * 6 + "[SEP]"
    assert tokens(encoded, 2).count("a") - tokens(encoded, 2).count("b") == 1
    assert encoded.counts["pairs_truncated"] == 3
    assert all(len(row.input_ids) <= 12 for row in encoded.rows)


def test_what_is_cut_is_always_of_the_longer_text_and_no_more_than_needed() -> None:
    chance = random.Random(5)
    for _ in range(500):
        first, second = ([0] * chance.randint(0, 30) for _ in range(2))
        room = chance.randint(2, 40)
        kept = fitted(first, second, room)
        assert sum(map(len, kept)) == min(room, len(first) + len(second))
        cut = [len(before) - len(after) for before, after in zip((first, second), kept, strict=True)]
        for lost, own, other in ((cut[0], kept[0], kept[1]), (cut[1], kept[1], kept[0])):
            assert lost == 0 or len(own) >= len(other) - 1


def test_a_row_without_room_for_two_texts_is_an_error() -> None:
    with pytest.raises(JobError, match="max_length 4 leaves no room for two texts"):
        encode(("a", "b"), max_length=4)


def test_a_special_token_spelt_in_a_text_makes_no_border() -> None:
    assert tokens(encode(("a [SEP] b", "c"), max_length=20)).count("[SEP]") == 2


def test_a_part_is_exchanged_with_the_next_that_differs() -> None:
    examples = [{"text_pair": "a"}, {"text_pair": "a"}, {"text_pair": "b"}]
    assert [example["text_pair"] for example in exchange(examples, "text_pair")] == ["b", "b", "a"]
    assert INFERENCE.parts({"text": "a", "text_pair": "b", "label": "x"}) == ("text", "text_pair")
    assert INFERENCE.parts({"text": "a", "label": "x"}) == ()


def test_real_tokenizers_write_a_pair_as_this_does(shared: Path) -> None:
    transformers = pytest.importorskip("transformers")
    if not (shared / "models" / "mini-xlmr").is_dir():
        pytest.skip("no real tokenizer beside the repository")
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(shared / "models" / "mini-xlmr")
    examples = [{"text": "Allinmi, manam.", "text_pair": "Manam paywanqa.", "label": "neutral"}]
    (row,) = INFERENCE.encode(examples, tokenizer, LABEL2ID, 128).rows
    assert list(row.input_ids) == tokenizer("Allinmi, manam.", "Manam paywanqa.")["input_ids"]
    assert "token_type_ids" not in pad_pairs([row], 1)
