"""Meanings: sentences without words, which every language can say.

All classes are frozen, so two sentences mean the same exactly when they are equal; the world uses that
to keep test sentences out of everything else.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from madx_pipeline.miniature.lexicon import ACTIONS, PEOPLE, QUALITIES, THINGS, TOPICS, general, series
from madx_pipeline.miniature.names import Names


@dataclass(frozen=True)
class Name:
    """A person, place or organisation; `head` is a title, landform or institution said beside it."""

    kind: str
    stems: tuple[str, ...]
    head: str | None = None
    locative: bool = False


@dataclass(frozen=True)
class NounPhrase:
    """A noun with what goes with it."""

    noun: str
    adjective: str | None = None
    number: str | None = None
    plural: bool = False


@dataclass(frozen=True)
class Pronoun:
    """Someone already spoken of."""

    concept: str


Phrase = Name | NounPhrase | Pronoun


@dataclass(frozen=True)
class Clause:
    """Who does what to whom, where or with whom, when; `predicate` is the adjective after "be"."""

    subject: Phrase
    verb: str
    object: Phrase | None = None
    predicate: str | None = None
    place: tuple[str, Phrase] | None = None
    adverb: str | None = None
    tense: str | None = None
    negated: bool = False


@dataclass(frozen=True)
class Sentence:
    """One clause, or two joined by a conjunction, on one topic."""

    topic: str
    clauses: tuple[Clause, ...]
    conjunction: str | None = None

    def parts(self) -> tuple[Sentence, ...]:
        """The sentence, and each of two clauses as a sentence of its own."""
        if len(self.clauses) == 1:
            return (self,)
        return (self, *(Sentence(self.topic, (clause,)) for clause in self.clauses))


@dataclass(frozen=True)
class Core:
    """The part of a clause that its verb asks for."""

    subject: Phrase
    verb: str
    object: Phrase | None = None
    predicate: str | None = None
    place: tuple[str, Phrase] | None = None


PATTERNS = {"people_do": 33, "institutions_do": 17, "things_do": 13, "go": 10, "deal_with": 17, "be": 10}
"""How often each pattern of clause is drawn, in weights."""


@dataclass(frozen=True)
class Author:
    """Draws sentences.

    Attributes:
        rng: Where all chance comes from.
        names: The world's name stems.
        split: Labelled split whose names to use; None for all names.
    """

    rng: random.Random
    names: Names
    split: str | None = None

    def sentence(self, topic: str) -> Sentence:
        """A sentence on `topic`; one in four is a compound."""
        if self._chance(0.25):
            return Sentence(topic, (self.clause(topic), self.clause(topic)), self.rng.choice(general("and")))
        return Sentence(topic, (self.clause(topic),))

    def clause(self, topic: str) -> Clause:
        """A clause of one of six patterns."""
        core = self._core(topic)
        place = core.place
        if place is None and self._chance(0.3):
            place = self._circumstance(topic)
        return Clause(
            subject=core.subject,
            verb=core.verb,
            object=core.object,
            predicate=core.predicate,
            place=place,
            adverb=self.rng.choice(general("adverb")) if self._chance(0.25) else None,
            tense=self.rng.choice(("past", "future", None)),
            negated=self._chance(0.12),
        )

    def _core(self, topic: str) -> Core:
        match self.rng.choices(list(PATTERNS), list(PATTERNS.values()))[0]:
            case "people_do":
                verb = self.rng.choice(series(f"{topic}.people_do", ACTIONS))
                return Core(self._someone(topic), verb, self._thing(topic))
            case "institutions_do":
                subject = self._name("ORG") if self._chance(0.75) else self._person(topic)
                return Core(subject, f"{topic}.institutions_do.0", self._thing(topic))
            case "things_do":
                return Core(self._thing(topic), f"{topic}.things_do.0")
            case "go":
                return Core(self._someone(topic), self.rng.choice(general("go")), place=self._somewhere())
            case "deal_with":
                stem, kind = self.rng.choice((("visit", "LOC"), ("meet", "PER"), ("join", "ORG")))
                return Core(self._someone(topic), self.rng.choice(general(stem)), self._name(kind))
            case _:
                return self._be(topic)

    def _be(self, topic: str) -> Core:
        noun = self._thing(topic) if self._chance(0.6) else self._person(topic)
        bare = NounPhrase(noun.noun, None, noun.number, noun.plural)
        return Core(bare, "be.0", predicate=self.rng.choice(series(f"{topic}.quality", QUALITIES)))

    def _circumstance(self, topic: str) -> tuple[str, Phrase]:
        draw = self.rng.random()
        if draw < 0.6:
            return self._somewhere()
        return "with", self._name("PER") if draw < 0.8 else self._thing(topic)

    def _somewhere(self) -> tuple[str, Phrase]:
        return self.rng.choice(("in", "from", "to")), self._name("LOC")

    def _someone(self, topic: str) -> Phrase:
        draw = self.rng.random()
        if draw < 0.5:
            return self._name("PER")
        return Pronoun(self.rng.choice(general("pronoun"))) if draw < 0.62 else self._person(topic)

    def _name(self, kind: str) -> Name:
        stems = 2 if kind == "PER" and self._chance(0.4) else 1
        head, share = {"PER": ("title", 0.25), "LOC": ("landform", 0.2), "ORG": ("institution", 0.4)}[kind]
        return Name(
            kind=kind,
            stems=tuple(self.names.draw(kind, self.rng, self.split) for _ in range(stems)),
            head=self.rng.choice(general(head)) if self._chance(share) else None,
            locative=kind == "LOC" and self._chance(0.3),
        )

    def _person(self, topic: str) -> NounPhrase:
        return self._noun_phrase(topic, "person", PEOPLE)

    def _thing(self, topic: str) -> NounPhrase:
        return self._noun_phrase(topic, "thing", THINGS)

    def _noun_phrase(self, topic: str, stem: str, count: int) -> NounPhrase:
        if self._chance(0.1):  # now and then something from elsewhere, so that topics are not a lookup
            topic = self.rng.choice(TOPICS)
        adjective = self.rng.choice(series(f"{topic}.quality", QUALITIES)) if self._chance(0.35) else None
        number = self.rng.choice(general("number")) if self._chance(0.15) else None
        noun = self.rng.choice(series(f"{topic}.{stem}", count))
        return NounPhrase(noun, adjective, number, number is not None or self._chance(0.25))

    def _chance(self, share: float) -> bool:
        return self.rng.random() < share
