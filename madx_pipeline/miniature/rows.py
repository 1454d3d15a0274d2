"""What the miniature base model is shown at each step: which rows, and which of their tokens are masked.

Both are pure functions of the seed and the step, so that a resumed pretraining needs no replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

MASKED_SHARE = 0.3
"""Share of tokens, or of words, that the model must guess."""

WHOLE_WORD_SHARE = 0.5
"""Share of rows in which whole words are masked instead of single tokens."""

LENGTH_POOL = 16
"""Batches that are sorted by length together, so that a batch holds rows of like length."""

NO_WORD = -1
"""Word index of special tokens and padding: never masked."""


@dataclass(frozen=True)
class Row:
    """A document as token ids, `[CLS]` and `[SEP]` included, and the index of the word each belongs to."""

    ids: Tensor
    words: Tensor


@dataclass(frozen=True)
class Batch:
    """Rows of like length, masked.

    Attributes:
        ids: Token ids with masks applied, padded; (batch, length).
        attention: 1 for tokens, 0 for padding; (batch, length).
        chosen: Which tokens are to be guessed; (batch, length), bool.
        answers: The tokens at those places; (chosen,).
    """

    ids: Tensor
    attention: Tensor
    chosen: Tensor
    answers: Tensor


def encode(tokenizer: Any, documents: Sequence[str]) -> list[Row]:
    """Documents as rows, cut to what the model takes."""
    encoded = tokenizer(list(documents), truncation=True)
    rows = []
    for index, ids in enumerate(encoded["input_ids"]):
        words = [NO_WORD if word is None else word for word in encoded.word_ids(index)]
        rows.append(Row(torch.tensor(ids), torch.tensor(words)))
    return rows


class Schedule:
    """Which rows make the batch of a step, and how they are masked.

    Args:
        rows: All rows.
        tokenizer: For the ids of padding and mask, and the size of the vocabulary.
        size: Rows of a batch.
        seed: Of the order and of the masks.
    """

    def __init__(self, rows: Sequence[Row], tokenizer: Any, size: int, seed: int) -> None:
        self._rows = rows
        self._tokenizer = tokenizer
        self._size = size
        self._seed = seed
        self._epoch = (-1, [[0]])

    def batch(self, step: int) -> Batch:
        """The masked batch of a step, counted from 0."""
        epoch, index = divmod(step, max(1, len(self._rows) // self._size))
        rows = [self._rows[i] for i in self._order(epoch)[index]]
        ids = _pad([row.ids for row in rows], self._tokenizer.pad_token_id)
        words = _pad([row.words for row in rows], NO_WORD)
        attention = _pad([torch.ones_like(row.ids) for row in rows], 0)
        generator = _generator(self._seed, 1, step)
        chosen = _choose(words, generator)
        return Batch(self._mask(ids, chosen, generator), attention, chosen, ids[chosen])

    def _order(self, epoch: int) -> list[list[int]]:
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._draw_order(_generator(self._seed, 0, epoch)))
        return self._epoch[1]

    def _draw_order(self, generator: torch.Generator) -> list[list[int]]:
        shuffled = torch.randperm(len(self._rows), generator=generator).tolist()
        pool = self._size * LENGTH_POOL
        batches = []
        for start in range(0, len(shuffled), pool):
            alike = sorted(shuffled[start : start + pool], key=lambda i: len(self._rows[i].ids))
            batches += [alike[i : i + self._size] for i in range(0, len(alike), self._size)]
        full = [batch for batch in batches if len(batch) == self._size] or batches
        return [full[i] for i in torch.randperm(len(full), generator=generator).tolist()]

    def _mask(self, ids: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Of the chosen tokens 80% become the mask, 10% a random token, 10% stay (BERT, Devlin et al. 2019, 3.1)."""
        draw = torch.rand(ids.shape, generator=generator)
        special = len(self._tokenizer.all_special_ids)
        random_ids = torch.randint(special, len(self._tokenizer), ids.shape, generator=generator)
        masked = ids.masked_fill(chosen & (draw < 0.8), self._tokenizer.mask_token_id)
        return torch.where(chosen & (draw >= 0.9), random_ids, masked)


def _choose(words: Tensor, generator: torch.Generator) -> Tensor:
    """Which tokens are to be guessed, (batch, length): single ones in some rows, whole words in the others."""
    batch, length = words.shape
    by_token = torch.rand(batch, length, generator=generator)
    by_word = torch.rand(batch, length, generator=generator).gather(1, words.clamp(min=0))
    whole = torch.rand(batch, 1, generator=generator) < WHOLE_WORD_SHARE
    return (torch.where(whole, by_word, by_token) < MASKED_SHARE) & (words != NO_WORD)


def _pad(rows: list[Tensor], value: int) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


def _generator(seed: int, stream: int, index: int) -> torch.Generator:
    return torch.Generator().manual_seed(((seed * 2 + stream) * 1_000_003 + index) % 2**63)
