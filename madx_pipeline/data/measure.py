"""What a tokenizer makes of a language: tokens per word, unknown tokens, and the scripts the text is in.

A high number of tokens per word says that the base model has hardly met the language; unknown tokens say
that it cannot even write it. Scripts written without spaces have no words to count at a glance: where most
letters are of such a script, a letter counts as a word (`word_unit` is then `character`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from madx_pipeline.records import Json

UNSPACED = frozenset(
    {"Han", "Hiragana", "Katakana", "Bopomofo", "Yi", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Javanese"}
    | {"Balinese", "Tai Tham", "Tai Le", "New Tai Lue", "Tai Viet", "Cham"}
)
"""Scripts that put no space between words."""

_LETTER_NAME = re.compile(
    r"(?:FULLWIDTH |HALFWIDTH )?(.+?) "
    r"(?:CAPITAL|SMALL|LETTER|SYLLABLE|SYLLABICS|LIGATURE|UNIFIED|COMPATIBILITY|CHARACTER|VOWEL|INDEPENDENT|MODIFIER"
    r"|CHOSEONG|JUNGSEONG|JONGSEONG)\b"
)
_SCRIPT_OF_NAME = {"CJK": "Han", "NKO": "N'Ko", "CANADIAN": "Canadian Aboriginal"}
_NO_SCRIPT = ("MODIFIER", "MATHEMATICAL", "SCRIPT", "DOUBLE-STRUCK", "BLACK-LETTER", "TURNED")
_OTHER = "other"


class Measure:
    """Adds up what was seen of a text and of its tokens.

    Args:
        unknown: Id of the unknown token, or None where the tokenizer has none.
    """

    def __init__(self, unknown: int | None) -> None:
        self._unknown = unknown
        self._characters = np.zeros(0, dtype=np.int64)
        self._spaced_words = 0
        self._unknown_tokens = 0
        self.tokens = 0

    def add(self, texts: Sequence[str], tokens: Iterable[Sequence[int]]) -> None:
        """Counts some texts and the tokens they were cut into."""
        code_points = np.frombuffer("".join(texts).encode("utf-32-le"), dtype="<u4")
        if len(code_points):
            self._add_characters(np.bincount(code_points))
        self._spaced_words += sum(len(text.split()) for text in texts)
        for ids in tokens:
            self.tokens += len(ids)
            if self._unknown is not None:
                self._unknown_tokens += ids.count(self._unknown)

    def facts(self) -> dict[str, Json]:
        """What was found, by name.

        `tokens`, `words`, `word_unit` (`whitespace` or `character`), `tokens_per_word`, `unknown_share` (of
        the tokens) and `scripts` (shares of the letters).
        """
        letters = self._letters()
        total = sum(letters.values())
        unspaced = sum(count for script, count in letters.items() if script in UNSPACED)
        by_character = unspaced * 2 > total
        words = total if by_character else self._spaced_words
        return {
            "tokens": self.tokens,
            "words": words,
            "word_unit": "character" if by_character else "whitespace",
            "tokens_per_word": round(self.tokens / max(words, 1), 4),
            "unknown_share": round(self._unknown_tokens / max(self.tokens, 1), 6),
            "scripts": {script: round(count / total, 6) for script, count in letters.most_common()},
        }

    def _add_characters(self, counts: np.ndarray) -> None:
        if len(counts) > len(self._characters):
            self._characters = np.pad(self._characters, (0, len(counts) - len(self._characters)))
        self._characters[: len(counts)] += counts

    def _letters(self) -> Counter[str]:
        """Script to number of letters; the most frequent first, equals by name."""
        letters: Counter[str] = Counter()
        for code_point in np.flatnonzero(self._characters):
            character = chr(code_point)
            if unicodedata.category(character).startswith("L"):
                letters[script_of(character)] += int(self._characters[code_point])
        return Counter(dict(sorted(letters.items())))


def script_of(letter: str) -> str:
    """Name of a letter's script, read off its Unicode name; `other` where the name does not tell.

    Letters that many scripts share (`ʼ` U+02BC, `ª`) are `other`: they say nothing about a text.
    """
    name = unicodedata.name(letter, "")
    found = _LETTER_NAME.match(name)
    if found is None or name.startswith(_NO_SCRIPT):
        return _OTHER
    script = found[1]
    return _SCRIPT_OF_NAME.get(script, script.title())
