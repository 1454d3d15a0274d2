"""International names of people, places and organisations, the same in every language.

A stem is two syllables. Half of the stems end in a syllable typical of their type (as -burg and -son
are), the other half could be anything, so that the type of a name must partly be read from its
context. Without the typical half, masked language modelling has no reason to represent types at all.
"""

from __future__ import annotations

import random
from itertools import product

SPLIT_SHARES = {"train": 5, "validation": 2, "test": 3}
"""Tenths of the stems that each labelled split draws its names from; no stem is in two splits."""

FIRST_SYLLABLES = 18
TYPICAL_SYLLABLES = 4
NEUTRAL_SYLLABLES = 8
TYPICAL_SHARE = 0.5

_VOWELS = "aeiou"
_CONSONANTS = "ptkbdgmnslrvz"
_FINALS = "nslrmk"
TYPES = ("PER", "LOC", "ORG")


class Names:
    """The name stems of one world.

    Unlabelled text uses all of them. Labelled train, validation and test sentences use disjoint parts:
    a score on validation then asks for names not met in training, as a score on test does.
    """

    def __init__(self, world_seed: int) -> None:
        rng = random.Random(f"{world_seed}/names")
        first = ["".join(letters) for letters in product(_CONSONANTS.upper(), _VOWELS)]
        second = ["".join(letters) for letters in product(_CONSONANTS, _VOWELS, _FINALS)]
        self._first = rng.sample(first, FIRST_SYLLABLES)
        endings = rng.sample(second, len(TYPES) * TYPICAL_SYLLABLES + NEUTRAL_SYLLABLES)
        self._neutral = endings[:NEUTRAL_SYLLABLES]
        typical = endings[NEUTRAL_SYLLABLES:]
        self._typical = {kind: typical[index :: len(TYPES)] for index, kind in enumerate(TYPES)}
        self.splits = self._deal(rng, [a + b for a in self._first for b in endings])

    @staticmethod
    def _deal(rng: random.Random, stems: list[str]) -> dict[str, str]:
        rng.shuffle(stems)
        hand = [split for split, tenths in SPLIT_SHARES.items() for _ in range(tenths)]
        return {stem: hand[index % len(hand)] for index, stem in enumerate(stems)}

    def draw(self, kind: str, rng: random.Random, split: str | None) -> str:
        """A stem for a name of type `kind`, from the part of `split`, or from all parts when it is None."""
        while True:
            endings = self._typical[kind] if rng.random() < TYPICAL_SHARE else self._neutral
            stem = rng.choice(self._first) + rng.choice(endings)
            if split is None or self.splits[stem] == split:
                return stem
