"""What all task types do with rows: frame them with special tokens, pad them, predict them in batches.

Prediction takes rows of similar length together and hands the answers back in the original order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from madx_pipeline.errors import JobError
from madx_pipeline.records import Artifact
from madx_pipeline.tasks import Encoded, Row, TaskType
from madx_pipeline.tasks.padding import batch_tokens, by_length
from madx_pipeline.tokenizer import without_special

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerFast


NOTICEABLE = 1e-5
"""Difference of logits that rounding does not explain; a real adapter, text or choice makes 1e-2 and more."""


def row_length(max_length: int, base_model: Artifact) -> int:
    """Tokens per row: what was asked for, or what the base model takes if that is less."""
    return min(max_length, int(base_model.facts["max_length"]))


@dataclass(frozen=True)
class Frame:
    """The special tokens before and after a single sequence (`<s>` and `</s>`).

    Attributes:
        before: Their ids; shape (tokens before,).
        after: Their ids; shape (tokens after,).
    """

    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerFast) -> Frame:
        """What this tokenizer puts around a text, asked of the tokenizer itself.

        `build_inputs_with_special_tokens` would be the obvious way and adds nothing for a plain
        `PreTrainedTokenizerFast`, whose special tokens are in its post-processor.
        """
        found = tokenizer("a", return_special_tokens_mask=True)
        ids, special = found["input_ids"], found["special_tokens_mask"]
        first = special.index(0)
        return cls(tuple(ids[:first]), tuple(ids[first + special[first:].count(0) :]))

    def room(self, max_length: int) -> int:
        """How many word pieces fit into a row of `max_length` tokens.

        Raises:
            JobError: If none does.
        """
        room = max_length - len(self.before) - len(self.after)
        if room < 1:
            raise JobError(f"max_length {max_length} leaves no room for text between the special tokens.")
        return room

    def around(self, pieces: Sequence[int]) -> tuple[int, ...]:
        """The pieces with the special tokens around them."""
        return (*self.before, *pieces, *self.after)


def text_pieces(text: str | list[str], tokenizer: PreTrainedTokenizerFast) -> BatchEncoding:
    """The word pieces of a text or of a list of words, without special tokens, none of them left out.

    Whatever in the text spells a special token becomes the unknown token.
    """
    found = tokenizer(
        text,
        is_split_into_words=isinstance(text, list),
        add_special_tokens=False,
        verbose=False,
    )
    found["input_ids"] = without_special(found["input_ids"], set(tokenizer.all_special_ids), tokenizer.unk_token_id)
    return found


def pad(rows: Sequence[Row], pad_id: int) -> dict[str, torch.Tensor]:
    """`input_ids` and `attention_mask`, both (batch, length), padded to the longest row."""
    length = max(len(row.input_ids) for row in rows)
    ids = torch.full((len(rows), length), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), length), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row.input_ids)] = torch.tensor(row.input_ids)
        mask[index, : len(row.input_ids)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def on_fastest_device(model: PreTrainedModel) -> None:
    """Moves the model to the GPU if there is one."""
    model.to("cuda" if torch.cuda.is_available() else "cpu")


def predict(
    model: PreTrainedModel,
    kind: TaskType,
    encoded: Encoded,
    progress: Callable[[int, int], None] | None = None,
    most: int | None = None,
) -> list[tuple[int, ...]]:
    """The label ids the model predicts for every row, in the order of the rows.

    The model uses whatever adapters and head are active. It is left in the mode it was in.

    Args:
        model: With a prediction head active.
        kind: The type of task.
        encoded: The rows.
        progress: Told how many of how many rows are done, after every batch.
        most: Tokens of a batch, padding included; by default what the model's device does fastest. Predictions
            with another value are the same up to the rounding of logits.
    """
    lengths = [len(row.input_ids) for row in encoded.rows]
    found: dict[int, tuple[int, ...]] = {}
    training = model.training
    model.eval()
    with torch.inference_mode():
        for chosen in by_length(lengths, most or batch_tokens(model.device)):
            rows = [encoded.rows[index] for index in chosen]
            found.update(zip(chosen, kind.read(logits(model, kind, rows), rows), strict=True))
            if progress is not None:
                progress(len(found), len(lengths))
    model.train(training)
    return [found[index] for index in range(len(encoded.rows))]


def logits(model: PreTrainedModel, kind: TaskType, rows: Sequence[Row]) -> torch.Tensor:
    """What the active prediction head says about a batch of rows."""
    batch = kind.collate(rows, model.config.pad_token_id)
    del batch["labels"]
    output = model(**{name: tensor.to(model.device) for name, tensor in batch.items()})
    found: torch.Tensor = output.logits
    return found
