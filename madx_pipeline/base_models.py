"""Base models known by name: which names mean the same weights, which languages they have seen, their shape."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from madx_pipeline.records import Json

_TABLE = Path(__file__).with_name("base_models.yaml")


def canonical_name(name: str) -> str:
    """The name under which the hub lists the model; unknown names come back as they are.

    `xlm-roberta-base` and `FacebookAI/xlm-roberta-base` are the same weights.
    """
    entry = _by_name().get(name.lower())
    return str(entry["name"]) if entry else name


def is_known(name: str) -> bool:
    """Whether the name is in our table."""
    return name.lower() in _by_name()


def languages_seen(name: str) -> list[str] | None:
    """Languages (BCP-47) that the model was pretrained on, or None if we do not know."""
    entry = _by_name().get(name.lower())
    return list(_table()["languages"][entry["languages"]]) if entry else None


def shape_of(name: str) -> dict[str, Json] | None:
    """The part of the model's configuration that decides its tensors, or None if we do not know it.

    Keys as in `config.json`: `model_type`, `hidden_size`, `num_hidden_layers`, `intermediate_size`,
    `num_attention_heads`, `vocab_size`, `type_vocab_size`, `max_position_embeddings`. An adapter can be
    checked against it without the model.
    """
    entry = _by_name().get(name.lower())
    return dict(entry["shape"]) if entry and entry["shape"] else None


def known_names() -> list[str]:
    """Every name under which we know a base model."""
    return [name for entry in _table()["models"] for name in (entry["name"], *entry["aliases"])]


@cache
def _by_name() -> dict[str, dict[str, Any]]:
    return {name.lower(): entry for entry in _table()["models"] for name in (entry["name"], *entry["aliases"])}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
    return table
