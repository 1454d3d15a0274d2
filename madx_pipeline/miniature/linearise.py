"""From meaning to words: a sentence said in a language, each word with its part of speech and entity label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from madx_pipeline.miniature.clauses import Clause, Name, NounPhrase, Phrase, Pronoun, Sentence
from madx_pipeline.miniature.languages import Grammar
from madx_pipeline.miniature.lexicon import parts_of_speech


class Token(NamedTuple):
    """A word, its part of speech and its entity label (IOB2)."""

    word: str
    pos: str
    entity: str = "O"


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
        said = self._clause(sentence.clauses[0])
        if sentence.conjunction is not None:
            said += [self._word(sentence.conjunction), *self._clause(sentence.clauses[1])]
        return [*said, Token(".", "PUNCT")]

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
        subject = self._phrase(clause.subject)
        verb = self._verb(clause)
        complement = self._complement(clause)
        adverb = [self._word(clause.adverb)] if clause.adverb else []
        place = self._place(*clause.place) if clause.place else []
        if self.grammar.order == "SOV":
            return subject + place + complement + adverb + verb
        return subject + adverb + verb + complement + place

    def _verb(self, clause: Clause) -> list[Token]:
        verb = self._word(clause.verb, *([clause.tense] if clause.tense else []))
        if not clause.negated:
            return [verb]
        negation = self._word("not.0")
        return [verb, negation] if self.grammar.postpositions else [negation, verb]

    def _complement(self, clause: Clause) -> list[Token]:
        if clause.predicate is not None:
            return [self._word(clause.predicate, "adjective")]
        return self._phrase(clause.object) if clause.object else []

    def _place(self, adposition: str, phrase: Phrase) -> list[Token]:
        said, word = self._phrase(phrase), self._word(adposition)
        return [*said, word] if self.grammar.postpositions else [word, *said]

    def _phrase(self, phrase: Phrase) -> list[Token]:
        match phrase:
            case Pronoun():
                return [self._word(phrase.concept)]
            case NounPhrase():
                return self._noun_phrase(phrase)
            case Name():
                return self._name(phrase)

    def _noun_phrase(self, phrase: NounPhrase) -> list[Token]:
        noun = self._word(phrase.noun, *(["plural"] if phrase.plural else []))
        adjective = [self._word(phrase.adjective, "adjective")] if phrase.adjective else []
        number = [self._word(phrase.number)] if phrase.number else []
        if self.grammar.adjective_first:
            return [*number, *adjective, noun]
        return [noun, *adjective, *number]

    def _name(self, name: Name) -> list[Token]:
        words = [Token(stem, "PROPN") for stem in name.stems]
        if name.locative:
            words[-1] = Token(words[-1].word + self.lexicon["locative"], "PROPN")
        if name.kind == "PER":  # a title is not part of the name, an institution or landform is
            return self._beside(_as_entity(words, name.kind), name.head)
        return _as_entity(self._beside(words, name.head), name.kind)

    def _beside(self, words: list[Token], head: str | None) -> list[Token]:
        if head is None:
            return words
        return [self._word(head), *words] if self.grammar.head_first else [*words, self._word(head)]


def _as_entity(words: list[Token], kind: str) -> list[Token]:
    return [Token(w.word, w.pos, ("I-" if index else "B-") + kind) for index, w in enumerate(words)]


def as_text(words: list[str]) -> str:
    """Words as they are written: spaces between, none before a full stop."""
    return " ".join(words).replace(" .", ".")
