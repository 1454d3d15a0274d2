"""The miniature base model: a BERT of 4 layers, pretrained on the seen languages by masked language modelling.

The one thing that makes so little training enough is the text: documents on one topic, three in ten of
them code-switched. A killed pretraining goes on from its last checkpoint and ends with the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM

from madx_pipeline.miniature.checkpoint import Checkpoints
from madx_pipeline.miniature.languages import LANGUAGES
from madx_pipeline.miniature.rows import Batch, Row, Schedule, encode
from madx_pipeline.miniature.tokenizer import train_tokenizer
from madx_pipeline.miniature.world import World

MAX_LENGTH = 128
"""Tokens of the longest row, special tokens included. The longest document has fewer."""

BATCH = 32
"""Documents of a step, about 900 tokens; with 64 the loss after the same computation is much higher."""

LEARNING_RATE = 2e-3
"""Peak; 4e-3 diverges."""

WARMUP_SHARE = 0.06
FLOOR_SHARE = 0.02
"""The learning rate falls linearly to this share of its peak."""

CHECKPOINT_EVERY = 100

Progress = Callable[[int, int, float], None]
"""Called with steps done, steps in all, and the loss (nats a masked token, running mean)."""


def pretrain(world_seed: int, folder: Path, checkpoints: Path, progress: Progress, *, steps: int) -> dict[str, Any]:
    """Makes the base model of a world.

    Args:
        world_seed: Seed of the world, of the initial weights, and of order and masks.
        folder: Where the model and its tokenizer are written, as transformers saves them.
        checkpoints: Folder for the state to resume from; one whose steps or seed differ is not used.
        progress: Told after every step.
        steps: Steps of training.

    Returns:
        Facts: `languages_seen`, `documents`, `steps`, `loss` (of the last steps, nats a masked token).
    """
    world = World(world_seed)
    tokenizer = train_tokenizer(world, MAX_LENGTH)
    rows = _rows(world, tokenizer)
    model = new_model(len(tokenizer), world_seed)
    loss = _train(model, Schedule(rows, tokenizer, BATCH, world_seed), checkpoints, progress, (world_seed, steps))
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return {"languages_seen": _seen(), "documents": len(rows), "steps": steps, "loss": loss}


def new_model(vocabulary: int, seed: int) -> BertForMaskedLM:
    """An untrained model; does not touch the global random state."""
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=256,
        max_position_embeddings=MAX_LENGTH,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForMaskedLM(config)
    table = model.bert.embeddings.position_embeddings.weight
    table.data.copy_(_sinusoids(*table.shape))
    return model


def _sinusoids(length: int, width: int, scale: float = 0.04, base: float = 1000.0) -> Tensor:
    """Where position embeddings start, (length, width); from random ones the order of words is learnt too late."""
    angles = torch.arange(length)[:, None] * torch.exp(-math.log(base) * torch.arange(0, width, 2) / width)
    return scale * torch.cat([angles.sin(), angles.cos()], dim=1)


def _seen() -> list[str]:
    return [code for code, language in LANGUAGES.items() if language.seen]


def _rows(world: World, tokenizer: Any) -> list[Row]:
    documents = [document for code in _seen() for document in world.corpus(code)]
    return encode(tokenizer, [*documents, *world.code_switched()])


def _train(
    model: BertForMaskedLM, schedule: Schedule, checkpoints: Path, progress: Progress, run: tuple[int, int]
) -> float:
    _, steps = run
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    saved = Checkpoints(checkpoints, model, optimizer, "/".join(map(str, run)))
    done, loss = saved.restore()
    model.train()
    for step in range(done, steps):
        now = _step(model, optimizer, schedule.batch(step), LEARNING_RATE * _slope(step, steps))
        loss = now if step == 0 else 0.95 * loss + 0.05 * now
        progress(step + 1, steps, loss)
        if (step + 1) % CHECKPOINT_EVERY == 0:
            saved.save(step + 1, loss)
    return loss


def _slope(step: int, steps: int) -> float:
    """Share of the peak learning rate: up in a line, then down in a line."""
    warmup = max(1, int(steps * WARMUP_SHARE))
    return min((step + 1) / warmup, max(FLOOR_SHARE, (steps - step) / max(1, steps - warmup)))


def _step(model: BertForMaskedLM, optimizer: torch.optim.Optimizer, batch: Batch, rate: float) -> float:
    loss = masked_loss(model, batch)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def masked_loss(model: BertForMaskedLM, batch: Batch) -> Tensor:
    """Mean cross-entropy over the chosen tokens; the head sees only those (the same loss, a third of its work)."""
    states = model.bert(batch.ids, attention_mask=batch.attention).last_hidden_state  # (batch, length, width)
    logits = model.cls(states[batch.chosen])  # (chosen, vocabulary)
    return torch.nn.functional.cross_entropy(logits, batch.answers)
