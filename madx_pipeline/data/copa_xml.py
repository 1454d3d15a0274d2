"""The original release of COPA: XML, one item with its premise and two alternatives.

`most-plausible-alternative` counts from 1, where the label of XCOPA's files counts from 0: both are names here, so
that the shift by one, which would turn every answer around, cannot happen.

Surprising: it is read by the parser for HTML, which knows no entities of a file's own. Those of XML can be made to
grow without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from madx_pipeline.data.examples import choice_names
from madx_pipeline.data.text import whole_lines
from madx_pipeline.errors import JobError

_HINT = "The original files are copa-dev.xml and copa-test.xml; for JSON lines in XCOPA's layout take the card xcopa."
_TEXTS = {"p": "premise", "a1": "choice1", "a2": "choice2"}
_RIGHT = dict(zip(("1", "2"), choice_names(2), strict=True))


class _Items(HTMLParser):
    """Collects the items of a file, as rows."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, str]] = []
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begins an item or one of its texts."""
        given = {name: value or "" for name, value in attrs}
        if tag == "item":
            right = given.get("most-plausible-alternative", "")
            known = {"id": given.get("id"), "question": given.get("asks-for"), "label": _RIGHT.get(right, right)}
            self.rows.append({name: value for name, value in known.items() if value})
        self._text = _TEXTS.get(tag, "")

    def handle_endtag(self, tag: str) -> None:
        """Ends a text."""
        self._text = ""

    def handle_data(self, data: str) -> None:
        """Adds to the text that was begun."""
        if self._text and self.rows:
            self.rows[-1][self._text] = self.rows[-1].get(self._text, "") + data


def read_copa_xml(path: Path) -> Iterator[dict[str, str]]:
    """The items of a COPA file, as rows of a premise, a question (`cause` or `effect`), two choices and a label.

    Raises:
        JobError: If there is no item in it, or one lacks something.
    """
    items = _Items()
    for line in whole_lines(path):
        items.feed(line.text)
    items.close()
    if not items.rows:
        raise JobError(f"{path} has no items of COPA.", _HINT)
    for row in items.rows:
        number = row.pop("id", "without a number")
        if len(row) < len(_TEXTS) + 2:
            where = f"{path}, item {number}"
            raise JobError(f"{where}: lacks one of asks-for, most-plausible-alternative, p, a1, a2.", _HINT)
        yield row
