"""From meaning to words: a sentence said in a language, each word with its part of speech, entity label and head.

Every part of a sentence is a list of words of which one, its head, is not attached yet; putting parts together
(`_joined`) attaches the heads of all but one to the head of that one. What is a head of what, and by which relation,
is the same in every language and follows Universal Dependencies; only the order differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from madx_pipeline.miniature.clauses import Clause, Name, NounPhrase, Phrase, Pronoun, Sentence
from madx_pipeline.miniature.languages import Grammar
from madx_pipeline.miniature.lexicon import parts_of_speech


class Token(NamedTuple):
    """A word of a sentence.

    Attributes:
        word: As it is written.
        pos: Part of speech.
        entity: Entity label (IOB2).
        steps: How many words to the right its head is (to the left below 0); 0 for the head of the whole.
        relation: To its head.
    """

    word: str
    pos: str
    entity: str = "O"
    steps: int = 0
    relation: str = "root"


_HEAD = "root"
"""The relation of the part that the others depend on."""

_Part = tuple[str, list[Token]]
"""A part of a sentence, with its relation to the part that is the head; it may be empty."""


class Voice:
    """Says sentences in one language.

    Args:
        lexicon: Concept to word.
        grammar: How the words are ordered.
    """

    def __init__(self, lexicon: Mapping[str, str], grammar: Grammar) -> None:
        self.lexicon = lexicon
        self.grammar = grammar

    def say(self, sentence: Sentence) -> list[Token]:
        """The sentence's words, the full stop last."""
        parts = [(_HEAD, self._clause(sentence.clauses[0]))]
        if sentence.conjunction is not None:
            conjunction = ("cc", [self._word(sentence.conjunction)])
            parts.append(("conj", _joined([conjunction, (_HEAD, self._clause(sentence.clauses[1]))])))
        return _joined([*parts, ("punct", [Token(".", "PUNCT")])])

    def phrase(self, phrase: Phrase) -> list[Token]:
        """The words of a part of a clause."""
        return self._phrase(phrase)

    def halves(self, clause: Clause, at_verb: bool) -> tuple[list[Token], list[Token]]:
        """A clause in two parts: cut after its subject or, with `at_verb`, between its verb and its complements."""
        words, subject, verb = self._clause(clause), self._phrase(clause.subject), self._verb(clause)
        if not at_verb:
            cut = len(subject)
        elif self.grammar.order == "SOV":
            cut = len(words) - len(verb)
        else:
            cut = len(subject) + (1 if clause.adverb else 0) + len(verb)
        return words[:cut], words[cut:]

    def asked(self, clause: Clause, place: bool) -> list[Token]:
        """A question for the subject of a clause, or for its place.

        No language has words for who and where: a pronoun asks for the subject, the bare adposition for the place.
        """
        known = [*self._verb(clause), *self._complement(clause)]
        if place and clause.place is not None:
            return [*self._phrase(clause.subject), *known, self._word(clause.place[0])]
        return [self._word("pronoun.0"), *known]

    def _word(self, concept: str, *affixes: str) -> Token:
        ending = "".join(self.lexicon[affix] for affix in affixes)
        return Token(self.lexicon[concept] + ending, parts_of_speech()[concept])

    def _clause(self, clause: Clause) -> list[Token]:
        """The verb is the head, but where it is "be": then what is said of the subject is (as in UD)."""
        subject = ("nsubj", self._phrase(clause.subject))
        verb = self._verb_parts(clause)
        complement = ("obj" if clause.predicate is None else _HEAD, self._complement(clause))
        adverb = ("advmod", [self._word(clause.adverb)] if clause.adverb else [])
        place = ("obl", self._place(*clause.place) if clause.place else [])
        if self.grammar.order == "SOV":
            return _joined([subject, place, complement, adverb, *verb])
        return _joined([subject, adverb, *verb, complement, place])

    def _verb(self, clause: Clause) -> list[Token]:
        return [word for _, part in self._verb_parts(clause) for word in part]

    def _verb_parts(self, clause: Clause) -> list[_Part]:
        word = self._word(clause.verb, *([clause.tense] if clause.tense else []))
        verb = (_HEAD if clause.predicate is None else "cop", [word])
        negation = ("advmod", [self._word("not.0")] if clause.negated else [])
        return [verb, negation] if self.grammar.postpositions else [negation, verb]

    def _complement(self, clause: Clause) -> list[Token]:
        if clause.predicate is not None:
            return [self._word(clause.predicate, "adjective")]
        return self._phrase(clause.object) if clause.object else []

    def _place(self, adposition: str, phrase: Phrase) -> list[Token]:
        said, word = (_HEAD, self._phrase(phrase)), ("case", [self._word(adposition)])
        return _joined([said, word] if self.grammar.postpositions else [word, said])

    def _phrase(self, phrase: Phrase) -> list[Token]:
        match phrase:
            case Pronoun():
                return [self._word(phrase.concept)]
            case NounPhrase():
                return self._noun_phrase(phrase)
            case Name():
                return self._name(phrase)

    def _noun_phrase(self, phrase: NounPhrase) -> list[Token]:
        noun = (_HEAD, [self._word(phrase.noun, *(["plural"] if phrase.plural else []))])
        adjective = ("amod", [self._word(phrase.adjective, "adjective")] if phrase.adjective else [])
        number = ("nummod", [self._word(phrase.number)] if phrase.number else [])
        if self.grammar.adjective_first:
            return _joined([number, adjective, noun])
        return _joined([noun, adjective, number])

    def _name(self, name: Name) -> list[Token]:
        stems = [*name.stems[:-1], name.stems[-1] + (self.lexicon["locative"] if name.locative else "")]
        words = _joined([(_HEAD if not place else "flat", [Token(stem, "PROPN")]) for place, stem in enumerate(stems)])
        if name.kind == "PER":  # a title is not part of the name, an institution or landform is
            return self._beside(_as_entity(words, name.kind), name.head)
        return _as_entity(self._beside(words, name.head), name.kind)

    def _beside(self, words: list[Token], head: str | None) -> list[Token]:
        if head is None:
            return words
        name, noun = (_HEAD, words), ("compound", [self._word(head)])
        return _joined([noun, name] if self.grammar.head_first else [name, noun])


def _as_entity(words: list[Token], kind: str) -> list[Token]:
    return [word._replace(entity=("I-" if index else "B-") + kind) for index, word in enumerate(words)]


def _joined(parts: Iterable[_Part]) -> list[Token]:
    """Parts as one, the heads of the others attached to that of the part whose relation is `_HEAD`."""
    words: list[Token] = []
    heads: list[tuple[int, str]] = []
    top = 0
    for relation, part in parts:
        for word in part:
            if not word.steps:
                heads.append((len(words), relation))
                top = len(words) if relation == _HEAD else top
            words.append(word)
    for place, relation in heads:
        if place != top:
            word = words[place]
            words[place] = Token(word.word, word.pos, word.entity, top - place, relation)
    return words


def as_text(words: list[str]) -> str:
    """Words as they are written: spaces between, none before a full stop."""
    return " ".join(words).replace(" .", ".")
