"""The prediction head for dependency trees: every word scored as the head of every other, for each relation.

It is the library's head with the library's weights and config, saved and loaded as such: the biaffine attention of
Dozat and Manning 2017 directly on the words' vectors, as Glavaš and Vulić 2021 (EACL) and the successors of MAD-X
use it. A word is the mean of its pieces; the first token stands for the root.

What it computes is its own, because the library's forward pass takes the id of the padding token for a mark of
padding where it means places in the sentence: with XLM-R (id 1) it loses the first word and learns from no word
whose head is the first, with BERT (id 0) it learns from no root. It also counts padding among the possible heads,
and fails on batches of one word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from adapters.heads import BiaffineParsingHead
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers.modeling_outputs import TokenClassifierOutput

if TYPE_CHECKING:
    from madx_pipeline.adapter_model.base import AdapterModel


class ParsingHead(BiaffineParsingHead):  # type: ignore[misc]  # adapters carries no types
    """Scores for heads and relations."""

    def forward(
        self, outputs: Any, cls_output: Any = None, attention_mask: Any = None, return_dict: bool = False, **given: Any
    ) -> Any:
        """Scores of all heads and relations, and the loss if there are labels.

        Args:
            outputs: The base model's; the first is (batch, length, hidden).
            cls_output: Not used.
            attention_mask: Not used: what is a word is said by `word_ids`.
            return_dict: Whether to return an object with `loss` and `logits`.
            **given: `word_ids` (batch, length): which word of its sentence a token belongs to, -1 for none.
                `labels` (batch, 2, words or more): the head of each word (0 is the root, words count from 1), then
                the id of its relation; below 0 (-100, torch's `ignore_index`) where one is not to be learnt.

        Returns:
            Logits (batch, words, 1 + words, 1 + relations). Of a word (second dimension) and a head (third; 0 is the
            root), the first is the score of the head and the others are those of the relations, given that head.
            The score of what cannot be a head, the word itself or padding, is the smallest number there is.
        """
        pieces: Tensor = self.dropout(outputs[0])
        words, there = word_vectors(pieces, given["word_ids"])  # (batch, words, hidden), (batch, words)
        heads = torch.cat([pieces[:, :1], words], dim=1)
        arcs = self.biaffine_arcs(words, heads).squeeze(1)  # (batch, words, 1 + words)
        arcs = arcs.masked_fill(~_possible(there), torch.finfo(arcs.dtype).min)
        relations = self.biaffine_rels(words, heads).permute(0, 2, 3, 1)
        labels: Tensor | None = given.get("labels")
        loss = None if labels is None else _loss(arcs, relations, labels[..., : words.shape[1]])
        logits = torch.cat([arcs[..., None], relations], dim=-1)
        if return_dict:
            return TokenClassifierOutput(loss=loss, logits=logits)
        return (logits, *outputs[1:]) if loss is None else (loss, logits, *outputs[1:])


def add_parsing_head(model: AdapterModel, name: str, labels: Sequence[str]) -> None:
    """Adds a freshly initialised head for these relations."""
    names = dict(enumerate(labels))
    model.add_prediction_head(ParsingHead(model, name, num_labels=len(labels), id2label=names))


def word_vectors(pieces: Tensor, word_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Each word as the mean of its pieces.

    Args:
        pieces: Shape (batch, length, hidden).
        word_ids: Shape (batch, length); -1 for tokens of no word.

    Returns:
        Vectors (batch, words, hidden), 0 where a sentence has fewer words; and where there is one (batch, words).
    """
    numbers = torch.arange(int(word_ids.max()) + 1, device=word_ids.device)
    belongs = word_ids[:, None, :] == numbers[:, None]  # (batch, words, length)
    sizes = belongs.sum(dim=-1, keepdim=True)  # (batch, words, 1)
    shares = belongs / sizes.clamp(min=1)
    return torch.bmm(shares.to(pieces.dtype), pieces), sizes[..., 0] > 0


def _possible(there: Tensor) -> Tensor:
    """Which words (or the root, first) can be the head of a word.

    Args:
        there: Which words there are; shape (batch, words).

    Returns:
        Shape (batch, words, 1 + words).
    """
    others = ~torch.eye(there.shape[1], dtype=torch.bool, device=there.device)
    root = there.new_ones(len(there), there.shape[1], 1)
    return torch.cat([root, there[:, None, :] & others], dim=-1)


def _loss(arcs: Tensor, relations: Tensor, labels: Tensor) -> Tensor:
    """The mean over words of two cross-entropies: that of the head, and that of the relation given the true head."""
    heads, kinds = labels.unbind(dim=1)  # (batch, words) each
    known = heads >= 0
    chosen = heads[known]  # (known,)
    true = relations[known][torch.arange(len(chosen), device=chosen.device), chosen]  # (known, relations)
    losses = cross_entropy(arcs[known], chosen, reduction="sum")
    losses = losses + cross_entropy(true, kinds[known], reduction="sum")
    return losses / max(len(chosen), 1)
