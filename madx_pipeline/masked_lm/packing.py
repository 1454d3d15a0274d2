"""Several windows in one row of a batch, computed as if each were alone.

Three things make a packed row equal to its windows padded one by one: each window attends to itself only
(a block-diagonal attention mask), its positions start afresh, and it keeps its own special tokens. Windows
are masked before they are packed, so masks know nothing of rows. Surprising: padding attends to padding,
because the softmax over a row of the mask in which nothing may be attended to is NaN in some attention
implementations. Where every row holds one window, a plain mask does, in which padding attends to the text.

Which windows share a row is decided by best fit, longest first: each goes into the row in which it
leaves the least room (Johnson et al. 1974, Worst-case performance bounds for one-dimensional packing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from madx_pipeline.masked_lm.masking import IGNORED

Ids = NDArray[np.int64]
Window = Mapping[str, Ids]
"""A masked window: `input_ids` and `labels`, both (length,)."""

Batch = dict[str, Tensor]
"""What a model reads: `input_ids`, `attention_mask`, `labels`, and `position_ids` where rows are packed."""

_STEP = 8
"""Shorter rows are tried in steps of so many tokens. A batch is as wide as its fullest row, whatever was tried."""


def first_position(model_type: str, pad_id: int) -> int | None:
    """The position that an architecture gives to the first token of a text.

    Args:
        model_type: As in `config.json`.
        pad_id: Padding token of the model.

    Returns:
        None for architectures that take no positions: their rows cannot be packed.
    """
    return {"xlm-roberta": pad_id + 1, "roberta": pad_id + 1, "bert": 0}.get(model_type)


def best_fit(lengths: Ids, room: int) -> Ids:
    """The row of each window, from 0, so that no row holds more than `room` tokens, (windows,).

    Among windows of one length, earlier ones come first. At most one row is no more than half full.

    Args:
        lengths: Tokens of the windows, each from 1 to `room`, (windows,).
        room: Tokens of a full row.
    """
    rows = np.empty(len(lengths), dtype=np.int64)
    by_room: list[list[int]] = [[] for _ in range(room + 1)]  # the rows that have so many tokens left
    some, opened = 0, 0  # bit k of `some`: a row has k tokens left
    for number in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[number])
        fitting = some >> length
        if fitting:
            left = length + (fitting & -fitting).bit_length() - 1
            row = by_room[left].pop()
            some ^= 0 if by_room[left] else 1 << left
        else:
            left, row = room, opened
            opened += 1
        rows[number] = row
        left -= length
        by_room[left].append(row)
        some |= (1 << left) if left else 0
    return rows


def level_fit(lengths: Ids, room: int) -> Ids:
    """As `best_fit`, in rows as short as they can be without becoming more.

    Of 300 tokens in rows of 256 the second would be nearly empty, and computed in full; two of 152 are not.
    """
    rows = best_fit(lengths, room)
    number = int(rows.max()) + 1
    shortest = max(int(lengths.max()), -(-int(lengths.sum()) // number))
    for shorter in range(-(-shortest // _STEP) * _STEP, room, _STEP):
        found = best_fit(lengths, shorter)
        if found.max() < number:
            return found
    return rows


def members(rows: Ids) -> list[Ids]:
    """The windows of each row, from the row of each window."""
    order = np.argsort(rows, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(rows[order])) + 1) if len(rows) else []


def pack(rows: Sequence[Sequence[Window]], pad_id: int, first: int) -> Batch:
    """Stacks rows of several masked windows each.

    Args:
        rows: The windows of each row.
        pad_id: Padding token.
        first: Position of the first token of a window.

    Returns:
        `input_ids`, `labels` and `position_ids`, all (rows, length of the longest), and `attention_mask`,
        (rows, length, length), 1 where the first token attends to the second. If each row holds one window, it is
        (rows, length), 1 for tokens: attention without a mask is faster, where rows are full.
    """
    shape = (len(rows), max(sum(len(window["input_ids"]) for window in row) for row in rows))
    input_ids, labels = np.full(shape, pad_id), np.full(shape, IGNORED)
    positions, blocks = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for place, row in enumerate(rows):
        begin = 0
        for block, window in enumerate(row, start=1):
            end = begin + len(window["input_ids"])
            input_ids[place, begin:end] = window["input_ids"]
            labels[place, begin:end] = window["labels"]
            positions[place, begin:end] = first + np.arange(end - begin)
            blocks[place, begin:end] = block
            begin = end
    attention_mask = blocks  # 1 in the only window of a row
    if max(map(len, rows)) > 1:
        attention_mask = (blocks[:, :, None] == blocks[:, None, :]).astype(np.int8)  # adapters refuses booleans
    arrays = {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels, "position_ids": positions}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def pad(windows: Sequence[Window], pad_id: int) -> Batch:
    """Stacks masked windows, one a row: `input_ids`, `attention_mask`, `labels`, all (windows, longest length)."""
    longest = max(len(window["input_ids"]) for window in windows)
    shape = (len(windows), longest)
    input_ids, labels = np.full(shape, pad_id), np.full(shape, IGNORED)
    attention_mask = np.zeros(shape, dtype=np.int64)
    for place, window in enumerate(windows):
        length = len(window["input_ids"])
        input_ids[place, :length] = window["input_ids"]
        labels[place, :length] = window["labels"]
        attention_mask[place, :length] = 1
    arrays = {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
