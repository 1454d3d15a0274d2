"""A part of the input that does not reach the model is found out."""

from __future__ import annotations

from collections.abc import Sequence
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


def test_nothing_is_asked_where_there_is_nothing_to_exchange(world: TinyWorld, tmp_path: Path) -> None:
    model = adapter_model.load_model(world.base.path / "model", "tiny")
    out = Workspace(tmp_path, tmp_path)
    same = [{"text": "va", "text_pair": "vb", "label": "other"}] * 3
    check_every_part_counts(model, INFERENCE, ENCODE, same, out)
    check_every_part_counts(model, INFERENCE, ENCODE, [{"text": "va", "label": "other"}], out)
    assert out.checks == []
