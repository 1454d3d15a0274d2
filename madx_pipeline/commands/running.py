"""One running job as seen from outside: what its notes of progress say about loss and time left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from madx_pipeline.commands.live_table import Row, clock
from madx_pipeline.execute import COUNTS_STEPS
from madx_pipeline.jobs import Job
from madx_pipeline.records import Json


@dataclass(frozen=True)
class _Sight:
    """How far the job was, and when (seconds) that was seen."""

    done: float
    at: float


class Running:
    """A job from its start on. Times are in seconds of any one clock.

    Time left follows from the pace of this sitting alone: a resumed job starts at its checkpoint, and the
    note that its last sitting left behind says nothing about this one.
    """

    def __init__(self, job: Job, now: float, left_behind: Mapping[str, Json] | None) -> None:
        self._job = job
        self._started = now
        self._stale = left_behind
        self._first: _Sight | None = None
        self._last: _Sight | None = None
        self._total = 0.0
        self._loss: float | None = None

    def saw(self, note: Mapping[str, Json] | None, now: float) -> None:
        """Takes in what `progress.json` says; whatever is not a note of progress is passed over."""
        if not isinstance(note, Mapping) or note == self._stale:
            return
        self._stale = None
        numbers, done, total = note.get("numbers"), _number(note.get("done")), _number(note.get("total"))
        if done is None or total is None or total <= 0:
            return
        if self._last is None or done < self._last.done or total != self._total:  # a job may have several phases
            self._first = self._last = _Sight(done, now)
        elif done != self._last.done:
            self._last = _Sight(done, now)
        self._total = total
        self._loss = _number(numbers.get("loss")) if isinstance(numbers, dict) else None

    def row(self, now: float) -> Row:
        """The job's line in the table."""
        if self._last is None:
            return Row(self._job.name, None, "", "", f"for {clock(now - self._started)}")
        done = min(1.0, self._last.done / self._total)
        steps = f"{self._last.done:.0f}/{self._total:.0f}"
        count = steps if self._job.stage in COUNTS_STEPS else f"{math.floor(done * 100)}%"
        loss = "" if self._loss is None else f"{self._loss:#.4g}"
        left = self.seconds_left(now)
        return Row(self._job.name, done, count, loss, clock(left) if left is not None else "")

    def seconds_left(self, now: float) -> float | None:
        """By the pace since the first sight, or None before there is one."""
        if self._first is None or self._last is None or self._last.done <= self._first.done:
            return None
        pace = (self._last.at - self._first.at) / (self._last.done - self._first.done)
        return max(0.0, (self._total - self._last.done) * pace - (now - self._last.at))


def _number(value: Json) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
