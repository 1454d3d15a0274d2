"""Tasks on more than one text: a relation between two sentences, a choice between two, a question with its answer.

They are made of the labelled sentences of a split as they are, so that nothing else of the world changes with them,
and what is drawn (which sentence goes with which) is the same in every language. What they ask is what a tiny base
model can know: which topic a sentence is on, and what stands where in a clause.

Surprising: the relation and the choice are learnt in the source language and hardly cross to others. They are read
off the first token, of which language adapters that were trained for so short a time carry nothing over; answers are
read off the words, and cross.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from madx_pipeline.miniature.clauses import Pronoun, Sentence
from madx_pipeline.miniature.linearise import Token, Voice, as_text

Example = dict[str, Any]

ABOUT = "."
"""The question of every choice; the languages have no word for it."""


def pairs(sentences: Sequence[Sentence], voice: Voice, rng: random.Random) -> Iterator[Example]:
    """Every sentence with one on its topic and one on another; neither text alone tells which it is."""
    for sentence in sentences:
        for label, second in zip(("same_topic", "other_topic"), _companions(sentence, sentences, rng), strict=True):
            yield {"text": _said(voice, sentence), "text_pair": _said(voice, second), "label": label}


def choice(sentences: Sequence[Sentence], voice: Voice, rng: random.Random) -> Iterator[Example]:
    """Every sentence with one on its topic, which is the right choice, and one on another, in random order."""
    for sentence in sentences:
        right, wrong = _companions(sentence, sentences, rng)
        first = rng.random() < 0.5
        yield {
            "premise": _said(voice, sentence),
            "question": ABOUT,
            "choice1": _said(voice, right if first else wrong),
            "choice2": _said(voice, wrong if first else right),
            "label": "choice1" if first else "choice2",
        }


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


def _said(voice: Voice, sentence: Sentence) -> str:
    return _text(voice.say(sentence))


def _text(tokens: Sequence[Token]) -> str:
    return as_text([token.word for token in tokens])


def _companions(sentence: Sentence, sentences: Sequence[Sentence], rng: random.Random) -> tuple[Sentence, Sentence]:
    """Another sentence on the same topic, and one on another topic."""
    same = [other for other in sentences if other.topic == sentence.topic and other is not sentence]
    return rng.choice(same), rng.choice([other for other in sentences if other.topic != sentence.topic])


def _offset(sentence: Sequence[Token], part: Sequence[Token]) -> int:
    """The character of a sentence at which a part of it starts."""
    words, wanted = [token.word for token in sentence], [token.word for token in part]
    first = next(at for at in range(len(words)) if words[at : at + len(wanted)] == wanted)
    return sum(len(word) + 1 for word in words[:first])
