"""How a job ended: the plain data that comes back from wherever it ran."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from madx_pipeline.errors import Problem

State = Literal["found", "ran", "failed", "not run", "damaged", "queued"]
"""`damaged` is said of what was found before it is made again; `queued` of what was left to an engine."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        fingerprint: Of the job.
        state: What became of it.
        seconds: Wall time of this sitting.
        problem: Why it failed or was not run.
        log: Path of its log, if it failed.
        warnings: What the job warned of, soft checks that said no, and damage met.
    """

    fingerprint: str
    state: State
    seconds: float = 0.0
    problem: Problem | None = None
    log: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether the artifact is in the store."""
        return self.state in ("found", "ran")

    def to_json(self) -> str:
        """As it crosses a border between processes or machines."""
        return str(_adapter().dump_json(self).decode("utf-8"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Outcome:
        """What `to_json` gave.

        Raises:
            ValueError: If it is something else.
        """
        outcome: Outcome = _adapter().validate_json(text)
        return outcome


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Outcome)
