"""Our masked-LM loss, against plain transformers and against MAD-X computed by hand from the saved weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
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
from madx_pipeline.masked_lm.loss import Batch, MaskedRows, held_out_batches, masked_lm_loss, pad
from madx_pipeline.masked_lm.masking import IGNORED, masking_for
from madx_pipeline.masked_lm.rows import CorpusRows, RowShape
from tests.model_builders import MODEL_TYPES, corpus_of, random_ids, save_tiny_base, tiny_tokenizer

NAME = "language_xx"
MADX = AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)


def masked_rows(folder: Path, lines: int = 20, seed: int = 0) -> MaskedRows:
    ids = random_ids(lines, 20, seed=seed).tolist()
    corpus_of(folder, [line[: 3 + number] for number, line in enumerate(ids)], [])
    rows = CorpusRows(folder / "train.arrow", RowShape(0, 2, 32, True))
    return MaskedRows(rows, masking_for(tiny_tokenizer(), 0.3, 0.5), seed)


def batches(folder: Path) -> list[Batch]:
    return held_out_batches(masked_rows(folder), most=20, batch_size=4, pad_id=1)


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
def test_without_adapter_the_loss_is_the_plain_masked_lm_loss_bit_for_bit(tmp_path: Path, model_type: str) -> None:
    save_tiny_base(tmp_path, model_type)
    ours, plain = load_language_model(tmp_path, "tiny"), AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    for batch in batches(tmp_path / "corpus"):
        with torch.no_grad():
            assert torch.equal(ours(**batch, return_dict=True).loss, plain(**batch).loss)


def test_batches_without_anything_masked_count_for_nothing_and_alone_are_an_error(tmp_path: Path) -> None:
    save_tiny_base(tmp_path)
    model, found = load_language_model(tmp_path, "tiny"), batches(tmp_path / "corpus")
    nothing = found[0] | {"labels": torch.full_like(found[0]["labels"], IGNORED)}
    assert masked_lm_loss(model, [nothing, *found]) == masked_lm_loss(model, found)
    with pytest.raises(JobError, match="no token of the held-out text is masked"):
        masked_lm_loss(model, [nothing])


@pytest.mark.parametrize("model_type", ["xlm-roberta", "bert"])
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


def test_a_padded_batch_has_mask_and_labels_only_where_there_is_text() -> None:
    short = {"input_ids": np.array([0, 4, 2]), "labels": np.array([IGNORED, 9, IGNORED])}
    long = {"input_ids": np.array([0, 7, 4, 8, 2]), "labels": np.array([IGNORED, IGNORED, 6, IGNORED, IGNORED])}
    batch = pad([short, long], pad_id=1)
    assert batch["input_ids"].tolist() == [[0, 4, 2, 1, 1], [0, 7, 4, 8, 2]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch["labels"].tolist() == [[-100, 9, -100, -100, -100], [-100, -100, 6, -100, -100]]


def test_masks_of_training_rows_depend_on_seed_and_position_and_change_each_time_a_row_is_shown(
    tmp_path: Path,
) -> None:
    rows, others = masked_rows(tmp_path / "a"), masked_rows(tmp_path / "b", seed=0)
    again = MaskedRows(others.rows, others.masking, seed=1)
    shown = [rows.example(19, position)["input_ids"].tolist() for position in range(5)]
    assert [others.example(19, position)["input_ids"].tolist() for position in range(5)] == shown
    assert len({tuple(row) for row in shown}) > 1
    assert [again.example(19, position)["input_ids"].tolist() for position in range(5)] != shown


def test_held_out_masks_never_change_and_no_more_rows_are_used_than_asked_for(tmp_path: Path) -> None:
    rows = masked_rows(tmp_path)
    first, again = (held_out_batches(rows, most=7, batch_size=3, pad_id=1) for _ in range(2))
    assert [len(batch["labels"]) for batch in first] == [3, 3, 1]
    assert all(torch.equal(one[name], two[name]) for one, two in zip(first, again, strict=True) for name in one)


def test_the_held_out_loss_is_the_mean_over_masked_tokens_however_the_rows_are_batched(tmp_path: Path) -> None:
    save_tiny_base(tmp_path)
    model, rows = load_language_model(tmp_path, "tiny"), masked_rows(tmp_path / "corpus")
    losses = [masked_lm_loss(model, held_out_batches(rows, 20, size, pad_id=1)) for size in (1, 3, 20)]
    assert losses == pytest.approx([losses[0]] * 3, abs=1e-5)
