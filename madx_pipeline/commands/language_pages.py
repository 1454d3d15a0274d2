"""`madx list languages` and `madx show sw`: what the registry, the cards and the catalogues know of a language."""

from __future__ import annotations

from madx_pipeline.base_models import known_names, languages_seen
from madx_pipeline.cards import card_names, corpus_card, task_card
from madx_pipeline.data.card_models import Card
from madx_pipeline.errors import InputError
from madx_pipeline.language_names import language_problem
from madx_pipeline.languages import group_of, language_name, near_codes, own_name, script_of
from madx_pipeline.miniature import LANGUAGES as MINIATURE_LANGUAGES
from madx_pipeline.published.catalogue import catalogues


def language_rows() -> list[dict[str, str]]:
    """One row for every language that a card or a catalogue has, and for those of the miniature world."""
    cards = _cards_by_language()
    published = {code for catalogue in catalogues() for code in catalogue.languages}
    return [_row(code, cards.get(code, [])) for code in sorted({*cards, *published, *MINIATURE_LANGUAGES})]


def language_page(code: str) -> str:
    """What is known of a language, in lines.

    Raises:
        InputError: If it has another code here.
    """
    problem = language_problem(code, "the language")
    if problem is not None:
        raise InputError(problem)
    cards = _cards_by_language()
    facts = {
        "script": script_of(code) or "not known",
        "group": _named(group_of(code)),
        "cards": ", ".join(f"{card.name} ({card.call(code)})" for card in _all_cards() if code in card.languages),
        "published adapters": ", ".join(_published(code)),
        "pretrained on it": ", ".join(_seen_by(code)),
        "near, never merged": ", ".join(_named(near) for near in near_codes(code, cards)),
    }
    lines = [f"{code}: {_names(code)}", *(f"{name}: {fact or 'none'}" for name, fact in facts.items())]
    return "\n".join(lines + ([MINIATURE_LANGUAGES[code].summary] if code in MINIATURE_LANGUAGES else []))


def _row(code: str, cards: list[str]) -> dict[str, str]:
    script = script_of(code) or ""
    shown = f"{_names(code)}{', ' if script else ''}{script} ({', '.join(cards) or 'published adapters alone'})"
    return {
        "name": code,
        "language": language_name(code),
        "own_name": own_name(code),
        "script": script,
        "cards": ", ".join(cards),
        "summary": shown,
    }


def _cards_by_language() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for card in _all_cards():
        for code in card.languages if isinstance(card.languages, dict) else ():
            found.setdefault(code, []).append(card.name)
    return found


def _all_cards() -> list[Card]:
    return [*map(corpus_card, card_names("corpora")), *map(task_card, card_names("tasks"))]


def _published(code: str) -> list[str]:
    """Base models for which an adapter of the language is published, with the shortest id of each."""
    return [
        f"{catalogue.shortest_id(adapter)} for {catalogue.base_model}"
        for catalogue in catalogues()
        for adapter in catalogue.language_adapters
        if adapter.language == code
    ]


def _seen_by(code: str) -> list[str]:
    return [name for name in known_names() if "/" in name and code in (languages_seen(name) or ())]


def _named(code: str | None) -> str:
    return f"{code} ({language_name(code)})" if code is not None else ""


def _names(code: str) -> str:
    """The English name, and the language's own where it is another."""
    names = dict.fromkeys((language_name(code), own_name(code)))
    return " / ".join(names)
