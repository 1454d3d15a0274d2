"""What can be said: concepts, and the word each language has for each.

Roots are consonant-vowel-consonant, affixes consonant-vowel. Few and short on purpose: with twice the
concepts or longer roots the tiny base model does not align its languages within its budget of steps.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from itertools import product

from madx_pipeline.miniature.languages import LANGUAGES, Words

TOPICS = ("farming", "fishing", "building", "music")
"""What a document is about, and the labels of the topic task."""

PEOPLE, THINGS, QUALITIES = 2, 3, 2
"""Human nouns, thing nouns and adjectives of a topic."""

ACTIONS = 1
"""Verbs of a topic that people do; institutions and things have one each too."""

ADPOSITIONS = ("in", "from", "to", "with")
AFFIXES = ("plural", "past", "future", "adjective", "locative")

_CONSONANTS = "ptkbdgmnslr"
_VOWELS = "aeiou"
_FINALS = "nslrmktpd"

_GENERAL = {
    "NOUN": {"title": 2, "institution": 4, "landform": 3},
    "VERB": {"go": 3, "visit": 2, "meet": 2, "join": 2, "be": 1},
    "ADV": {"adverb": 6},
    "NUM": {"number": 6},
    "CONJ": {"and": 3},
    "PART": {"not": 1},
    "PRON": {"pronoun": 3},
}


def series(stem: str, count: int) -> tuple[str, ...]:
    """The concepts `stem.0`, `stem.1`, ... of one kind."""
    return tuple(f"{stem}.{index}" for index in range(count))


def general(stem: str) -> tuple[str, ...]:
    """The concepts of a kind that belongs to no topic, such as `adverb`."""
    count = next(kinds[stem] for kinds in _GENERAL.values() if stem in kinds)
    return series(stem, count)


def _topical() -> Iterator[tuple[str, str]]:
    for topic in TOPICS:
        for stem, count in (("person", PEOPLE), ("thing", THINGS)):
            yield from ((concept, "NOUN") for concept in series(f"{topic}.{stem}", count))
        for stem, count in (("people_do", ACTIONS), ("institutions_do", 1), ("things_do", 1)):
            yield from ((concept, "VERB") for concept in series(f"{topic}.{stem}", count))
        yield from ((concept, "ADJ") for concept in series(f"{topic}.quality", QUALITIES))


@cache
def parts_of_speech() -> dict[str, str]:
    """Every concept that is a word of its own, to its part of speech."""
    concepts = dict(_topical())
    for part, kinds in _GENERAL.items():
        concepts.update((concept, part) for stem, count in kinds.items() for concept in series(stem, count))
    concepts.update((adposition, "ADP") for adposition in ADPOSITIONS)
    return concepts


def proto_lexicon(rng: random.Random) -> dict[str, str]:
    """A family's words: a different root for every concept, a different syllable for every affix."""
    roots = ["".join(letters) for letters in product(_CONSONANTS, _VOWELS, _FINALS)]
    syllables = ["".join(letters) for letters in product(_CONSONANTS, _VOWELS)]
    concepts = list(parts_of_speech())
    words = dict(zip(concepts, rng.sample(roots, len(concepts)), strict=True))
    return words | dict(zip(AFFIXES, rng.sample(syllables, len(AFFIXES)), strict=True))


def lexicon(words: Words, code: str, world_seed: int) -> dict[str, str]:
    """The words of one language: inherited, partly replaced, then changed in sound."""
    inherited = proto_lexicon(random.Random(f"{world_seed}/family/{words.family}"))
    rng = random.Random(f"{world_seed}/lexicon/{code}")
    borrowed = proto_lexicon(rng)
    kept = {c: borrowed[c] if rng.random() < words.replaced else word for c, word in inherited.items()}
    change = str.maketrans(dict(words.sounds))
    return {concept: word.translate(change) for concept, word in kept.items()}


def lexicons(world_seed: int) -> dict[str, dict[str, str]]:
    """Language code to its lexicon (concept to word)."""
    return {code: lexicon(language.words, code, world_seed) for code, language in LANGUAGES.items()}
