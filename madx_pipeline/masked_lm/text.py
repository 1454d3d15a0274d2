"""A corpus opened for training by masked language modelling: examples, their batches, held-out batches.

Three ways to put text into rows (`packing`):

- `none`: a line is an example and a row, padded; a line longer than a row is split into windows of nearly
  equal length.
- `lines`: the same examples in the same order with the same masks, in as few rows as the lines of a batch
  need. A step has the same loss and the same gradients as with `none`, up to rounding
  and to the numbers that dropout draws.
- `documents`: an example is a row, filled beforehand by best fit with windows from the whole corpus; a line
  longer than a row is split into full windows and a remainder. A step sees about the same number of tokens,
  where with `lines` it sees the same number of lines: these are different trainings.

In all three no text sees its neighbour. The field's own scripts let lines run on instead: they join all
lines and cut rows out of that, so that rows start anywhere and attend across lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import AutoConfig

from madx_pipeline.errors import JobError
from madx_pipeline.masked_lm.batches import BatchShape, FilledRows, MaskedWindows, held_out_batches
from madx_pipeline.masked_lm.masking import masking_for
from madx_pipeline.masked_lm.packing import Batch, first_position
from madx_pipeline.masked_lm.params import MaskedTextParams
from madx_pipeline.masked_lm.windows import CorpusWindows, WindowShape
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Workspace
from madx_pipeline.tokenizer import load_tokenizer
from madx_pipeline.training import Example, Examples


@dataclass(frozen=True)
class MaskedText:
    """What a training by masked language modelling reads.

    Attributes:
        examples: The training examples.
        collate: Makes a batch of them.
        held_out: Batches with masks that never change; their loss does not depend on how they are packed.
    """

    examples: Examples
    collate: Callable[[Sequence[Example]], Batch]
    held_out: list[Batch]


def masked_text(base: Artifact, corpus: Artifact, params: MaskedTextParams, out: Workspace) -> MaskedText:
    """Opens a corpus for a base model.

    Args:
        base: A base_model artifact: its tokenizer, and how it counts positions.
        corpus: A corpus artifact, encoded with that tokenizer.
        params: Rows, masks and seed.
        out: Where is logged what differs from what was asked for.

    Raises:
        JobError: If there is no text to train on or to hold out, or whole words cannot be told.
    """
    tokenizer = load_tokenizer(base.path / "model")
    shape = _batch_shape(base, tokenizer, params, out)
    windows = WindowShape(tokenizer.cls_token_id, tokenizer.sep_token_id, shape.room, params.packing == "documents")
    masking = masking_for(tokenizer, params.mlm_probability, params.whole_word_share)
    train, held_out = (
        MaskedWindows(CorpusWindows(corpus.path / file, windows), masking, params.seed)
        for file in ("train.arrow", "heldout.arrow")
    )
    for part, found in (("train on", train), ("hold out", held_out)):
        if len(found) == 0:
            language = corpus.facts["language"]
            raise JobError(f"the corpus of {language} is too small: no line to {part}.", "Bring more text.")
    return MaskedText(
        examples=FilledRows(train, shape.room) if params.packing == "documents" else train,
        collate=shape.batch,
        held_out=held_out_batches(held_out, params.max_eval_samples, params.per_device_eval_batch_size, shape),
    )


def _batch_shape(base: Artifact, tokenizer: Any, params: MaskedTextParams, out: Workspace) -> BatchShape:
    room = min(params.max_length, base.facts["max_length"])
    if room < params.max_length:
        out.log.info("rows have at most %d tokens: more does not fit into the base model", room)
    config = AutoConfig.from_pretrained(base.path / "model", local_files_only=True)
    first = first_position(config.model_type, config.pad_token_id)
    if first is None and params.packing == "documents":
        raise JobError(
            f"packing: documents needs a base model that takes positions, which {config.model_type} does not.",
            "Set packing of this stage to lines or none.",
        )
    if first is None and params.packing == "lines":
        out.log.info("lines are padded, not packed, which is slower: %s takes no positions", config.model_type)
    return BatchShape(
        room=room,
        pad_id=tokenizer.pad_token_id,
        first=None if params.packing == "none" else first,
        repack=params.packing == "lines",
    )
