"""Data cards: where outside material comes from, and under which licence.

A card (`data_cards/corpora/*.yaml`, `data_cards/tasks/*.yaml`) names a source and pins it; what a recipe makes of it is
in `text_material.py` and `task_material.py`. Names of cards are a closed set: the files that are there.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, TypeVar

import yaml
from pydantic import ValidationError

from madx_pipeline.data.card_models import Card, CorpusCard, TaskCard
from madx_pipeline.errors import InputError, suggestion
from madx_pipeline.recipe_errors import field_problems
from madx_pipeline.shipped import shipped_folder

CardKind = Literal["corpora", "tasks"]
_Card = TypeVar("_Card", bound=Card)


@cache
def card_names(kind: CardKind) -> tuple[str, ...]:
    """Names of the shipped cards of a kind, sorted."""
    return tuple(sorted(path.stem for path in (shipped_folder("data_cards") / kind).glob("*.yaml")))


@cache
def corpus_card(name: str) -> CorpusCard:
    """The corpus card of that name.

    Raises:
        InputError: If there is none, or it is not a valid card.
    """
    return _read_card("corpora", name, CorpusCard)


@cache
def task_card(name: str) -> TaskCard:
    """The task card of that name.

    Raises:
        InputError: If there is none, or it is not a valid card.
    """
    return _read_card("tasks", name, TaskCard)


def _read_card(kind: CardKind, name: str, model: type[_Card]) -> _Card:
    names = card_names(kind)
    if name not in names:
        what = "corpus" if kind == "corpora" else "task"
        raise InputError(f'there is no {what} card "{name}". {suggestion(name, names)}', "All cards: madx list cards.")
    path = shipped_folder("data_cards") / kind / f"{name}.yaml"
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise InputError(field_problems(error, str(path), model)) from error
