"""Rows of different lengths with little padding between them: for prediction and for a step of training.

Padding is computed like text. Sentences have 25 pieces on average and now and then 120, so that a batch padded to
its longest row is two thirds padding, and one padded to a fixed length more.

For prediction all rows are sorted by length. A training step sees the rows that the schedule says, so only the rows
of one batch can be sorted: it runs in several passes, short rows first, whose losses add up to that of the whole
batch. Which rows train together and what the optimizer sees stays the same. (Dropout draws other numbers.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from madx_pipeline.tasks import IGNORED

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_BATCH_TOKENS = {"cpu": 2048}
_BATCH_TOKENS_OF_A_GPU = 32768
"""Tokens of a forward pass of prediction, padding included. More are no faster; memory is a few hundred MB."""

_PASS_COST = {"cpu": 64}
_PASS_COST_OF_A_GPU = 16384
"""A pass more costs as much as so many tokens of padding: what is done once a pass, such as reading all weights. A
GPU is done with a usual batch before the next kernel is launched, so there one pass is best."""


def batch_tokens(device: torch.device) -> int:
    """Tokens of a batch, padding included, with which a device predicts fastest."""
    return _BATCH_TOKENS.get(device.type, _BATCH_TOKENS_OF_A_GPU)


def by_length(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """All indices in batches of rows of similar length, short ones first.

    Args:
        lengths: Tokens of each row.
        most: Tokens of a batch, padding included (rows times the longest); a longer row is a batch of its own.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > most:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def passes(lengths: Sequence[int], pass_cost: int) -> list[list[int]]:
    """The split of a batch into passes, each padded to its longest row, that costs least.

    Args:
        lengths: Tokens of each row, at least one row.
        pass_cost: What a pass costs beside its tokens, in tokens.

    Returns:
        Indices of each pass, sorted by length, short passes first.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    costs, starts = [0], [0]  # of the cheapest split of the first n rows: its cost, and where its last pass begins
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        cost, start = min((costs[start] + (end - start) * longest + pass_cost, start) for start in range(end))
        costs.append(cost)
        starts.append(start)
    found: list[list[int]] = []
    end = len(order)
    while end:
        found.insert(0, order[starts[end] : end])
        end = starts[end]
    return found


def loss_in_passes(model: PreTrainedModel, batch: dict[str, Tensor]) -> Tensor:
    """The mean loss over all labels of a padded batch, computed in passes with little padding.

    Args:
        model: With a prediction head active.
        batch: From `TaskType.collate`: `input_ids` and `attention_mask`, both (batch, length) or (batch, choices,
            length), and `labels`.
    """
    labels = batch["labels"]
    lengths = batch["attention_mask"].sum(dim=-1).view(len(labels), -1).amax(dim=1).tolist()
    split = passes(lengths, _PASS_COST.get(labels.device.type, _PASS_COST_OF_A_GPU))
    total = int((labels != IGNORED).sum())
    if len(split) == 1 or total == 0:
        whole: Tensor = model(**batch).loss
        return whole
    losses = []
    for chosen in split:
        part = _rows(batch, chosen, lengths[chosen[-1]])
        counted = int((part["labels"] != IGNORED).sum())
        if counted:
            losses.append(model(**part).loss * (counted / total))
    return torch.stack(losses).sum()


def _rows(batch: dict[str, Tensor], chosen: Sequence[int], longest: int) -> dict[str, Tensor]:
    """Some rows of a batch, without the columns that are padding in all of them."""
    index = torch.tensor(chosen, device=batch["labels"].device)
    rows = {name: tensor.index_select(0, index) for name, tensor in batch.items()}
    return {name: tensor[..., :longest].contiguous() if tensor.dim() > 1 else tensor for name, tensor in rows.items()}
