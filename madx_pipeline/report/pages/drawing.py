"""matplotlib, made to give the same bytes twice, and drawings that fit light and dark pages.

A drawing exists three times: inside a page, where it takes the page's colours and fonts; as an SVG file,
which follows the reader's light or dark setting; and as PDF for a paper, in light colours.
Widths are those of a column of a paper (3.3 inches).
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE = "#1b1f24", "#5f6873", "#d6dbe1"
HELPS, HURTS = "#00707a", "#b3470b"
SERIES = ("#0b5cad", "#c77d00", "#00856b", "#a8508a", "#5a7d10", "#c2410c", "#6b5bc4")
"""Colours of methods, in the recipe's order; distinguishable without red and green, and by shape as well."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

DARK: Mapping[str, str] = {
    INK: "#e8eaed",
    MUTED: "#a3adb8",
    RULE: "#39414a",
    HELPS: "#4fc3cf",
    HURTS: "#f0915a",
    **dict(zip(SERIES, ("#62aef0", "#f0b145", "#3fcaa8", "#e193c6", "#a6cc55", "#ff8a5c", "#a79bf0"), strict=True)),
}
"""Light colour to the dark one in its place."""

_NAMES = {INK: "ink", MUTED: "muted", RULE: "rule", HELPS: "helps", HURTS: "hurts"} | {
    colour: f"s{index}" for index, colour in enumerate(SERIES)
}
"""Colour to the name of the style sheet's variable."""

_STYLE: dict[Any, Any] = {
    "font.size": 7,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.unicode_minus": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.size": 0,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 6.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.2,
    "svg.fonttype": "none",
    "svg.hashsalt": "madx",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Drawing:
    """A figure that was drawn.

    Attributes:
        name: Name of its files, without ending.
        title: Its heading on the page.
        alt: What it shows, in words.
        svg: SVG as it stands in a page: colours and fonts are the page's.
        note: What the page says beneath it; may be empty.
    """

    name: str
    title: str
    alt: str
    svg: str
    note: str = ""


def draw(height: float, paint: Callable[[Axes], None]) -> Figure:
    """A column-wide figure.

    Args:
        height: In inches.
        paint: Paints into its only axes.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(3.3, height), layout="constrained")
        paint(figure.add_subplot())
        figure.draw_without_rendering()  # finds the layout, once and while the style holds
    figure.set_layout_engine("none")
    return figure


def save(figure: Figure, svg: str, path: Path, alt: str) -> None:
    """Writes `<path>.svg` and `<path>.pdf`, the same bytes every time.

    Both formats are printed by their canvas: `Figure.savefig` would draw everything once more to find a layout.

    Args:
        figure: The figure.
        svg: `svg_of(figure)`.
        path: Where, without ending.
        alt: What it shows, in words.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".svg").write_text(_svg_file(svg, alt), encoding="utf-8", newline="\n")
    with mpl.rc_context(_STYLE):
        canvas: Any = FigureCanvasPdf(figure)
        canvas.print_pdf(path.with_suffix(".pdf"), metadata=dict.fromkeys(("CreationDate", "Creator", "Producer")))


def svg_for_page(svg: str, name: str, alt: str) -> str:
    """SVG to stand in a page: `name` makes its ids its own, and colours become the page's variables."""
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    for colour, variable in _NAMES.items():
        text = text.replace(colour, f"var(--{variable})")
    text = re.sub(r"'DejaVu Sans'(, ?[^;\"]+)?", "system-ui, sans-serif", text)
    return _labelled(text, alt)


def svg_of(figure: Figure) -> str:
    """The `<svg>` element alone: no prolog, no metadata, no style rules that would reach beyond it."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.StringIO()
    with mpl.rc_context(_STYLE):
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(out, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for part in (r"<metadata>.*?</metadata>\s*", r"<style[^>]*>.*?</style>\s*", r"<!--.*?-->\s*"):
        text = re.sub(part, "", text, flags=re.DOTALL)
    return re.sub(r"<defs>\s*</defs>\s*", "", text)


def _labelled(svg: str, alt: str) -> str:
    """The SVG as one image with a text in its place for who cannot see it."""
    head, rest = svg.split(">", 1)
    head = re.sub(r' (width|height|version)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{html.escape(alt)}">{rest}'


def _svg_file(svg: str, alt: str) -> str:
    """A file of its own: light colours for who knows no media queries, dark ones where the reader asks for them."""
    rules = "".join(
        f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    style = f"<style>:root{{color-scheme:light dark}}@media (prefers-color-scheme:dark){{{rules}}}</style>"
    head, rest = svg.split(">", 1)
    title = f"<title>{html.escape(alt, quote=False)}</title>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head} role="img">{title}{style}{rest}'
