"""The head at masked positions against the library's own head over all positions: same loss, same gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from adapters.heads import BertStyleMaskedLMHead
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.operations import least_operations
from benchmarks.random_model import Size
from benchmarks.watch import ATTENTION
from madx_pipeline.adapter_model import (
    LANGUAGE_MODEL_HEAD,
    AdapterModel,
    AdapterShape,
    add_adapter,
    count_invertible_calls,
    load_language_model,
    masked_head,
    train_everything,
    train_only,
)
from madx_pipeline.adapter_model.masked_head import decoder_loss
from madx_pipeline.masked_lm import packing
from madx_pipeline.masked_lm.batches import BatchShape
from tests.model_builders import MODEL_TYPES, PIECES, random_ids, save_tiny_base

NAME = "language_xx"
VOCABULARY = len(PIECES)
WITH_INVERSE = AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)
WITHOUT_INVERSE = AdapterShape("seq_bn", 2)
NO_DROPOUT: dict[str, dict[str, Any]] = {
    "xlm-roberta": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    "roberta": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    "bert": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    "distilbert": {"dropout": 0.0, "attention_dropout": 0.0},
}
Found = tuple[Tensor, dict[str, Tensor]]


@pytest.fixture(autouse=True)
def _several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny vocabulary of 78 words in chunks of 16, the last one smaller."""
    monkeypatch.setattr(masked_head, "_WORDS", 16)


def training_model(folder: Path, model_type: str = "xlm-roberta", shape: AdapterShape = WITH_INVERSE) -> AdapterModel:
    """A language model whose adapter is far from the identity, and trains; without dropout."""
    save_tiny_base(folder, model_type, **NO_DROPOUT[model_type])
    model = load_language_model(folder, "tiny")
    add_adapter(model, NAME, shape, seed=0)
    train_only(model, NAME, [NAME])
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(5)
        for parameter in model.parameters():
            if parameter.requires_grad:
                nn.init.normal_(parameter, std=0.2)
    return model


