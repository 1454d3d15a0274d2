"""F1 and exact match of answers, compared as the official scripts do it, language by language.

English, and every language without rules of its own: the script of SQuAD 1.1 (Rajpurkar et al. 2016,
`evaluate-v1.1.py`), with which XTREME scores XQuAD and TyDi QA's gold passages in all languages. Arabic, Chinese,
German, Hindi, Spanish and Vietnamese: the script of MLQA (Lewis et al. 2020, `mlqa_evaluation_v1.py`), which drops
each language's own articles and all punctuation of Unicode, and takes every Chinese character for a word.

So scores of these languages are MLQA's: published scores of XQuAD that were made with SQuAD's script differ a little.

Surprising: F1 is kept to a millionth per question, so that it can be summed in whole numbers (`report/outcomes.py`
does) and means come out the same to the last digit in any order.
"""

from __future__ import annotations

import re
import string
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

MILLION = 1_000_000

_ARTICLES = {
    "ar": r"\sال^|ال",
    "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "en": r"\b(a|an|the)\b",
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "vi": r"\b(của|là|cái|chiếc|những)\b",
}
"""What counts as an article; the Arabic pattern drops its letters wherever they stand, as MLQA's script does."""

_MLQA = ("ar", "de", "es", "hi", "vi", "zh")
_HAN = re.compile("([\u4e00-\u9fa5])")


class Right(NamedTuple):
    """How right an answer is: F1 in millionths, and whether it matches exactly."""

    f1: int
    exact: bool


def answer_scores(gold: Sequence[Mapping[str, object]], predicted: Sequence[str]) -> dict[str, float]:
    """Mean F1 and share of exact matches over questions.

    Args:
        gold: `{"answers": [...], "language": ...}` of each question.
        predicted: The answer given to each.
    """
    found = [rightness(truth, answer) for truth, answer in zip(gold, predicted, strict=True)]
    total = max(len(found), 1)
    return {
        "answer_f1": sum(right.f1 for right in found) / (MILLION * total),
        "exact_match": sum(right.exact for right in found) / total,
    }


def rightness(gold: Mapping[str, object], predicted: str) -> Right:
    """The best F1 and match with any of the right answers."""
    answers, language = gold["answers"], str(gold["language"])
    assert isinstance(answers, Iterable)
    given = normalised(predicted, language)
    right = [normalised(str(answer), language) for answer in answers]
    return Right(max(round(MILLION * _f1(given, one)) for one in right), given in right)


def normalised(answer: str, language: str) -> str:
    """An answer as it is compared: lower case, no punctuation, no articles, single spaces.

    Args:
        answer: Any text.
        language: BCP 47 code; what follows the language itself (script, region) does not matter.
    """
    spoken = language.split("-", maxsplit=1)[0]
    marks = _unicode_punctuation() if spoken in _MLQA else frozenset(string.punctuation)
    bare = "".join(character for character in answer.lower() if character not in marks)
    articles = _ARTICLES.get(spoken) if spoken in _MLQA else _ARTICLES["en"]
    text = re.sub(articles, " ", bare) if articles else bare
    if spoken == "zh":
        text = _HAN.sub(r" \1 ", text)
    return " ".join(text.split())


def _f1(predicted: str, gold: str) -> float:
    """F1 of the words of two normalised answers."""
    ours, theirs = predicted.split(), gold.split()
    same = sum((Counter(ours) & Counter(theirs)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(ours), same / len(theirs)
    return 2 * precision * recall / (precision + recall)


@cache
def _unicode_punctuation() -> frozenset[str]:
    every = (chr(point) for point in range(sys.maxunicode))
    marks = {character for character in every if unicodedata.category(character).startswith("P")}
    return frozenset(marks.union(string.punctuation))
