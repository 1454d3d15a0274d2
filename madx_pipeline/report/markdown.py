"""Text and numbers as Markdown: what comes from data is shown as it is and never becomes markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

GAP = "gap"
"""What a table shows where a score should be and is not."""

NOTHING = "-"
"""What a table shows where there is nothing to show."""

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|[&<>]")
"""Characters that start markup; an underscore only where it is not inside a word."""

_DIRECTION_OVERRIDES = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def text(value: object) -> str:
    """A value on one line, with everything that could be markup escaped (Markdown, tables and HTML).

    Control characters go; so do overrides of the writing direction, which could turn the rest of a line around.
    """
    line = " ".join(str(value).split()).translate(_DIRECTION_OVERRIDES)
    shown = "".join(letter for letter in line if unicodedata.category(letter) not in ("Cc", "Cs"))
    return _SPECIAL.sub(lambda found: _HTML.get(found[0], f"\\{found[0]}"), shown)


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, left: int = 1) -> str:
    """A table of plain values, escaped here; all but the first `left` columns are aligned to the right."""
    rule = ["---" if column < left else "---:" for column in range(len(header))]
    lines = [[text(cell) for cell in header], rule, *([text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def number(value: float | None, digits: int) -> str:
    """A number with a fixed number of digits after the point; no minus before a zero."""
    if value is None:
        return NOTHING
    shown = f"{value:.{digits}f}"
    return shown.lstrip("-") if float(shown) == 0 else shown


def points(fraction: float | None, digits: int) -> str:
    """A fraction in points: 0.749 is 74.9."""
    return number(None if fraction is None else fraction * 100, digits)


def signed_points(fraction: float, digits: int) -> str:
    """A difference in points, with its sign: +4.2, -0.3, 0.0."""
    shown = points(fraction, digits)
    return f"+{shown}" if float(shown) > 0 else shown


def percent(fraction: float | None, digits: int = 0) -> str:
    """A share: 0.25 is 25%."""
    return NOTHING if fraction is None else f"{points(fraction, digits)}%"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
