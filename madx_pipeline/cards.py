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


def called_by_data_sets(called: str) -> str | None:
    """Our code of what the cards' data sets call a language, in any case and with `_` or `-`; None where none does.

    Only names that are more than a bare code: `als` is Alemannic to Wikipedia and Tosk Albanian to everybody else.
    """
    return _codes_by_name().get(_key(called))


@cache
def _codes_by_name() -> dict[str, str]:
    cards: list[CorpusCard | TaskCard] = [corpus_card(name) for name in card_names("corpora")]
    cards += [task_card(name) for name in card_names("tasks")]
    found: dict[str, set[str]] = {}
    for card in cards:
        for code, called in card.languages.items() if isinstance(card.languages, dict) else ():
            found.setdefault(_key(called), set()).add(code)
    return {called: codes.pop() for called, codes in found.items() if len(codes) == 1 and "-" in called}


def _key(called: str) -> str:
    return called.lower().replace("_", "-")


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
