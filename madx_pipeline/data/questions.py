"""Questions on a text of which the answer is a piece: the form of example that moves when its text is normalised.

Surprising: data sets are wrong about where answers are, by a few characters or altogether (-1). An answer is taken
where it is nearest to its place, and how many had to be moved is told.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from madx_pipeline.data.examples import Example, Normal
from madx_pipeline.data.text import has_half_character
from madx_pipeline.errors import JobError
from madx_pipeline.records import Json


@dataclass(frozen=True)
class Answer:
    """A part of a context that answers a question: its text, and the character at which it starts."""

    text: str
    start: int


@dataclass(frozen=True)
class Question(Example):
    """A question, the text in which its answer is, and the answers that count as right.

    Attributes:
        number: The data set's id of the question.
        question: The question.
        context: The text.
        answers: Right answers, the first of which is learnt.
        language: BCP 47 code: answers are compared as it is usual for their language.
        article: Title of what the text is from; empty where the data does not say.
        moved: Answers that were not where the data said; known once it is cleaned.
    """

    number: str
    question: str
    context: str
    answers: tuple[Answer, ...]
    language: str = ""
    article: str = field(default="", compare=False)
    moved: int = field(default=0, compare=False)

    @classmethod
    def of_row(cls, row: Mapping[str, Json], where: str) -> Self:
        """The question of a row.

        Args:
            row: `id`, `question`, `context`, `answers` (`text` and `answer_start`, lists) and perhaps `title`.
            where: Where it comes from, for messages.

        Raises:
            JobError: If a text is none or cannot be written, or the place of an answer is no number.
        """
        place = f"{where}, question {row['id']}"
        texts, starts = row["answers"]["text"], row["answers"]["answer_start"]
        named = [("id", str(row["id"])), ("title", row.get("title") or "")]
        named += [("question", row["question"]), ("context", row["context"]), *(("answer", text) for text in texts)]
        for name, text in named:
            if not isinstance(text, str):
                raise JobError(f"{place}: the {name} is {text!r}, which is not text.", "Correct the file.")
            if has_half_character(text):
                raise JobError(f"{place}: the {name} holds half a character (a lone surrogate).", "Correct the file.")
        for start in starts:
            if type(start) is not int:
                message = f"{place}: answer_start is {start!r}, which is not the number of a character."
                raise JobError(message, "Correct the file; characters are counted from 0.")
        answers = tuple(Answer(text, start) for text, start in zip(texts, starts, strict=True))
        return cls(str(row["id"]), row["question"], row["context"], answers, article=row.get("title") or "")

    @property
    def strings(self) -> list[str]:
        """The question and the text."""
        return [self.question, self.context]

    @property
    def labels(self) -> list[str]:
        """None: the answer is a piece of text."""
        return []

    @property
    def group(self) -> str:
        """The article; questions on one help with others on it."""
        return self.article or self.context

    @property
    def has_content(self) -> bool:
        """Whether there is an answer: questions without one (SQuAD 2.0) are dropped."""
        return bool(self.answers) and super().has_content

    def cleaned(self, normal: Normal, labels: Sequence[str]) -> Self:
        """The same in normal form; answers are found again where they have moved to.

        Raises:
            JobError: If an answer is not in the text.
        """
        context = normal(self.context)
        found = [self._found(answer, context, normal) for answer in self.answers]
        answers, moved = tuple(answer for answer, _ in found), sum(moved for _, moved in found)
        return replace(self, question=normal(self.question), context=context, answers=answers, moved=moved)

    def _found(self, answer: Answer, context: str, normal: Normal) -> tuple[Answer, bool]:
        """The occurrence of an answer that is nearest to where it should be, and whether that is elsewhere."""
        text, start = normal(answer.text), self._start(answer, context)
        if not text or text not in context:
            raise JobError(f'question {self.number}: the answer "{text[:60]}" is not in its text.', "Correct the file.")
        if start >= 0 and context.startswith(text, start):
            return Answer(text, start), False
        places = (place for place in range(len(context)) if context.startswith(text, place))
        return Answer(text, min(places, key=lambda place: abs(place - start))), True

    def _start(self, answer: Answer, context: str) -> int:
        """Where an answer should be in the normal text: after as much as stands before it."""
        if context == self.context or answer.start < 0:
            return answer.start
        return len(unicodedata.normalize("NFC", self.context[: answer.start]))

    def row(self) -> dict[str, Json]:
        """`id`, `question`, `context`, `answers` (each `text` and `start`) and `language`."""
        answers = [{"text": answer.text, "start": answer.start} for answer in self.answers]
        asked = {"id": self.number, "question": self.question, "context": self.context}
        return {**asked, "answers": answers, "language": self.language}
