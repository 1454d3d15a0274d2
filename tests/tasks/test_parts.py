"""A part of the input that does not reach the model is found out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from madx_pipeline import adapter_model
from madx_pipeline.errors import CheckError
from madx_pipeline.stage import Workspace
from madx_pipeline.tasks import Encoded, Example, task_type
from madx_pipeline.tasks.parts import check_every_part_counts
from tests.tasks.tiny_world import SOURCE, TinyWorld, read_lines, tokenizer

INFERENCE = task_type("classification")
ENCODE = partial(INFERENCE.encode, tokenizer=tokenizer(), label2id={"follows": 0, "other": 1}, max_length=24)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


def without_hypothesis(examples: Sequence[Example]) -> Encoded:
    """As a reader with the wrong column would have it: the first text twice."""
    return ENCODE([{**example, "text_pair": example["text"]} for example in examples])


def test_a_lost_second_text_fails_the_job(world: TinyWorld, tmp_path: Path) -> None:
    model = adapter_model.load_model(world.base.path / "model", "tiny")
    with adapter_model.seeded(1):
        INFERENCE.add_head(model, "task_pairs", ["follows", "other"])
    examples = read_lines(world.task_data("pairs", SOURCE).path / "validation.jsonl")
    out = Workspace(tmp_path, tmp_path)
    check_every_part_counts(model.eval(), INFERENCE, ENCODE, examples, out)
    assert [check.name for check in out.checks] == ["text_reaches_the_model", "text_pair_reaches_the_model"]
    with pytest.raises(CheckError, match="text_pair_reaches_the_model"):
        check_every_part_counts(model, INFERENCE, without_hypothesis, examples, out)


def test_text_in_a_script_that_the_tokenizer_does_not_know_is_called_that(world: TinyWorld, tmp_path: Path) -> None:
    model = adapter_model.load_model(world.base.path / "model", "tiny")
    with adapter_model.seeded(1):
        INFERENCE.add_head(model, "task_pairs", ["follows", "other"])
    examples = [{"text": text, "text_pair": "va", "label": "other"} for text in ("สวัสดี", "ขอบคุณ", "ภาษาไทย")]
    with pytest.raises(CheckError, match=r"All give the same tokens: .* does not know its script"):
        check_every_part_counts(model.eval(), INFERENCE, ENCODE, examples, Workspace(tmp_path, tmp_path))


CHOICE = task_type("multiple_choice")
CHOICES = partial(CHOICE.encode, tokenizer=tokenizer(), label2id={"choice1": 0, "choice2": 1}, max_length=24)


def without_question(examples: Sequence[Example]) -> Encoded:
    return CHOICES([{**example, "question": ""} for example in examples])


def without_the_second_choice(examples: Sequence[Example]) -> Encoded:
    return CHOICES([{**example, "choices": example["choices"][:1] * 2} for example in examples])


@pytest.mark.parametrize(
    ("lossy", "check"),
    [(without_question, "question_reaches_the_model"), (without_the_second_choice, "every_choice_reaches_the_model")],
)
def test_a_lost_question_or_choice_fails_the_job(
    world: TinyWorld, tmp_path: Path, lossy: Callable[[Sequence[Example]], Encoded], check: str
) -> None:
    model = adapter_model.load_model(world.base.path / "model", "tiny")
    with adapter_model.seeded(1):
        CHOICE.add_head(model, "task_choice", ["choice1", "choice2"])
    examples = read_lines(world.task_data("choice", SOURCE).path / "validation.jsonl")
    asked = [{**example, "question": word} for example, word in zip(examples, ["va", "vb"] * 4, strict=False)]
    out = Workspace(tmp_path, tmp_path)
    check_every_part_counts(model.eval(), CHOICE, CHOICES, asked, out)
    names = [f"{name}_reaches_the_model" for name in ("premise", "question", "choices", "every_choice")]
    assert [check.name for check in out.checks] == names
    with pytest.raises(CheckError, match=check):
        check_every_part_counts(model, CHOICE, lossy, asked, out)


def test_nothing_is_asked_where_there_is_nothing_to_exchange(world: TinyWorld, tmp_path: Path) -> None:
    model = adapter_model.load_model(world.base.path / "model", "tiny")
    out = Workspace(tmp_path, tmp_path)
    same = [{"text": "va", "text_pair": "vb", "label": "other"}] * 3
    check_every_part_counts(model, INFERENCE, ENCODE, same, out)
    check_every_part_counts(model, INFERENCE, ENCODE, [{"text": "va", "label": "other"}], out)
    assert out.checks == []
