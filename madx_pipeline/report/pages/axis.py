"""Where a number stands on a common scale: intervals drawn in tables, steps of a heat map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HEAT_STEPS = 10
"""Shades of a heat map; the style sheet has as many classes (`h0` to `h9`)."""


@dataclass(frozen=True)
class Axis:
    """A scale from `low` to `high`, in the unit of what stands on it."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float | None], *, zero: bool = False) -> Axis:
        """The smallest scale with a little room around all values, and around 0 if asked for."""
        known = [value for value in values if value is not None] + ([0.0] if zero else [])
        low, high = min(known, default=0.0), max(known, default=1.0)
        room = 0.04 * (high - low) or 0.01
        return cls(low - room, high + room)

    def place(self, value: float) -> float:
        """Position on the scale in percent, within 0 to 100."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def shade(self, value: float) -> int:
        """Step of the heat map."""
        return min(HEAT_STEPS - 1, int(self.place(value) / 100 * HEAT_STEPS))
