"""Tasks on more than one text: whether one goes on with another, which of two does, a question with its answer.

They are made of the labelled sentences of a split as they are, so that nothing else of the world changes with them,
and what is drawn (which clause goes with which) is the same in every language. What they ask is what crosses to a
language that is only known from its text: what kind of word stands where in a clause.

Surprising: topics do not cross, however well they are learnt. Nothing in a text tells one topic from another but
which words keep company, so a language adapter that takes farming for fishing loses nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from madx_pipeline.miniature.clauses import Clause, Pronoun, Sentence
from madx_pipeline.miniature.linearise import Token, Voice, as_text

Example = dict[str, Any]

GOES_ON = "."
"""The question of every choice (what comes next?); the languages have no words for it."""

_Halves = tuple[str, str]


def pairs(sentences: Sequence[Sentence], voice: Voice, rng: random.Random) -> Iterator[Example]:
    """Halves of clauses that go on with one another, or do not; neither half alone tells which."""
    for one, other in _cut_in_two(sentences, voice, rng):
        for first, right, wrong in ((one[0], one[1], other[1]), (other[0], other[1], one[1])):
            yield {"text": first, "text_pair": right, "label": "goes_on"}
            yield {"text": first, "text_pair": wrong, "label": "breaks_off"}


def choice(sentences: Sequence[Sentence], voice: Voice, rng: random.Random) -> Iterator[Example]:
    """Beginnings of clauses with two ends to choose from, each of which is the right one for another beginning."""
    for one, other in _cut_in_two(sentences, voice, rng):
        ends = [one[1], other[1]]
        rng.shuffle(ends)
        for first, right in (one, other):
            yield {
                "premise": first,
                "question": GOES_ON,
                "choice1": ends[0],
                "choice2": ends[1],
                "label": f"choice{ends.index(right) + 1}",
            }


def _cut_in_two(sentences: Sequence[Sentence], voice: Voice, rng: random.Random) -> Iterator[tuple[_Halves, _Halves]]:
    """Two clauses each time, one cut after its subject, one beside its verb, so that their halves do not fit.

    In a language with the verb at the end, a subject with a bare verb is whole though something is missing.
    """
    clauses = [clause for sentence in sentences for clause in sentence.clauses if _goes_on_after_verb(clause)]
    rng.shuffle(clauses)
    for after_subject, at_verb in zip(clauses[::2], clauses[1::2], strict=False):
        yield _said(voice.halves(after_subject, at_verb=False)), _said(voice.halves(at_verb, at_verb=True))


def _goes_on_after_verb(clause: Clause) -> bool:
    return bool(clause.object or clause.predicate or clause.place)


def _said(halves: tuple[Sequence[Token], Sequence[Token]]) -> _Halves:
    return _text(halves[0]), f"{_text(halves[1])}."


def questions(sentences: Sequence[Sentence], voice: Voice) -> Iterator[Example]:
    """Every sentence, asked for its first subject and for its first place; pronouns are no answers."""
    for index, sentence in enumerate(sentences):
        clause, context = sentence.clauses[0], voice.say(sentence)
        asked = {"who": clause.subject, **({"where": clause.place[1]} if clause.place else {})}
        for word, phrase in asked.items():
            if isinstance(phrase, Pronoun):
                continue
            answer = voice.phrase(phrase)
            yield {
                "id": f"{index}-{word}",
                "question": _text(voice.asked(clause, place=word == "where")),
                "context": _text(context),
                "answers": {"text": [_text(answer)], "answer_start": [_offset(context, answer)]},
            }


def _text(tokens: Sequence[Token]) -> str:
    return as_text([token.word for token in tokens])


def _offset(sentence: Sequence[Token], part: Sequence[Token]) -> int:
    """The character of a sentence at which a part of it starts."""
    return sum(len(token.word) + 1 for token in sentence[: _place(sentence, part)])


def _place(sentence: Sequence[Token], part: Sequence[Token]) -> int:
    """The word of a sentence at which a part of it starts."""
    words, wanted = [token.word for token in sentence], [token.word for token in part]
    return next(at for at in range(len(words)) if words[at : at + len(wanted)] == wanted)
