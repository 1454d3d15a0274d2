"""The answers as words and signs: a reader who sees no colours reads the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from madx_pipeline.report.markdown import listed
from madx_pipeline.report.results import Verdict


@dataclass(frozen=True)
class Answer:
    """An outcome as it is shown.

    Attributes:
        word: In a word or two.
        sign: A sign that goes with it.
        look: Class of the style sheet.
        rank: Its place when a table is sorted by outcome.
    """

    word: str
    sign: str
    look: str
    rank: int


_ANSWERS = {
    "helps": Answer("helps", "▲", "helps", 0),
    "no evidence": Answer("no evidence", "●", "none", 2),
    "hurts": Answer("hurts", "▼", "hurts", 3),
    "source": Answer("source", "◆", "source", 4),
    "unknown": Answer("not known", "?", "unknown", 5),
}
_TOO_LITTLE = Answer("helps, too little", "△", "little", 1)


def answer_of(verdict: Verdict) -> Answer:
    """The outcome of a verdict."""
    if verdict.outcome == "helps" and verdict.falls_short:
        return _TOO_LITTLE
    return _ANSWERS[verdict.outcome]


def counted(verdicts: Iterable[Verdict]) -> list[tuple[Answer, int]]:
    """Outcomes of the target languages and how many have each, the best first."""
    answers = [answer_of(verdict) for verdict in verdicts if verdict.outcome != "source"]
    return [(answer, answers.count(answer)) for answer in sorted(set(answers), key=lambda answer: answer.rank)]


def in_a_sentence(verdicts: list[Verdict]) -> str:
    """The answer over all target languages, in one sentence."""
    phrases = {
        "helps": "helps in {}",
        "helps, too little": "helps too little in {}",
        "no evidence": "shows no clear effect in {}",
        "hurts": "hurts in {}",
        "not known": "could not be judged in {}",
    }
    counts = counted(verdicts)
    total = sum(count for _, count in counts)
    if not total:
        return "The method madx was not part of the run, so nothing can be said about it."
    if len(counts) == 1 and total > 1:
        return f"MAD-X {phrases[counts[0][0].word].format(f'all {total} target languages')}."
    parts = [phrases[answer.word].format(count) for answer, count in counts]
    noun = "language" if total == 1 else "languages"
    return f"Of {total} target {noun}, MAD-X {listed(parts)}."
