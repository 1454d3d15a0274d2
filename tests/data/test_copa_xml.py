"""The original release of COPA."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.data.examples import Choice
from madx_pipeline.data.formats import CopaXmlFormat
from madx_pipeline.data.reading import read_file
from madx_pipeline.errors import JobError

READ = CopaXmlFormat(format="copa_xml")
ITEM = """<item id="1" asks-for="{asked}" most-plausible-alternative="{right}">
<p>It rained.</p><a1>We got wet.</a1><a2>We &amp; they sang.</a2></item>"""
DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE copa-corpus SYSTEM "copa.dtd">\n<copa-corpus>{}</copa-corpus>'
)


def write(folder: Path, *items: str) -> Path:
    path = folder / "copa-dev.xml"
    path.write_text(DOCUMENT.format("".join(items)), encoding="utf-8")
    return path


def test_alternatives_are_counted_from_one_and_become_names(tmp_path: Path) -> None:
    path = write(tmp_path, ITEM.format(asked="effect", right=1), ITEM.format(asked="cause", right=2))
    choices = ["We got wet.", "We & they sang."]
    assert list(read_file(path, READ, {"cause": "Why?", "effect": "What then?"})) == [
        Choice("It rained.", "What then?", choices, "choice1"),
        Choice("It rained.", "Why?", choices, "choice2"),
    ]


def test_an_item_with_something_missing_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, '<item id="7" asks-for="cause"><p>a</p></item>')
    with pytest.raises(JobError, match="item 7: lacks one of"):
        list(read_file(path, READ))


def test_what_has_no_items_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "copa.xml"
    path.write_text('{"premise": "a"}', encoding="utf-8")
    with pytest.raises(JobError, match="has no items of COPA"):
        list(read_file(path, READ))


def test_entities_of_the_file_s_own_are_not_expanded(tmp_path: Path) -> None:
    path = write(tmp_path, ITEM.format(asked="cause", right=1).replace("It rained.", "&lol;"))
    text = path.read_text(encoding="utf-8").replace("<copa-corpus>", '<!ENTITY lol "ha ha"><copa-corpus>')
    path.write_text(text, encoding="utf-8")
    (item,) = read_file(path, READ)
    assert item.strings[0] == "&lol;"
