"""A page as a browser would read it: elements, text, and whether every element is closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "link", "br", "wbr", "input", "hr", "img"}


@dataclass
class Element:
    """One element.

    Attributes:
        tag: Its name.
        attributes: Its attributes; one without a value is empty.
        text: All text in it, descendants included, spaces joined.
    """

    tag: str
    attributes: dict[str, str]
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.parts).split())

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()


class Parsed(HTMLParser):
    """A parsed page; `unclosed` is what was not closed in order.

    Args:
        html: The page.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.unclosed: list[str] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        self.unclosed += [element.tag for element in self._open]

    @staticmethod
    @cache
    def of(path: Path) -> Parsed:
        """The page at a path, parsed once."""
        return Parsed(path.read_text(encoding="utf-8"))

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Elements of that name with these attributes; `class_` is one of the classes."""
        wanted = attributes.pop("class_", None)
        return [
            element
            for element in self.elements
            if element.tag == tag
            and (wanted is None or wanted in element.classes)
            and all(element.attributes.get(name) == value for name, value in attributes.items())
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        """The only such element."""
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        return self.one("body").text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].tag != tag:
            self.unclosed.append(f"</{tag}>")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            if self._open[-1].tag not in ("script", "style") or element is self._open[-1]:
                element.parts.append(data)
