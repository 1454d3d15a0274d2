"""The report as pages: `index.html`, a page per language, figures as SVG and PDF.

The last step of a report. Every number comes from `Results`; single predictions, their texts and a few
lines of each corpus are read from the store, whose artifacts never change. A page is one file that needs
no network: style, script and figures are in it, and its security policy lets nothing else run. Rendering
twice gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.results import Results


def write_pages(results: Results, home: Path, folder: Path, digits: int) -> None:
    """Writes `index.html`, `languages/<code>.html` and `figures/<name>.svg` and `.pdf`.

    Args:
        results: Everything the report says.
        home: Folder that the paths in `results` are relative to; its store holds predictions and texts.
        folder: Where the pages go; it exists.
        digits: Digits after the point of scores in points.
    """
    from madx_pipeline.report.pages.corpus_lines import read_tokenizer
    from madx_pipeline.report.pages.figures import write_figures
    from madx_pipeline.report.pages.index_page import index_page
    from madx_pipeline.report.pages.language_page import language_page

    lookup = Lookup(results)
    _write(folder / "index.html", index_page(lookup, write_figures(lookup, folder / "figures"), digits))
    tokenizer: Any = read_tokenizer(lookup, home)
    for language in lookup.languages:
        page = language_page(lookup, home, language, tokenizer, digits)
        _write(folder / "languages" / f"{language}.html", page)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
