"""The prediction head for answers that are pieces of a text: two scores a token, for start and end.

It is the library's head with the library's weights and config, saved and loaded as such. Two things differ in how it
is called: padding takes no part in the choice of a token (with it, the loss would depend on what other rows a batch
holds), and the loss is asked for by `labels`, as of every other head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from adapters import QuestionAnsweringHead
from torch import Tensor
from transformers.modeling_outputs import TokenClassifierOutput

if TYPE_CHECKING:
    from madx_pipeline.adapter_model.base import AdapterModel


class SpanHead(QuestionAnsweringHead):  # type: ignore[misc]  # adapters carries no types
    """Scores for the start and the end of an answer."""

    def forward(
        self, outputs: Any, cls_output: Any = None, attention_mask: Any = None, return_dict: bool = False, **given: Any
    ) -> Any:
        """Logits (batch, length, 2), and the mean loss over starts and ends if `labels` (batch, 2) are given."""
        logits: Tensor = outputs[0]
        for layer in self:
            logits = layer(logits)
        if attention_mask is not None:
            padding = attention_mask[..., None] == 0  # (batch, length, 1)
            logits = logits.masked_fill(padding, torch.finfo(logits.dtype).min)
        labels: Tensor | None = given.get("labels")
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        if return_dict:
            return TokenClassifierOutput(loss=loss, logits=logits)
        return (logits, *outputs[1:]) if loss is None else (loss, logits, *outputs[1:])


def add_span_head(model: AdapterModel, name: str, labels: Sequence[str]) -> None:
    """Adds a freshly initialised head; `labels` name its two scores, in this order."""
    model.add_prediction_head(SpanHead(model, name, id2label=dict(enumerate(labels))))
