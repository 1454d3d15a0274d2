"""The loss of masked language modelling on a held-out part with fixed masks."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from madx_pipeline.adapter_model import AdapterModel
from madx_pipeline.errors import JobError
from madx_pipeline.masked_lm.masking import IGNORED
from madx_pipeline.masked_lm.packing import Batch


def masked_lm_loss(model: AdapterModel, batches: Iterable[Batch]) -> float:
    """Mean cross-entropy in nats over all masked tokens of the batches, the model in eval mode.

    Raises:
        JobError: If nothing is masked in any of them.
    """
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in batches:
            tokens = int((batch["labels"] != IGNORED).sum())
            if tokens == 0:  # the model's mean over no token is NaN
                continue
            on_device = {name: tensor.to(model.device) for name, tensor in batch.items()}
            total += float(model(**on_device, return_dict=True).loss) * tokens
            count += tokens
    if count == 0:
        raise JobError("no token of the held-out text is masked: there is no loss to measure.", "Bring more text.")
    return total / count
