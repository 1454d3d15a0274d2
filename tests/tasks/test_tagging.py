"""Tagging: every word has exactly one prediction, whatever the words and however long the sentence."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from madx_pipeline.errors import JobError
from madx_pipeline.tasks import IGNORED, Encoded, Example, task_type
from tests.tasks.letters import letter_tokenizer

LABELS = ["O", "B-PER", "I-PER"]
LABEL2ID = {label: index for index, label in enumerate(LABELS)}
ID2LABEL = dict(enumerate(LABELS))
TAGGING = task_type("tagging")


def sentence(*words: str, labels: list[str] | None = None) -> Example:
    return {"words": list(words), "labels": labels or ["O"] * len(words)}


def encode(examples: list[Example], max_length: int = 12) -> Encoded:
    return TAGGING.encode(examples, letter_tokenizer(), LABEL2ID, max_length)


def test_the_label_is_on_the_first_piece_of_a_word_and_nowhere_else() -> None:
    encoded = encode([sentence("ab", "c", "def", labels=["B-PER", "O", "I-PER"])])
    batch = TAGGING.collate(encoded.rows, pad_id=0)
    assert batch["labels"].tolist() == [[IGNORED, 1, IGNORED, 0, 2, IGNORED, IGNORED, IGNORED]]
    tokens = letter_tokenizer().convert_ids_to_tokens(batch["input_ids"][0])
    assert tokens == ["[CLS]", "a", "##b", "c", "d", "##e", "##f", "[SEP]"]


def test_padding_is_masked_and_carries_no_label() -> None:
    encoded = encode([sentence("abcd"), sentence("a")])
    batch = TAGGING.collate(encoded.rows, pad_id=0)
    assert batch["attention_mask"].tolist() == [[1] * 6, [1] * 3 + [0] * 3]
    assert batch["input_ids"][1].tolist()[3:] == [0, 0, 0]
    assert batch["labels"][1].tolist() == [IGNORED, 0] + [IGNORED] * 4


@pytest.mark.parametrize("invisible", ["\u200e", "\u200b", "\u00a0", "", " ", "\u0000"])
def test_a_word_without_any_piece_is_predicted_in_its_place(invisible: str) -> None:
    encoded = encode([sentence("a", invisible, "b", labels=["O", "B-PER", "I-PER"])])
    (row,) = encoded.rows
    assert letter_tokenizer().convert_ids_to_tokens(row.input_ids) == ["[CLS]", "a", "[UNK]", "b", "[SEP]"]
    assert row.targets == (0, 1, 2)
    assert encoded.counts["words_without_pieces"] == 1


def test_a_word_longer_than_a_window_keeps_its_label_and_is_counted() -> None:
    encoded = encode([sentence("ab", "x" * 50, "c", labels=["O", "B-PER", "I-PER"])], max_length=10)
    assert all(len(row.input_ids) <= 10 for row in encoded.rows)
    assert [row.targets for row in encoded.rows] == [(0,), (1,), (2,)]
    assert encoded.counts["words_shortened"] == 1
    assert encoded.counts["sentences_split"] == 1


def test_a_word_with_a_space_inside_is_one_word() -> None:
    (row,) = encode([sentence("tinh vi", "a")]).rows
    assert row.positions == (1, 7)


@pytest.mark.parametrize("special", ["[SEP]", "[PAD]", "[MASK]", "[CLS]"])
def test_a_word_that_spells_a_special_token_does_not_act_as_one(special: str) -> None:
    (row,) = encode([sentence("a", special, "b")]).rows
    tokenizer = letter_tokenizer()
    assert tokenizer.convert_tokens_to_ids(special) not in row.input_ids[1:-1]
    assert len(row.positions) == 3


def test_a_sentence_without_words_has_no_row_and_an_empty_prediction() -> None:
    encoded = encode([sentence(), sentence("a")])
    assert [row.example for row in encoded.rows] == [1]
    assert TAGGING.decode(encoded, [(1,)], ID2LABEL) == [[], ["B-PER"]]


@pytest.mark.parametrize(("before", "after"), [("[CLS]", "[SEP]"), ("", "[SEP]"), ("[CLS]", ""), ("", "")])
def test_positions_follow_the_special_tokens_the_tokenizer_really_adds(before: str, after: str) -> None:
    tokenizer = letter_tokenizer(before, after)
    (row,) = TAGGING.encode([sentence("ab", "c")], tokenizer, LABEL2ID, 12).rows
    assert list(row.input_ids) == tokenizer("ab c")["input_ids"]
    assert tokenizer.convert_ids_to_tokens([row.input_ids[position] for position in row.positions]) == ["a", "c"]


def test_words_and_labels_that_do_not_match_are_an_error_naming_the_sentence() -> None:
    with pytest.raises(JobError, match=r"sentence 2 has 2 words and 1 labels\."):
        encode([sentence("a"), {"words": ["a", "b"], "labels": ["O"]}])


def test_a_window_without_room_for_text_is_an_error() -> None:
    with pytest.raises(JobError, match="max_length 2 leaves no room"):
        encode([sentence("a")], max_length=2)


def test_every_word_of_random_sentences_has_exactly_its_own_prediction() -> None:
    chance = random.Random(3)
    for max_length in (3, 4, 7, 12, 40):
        examples = [random_sentence(chance) for _ in range(60)]
        encoded = encode(examples, max_length)
        assert all(len(row.input_ids) <= max_length for row in encoded.rows)
        truth = [row.targets for row in encoded.rows]
        assert TAGGING.decode(encoded, truth, ID2LABEL) == [TAGGING.gold(example) for example in examples]
        assert first_letters(encoded) == [word[0] if word.isalpha() else "[UNK]" for word in words_of(examples)]


def random_sentence(chance: random.Random) -> Example:
    words = [chance.choice("abcdef") * chance.choice([1, 2, 5, 9, 60]) for _ in range(chance.randint(0, 30))]
    words = [chance.choice(["\u200e", ""]) if chance.random() < 0.1 else word for word in words]
    return {"words": words, "labels": [chance.choice(LABELS) for _ in words]}


def words_of(examples: list[Example]) -> list[str]:
    return [word for example in examples for word in example["words"]]


def first_letters(encoded: Encoded) -> list[str]:
    tokenizer = letter_tokenizer()
    return [tokenizer.convert_ids_to_tokens(row.input_ids[at]) for row in encoded.rows for at in row.positions]


def test_predictions_are_read_at_the_first_pieces_only() -> None:
    encoded = encode([sentence("abc", "d")])
    logits = torch.zeros(1, len(encoded.rows[0].input_ids), 3)
    logits[0, 1, 2] = logits[0, 4, 1] = 1.0
    logits[0, 2, 0] = logits[0, 3, 0] = 9.0
    assert TAGGING.read(logits, encoded.rows) == [(2, 1)]


def test_names_are_decoded_with_the_label_map_of_the_head_not_with_an_order() -> None:
    encoded = encode([sentence("a", "b")])
    assert TAGGING.decode(encoded, [(0, 2)], {0: "I-PER", 1: "B-PER", 2: "O"}) == [["I-PER", "O"]]


@pytest.mark.parametrize("max_length", [16, 128])
def test_real_treebanks_come_back_word_for_word(shared: Path, max_length: int) -> None:
    conllu = pytest.importorskip("conllu")
    for file in ("vi_vtb-test", "ug_udt-dev", "he_htb-dev", "ko_gsd-dev", "quc_iu-test"):
        parsed = conllu.parse((shared / "data" / "ud" / f"{file}.conllu").read_text(encoding="utf-8"))
        examples = [tagged(sentence) for sentence in parsed]
        round_trip(examples, real_tokenizer(shared), max_length)


def tagged(sentence: Any) -> Example:
    words = [word for word in sentence if isinstance(word["id"], int)]
    return {"words": [word["form"] for word in words], "labels": [word["upos"] for word in words]}


def test_real_named_entities_come_back_word_for_word(shared: Path) -> None:
    for language in ("zul", "swa"):
        text = (shared / "data" / "ner" / language / "test.txt").read_text(encoding="utf-8")
        rows = [[line.split(" ") for line in block.splitlines()] for block in text.strip().split("\n\n")]
        examples = [sentence(*(row[0] for row in block), labels=[row[1] for row in block]) for block in rows]
        round_trip(examples, real_tokenizer(shared), 24)


def real_tokenizer(shared: Path) -> Any:
    transformers = pytest.importorskip("transformers")
    folder = shared / "models" / "mini-xlmr"
    if not folder.is_dir():
        pytest.skip("no real tokenizer beside the repository")
    return transformers.AutoTokenizer.from_pretrained(folder)


def round_trip(examples: list[Example], tokenizer: Any, max_length: int) -> None:
    names = sorted({label for example in examples for label in example["labels"]})
    label2id = {name: index for index, name in enumerate(names)}
    encoded = TAGGING.encode(examples, tokenizer, label2id, max_length)
    assert all(len(row.input_ids) <= max_length for row in encoded.rows)
    decoded = TAGGING.decode(encoded, [row.targets for row in encoded.rows], dict(enumerate(names)))
    assert decoded == [example["labels"] for example in examples]
    assert encoded.counts["words"] == sum(len(example["words"]) for example in examples)
