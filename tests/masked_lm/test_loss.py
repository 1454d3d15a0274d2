"""Our masked-LM loss, against plain transformers and against MAD-X computed by hand from the saved weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM

from madx_pipeline.adapter_model import (
    AdapterModel,
    AdapterShape,
    add_adapter,
    load_language_model,
    save_adapter,
    set_stack,
)
from madx_pipeline.errors import JobError
from madx_pipeline.masked_lm.batches import BatchShape, MaskedWindows, held_out_batches
from madx_pipeline.masked_lm.loss import masked_lm_loss
from madx_pipeline.masked_lm.masking import IGNORED, masking_for
from madx_pipeline.masked_lm.packing import Batch
from madx_pipeline.masked_lm.windows import CorpusWindows, WindowShape
from tests.model_builders import MODEL_TYPES, corpus_of, random_ids, save_tiny_base, tiny_tokenizer

NAME = "language_xx"
MADX = AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)


PADDED = BatchShape(room=32, pad_id=1, first=None, repack=False)


def batches(folder: Path) -> list[Batch]:
    ids = random_ids(20, 20).tolist()
    corpus_of(folder, [line[: 3 + number] for number, line in enumerate(ids)], [])
    windows = CorpusWindows(folder / "train.arrow", WindowShape(0, 2, 32, full=False))
    held_out = MaskedWindows(windows, masking_for(tiny_tokenizer(), 0.3, 0.5), seed=0)
    return held_out_batches(held_out, most=20, batch_size=4, shape=PADDED)


def with_strong_adapter(folder: Path, leave_out: tuple[int, ...] = ()) -> AdapterModel:
    """A language model whose adapter is far from the identity, as a fresh one is not."""
    model = load_language_model(folder, "tiny")
    add_adapter(model, NAME, AdapterShape("seq_bn", 2, leave_out, "relu", "nice", 2), seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for name, parameter in model.named_parameters():
            if f"adapters.{NAME}." in name:
                nn.init.normal_(parameter, std=0.3)
    set_stack(model, [NAME])
    return model


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_without_adapter_the_loss_is_the_plain_masked_lm_loss(tmp_path: Path, model_type: str) -> None:
    save_tiny_base(tmp_path, model_type)
    ours, plain = load_language_model(tmp_path, "tiny"), AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    for batch in batches(tmp_path / "corpus"):
        with torch.no_grad():
            torch.testing.assert_close(ours(**batch, return_dict=True).loss, plain(**batch).loss, rtol=1e-6, atol=0)


def test_batches_without_anything_masked_count_for_nothing_and_alone_are_an_error(tmp_path: Path) -> None:
    save_tiny_base(tmp_path)
    model, found = load_language_model(tmp_path, "tiny"), batches(tmp_path / "corpus")
    nothing = found[0] | {"labels": torch.full_like(found[0]["labels"], IGNORED)}
    assert masked_lm_loss(model, [nothing, *found]) == masked_lm_loss(model, found)
    with pytest.raises(JobError, match="no token of the held-out text is masked"):
        masked_lm_loss(model, [nothing])


@pytest.mark.parametrize("model_type", ["xlm-roberta", "roberta", "bert"])
@pytest.mark.parametrize("leave_out", [(), (2,)], ids=["MAD-X", "MAD-X 2.0"])
def test_with_adapter_the_loss_is_madx_computed_by_hand(
    tmp_path: Path, model_type: str, leave_out: tuple[int, ...]
) -> None:
    save_tiny_base(tmp_path, model_type)
    model = with_strong_adapter(tmp_path, leave_out)
    save_adapter(model, NAME, tmp_path / "adapter", with_head=False)
    by_hand = MadxByHand(tmp_path, model_type, load_file(tmp_path / "adapter" / "adapter.safetensors"))
    for batch in batches(tmp_path / "corpus"):
        with torch.no_grad():
            ours = model(**batch, return_dict=True).loss
            expected = by_hand.loss(batch)
            plain = by_hand.plain(**batch).loss
        assert abs(float(ours - expected)) < 1e-5
        assert abs(float(ours - plain)) > 1e-4


class MadxByHand:
    """Embedding, forward NICE, layers with bottlenecks, head dense, inverse NICE, decoder with bias."""

    def __init__(self, base: Path, model_type: str, adapter: dict[str, Tensor]) -> None:
        self.plain: Any = AutoModelForMaskedLM.from_pretrained(base, attn_implementation="eager").eval()
        self.body: Any = self.plain.base_model
        self.adapter = {name.split(".", 1)[1].replace(f".{NAME}", ""): tensor for name, tensor in adapter.items()}
        if model_type == "bert":
            head = self.plain.cls.predictions
            self.transform, self.decoder = head.transform, head.decoder
        else:
            head = self.plain.lm_head
            self.transform = nn.Sequential(head.dense, nn.GELU(), head.layer_norm)
            self.decoder = head.decoder

    def loss(self, batch: Batch) -> Tensor:
        mask = (1.0 - batch["attention_mask"][:, None, None, :].float()) * torch.finfo(torch.float32).min
        hidden = self.nice(self.body.embeddings(input_ids=batch["input_ids"]))
        for number, layer in enumerate(self.body.encoder.layer):
            hidden = self.layer(hidden, layer, number, mask)
        logits = self.decoder(self.nice_inverse(self.transform(hidden)))
        return nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED)

    def layer(self, hidden: Tensor, layer: Any, number: int, mask: Tensor) -> Tensor:
        attended = layer.attention(hidden, attention_mask=mask)[0]
        output = layer.output.dense(layer.intermediate(attended))
        name = f"encoder.layer.{number}.output.adapters"
        if f"{name}.adapter_up.weight" in self.adapter:
            down = self.linear(f"{name}.adapter_down.0", layer.output.LayerNorm(output + attended)).relu()
            output = self.linear(f"{name}.adapter_up", down) + output
        normed: Tensor = layer.output.LayerNorm(output + attended)
        return normed

    def nice(self, hidden: Tensor) -> Tensor:
        first, second = hidden.chunk(2, dim=-1)
        first = first + self.coupling("F", second)
        second = second + self.coupling("G", first)
        return torch.cat((first, second), dim=-1)

    def nice_inverse(self, hidden: Tensor) -> Tensor:
        first, second = hidden.chunk(2, dim=-1)
        second = second - self.coupling("G", first)
        first = first - self.coupling("F", second)
        return torch.cat((first, second), dim=-1)

    def coupling(self, part: str, half: Tensor) -> Tensor:
        return self.linear(f"invertible_adapters.{part}.2", self.linear(f"invertible_adapters.{part}.0", half).relu())

    def linear(self, name: str, values: Tensor) -> Tensor:
        return nn.functional.linear(values, self.adapter[f"{name}.weight"], self.adapter[f"{name}.bias"])
