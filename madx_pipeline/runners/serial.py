"""One job after another, in this process."""

from __future__ import annotations

from pathlib import Path

from madx_pipeline.execute import Outcome, execute
from madx_pipeline.jobs import Job


class SerialRunner:
    """Does each job at once."""

    capacity = 1

    def __init__(self, home: Path) -> None:
        self._home = home
        self._ended: list[Outcome] = []

    def start(self, job: Job) -> None:
        """Does the job, to its end."""
        self._ended.append(execute(job, self._home))

    def wait(self) -> list[Outcome]:
        """The outcomes since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Nothing is held."""
