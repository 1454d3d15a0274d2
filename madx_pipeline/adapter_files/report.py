"""One question asked of an adapter, and what was found: what loading refuses by, and what a reader is shown.

Both come from the same list, so nothing can be refused that the report shows as fine, or the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from madx_pipeline.errors import Problem
from madx_pipeline.records import Json


@dataclass(frozen=True)
class AdapterCheck:
    """A question asked of an adapter folder.

    Attributes:
        name: What was asked, in words_with_underscores.
        value: What was found, short enough for a line.
        problems: What is wrong; none if the answer is yes.
        note: What a reader should know although nothing is wrong; may be empty.
    """

    name: str
    value: Json
    problems: tuple[Problem, ...] = ()
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def row(self) -> dict[str, Json]:
        """As JSON: name, passed, value, detail (what is wrong, or the note) and hint."""
        messages = [problem.message for problem in self.problems]
        hints = dict.fromkeys(problem.hint for problem in self.problems if problem.hint)
        return {
            "name": self.name,
            "passed": self.passed,
            "value": self.value,
            "detail": " ".join(messages) or self.note,
            "hint": " ".join(hints),
        }


def check(name: str, value: Json, problems: Iterable[Problem] = (), note: str = "") -> AdapterCheck:
    """An `AdapterCheck` from any iterable of problems."""
    return AdapterCheck(name, value, tuple(problems), note)


def problems_of(checks: Sequence[AdapterCheck]) -> list[Problem]:
    """Everything that is wrong, in the order of the checks."""
    return [problem for one in checks for problem in one.problems]


def shown(value: Json) -> str:
    """A value of foreign JSON for a message, cut where it gets long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"


_LONGEST = 120
