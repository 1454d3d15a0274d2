"""Masks for masked language modelling, as a pure function of a row and a random generator.

A row here is one window of text, masked before it is packed with others. In it either single tokens or whole
words are masked. Of the chosen tokens 80% become the mask token, 10%
another token, 10% stay (Devlin et al. 2019, section 3.1). Surprising: a row always has at least one chosen
token, since the loss of a batch without any is NaN; a row of special tokens alone has one of these chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from madx_pipeline.errors import JobError

Ids = NDArray[np.int64]
Flags = NDArray[np.bool_]

IGNORED = -100
"""Label of a token that does not count in the loss."""

_SHARE_MASKED = 0.8
_SHARE_REPLACED = 0.1
_LONGEST_WORD = 16
"""Words of more pieces, as in scripts without spaces, are masked piece by piece."""

_MARKED_STARTS = ("▁", "Ġ")
_MARKED_CONTINUATION = "##"
_SMALLEST_SHARE = 0.01
"""A mark that fewer pieces of a vocabulary carry is not how it marks words."""


@dataclass(frozen=True)
class Masking:
    """How rows are masked.

    Attributes:
        mask_id: The mask token.
        structural: Tokens (start, end, padding, mask) chosen only in rows of nothing else, by id, (vocabulary,).
        unknown: The unknown token, by id, chosen only where there is nothing else, (vocabulary,).
        starts_word: Tokens that begin a word, by id, (vocabulary,).
        replacements: Ids that may take a chosen token's place.
        probability: Share of the tokens that are chosen.
        whole_word_share: Share of the rows in which whole words are chosen.
    """

    mask_id: int
    structural: Flags
    unknown: Flags
    starts_word: Flags
    replacements: Ids
    probability: float
    whole_word_share: float


def masking_for(tokenizer: Any, probability: float, whole_word_share: float) -> Masking:
    """The masking for a tokenizer's vocabulary.

    Raises:
        JobError: If whole words are asked for and the vocabulary does not mark them.
    """
    size = len(tokenizer)
    special, unknown = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    special[list(tokenizer.all_special_ids)] = True
    if tokenizer.unk_token_id is not None:
        unknown[tokenizer.unk_token_id] = True
    starts = word_starts(tokenizer.convert_ids_to_tokens(range(size)))
    if starts is None and whole_word_share > 0:
        raise JobError(
            "the tokenizer does not mark where words begin, so whole words cannot be masked.",
            "Set whole_word_share to 0.",
        )
    return Masking(
        mask_id=tokenizer.mask_token_id,
        structural=special & ~unknown,
        unknown=unknown,
        starts_word=starts if starts is not None else np.ones(size, dtype=bool),
        replacements=np.flatnonzero(~special),
        probability=probability,
        whole_word_share=whole_word_share,
    )


def word_starts(pieces: list[str]) -> Flags | None:
    """Which pieces of a vocabulary begin a word: ▁ or Ġ at the front, or no ## where others have it.

    Returns:
        (vocabulary,) or None if the vocabulary does not mark words.
    """
    starting = {mark: [piece.startswith(mark) for piece in pieces] for mark in _MARKED_STARTS}
    continuing = [piece.startswith(_MARKED_CONTINUATION) for piece in pieces]
    best = max(_MARKED_STARTS, key=lambda mark: sum(starting[mark]))
    if max(sum(starting[best]), sum(continuing)) < _SMALLEST_SHARE * len(pieces):
        return None
    if sum(continuing) > sum(starting[best]):
        return ~np.array(continuing)
    return np.array(starting[best])


def mask_row(ids: Ids, masking: Masking, generator: np.random.Generator) -> tuple[Ids, Ids]:
    """Masks one row.

    Args:
        ids: Token ids with special tokens, (length,).
        masking: How.
        generator: Where all randomness comes from.

    Returns:
        Input ids and labels, both (length,); a label is -100 where nothing is to be predicted.
    """
    by_word = generator.random() < masking.whole_word_share
    units = _words(ids, masking) if by_word else np.arange(len(ids))
    maskable = _maskable(ids, masking)
    drawn = generator.random(len(ids))[units]  # all pieces of a word share the draw of its first
    chosen = (drawn < masking.probability) & maskable
    one = generator.random()
    if not chosen.any():
        candidates = np.flatnonzero(maskable)
        chosen = (units == units[candidates[int(one * len(candidates))]]) & maskable
    fate = generator.random(len(ids))
    others = masking.replacements[generator.integers(len(masking.replacements), size=len(ids))]
    inputs = ids.copy()
    inputs[chosen & (fate < _SHARE_MASKED)] = masking.mask_id
    replaced = chosen & (fate >= _SHARE_MASKED) & (fate < _SHARE_MASKED + _SHARE_REPLACED)
    inputs[replaced] = others[replaced]
    return inputs, np.where(chosen, ids, IGNORED)


def _maskable(ids: Ids, masking: Masking) -> Flags:
    text: Flags = ~masking.structural[ids]
    known: Flags = text & ~masking.unknown[ids]
    if known.any():
        return known
    return text if text.any() else np.ones(len(ids), dtype=bool)


def _words(ids: Ids, masking: Masking) -> Ids:
    """For each token the place of the first token of its word; its own place in very long words."""
    structural = masking.structural[ids]
    starts = masking.starts_word[ids] | structural
    starts[0] = True
    starts[1:] |= structural[:-1]
    word = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)[word]
    too_long = np.bincount(word)[word] > _LONGEST_WORD
    places: Ids = np.where(too_long, np.arange(len(ids)), first)
    return places
