"""Multiple choice: every choice is scored with its premise and question; a row is a whole example."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from madx_pipeline import adapter_model
from madx_pipeline.errors import JobError
from madx_pipeline.tasks import Encoded, task_type
from madx_pipeline.tasks.padding import loss_in_passes
from tests.tasks.letters import letter_tokenizer
from tests.tasks.tiny_world import TinyWorld

LABEL2ID = {"choice1": 0, "choice2": 1}
CHOICE = task_type("multiple_choice")


def example(premise: str, *choices: str, question: str = "q", label: str = "choice2") -> dict[str, Any]:
    return {"premise": premise, "question": question, "choices": list(choices), "label": label}


def encode(*examples: dict[str, Any], max_length: int = 12) -> Encoded:
    return CHOICE.encode(examples, letter_tokenizer(), LABEL2ID, max_length)


def tokens(ids: Any) -> str:
    return " ".join(letter_tokenizer().convert_ids_to_tokens(ids))


def test_every_choice_is_a_pair_with_the_premise_and_the_question() -> None:
    (row,) = encode(example("ab", "c", "de")).rows
    assert [tokens(part.input_ids) for part in row.choices] == [
        "[CLS] a ##b q [SEP] c [SEP]",
        "[CLS] a ##b q [SEP] d ##e [SEP]",
    ]
    assert len(row.input_ids) == 15
    assert row.targets == (1,)


def test_the_choices_of_an_example_stay_together_in_a_batch() -> None:
    rows = encode(example("ab", "c", "de"), example("a", "b", "c", label="choice1")).rows
    batch = CHOICE.collate(rows, pad_id=0)
    assert batch["input_ids"].shape == (2, 2, 8)
    assert batch["labels"].tolist() == [1, 0]
    assert CHOICE.collate(rows[1:], pad_id=0)["input_ids"].shape == (1, 2, 6)


def test_the_question_is_never_cut() -> None:
    encoded = encode(example("a" * 30, "b", "c" * 30), example("a", "b", "c"))
    for part in encoded.rows[0].choices:
        assert len(part.input_ids) <= 12
        assert " q [SEP] " in tokens(part.input_ids)
    assert encoded.counts == {"rows": 2, "choices_truncated": 1}


def test_a_question_that_fills_the_row_is_an_error() -> None:
    with pytest.raises(JobError, match='leaves no room beside the question "qqqqqqqqqq"'):
        encode(example("a", "b", "c", question="q" * 10))


def test_another_number_of_choices_than_the_head_has_is_an_error() -> None:
    with pytest.raises(JobError, match="example 2 has 3 choices; the prediction head has 2"):
        encode(example("a", "b", "c"), example("a", "b", "c", "d"))


def test_the_best_choice_is_read_and_named() -> None:
    encoded = encode(example("a", "b", "c"), example("d", "e", "f"))
    found = CHOICE.read(torch.tensor([[0.1, 0.2], [3.0, -1.0]]), encoded.rows)
    assert CHOICE.decode(encoded, found, {0: "choice1", 1: "choice2"}) == ["choice2", "choice1"]


def test_the_score_is_accuracy() -> None:
    assert CHOICE.score(["choice1", "choice2"], ["choice1", "choice1"], "plain").values == {"accuracy": 0.5}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


def test_a_head_scores_a_choice_whatever_stands_beside_it_and_is_saved_and_loaded(
    world: TinyWorld, tmp_path: Path
) -> None:
    model = adapter_model.load_model(world.base.path / "model", "tiny")
    adapter_model.add_adapter(model, "task_copa", adapter_model.AdapterShape("seq_bn", 4), 1)
    CHOICE.add_head(model, "task_copa", ["choice1", "choice2"])
    adapter_model.set_stack(model, ["task_copa"])
    model.eval()
    rows = encode(example("ab", "c", "de"), example("a", "bcdef", "c")).rows
    batch = CHOICE.collate(rows, pad_id=0)
    del batch["labels"]
    with torch.inference_mode():
        together = model(**batch).logits
        turned = model(**{name: tensor.flip(1) for name, tensor in batch.items()}).logits
    torch.testing.assert_close(turned, together.flip(1))
    adapter_model.save_adapter(model, "task_copa", tmp_path, with_head=True)
    again = adapter_model.load_model(world.base.path / "model", "tiny")
    adapter_model.load_task_adapter(again, tmp_path, "task_copa", world.base.facts)
    adapter_model.set_stack(again, ["task_copa"])
    again.eval()
    assert adapter_model.head_labels(again, "task_copa") == ["choice1", "choice2"]
    with torch.inference_mode():
        torch.testing.assert_close(again(**batch).logits, together, rtol=0, atol=0)


def test_the_loss_of_a_batch_is_the_same_in_one_pass_and_in_many(world: TinyWorld) -> None:
    model = adapter_model.load_model(world.base.path / "model", "tiny")
    CHOICE.add_head(model, "task_copa", ["choice1", "choice2"])
    model.eval()
    chance = random.Random(1)
    examples = [example("a" * chance.randint(1, 14), "b", "cd") for _ in range(12)]
    batch = CHOICE.collate(encode(*examples, max_length=24).rows, pad_id=0)
    whole = model(**batch).loss
    torch.testing.assert_close(loss_in_passes(model, batch), whole)
