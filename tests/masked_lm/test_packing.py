"""Packed equals unpacked: the same loss and the same gradients, whatever the lines."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from madx_pipeline.adapter_model import AdapterModel, AdapterShape, add_adapter, load_language_model, set_stack
from madx_pipeline.masked_lm.batches import BatchShape, FilledRows, MaskedWindows
from madx_pipeline.masked_lm.masking import IGNORED, mask_row, masking_for
from madx_pipeline.masked_lm.packing import (
    Batch,
    Window,
    best_fit,
    first_position,
    level_fit,
    members,
    pack,
    pad,
)
from madx_pipeline.masked_lm.windows import CorpusWindows, WindowShape
from tests.model_builders import corpus_of, random_ids, save_tiny_base, tiny_tokenizer

NAME = "language_xx"
ROOM = 32
PAD = 1
EXACT = 1e-12
LENGTHS = st.lists(st.integers(1, ROOM - 2), min_size=1, max_size=20)
repeatable = settings(derandomize=True, database=None, deadline=None, max_examples=25)


@cache
def model_of(model_type: str, attention: str = "sdpa") -> AdapterModel:
    """A float64 model with an adapter and its inverse far from the identity, as fresh ones are not."""
    with TemporaryDirectory() as folder:
        save_tiny_base(Path(folder), model_type)
        model = load_language_model(Path(folder), "tiny")
    model.set_attn_implementation(attention)
    add_adapter(model, NAME, AdapterShape("seq_bn", 2, (), "relu", "nice", 2), seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(f"adapters.{NAME}." in name)
            if parameter.requires_grad:
                nn.init.normal_(parameter, std=0.3)
    set_stack(model, [NAME])
    return model.double()


def masked(lengths: list[int]) -> list[Window]:
    """Masked windows with so many tokens between the special ones."""
    how = masking_for(tiny_tokenizer(), 0.3, 0.5)
    found: list[Window] = []
    for number, length in enumerate(lengths):
        ids = np.array([0, *random_ids(1, length, seed=number)[0].tolist(), 2])
        inputs, labels = mask_row(ids, how, np.random.default_rng(number))
        found.append({"input_ids": inputs, "labels": labels})
    return found


def packed(windows: list[Window], model_type: str) -> Batch:
    return BatchShape(ROOM, PAD, first_position(model_type, PAD), repack=True).batch([[one] for one in windows])


def computed(model: AdapterModel, batch: Batch) -> dict[str, Tensor]:
    """Loss and every gradient of the adapter."""
    model.zero_grad()
    loss = model(**batch, return_dict=True).loss
    loss.backward()
    gradients = {name: one.grad.clone() for name, one in model.named_parameters() if one.requires_grad}
    return {"loss": loss.detach(), **gradients}


def largest_difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return max(float((one[name] - other[name]).abs().max() / one[name].abs().max().clamp(min=1.0)) for name in one)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("model_type", ["xlm-roberta", "roberta", "bert"])
def test_packed_lines_have_the_loss_and_every_gradient_of_padded_ones(model_type: str, attention: str) -> None:
    model, windows = model_of(model_type, attention), masked([5, 30, 1, 12, 9, 9, 3, 22, 1])
    batch = packed(windows, model_type)
    assert len(batch["input_ids"]) == 4
    expected = computed(model, pad(windows, PAD))
    assert sum("invertible" in name for name in expected) == 8
    assert all(gradient.abs().max() > 1e-6 for gradient in expected.values())
    assert largest_difference(expected, computed(model, batch)) < EXACT


@pytest.mark.parametrize("model_type", ["xlm-roberta", "roberta", "bert"])
@pytest.mark.parametrize("left_out", ["attention_mask", "position_ids"])
def test_without_its_mask_or_its_positions_a_packed_row_learns_something_else(model_type: str, left_out: str) -> None:
    model, windows = model_of(model_type), masked([5, 4, 12, 9])
    batch = {name: tensor for name, tensor in packed(windows, model_type).items() if name != left_out}
    assert largest_difference(computed(model, pad(windows, PAD)), computed(model, batch)) > 1e-3


@pytest.mark.parametrize("model_type", ["xlm-roberta", "roberta", "bert"])
def test_every_logit_of_a_packed_line_is_that_of_the_line_alone(model_type: str) -> None:
    model, windows = model_of(model_type), masked([5, 30, 1, 12])
    rows = [[windows[1]], [windows[0], windows[2], windows[3]]]
    batch = pack(rows, PAD, first_position(model_type, PAD) or 0)
    del batch["labels"]
    with torch.no_grad():
        found = model(**batch, return_dict=True).logits
        for row, members_of_row in zip(found, rows, strict=True):
            begin = 0
            for window in members_of_row:
                ids = torch.from_numpy(window["input_ids"])[None]
                alone = model(input_ids=ids, attention_mask=torch.ones_like(ids), return_dict=True).logits[0]
                assert (row[begin : begin + len(alone)] - alone).abs().max() < EXACT * 100
                begin += len(alone)


@repeatable
@given(lengths=LENGTHS)
@example(lengths=[1])  # a single token
@example(lengths=[1] * 20)
@example(lengths=[ROOM - 2])  # a full row without a remainder
@example(lengths=[ROOM - 2] * 3)
@example(lengths=[ROOM - 2, 1, ROOM - 5, 1])  # rows filled to the last token
@example(lengths=[ROOM - 2, 1])  # one row nearly all padding
def test_packed_equals_unpacked_whatever_the_lines(lengths: list[int]) -> None:
    model, windows = model_of("xlm-roberta"), masked(lengths)
    expected, found = computed(model, pad(windows, PAD)), computed(model, packed(windows, "xlm-roberta"))
    assert largest_difference(expected, found) < EXACT


@settings(repeatable, max_examples=12)
@given(lengths=st.lists(st.integers(0, 3 * ROOM), min_size=1, max_size=4), full=st.booleans())
@example(lengths=[3 * (ROOM - 2)], full=True)  # full windows, and no remainder
@example(lengths=[2 * (ROOM - 2) + 1, 0, 1], full=True)  # a remainder of one token
@example(lengths=[4, 3, 2 * ROOM, 1, 0, 6], full=True)  # several short lines share a row
@example(lengths=[3 * ROOM, 5, 1], full=False)
def test_a_corpus_has_one_loss_and_one_gradient_in_lines_in_documents_and_padded(
    lengths: list[int], full: bool
) -> None:
    assume(any(lengths))
    with TemporaryDirectory() as folder:
        corpus_of(Path(folder), [random_ids(1, length, seed=length)[0].tolist() for length in lengths], [])
        windows = CorpusWindows(Path(folder) / "train.arrow", WindowShape(0, 2, ROOM, full))
        shown = MaskedWindows(windows, masking_for(tiny_tokenizer(), 0.3, 0.5), seed=3)
        lines = [shown.example(number, number) for number in range(len(shown))]
        rows = FilledRows(shown, ROOM)
        documents = [rows.example(number, number) for number in range(len(rows))]
    model, first = model_of("xlm-roberta"), first_position("xlm-roberta", PAD)
    expected = computed(model, pad([window for (window,) in lines], PAD))
    for examples, repack in ((lines, True), (documents, False)):
        batch = BatchShape(ROOM, PAD, first, repack).batch(examples)
        assert batch["input_ids"].shape[1] <= ROOM
        assert largest_difference(expected, computed(model, batch)) < EXACT


@repeatable
@given(lengths=LENGTHS)
def test_every_token_is_packed_once_with_its_label_and_its_position(lengths: list[int]) -> None:
    windows = masked(lengths)
    batch = packed(windows, "xlm-roberta")
    text = batch["position_ids"] > 0
    expected = {part: sorted(window[part].tolist() for window in windows) for part in ("input_ids", "labels")}
    for part, found in expected.items():
        flat, starts = batch[part][text].tolist(), (batch["position_ids"][text] == PAD + 1).nonzero().flatten().tolist()
        assert sorted(flat[a:b] for a, b in zip(starts, [*starts[1:], len(flat)], strict=True)) == found
    assert (batch["input_ids"][~text] == PAD).all()
    assert (batch["labels"][~text] == IGNORED).all()
    assert batch["attention_mask"].any(dim=-1).all()  # no softmax over nothing


@repeatable
@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=80), fit=st.sampled_from([best_fit, level_fit]))
def test_no_row_is_over_full_and_at_most_one_is_half_empty(lengths: list[int], fit: Any) -> None:
    sizes = np.array(lengths)
    rows = members(fit(sizes, 50))
    assert sorted(number for row in rows for number in row) == list(range(len(lengths)))
    filled = [int(sizes[row].sum()) for row in rows]
    assert max(filled) <= 50
    assert len(rows) == len(members(best_fit(sizes, 50)))
    assert sum(2 * tokens <= max(filled) for tokens in filled) <= 1


def test_each_line_goes_where_it_leaves_the_least_room() -> None:
    assert best_fit(np.array([6, 7, 3, 4, 1]), 10).tolist() == [1, 0, 0, 1, 2]
    assert best_fit(np.array([5, 7, 2, 3]), 10).tolist() == [1, 0, 1, 0]


def test_rows_are_no_longer_than_they_need_be_without_becoming_more() -> None:
    lengths = np.array([30] * 10)
    assert [len(row) for row in members(best_fit(lengths, 256))] == [8, 2]
    assert [len(row) for row in members(level_fit(lengths, 256))] == [5, 5]


def test_a_batch_is_no_wider_than_its_fullest_row() -> None:
    windows = masked([28] * 10)  # 30 with their special tokens
    assert BatchShape(256, PAD, 0, repack=True).batch([windows])["input_ids"].shape == (2, 150)


def test_a_row_packed_beforehand_stays_as_it_is() -> None:
    rows = [masked([3, 4]), masked([5])]
    batch = BatchShape(ROOM, PAD, 0, repack=False).batch(rows)
    assert batch["input_ids"].shape == (2, 11)
    assert torch.equal(batch["attention_mask"], pack(rows, PAD, 0)["attention_mask"])
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0]]


def test_rows_of_one_window_each_need_no_block_mask_and_full_ones_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = pack([masked([3]), masked([5])], PAD, 0)
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 1, 0, 0], [1] * 7]
    attention: Any = torch.nn.functional.scaled_dot_product_attention
    masks: list[Any] = []

    def watched(*states: Any, **options: Any) -> Any:
        masks.append(options["attn_mask"])
        return attention(*states, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
    model, full = model_of("xlm-roberta"), [masked([5]), masked([5])]
    model(**pack(full, PAD, PAD + 1))
    assert masks
    assert all(mask is None for mask in masks)
    model(**pack([[*full[0], *full[1]]], PAD, PAD + 1))
    assert masks[-1] is not None


def test_an_architecture_that_takes_no_positions_reads_padded_lines() -> None:
    assert first_position("distilbert", PAD) is None
    windows = masked([3, 5])
    for repack in (True, False):
        batch = BatchShape(ROOM, PAD, None, repack).batch([windows])
        assert set(batch) == {"input_ids", "attention_mask", "labels"}
        assert all(torch.equal(batch[name], tensor) for name, tensor in pad(windows, PAD).items())


def test_a_padded_batch_has_mask_and_labels_only_where_there_is_text() -> None:
    short = {"input_ids": np.array([0, 4, 2]), "labels": np.array([IGNORED, 9, IGNORED])}
    long = {"input_ids": np.array([0, 7, 4, 8, 2]), "labels": np.array([IGNORED, IGNORED, 6, IGNORED, IGNORED])}
    batch = pad([short, long], pad_id=1)
    assert batch["input_ids"].tolist() == [[0, 4, 2, 1, 1], [0, 7, 4, 8, 2]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch["labels"].tolist() == [[-100, 9, -100, -100, -100], [-100, -100, 6, -100, -100]]
