"""The errors a user can meet: what is wrong in one line, what to do in another, and the exit code.

Everything that can be blamed on input is an `InputError` (exit code 2) and may carry many problems at
once; everything that goes wrong inside a job is a `JobError` (exit code 1). The command line prints
both without a traceback unless `--debug` is given.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and what to do about it.

    Attributes:
        message: What, where, what was found, what is possible; one line.
        hint: What to do next; one line, may be empty.
    """

    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        """One line each, and text that can be written, whatever a name or a library's message holds."""
        object.__setattr__(self, "message", _writable(" ".join(self.message.split())))
        object.__setattr__(self, "hint", _writable(" ".join(self.hint.split())))


def _writable(text: str) -> str:
    """The same, halves of surrogate pairs (of JSON, or of file names that are no UTF-8) spelt out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class MadxError(Exception):
    """An error that is shown to the user as problem and hint lines.

    Attributes:
        problems: What is wrong, in the order found.
        exit_code: What the process ends with.
    """

    exit_code = 1

    def __init__(self, problems: Problem | Iterable[Problem] | str, hint: str = "") -> None:
        if isinstance(problems, str):
            problems = Problem(problems, hint)
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))

    def __reduce__(self) -> tuple[type[MadxError], tuple[tuple[Problem, ...]]]:
        """Rebuild from the problems, so that an error survives a process border."""
        return type(self), (self.problems,)


class InputError(MadxError):
    """Bad input: a recipe, card, file or argument that cannot be used. Exit code 2."""

    exit_code = 2


class JobError(MadxError):
    """A job that cannot be finished. Exit code 1."""


class CheckError(JobError):
    """A hard check said no: the job would have produced a number that means nothing. Exit code 1."""


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word closest to `word`, or None when nothing is close."""
    found = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.5)
    return found[0] if found else None


def suggestion(word: str, allowed: Iterable[str]) -> str:
    """`Nearest: "x".` for an unknown name, or the allowed ones when nothing is close."""
    names = list(allowed)
    close = nearest(word, names)
    if close is not None:
        return f'Nearest: "{close}".'
    if not names:
        return "Nothing is possible here: leave it out."
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"Possible: {listed}."
