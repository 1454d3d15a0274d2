"""The world: unlabelled text and labelled data in every language, all from one seed.

The world is clean by construction. Labelled sentences are drawn first, test before validation before
train, and each is kept only if it says nothing that is taken: no taken meaning, alone or as one half of a
compound, and no taken run of words in *any* language. Unlabelled text, code-switched text included, is
then drawn around all of them. So no test sentence was ever trained on, by any model, in any language, not
even as a part of a longer one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

from madx_pipeline.errors import InputError, suggestion
from madx_pipeline.miniature import relations
from madx_pipeline.miniature.clauses import Author, NounPhrase, Sentence
from madx_pipeline.miniature.languages import LANGUAGES, TASKS
from madx_pipeline.miniature.lexicon import TOPICS, lexicons
from madx_pipeline.miniature.linearise import Token, Voice, as_text
from madx_pipeline.miniature.names import Names

SPLITS = {"test": 300, "validation": 200, "train": 600}
"""Sentences of each labelled split, in the order in which they are drawn."""

SEEN_SENTENCES = 10_000
"""Unlabelled sentences of a language in the base model's pretraining text."""

UNSEEN_SENTENCES = 8_000
"""Unlabelled sentences of a target language."""

DOCUMENT = 3
"""Sentences of a document, all on one topic; mixed topics hide what the words have in common."""

CODE_SWITCHED_SHARE = 0.3
"""Code-switched sentences for the base model, as a share of the unlabelled sentences it sees."""

_RELATIONS = {"pairs": relations.pairs, "choice": relations.choice}
"""Tasks in which sentences are drawn to go with others."""

Example = dict[str, Any]
"""A row of a task: `{"words": [...], "labels": [...]}` for tagging, `{"text": ..., "label": ...}` for topics, ..."""


class World:
    """One miniature world.

    Args:
        seed: Everything follows from it; another seed gives other words, names and sentences.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.names = Names(seed)
        self._lexicons = lexicons(seed)
        self._voices = {code: Voice(words, LANGUAGES[code].grammar) for code, words in self._lexicons.items()}
        self._taken: set[Sentence | tuple[str, ...]] = set()
        self._beginnings: dict[str, set[int]] = {}  # first word of a run that is taken, to the lengths of such runs
        self._sentences = {split: self._draw_labelled(split, count) for split, count in SPLITS.items()}

    def corpus(self, language: str) -> Iterator[str]:
        """Unlabelled text of a language, a document of three sentences a line.

        Raises:
            InputError: If there is no such language.
        """
        voice = self._voices[_known(language, LANGUAGES, "language")]
        count = SEEN_SENTENCES if LANGUAGES[language].seen else UNSEEN_SENTENCES
        rng = random.Random(f"{self.seed}/corpus/{language}")
        for _ in range(count // DOCUMENT):
            yield self._document(rng, lambda: voice)

    def code_switched(self) -> Iterator[str]:
        """Documents for pretraining that swap half of one seen language's words for another's.

        They are what aligns the base model's languages with one another.
        """
        seen = [code for code, language in LANGUAGES.items() if language.seen]
        rng = random.Random(f"{self.seed}/code-switched")
        for _ in range(int(CODE_SWITCHED_SHARE * len(seen) * SEEN_SENTENCES) // DOCUMENT):
            one, other = rng.sample(seen, 2)
            yield self._document(rng, partial(self._switching_voice, rng, one, other))

    def labelled(self, task: str, language: str, split: str) -> Iterator[Example]:
        """Labelled data; the same sentences in every language, and the same for `ner`, `pos` and `parsing`.

        `topics` leaves out sentences that say nothing about their topic.

        Raises:
            InputError: If there is no such task, language or split.
        """
        _known(task, TASKS, "task")
        voice = self._voices[_known(language, LANGUAGES, "language")]
        sentences = self._sentences[_known(split, SPLITS, "split")]
        if task == "questions":
            yield from relations.questions(sentences, voice)
            return
        if task in _RELATIONS:
            yield from _RELATIONS[task](sentences, voice, random.Random(f"{self.seed}/{task}/{split}"))
            return
        for sentence in sentences:
            if task != "topics" or _shows_topic(sentence):
                yield _example(task, sentence, voice.say(sentence))

    def _draw_labelled(self, split: str, count: int) -> list[Sentence]:
        author = Author(random.Random(f"{self.seed}/labelled/{split}"), self.names, split)
        drawn: list[Sentence] = []
        while len(drawn) < count:
            sentence = author.sentence(author.rng.choice(TOPICS))
            said = [_run(voice.say(sentence)) for voice in self._voices.values()]
            if not any(self._is_taken(sentence, run) for run in said):
                self._taken.update((sentence, *said))
                for run in said:
                    self._beginnings.setdefault(run[0], set()).add(len(run))
                drawn.append(sentence)
        return drawn

    def _is_taken(self, sentence: Sentence, run: tuple[str, ...]) -> bool:
        """Whether a labelled sentence is in this one: as meaning, or as a run of its words."""
        if not self._taken.isdisjoint(sentence.parts()):
            return True
        return any(
            run[start : start + length] in self._taken
            for start, word in enumerate(run)
            for length in self._beginnings.get(word, ())
        )

    def _document(self, rng: random.Random, voice: Callable[[], Voice]) -> str:
        author, topic = Author(rng, self.names), rng.choice(TOPICS)
        return " ".join(self._fresh(author, topic, voice()) for _ in range(DOCUMENT))

    def _fresh(self, author: Author, topic: str, voice: Voice) -> str:
        """The text of a sentence in which there is no labelled one, neither as meaning nor as text."""
        while True:
            sentence = author.sentence(topic)
            tokens = voice.say(sentence)
            if not self._is_taken(sentence, _run(tokens)):
                return _text(tokens)

    def _switching_voice(self, rng: random.Random, one: str, other: str) -> Voice:
        words = {c: self._lexicons[other][c] if rng.random() < 0.5 else w for c, w in self._lexicons[one].items()}
        return Voice(words, LANGUAGES[one].grammar)


def _run(tokens: list[Token]) -> tuple[str, ...]:
    """The words without the full stop, which ends every sentence."""
    return tuple(token.word for token in tokens[:-1])


def _text(tokens: list[Token]) -> str:
    return as_text([token.word for token in tokens])


def _example(task: str, sentence: Sentence, tokens: list[Token]) -> Example:
    if task == "topics":
        return {"text": _text(tokens), "label": sentence.topic}
    words = [token.word for token in tokens]
    if task == "parsing":
        heads = [place + token.steps if token.steps else 0 for place, token in enumerate(tokens, start=1)]
        return {"words": words, "heads": heads, "labels": [token.relation for token in tokens]}
    return {"words": words, "labels": [token.entity if task == "ner" else token.pos for token in tokens]}


def _shows_topic(sentence: Sentence) -> bool:
    """Whether the verb, or a noun that the sentence is about, belongs to its topic."""
    said = [clause.verb for clause in sentence.clauses]
    for clause in sentence.clauses:
        said += [p.noun for p in (clause.subject, clause.object) if isinstance(p, NounPhrase)]
    return any(concept.startswith(sentence.topic) for concept in said)


def _known(name: str, allowed: Collection[str], what: str) -> str:
    if name not in allowed:
        raise InputError(f"the miniature world has no {what} {name!r}. {suggestion(name, allowed)}")
    return name
