"""Rows of different lengths: hardly any padding is computed, and nothing else changes."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
import torch

from madx_pipeline import adapter_model
from madx_pipeline.adapter_model import AdapterModel
from madx_pipeline.tasks import IGNORED, Row, padding, task_type
from madx_pipeline.tasks.padding import by_length, loss_in_passes, passes
from tests.model_builders import PIECES, save_tiny_base

LENGTHS = [3, 30, 4, 9, 3, 12, 5, 28, 1, 8]


def padded(lengths: list[int], batch: list[int]) -> int:
    """Tokens of a batch, padding included."""
    return len(batch) * max(lengths[index] for index in batch)


@pytest.mark.parametrize("most", [1, 10, 30, 64, 10_000])
def test_batches_hold_every_row_once_and_no_more_tokens_than_allowed(most: int) -> None:
    batches = list(by_length(LENGTHS, most))
    assert sorted(itertools.chain(*batches)) == list(range(len(LENGTHS)))
    assert all(padded(LENGTHS, batch) <= most or len(batch) == 1 for batch in batches)


def test_batches_are_as_large_as_the_tokens_allow_whatever_the_length() -> None:
    assert [len(batch) for batch in by_length([4] * 10 + [20] * 4, 40)] == [10, 2, 2]


def test_no_rows_make_no_batch() -> None:
    assert list(by_length([], 100)) == []


@pytest.mark.parametrize("cost", [0, 3, 20, 1000])
def test_no_other_split_into_passes_costs_less(cost: int) -> None:
    def total(split: list[list[int]]) -> int:
        return sum(padded(LENGTHS, one) + cost for one in split)

    found = passes(LENGTHS, cost)
    assert sorted(itertools.chain(*found)) == list(range(len(LENGTHS)))
    order = sorted(range(len(LENGTHS)), key=LENGTHS.__getitem__)
    for cuts in itertools.product([False, True], repeat=len(LENGTHS) - 1):
        ends = [place + 1 for place, cut in enumerate(cuts) if cut]
        split = [order[start:end] for start, end in itertools.pairwise([0, *ends, len(LENGTHS)])]
        assert total(found) <= total(split)


def test_one_pass_is_best_where_a_pass_is_dear() -> None:
    assert len(passes(LENGTHS, 10_000)) == 1


@pytest.mark.parametrize("kind_name", ["tagging", "classification", "dependency_parsing"])
def test_a_batch_in_passes_has_the_loss_and_the_gradients_of_the_whole(
    tmp_path: Path, kind_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(padding, "_PASS_COST", {"cpu": 2})
    make = parsed_row if kind_name == "dependency_parsing" else row
    rows = [make(length, seed) for seed, length in enumerate(LENGTHS)]
    kind = task_type(kind_name)
    model = task_model(tmp_path, kind_name)
    batch = kind.collate(rows, model.config.pad_token_id)
    computed: list[int] = []
    model.get_input_embeddings().register_forward_pre_hook(lambda module, ids: computed.append(ids[0].numel()))
    whole, gradients = differentiated(model, model(**batch).loss)
    computed.clear()
    split, split_gradients = differentiated(model, loss_in_passes(model, batch))
    assert len(computed) > 2
    assert sum(computed) < batch["input_ids"].numel() / 2
    assert abs(whole - split) < 1e-12
    assert gradients.keys() == split_gradients.keys() != set()
    for name, gradient in gradients.items():
        assert float((gradient - split_gradients[name]).abs().max()) < 1e-12


def row(length: int, seed: int) -> Row:
    """A row of `length` tokens with a label at every second one."""
    chance = random.Random(seed)
    ids = tuple(chance.randrange(5, len(PIECES)) for _ in range(length))
    positions = tuple(range(0, length, 2))
    return Row(seed, ids, positions, tuple(chance.randrange(3) for _ in positions))


def parsed_row(length: int, seed: int) -> Row:
    """A row of `length` tokens, a word of two pieces after the other between special tokens, with heads and labels."""
    plain = row(length, seed)
    starts = (*range(1, length - 1, 2), max(length - 1, 1)) if length > 2 else (0, length)
    words, chance = len(starts) - 1, random.Random(seed)
    heads = [chance.choice([place for place in range(words + 1) if place != own]) for own in range(1, words + 1)]
    heads = [head if chance.random() < 0.8 else IGNORED for head in heads]
    labels = [chance.randrange(3) if head != IGNORED else IGNORED for head in heads]
    return Row(seed, plain.input_ids, starts, (*heads, *labels))


def task_model(folder: Path, kind_name: str) -> AdapterModel:
    """A task adapter that trains, in float64 and without dropout."""
    save_tiny_base(folder / "base")
    model = adapter_model.load_model(folder / "base", "tiny")
    adapter_model.add_adapter(model, "task_x", adapter_model.AdapterShape("seq_bn", 2), seed=0)
    with adapter_model.seeded(0):
        task_type(kind_name).add_head(model, "task_x", ["a", "b", "c"])
    adapter_model.train_only(model, "task_x", ["task_x"], head="task_x")
    return model.double().eval()


def differentiated(model: AdapterModel, loss: torch.Tensor) -> tuple[float, dict[str, torch.Tensor]]:
    """A loss and the gradients of what trains."""
    model.zero_grad()
    torch.autograd.backward(loss)
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}
    return float(loss.detach()), {name: gradient.clone() for name, gradient in found.items() if gradient is not None}
