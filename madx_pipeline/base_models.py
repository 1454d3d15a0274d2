"""Base models known by name: which names mean the same weights, and which languages they have seen."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

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


@cache
def _by_name() -> dict[str, dict[str, Any]]:
    return {name.lower(): entry for entry in _table()["models"] for name in (entry["name"], *entry["aliases"])}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
    return table
