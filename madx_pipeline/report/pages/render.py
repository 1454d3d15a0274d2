"""The jinja2 environment of the pages: everything is escaped, everything that is missing is an error.

What surprises: control characters are taken out of every value, for they are not allowed in HTML, and
half a surrogate pair (JSON can hold one) could not be written at all.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from madx_pipeline.report.markdown import NOTHING, number, percent, points, signed_points
from madx_pipeline.report.pages.axis import HEAT_STEPS, Axis

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")
"""Folder of templates, style sheet and script; they come with the package."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def render(template: str, **values: Any) -> str:
    """A page from its template.

    Args:
        template: Name of a file in `templates/`.
        values: What the template may use; a name that it uses and that is missing raises.
    """
    return environment().get_template(template).render(**values)


@cache
def environment() -> Environment:
    """The environment; `script_hash` is what the pages' security policy lets run, and nothing else."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=without_controls,
    )
    script = env.get_template("page.js").render()
    env.globals["script_hash"] = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    env.globals["heat_steps"] = range(HEAT_STEPS)
    env.globals["shade"] = _shade
    env.filters.update(
        points=_points,
        signed=_signed,
        percent=_percent,
        number=_number,
        count=_count,
        plain=_plain,
        p=_p_value,
        breakable=_breakable,
        unbroken=_unbroken,
    )
    return env


def without_controls(value: Any) -> Any:
    """A value without the characters that HTML does not allow; anything but text is left as it is."""
    return _CONTROL.sub("", value) if type(value) is str else value


def _minus(text: str) -> str:
    """A true minus sign: a hyphen is too short for one and may break a line."""
    return text.replace("-", "−") if text != NOTHING else "–"


def _points(fraction: float | None, digits: int) -> str:
    return _minus(points(fraction, digits))


def _signed(fraction: float | None, digits: int) -> str:
    return "–" if fraction is None else _minus(signed_points(fraction, digits))


def _percent(fraction: float | None, digits: int = 0) -> str:
    return _minus(percent(fraction, digits))


def _number(value: float | None, digits: int) -> str:
    return _minus(number(value, digits))


def _count(value: int | None) -> str:
    """A whole number with thin spaces between thousands."""
    return "–" if value is None else f"{value:,}".replace(",", "\u202f")


def _plain(value: object) -> str:
    """A fact of any type in a line: `corpus 3, test 4`; nothing as a dash."""
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _p_value(value: float | None) -> str:
    """Three digits; smaller ones are not told apart."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _breakable(name: str) -> Markup:
    """A name that may break after its underscores, so that a table column is no wider than a word."""
    from markupsafe import Markup

    return Markup("_<wbr>").join(name.split("_"))


def _unbroken(text: str) -> Markup:
    """A sentence in which `MAD-X` does not break after its hyphen."""
    from markupsafe import Markup

    return Markup('<span class="nowrap">MAD-X</span>').join(text.split("MAD-X"))


def _shade(count: int, total: int) -> int:
    """Step of the heat map for a share of a row."""
    return Axis(0.0, 1.0).shade(count / total) if total else 0
