"""The constructed languages: where their words come from, how they order them, who has seen them.

Three languages are in the base model's pretraining text; four are not and are what language adapters
are for. Codes are from the range ISO 639-3 keeps for private use (`qaa` to `qtz`). Surprising, and
measured rather than assumed: unrelated words are no obstacle to transfer, another clause order is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

TASKS = ("ner", "pos", "topics", "pairs", "choice", "questions", "parsing")
"""Tasks with labelled data: entities (IOB2), parts of speech, topic of a sentence, relations, questions and trees."""


@dataclass(frozen=True)
class Grammar:
    """How a language orders what it says.

    Attributes:
        order: Order of subject, verb and object: `SVO` or `SOV`.
        adjective_first: Adjective and numeral before the noun.
        postpositions: `house in` instead of `in house`; the negation then follows the verb.
        head_first: `Mr Name`, `river Name` instead of `Name Mr`, `Name river`.
    """

    order: str = "SVO"
    adjective_first: bool = True
    postpositions: bool = False
    head_first: bool = False


@dataclass(frozen=True)
class Words:
    """Where a language's words come from.

    Attributes:
        family: Family whose proto-lexicon it inherits; families share no words.
        sounds: Regular sound changes, letter to letter, all at once.
        replaced: Share of roots that were replaced by unrelated ones (0 to 1).
    """

    family: str
    sounds: Mapping[str, str] = field(default_factory=dict)
    replaced: float = 0.0


@dataclass(frozen=True)
class MiniatureLanguage:
    """One constructed language.

    Attributes:
        code: Private-use ISO 639-3 code.
        name: Its invented name.
        seen: Whether the base model was pretrained on it.
        order_known: Whether it has the clause order of the source language, on which task adapters are trained.
        summary: What it is, in words.
        words: Where its words come from.
        grammar: How it orders them.
    """

    code: str
    name: str
    seen: bool
    order_known: bool
    summary: str
    words: Words
    grammar: Grammar


def _sounds(before: str, after: str) -> Mapping[str, str]:
    return MappingProxyType(dict(zip(before, after, strict=True)))


SOURCE = "qaa"
"""The language of the labelled training data."""

_ALL = (
    MiniatureLanguage(
        code="qaa",
        name="Alvan",
        seen=True,
        order_known=True,
        summary="the source language; subject, verb, object; adjective before noun; prepositions",
        words=Words("northern"),
        grammar=Grammar(),
    ),
    MiniatureLanguage(
        code="qab",
        name="Belmic",
        seen=True,
        order_known=False,
        summary="sister of Alvan in the base model's text only; verb at the end, postpositions",
        words=Words("northern", _sounds("kam", "xen"), 0.2),
        grammar=Grammar(order="SOV", adjective_first=False, postpositions=True),
    ),
    MiniatureLanguage(
        code="qac",
        name="Corudi",
        seen=True,
        order_known=True,
        summary="unrelated to Alvan, in the base model's text only; Alvan's clause order, adjective after noun",
        words=Words("southern"),
        grammar=Grammar(adjective_first=False, head_first=True),
    ),
    MiniatureLanguage(
        code="qad",
        name="Davuri",
        seen=False,
        order_known=True,
        summary="sister of Alvan behind heavy sound changes; Alvan's grammar",
        words=Words("northern", _sounds("ptskbo", "fshgvu"), 0.1),
        grammar=Grammar(),
    ),
    MiniatureLanguage(
        code="qae",
        name="Erelin",
        seen=False,
        order_known=True,
        summary="its words are unrelated to those of all other languages; Alvan's grammar",
        words=Words("eastern"),
        grammar=Grammar(),
    ),
    MiniatureLanguage(
        code="qaf",
        name="Felmor",
        seen=False,
        order_known=True,
        summary="sister of Alvan behind mild sound changes; adjective after noun",
        words=Words("northern", _sounds("pts", "bdz"), 0.1),
        grammar=Grammar(adjective_first=False),
    ),
    MiniatureLanguage(
        code="qag",
        name="Gosten",
        seen=False,
        order_known=False,
        summary="Alvan's very words, but verb at the end and postpositions: transfer fails here",
        words=Words("northern"),
        grammar=Grammar(order="SOV", postpositions=True),
    ),
)

LANGUAGES: Mapping[str, MiniatureLanguage] = MappingProxyType({language.code: language for language in _ALL})
"""Code to language, the source first, then the other pretraining languages, then the unseen ones."""
