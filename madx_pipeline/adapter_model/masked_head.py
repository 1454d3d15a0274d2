"""The masked-LM head where there is something to predict: it computes the loss at the masked positions alone.

On XLM-R base the library's head costs two thirds of a training step and most of its memory: a distribution
over 250,000 words for every token, 85% of which have no label. Here the hidden states with a label are gathered
as soon as nothing else reads the others, which is after the attention of the last layer; the rest of that layer, the
head's own layers, the inverse of the invertible adapter and the decoder then see only those rows, in the library's
order. While the decoder is frozen its logits never exist as a whole.

Everything else is the library's forward pass, so a model is called like any other (`model(**batch).loss`),
under autocast and inside DistributedDataParallel too. Surprising: with `labels` there are no logits in the
output, and its last hidden states are those with a label; without `labels` the head is the library's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from adapters.heads import BertStyleMaskedLMHead
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear
from transformers.modeling_outputs import MaskedLMOutput

if TYPE_CHECKING:
    from madx_pipeline.adapter_model.base import AdapterModel

_IGNORED = -100
"""The label of a position where nothing is to be predicted, as in `torch.nn.functional.cross_entropy`."""

_WORDS = 8192
"""Words of the vocabulary in a chunk. Chunks of rows are slower (each reads the whole decoder): measured on a
CPU at 307 rows x 250,002 words, 2,048 to 32,768 words take 0.62 to 0.75 of the unchunked time, 64 rows 1.31."""


def predict_only_masked(model: AdapterModel, head: str) -> None:
    """Lets a masked-LM head compute its loss at the masked positions alone, and the model take block masks.

    With labels the last layer goes on, after its attention, with the labelled tokens alone (not in DistilBERT).

    A block mask is an `attention_mask` of (batch, length, length) that keeps texts packed into a row apart;
    each text needs `position_ids` that begin anew.

    Args:
        model: The model.
        head: Name of a masked-LM head in it; it keeps its weights, which may be tied to the embeddings.
    """
    model.heads[head].__class__ = MaskedPositionsHead  # weights, ties and mode stay as the library made them
    model.base_model.register_forward_pre_hook(_unflattened_mask, with_kwargs=True)
    if hasattr(model.base_model, "encoder"):  # BERT and those after it; DistilBERT has other names for its parts
        only_labelled = _OnlyLabelled(head)
        model.register_forward_pre_hook(only_labelled.begin, with_kwargs=True)
        model.base_model.encoder.layer[-1].attention.output.register_forward_pre_hook(only_labelled.gather)
        model.register_forward_hook(only_labelled.end, always_call=True)


class _OnlyLabelled:
    """Hooks that leave of the last layer, once its attention has read all tokens, only those with a label."""

    def __init__(self, head: str) -> None:
        self._head = head
        self._places: Tensor | None = None

    def begin(self, model: AdapterModel, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Before the model's forward pass: which tokens these are. Without any, or with another head, all stay.

        The library's `AdapterSetup`, which could choose yet another head, is not used in this package.
        """
        labels, head = named.get("labels"), named.get("head") or model.active_head
        ours = head == self._head and isinstance(model.heads[head], MaskedPositionsHead)
        places = _labelled(labels) if ours and labels is not None else None
        self._places = None if places is None or len(places) == 0 else places

    def gather(self, output: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        """Before what follows attention, from where on no token reads another: all (batch, length, hidden)."""
        if self._places is None:
            return None
        return tuple(_gathered(states, self._places) for states in arguments)

    def end(self, *unused: Any) -> None:
        """After the model's forward pass, also one that failed."""
        self._places = None


def _labelled(labels: Tensor) -> Tensor:
    """Places of the labels in (batch * length) that count, (masked)."""
    return (labels.flatten() != _IGNORED).nonzero().squeeze(1)


def _gathered(states: Tensor, places: Tensor) -> Tensor:
    """Some of (batch, length, hidden), as (1, places, hidden)."""
    return states.flatten(0, 1).index_select(0, places)[None]


class MaskedPositionsHead(BertStyleMaskedLMHead):  # type: ignore[misc]  # adapters carries no types
    """The library's masked-LM head, given only the rows that have a label."""

    def forward(self, outputs: Any, *unused: Any, labels: Tensor | None = None, **named: Any) -> Any:
        """Mean cross-entropy in nats over the labelled positions; NaN if there is none.

        Args:
            outputs: What the base model gave; first its hidden states, (batch, length, hidden) or (1, masked, hidden).
            unused: What the library passes to every head.
            labels: (batch, length), -100 where nothing is to be predicted. None for all logits.
            named: `invertible_adapter`, if an active adapter has one.
        """
        if labels is None:
            return super().forward(outputs, *unused, **named)
        places, hidden = _labelled(labels), outputs[0]
        if hidden.shape[:2].numel() != len(places):
            hidden = _gathered(hidden, places)
        *layers, decoder = self
        for layer in layers:
            hidden = layer(hidden)
        if named.get("invertible_adapter") is not None:
            hidden = named["invertible_adapter"](hidden, rev=True)
        return MaskedLMOutput(loss=decoder_loss(hidden.flatten(0, 1), decoder, labels.flatten()[places]))


def decoder_loss(hidden: Tensor, decoder: nn.Linear, labels: Tensor) -> Tensor:
    """Mean cross-entropy of `decoder(hidden)`, in float32 or better.

    With a frozen decoder neither the logits nor their gradient exist as a whole; a decoder that trains needs both.

    Args:
        hidden: (rows, hidden)
        decoder: From hidden to vocabulary.
        labels: (rows)
    """
    if torch.is_grad_enabled() and any(parameter.requires_grad for parameter in decoder.parameters()):
        return cross_entropy(decoder(hidden), labels)
    trains = torch.is_grad_enabled() and hidden.requires_grad
    apply: Any = _FrozenDecoderLoss.apply
    loss: Tensor = apply(hidden, decoder.weight, decoder.bias, labels, trains)
    return loss


class _FrozenDecoderLoss(torch.autograd.Function):
    """Cross-entropy over chunks of the vocabulary, its gradient computed on the way.

    Softmax over chunks as in FlashAttention (Dao et al. 2022, section 3.1): sums are kept relative to the
    largest logit so far, and rescaled when a larger one comes.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor, trains: bool) -> Tensor:
        wide = torch.promote_types(hidden.dtype, torch.float32)
        own = torch.zeros(len(hidden), 1, dtype=wide, device=hidden.device)  # the logit of the label
        largest, total = torch.full_like(own, -torch.inf), torch.zeros_like(own)
        mean = torch.zeros(hidden.shape, dtype=wide, device=hidden.device)  # of the decoder's rows, by probability
        for start in range(0, len(weight), _WORDS):
            chunk = weight[start : start + _WORDS]  # (words, hidden)
            logits = linear(hidden, chunk, None if bias is None else bias[start : start + _WORDS])
            found = logits.to(wide)  # (rows, words)
            place = labels[:, None] - start
            here = (place >= 0) & (place < len(chunk))
            own = torch.where(here, found.gather(1, place.clamp(0, len(chunk) - 1)), own)
            before, largest = largest, torch.maximum(largest, found.amax(1, keepdim=True))
            rescale = (before - largest).exp()
            odds = (found - largest).exp_()
            total = total * rescale + odds.sum(1, keepdim=True)
            if trains:
                mean = mean * rescale + odds.to(logits.dtype) @ chunk
        if trains:
            gradient = (mean / total - weight[labels].to(logits.dtype)) / len(hidden)
            ctx.save_for_backward(gradient.to(hidden.dtype))
        loss: Tensor = (largest + total.log() - own).mean()
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None, None]:
        """The gradient of the hidden rows; neither the decoder's nor a second derivative."""
        if torch.is_grad_enabled():  # as it is under create_graph=True alone
            raise RuntimeError("the loss over a frozen decoder has no second derivative")
        (gradient,) = ctx.saved_tensors
        return upstream.to(gradient.dtype) * gradient, None, None, None, None


def _unflattened_mask(
    base_model: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The library flattens a block mask to (batch * length, length) before the base model, which would take it."""
    mask = named.get("attention_mask")
    input_ids = arguments[0] if arguments else named["input_ids"]
    rows, length = input_ids.shape
    if mask is not None and mask.shape == (rows * length, length) and length > 1:
        named = named | {"attention_mask": mask.view(rows, length, length)}
    return arguments, named