def masked_batch(rows: int = 4, length: int = 12) -> dict[str, Tensor]:
    """A batch with padding; every third token has a label."""
    ids = random_ids(rows, length)
    mask = torch.ones_like(ids)
    mask[-1, length // 2 :] = 0
    ids[mask == 0] = 1
    labels = torch.where((torch.arange(length) % 3 == 1) & (mask == 1), ids, -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def loss_and_gradients(model: AdapterModel, batch: dict[str, Tensor]) -> Found:
    model.zero_grad()
    loss = model(**batch).loss
    loss.backward()
    return loss.detach(), {
        name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None
    }


def with_the_librarys_head(model: AdapterModel) -> AdapterModel:
    model.heads[LANGUAGE_MODEL_HEAD].__class__ = BertStyleMaskedLMHead
    return model


def assert_same(ours: Found, theirs: Found, tolerance: float) -> None:
    assert ours[1].keys() == theirs[1].keys()
    assert abs(ours[0] - theirs[0]) <= tolerance * abs(theirs[0])
    for name, gradient in theirs[1].items():
        assert gradient.abs().max() > 0, name
        assert (ours[1][name] - gradient).abs().max() <= tolerance * max(1.0, float(gradient.abs().max())), name


# The same result


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("shape", [WITH_INVERSE, WITHOUT_INVERSE], ids=["inverse", "no inverse"])
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_loss_and_adapter_gradients_equal_those_of_the_librarys_head(
    tmp_path: Path, model_type: str, shape: AdapterShape, dtype: torch.dtype, tolerance: float
) -> None:
    model = training_model(tmp_path, model_type, shape).to(dtype)
    ours = loss_and_gradients(model, masked_batch())
    assert all(f"adapters.{NAME}." in name for name in ours[1])
    assert_same(ours, loss_and_gradients(with_the_librarys_head(model), masked_batch()), tolerance)


def test_where_the_decoder_trains_its_gradients_are_the_librarys_too(tmp_path: Path) -> None:
    model = training_model(tmp_path).double()
    train_everything(model, LANGUAGE_MODEL_HEAD)
    model.delete_adapter(NAME)
    ours = loss_and_gradients(model, masked_batch())
    decoder = [name for name in ours[1] if name.startswith("heads.") and ours[1][name].shape == (VOCABULARY,)]
    assert decoder, "the bias of the decoder has a gradient"
    assert ours[1]["roberta.embeddings.word_embeddings.weight"].abs().sum(1).gt(0).all(), "every word, as output"
    theirs = loss_and_gradients(with_the_librarys_head(model), masked_batch())
    used = {name for name, gradient in theirs[1].items() if gradient.abs().max() > 0}
    assert_same((ours[0], {name: ours[1][name] for name in used}), (theirs[0], {n: theirs[1][n] for n in used}), 1e-12)


def test_under_autocast_the_result_is_as_far_from_float64_as_the_librarys(tmp_path: Path) -> None:
    model = training_model(tmp_path)
    with torch.autocast("cpu", torch.bfloat16):
        ours = loss_and_gradients(model, masked_batch())
        theirs = loss_and_gradients(with_the_librarys_head(model), masked_batch())
    exact = loss_and_gradients(model.double(), masked_batch())
    assert ours[0].dtype == theirs[0].dtype == torch.float32
    assert abs(ours[0] - theirs[0]) <= 1e-5, "logits of bfloat16, cross-entropy in float32"

    def distance(found: Found) -> float:
        return float(sum((found[1][name] - gradient).norm() for name, gradient in exact[1].items()))

    assert distance(ours) <= 1.5 * distance(theirs)


def test_chunks_give_the_cross_entropy_and_its_gradient_however_large_the_logits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = torch.Generator().manual_seed(0)
    decoder = nn.Linear(8, VOCABULARY, dtype=torch.float64)
    hidden = (300 * torch.randn(20, 8, generator=generator, dtype=torch.float64)).requires_grad_()
    labels = torch.randint(VOCABULARY, (20,), generator=generator)
    wanted = cross_entropy(decoder(hidden), labels)
    (gradient,) = torch.autograd.grad(wanted, hidden)
    decoder.requires_grad_(False)
    for words in (1, 16, VOCABULARY, 1000):
        monkeypatch.setattr(masked_head, "_WORDS", words)
        found = decoder_loss(hidden, decoder, labels)
        torch.testing.assert_close(found, wanted, rtol=1e-13, atol=0.0)
        torch.testing.assert_close(torch.autograd.grad(2 * found, hidden)[0], 2 * gradient, rtol=1e-12, atol=1e-14)


def test_a_second_derivative_is_refused_and_not_wrong() -> None:
    decoder = nn.Linear(8, VOCABULARY).requires_grad_(False)
    hidden = torch.ones(2, 8, requires_grad=True)
    loss = decoder_loss(hidden, decoder, torch.tensor([1, 2]))
    with pytest.raises(RuntimeError, match="has no second derivative"):
        torch.autograd.grad(loss, hidden, create_graph=True)


def test_texts_packed_into_a_row_behind_a_block_mask_count_as_if_each_were_alone(tmp_path: Path) -> None:
    model = training_model(tmp_path).double()
    ids = random_ids(1, 12)
    texts, numbers = (ids[:, :5], ids[:, 5:]), torch.tensor([[0] * 5 + [1] * 7])
    block = (numbers[:, :, None] == numbers[:, None, :]).long()
    positions = torch.cat([torch.arange(5), torch.arange(7)])[None] + 2
    packed = {"input_ids": ids, "attention_mask": block, "position_ids": positions, "labels": ids}
    with torch.no_grad():
        alone = [5 * model(texts[0], labels=texts[0]).loss, 7 * model(texts[1], labels=texts[1]).loss]
        torch.testing.assert_close(12 * model(**packed).loss, sum(alone), rtol=1e-12, atol=0.0)


# How it is called


def test_without_labels_the_head_gives_all_logits_and_with_labels_none(tmp_path: Path) -> None:
    model, batch = training_model(tmp_path).eval(), masked_batch()
    with torch.no_grad():
        assert model(**batch).logits is None
        labels = batch.pop("labels")
        logits = model(**batch).logits
        assert torch.equal(logits, with_the_librarys_head(model)(**batch).logits)
        assert logits.shape == (*labels.shape, VOCABULARY)


def test_the_inverse_runs_as_often_as_the_invertible_adapter_and_only_on_masked_rows(tmp_path: Path) -> None:
    model, batch = training_model(tmp_path), masked_batch()
    seen: list[tuple[int, ...]] = []
    invertible = model.base_model.invertible_adapters[NAME]
    handle = invertible.register_forward_pre_hook(lambda _, arguments: seen.append(tuple(arguments[0].shape)))
    with count_invertible_calls(model, NAME) as calls:
        loss_and_gradients(model, batch)
    handle.remove()
    assert (calls.forward, calls.inverse) == (1, 1)
    assert seen == [(4, 12, 16), (1, int((batch["labels"] != -100).sum()), 16)]


def test_after_the_last_attention_only_tokens_with_a_label_are_computed(tmp_path: Path) -> None:
    model, batch = training_model(tmp_path), masked_batch()
    seen: list[tuple[int, ...]] = []
    for layer in model.base_model.encoder.layer:
        layer.intermediate.register_forward_pre_hook(lambda _, arguments: seen.append(tuple(arguments[0].shape)))
    everything, labelled = (4, 12, 16), (1, int((batch["labels"] != -100).sum()), 16)
    model(**batch)
    assert seen == [everything, everything, labelled]
    seen.clear()
    model(**{**batch, "labels": torch.full_like(batch["labels"], -100)})
    del batch["labels"]
    model(**batch)
    assert seen == [everything] * 6


def test_another_head_of_the_model_reads_every_token(tmp_path: Path) -> None:
    model, batch = training_model(tmp_path), masked_batch()
    model.add_tagging_head("tags", num_labels=2)
    model.active_head = "tags"
    tags = torch.where(batch["labels"] == -100, -100, 1)
    assert model(**{**batch, "labels": tags}).logits.shape == (4, 12, 2)


def test_a_forward_pass_that_failed_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    model, batch = training_model(tmp_path), masked_batch()
    with pytest.raises(IndexError):
        model(**{**batch, "labels": batch["labels"] + 1000})
    assert model.base_model(batch["input_ids"]).last_hidden_state.shape == (4, 12, 16)


def test_without_gradients_none_is_computed(tmp_path: Path) -> None:
    model, batch = training_model(tmp_path), masked_batch()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(**batch)
    masked = int((batch["labels"] != -100).sum())
    assert head_operations(counter) == 2 * masked * (16 * 16 + VOCABULARY * 16) + inverse_operations(masked)


def head_operations(counter: FlopCounterMode) -> int:
    found = counter.get_flop_counts()
    return sum(found["XLMRobertaAdapterModel.heads.default"].values())


def inverse_operations(tokens: int) -> int:
    return 2 * tokens * 4 * 8 * 4


# What it costs


def large_enough(folder: Path) -> tuple[AdapterModel, dict[str, Tensor]]:
    """A model and a batch in which one tensor of (tokens, vocabulary) would be the largest of all."""
    save_tiny_base(folder, vocab_size=600, max_position_embeddings=80, **NO_DROPOUT["xlm-roberta"])
    model = load_language_model(folder, "tiny")
    add_adapter(model, NAME, WITH_INVERSE, seed=0)
    train_only(model, NAME, [NAME])
    return model, masked_batch(rows=16, length=32)


def test_the_operations_of_a_step_are_those_that_have_to_be_done(tmp_path: Path) -> None:
    model, batch = large_enough(tmp_path)
    with FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter:
        model(**batch).loss.backward()
    masked = int((batch["labels"] != -100).sum())
    least = least_operations([32] * 16, masked, Size(600, 16, 3, 2, 32), (8, 4))
    assert counter.get_total_flops() == pytest.approx(least, rel=0.1)


def test_the_operations_of_a_packed_step_are_those_of_its_text_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the proportions of XLM-R base: rows a third of the hidden size, lines an eighth of a row with a long tail."""
    monkeypatch.setattr(masked_head, "_WORDS", 8192)
    monkeypatch.setattr(packing, "_STEP", 1)  # 8 in a row of 256
    layers, room, hidden, inner, vocabulary, reduction = 2, 48, 144, 576, 7800, 16
    sizes: dict[str, Any] = {"hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers}
    save_tiny_base(tmp_path, vocab_size=vocabulary, max_position_embeddings=room + 2, **sizes)
    model = load_language_model(tmp_path, "tiny")
    shape = AdapterShape("seq_bn", reduction, inv_adapter="nice", inv_adapter_reduction_factor=2)
    add_adapter(model, NAME, shape, seed=0)
    train_only(model, NAME, [NAME])
    lengths = np.minimum(3 + np.random.default_rng(2).lognormal(0.6, 1.2, 64).astype(int), room)
    assert 5 < lengths.mean() < 7
    assert lengths.max() > 30
    windows = [
        {"input_ids": ids, "labels": np.where(np.arange(len(ids)) % 6 == 1, ids, -100)}
        for ids in (random_ids(1, int(length), seed=place)[0].numpy() for place, length in enumerate(lengths))
    ]
    with FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter:
        model(**BatchShape(room, 1, 2, repack=True).batch([windows])).loss.backward()
    masked = sum(int((window["labels"] != -100).sum()) for window in windows)
    size = Size(vocabulary, hidden, layers, 2, inner)
    least = least_operations(lengths.tolist(), masked, size, (hidden // reduction, hidden // 4))
    assert 0.98 * least <= counter.get_total_flops() <= 1.1 * least


class LargestTensor(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Remembers how many values the largest result of an operation had."""

    values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for one in result if isinstance(result, tuple) else (result,):
            if isinstance(one, Tensor) and not func.is_view:
                self.values = max(self.values, one.numel())
        return result


def watching() -> LargestTensor:
    made: Any = LargestTensor
    watch: LargestTensor = made()
    return watch


def test_no_tensor_of_a_step_has_the_size_of_tokens_or_masked_positions_times_vocabulary(tmp_path: Path) -> None:
    model, batch = large_enough(tmp_path)
    tokens = batch["labels"].numel()
    with watching() as largest:
        model(**batch).loss.backward()
    assert largest.values <= tokens * 32, "no larger than the inside of a feed-forward layer"
    with watching() as largest:
        with_the_librarys_head(model)(**batch).loss.backward()
    assert largest.values == tokens * 600
