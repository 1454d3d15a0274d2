"""The table of running jobs, drawn from plain rows: what `display.py` shows on a terminal.

Numbers are never shortened; where the terminal is narrow the bar goes first, then the middle of a job's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

_BAR = 20
_SHORTEST_BAR = 8
_SHORTEST_NAME = 12
_GAP = 2
_HEADERS = ("running", "", "progress", "loss", "time left")


@dataclass(frozen=True)
class Row:
    """One running job.

    Attributes:
        name: The job's name; markup in it is shown as text.
        done: Fraction done, 0 to 1; None while nothing is known.
        count: `312/400` for steps, `37%` for anything else.
        loss: As text, or nothing.
        time: Time left, or for how long the job has been running while that is not known.
    """

    name: str
    done: float | None
    count: str
    loss: str
    time: str


def table(rows: Sequence[Row], summary: str, width: int, height: int) -> RenderableType:
    """The rows that fit, how many do not, and a line over the whole run.

    Args:
        rows: Running jobs, the one that is to be seen first in front.
        summary: The last line.
        width: Columns of the terminal.
        height: Lines of the terminal; the last is left free for the cursor.
    """
    last = Text(summary, no_wrap=True, overflow="ellipsis")
    room = height - 3  # header, summary, cursor
    if not rows or room < 1:
        return last
    if len(rows) <= room:
        return Group(_grid(rows, width), last)
    shown = rows[: room - 1]
    more = Text(f"and {len(rows) - len(shown)} more", style="dim")
    return Group(_grid(shown, width), more, last) if shown else Group(more, last)


def shorten(name: str, width: int) -> str:
    """The name in at most `width` columns: its middle goes, since its end tells it from its neighbours."""
    if len(name) <= width:
        return name
    head = max(0, width - 1) // 3
    return f"{name[:head]}…{name[len(name) - (width - 1 - head) :]}"


def clock(seconds: float) -> str:
    """`0:42`, `3:07:09`, `2d 03h`."""
    minutes, second = divmod(max(0, round(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24}d {hours % 24:02d}h"
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def _grid(rows: Sequence[Row], width: int) -> Table:
    numbers = [
        _widest(column) for column in zip(_HEADERS[2:], *((row.count, row.loss, row.time) for row in rows), strict=True)
    ]
    name, bar = _name_and_bar(_widest([_HEADERS[0], *(row.name for row in rows)]), width, numbers)
    grid = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    grid.add_column(width=name, no_wrap=True)
    if bar:
        grid.add_column(width=bar, no_wrap=True)
    for number in numbers:
        grid.add_column(width=number, no_wrap=True, justify="right")
    headers = [Text(header, style="dim") for header in _HEADERS]
    grid.add_row(*(headers if bar else [headers[0], *headers[2:]]))
    for row in rows:
        bars = [ProgressBar(1.0, row.done, width=bar)] if bar and row.done is not None else [Text("")] * bool(bar)
        grid.add_row(Text(shorten(row.name, name)), *bars, Text(row.count), Text(row.loss), Text(row.time))
    return grid


def _name_and_bar(longest: int, width: int, numbers: Sequence[int]) -> tuple[int, int]:
    """Columns for the names and for the bar (0: none) in what the numbers leave."""
    left = width - sum(numbers) - _GAP * len(numbers) - _GAP
    bar = min(_BAR, max(_SHORTEST_BAR, left - longest))
    if left - bar >= _SHORTEST_NAME:
        return min(longest, left - bar), bar
    return max(1, min(longest, left + _GAP)), 0


def _widest(texts: Sequence[str]) -> int:
    return max(len(text) for text in texts)
