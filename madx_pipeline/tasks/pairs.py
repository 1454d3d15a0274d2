"""Two texts in one row: the special tokens around and between them, and what is cut if they are too long.

Where a pair does not fit, the longer text is shortened first (as `longest_first` of transformers does), so that
a short hypothesis is never lost behind a long premise.

Surprising: a tokenizer may say nothing on pairs (its template knows a single text only) and would then write two
texts without a border. Those get the tokens that end a text between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from madx_pipeline.errors import JobError
from madx_pipeline.tasks import Row
from madx_pipeline.tasks.batches import Frame, pad

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Pieces = Sequence[int]

_FIRST, _SECOND = 0, 1


@dataclass(frozen=True)
class PairFrame:
    """The special tokens of a pair (`<s> first </s></s> second </s>`).

    Attributes:
        before: Ids before the first text.
        between: Ids between the two; never empty.
        after: Ids after the second text.
        second_type: `token_type_ids` of the second text and what follows it (1 for BERT); 0 where the model is
            not told which text a token belongs to.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    second_type: int

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerFast) -> PairFrame:
        """What this tokenizer puts around two texts, asked of the tokenizer itself.

        Raises:
            JobError: If it has no special token that could stand between them.
        """
        found = tokenizer("a", "b")
        ids, texts = found["input_ids"], found.sequence_ids()
        first, second = texts.index(_FIRST), texts.index(_SECOND)
        end = len(texts) - texts[::-1].index(_FIRST)
        last = len(texts) - texts[::-1].index(_SECOND)
        if end < second:
            typed = "token_type_ids" in tokenizer.model_input_names
            kind = found["token_type_ids"][second] if typed else 0
            return cls(tuple(ids[:first]), tuple(ids[end:second]), tuple(ids[last:]), kind)
        single = Frame.of(tokenizer)
        if not single.after:
            raise JobError("the tokenizer puts nothing between the two texts of a pair.", "Choose another base model.")
        return cls(single.before, single.after, single.after, 0)

    def room(self, max_length: int) -> int:
        """How many word pieces of both texts fit into a row of `max_length` tokens.

        Raises:
            JobError: If there is not room for one of each.
        """
        room = max_length - len(self.before) - len(self.between) - len(self.after)
        if room < 2:
            raise JobError(f"max_length {max_length} leaves no room for two texts between the special tokens.")
        return room

    def row(self, example: int, first: Pieces, second: Pieces, targets: tuple[int, ...] = ()) -> Row:
        """The row of two texts that fit; what is predicted is predicted at its first token."""
        start = (*self.before, *first, *self.between)
        end = (*second, *self.after)
        types = (0,) * len(start) + (self.second_type,) * len(end) if self.second_type else ()
        return Row(example, (*start, *end), (0,), targets, types)


def fitted(first: Pieces, second: Pieces, room: int) -> tuple[Pieces, Pieces]:
    """Both texts cut at their ends to `room` pieces together, the longer one first."""
    if len(first) + len(second) <= room:
        return first, second
    half = room // 2
    if len(second) <= half:
        return first[: room - len(second)], second
    if len(first) <= room - half:
        return first, second[: room - len(first)]
    return first[: room - half], second[:half]


def pad_pairs(rows: Sequence[Row], pad_id: int) -> dict[str, torch.Tensor]:
    """What `pad` gives, and `token_type_ids` (batch, length) where the rows have them."""
    batch = pad(rows, pad_id)
    if not rows[0].types:
        return batch
    types = torch.zeros_like(batch["input_ids"])
    for index, row in enumerate(rows):
        types[index, : len(row.types)] = torch.tensor(row.types)
    return {**batch, "token_type_ids": types}
