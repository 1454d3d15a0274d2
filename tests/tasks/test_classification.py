"""Classification: one label per text; what does not fit is cut and counted."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from madx_pipeline.tasks import Encoded, Example, task_type
from tests.tasks.letters import letter_tokenizer

LABEL2ID = {"health": 0, "sports": 1}
TOPICS = task_type("classification")


def encode(*texts: str, max_length: int = 8) -> Encoded:
    examples = [{"text": text, "label": "sports"} for text in texts]
    return TOPICS.encode(examples, letter_tokenizer(), LABEL2ID, max_length)


def test_a_text_is_one_row_with_its_label() -> None:
    encoded = encode("ab c")
    batch = TOPICS.collate(encoded.rows, pad_id=0)
    assert letter_tokenizer().convert_ids_to_tokens(batch["input_ids"][0]) == ["[CLS]", "a", "##b", "c", "[SEP]"]
    assert batch["labels"].tolist() == [1]


def test_a_text_that_just_fits_is_not_truncated() -> None:
    assert encode("abcdef").counts["texts_truncated"] == 0


def test_a_text_that_is_too_long_is_cut_at_the_end_and_counted() -> None:
    encoded = encode("abcdefg", "a", "x" * 100)
    assert [len(row.input_ids) for row in encoded.rows] == [8, 3, 8]
    assert letter_tokenizer().convert_ids_to_tokens(encoded.rows[0].input_ids)[1:-1] == [
        "a",
        *(f"##{c}" for c in "bcdef"),
    ]
    assert encoded.counts["texts_truncated"] == 2


def test_an_empty_text_is_still_predicted_and_counted() -> None:
    encoded = encode("", "\u200e")
    assert TOPICS.decode(encoded, [(0,), (1,)], {0: "health", 1: "sports"}) == ["health", "sports"]
    assert encoded.counts["texts_without_pieces"] == 2


def test_the_best_label_of_each_row_is_read() -> None:
    encoded = encode("a", "b")
    assert TOPICS.read(torch.tensor([[0.1, 0.2], [3.0, -1.0]]), encoded.rows) == [(1,), (0,)]


def test_a_score_is_accuracy_and_macro_f1() -> None:
    score = TOPICS.score(["a", "a", "a", "b"], ["a", "a", "a", "a"], "plain")
    assert score.values == {"accuracy": 0.75, "macro_f1": pytest.approx((6 / 7 + 0) / 2)}


def test_every_real_text_is_a_row_and_none_is_cut_that_fits(shared: Path) -> None:
    transformers = pytest.importorskip("transformers")
    if not (shared / "models" / "mini-xlmr").is_dir():
        pytest.skip("no real tokenizer beside the repository")
    tokenizer = transformers.AutoTokenizer.from_pretrained(shared / "models" / "mini-xlmr")
    for language in ("yor_Latn", "amh_Ethi", "uig_Arab"):
        examples = sib200(shared / "data" / "sib200" / language / "test.tsv")
        names = sorted({example["label"] for example in examples})
        encoded = TOPICS.encode(examples, tokenizer, {name: index for index, name in enumerate(names)}, 128)
        truth = TOPICS.decode(encoded, [row.targets for row in encoded.rows], dict(enumerate(names)))
        assert truth == [example["label"] for example in examples]
        lengths = [len(tokenizer(example["text"])["input_ids"]) for example in examples]
        assert encoded.counts["texts_truncated"] == sum(length > 128 for length in lengths)


def sib200(path: Path) -> list[Example]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [{"text": row["text"], "label": row["category"]} for row in rows]
