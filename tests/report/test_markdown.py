"""Text from data never becomes markup, and numbers are shown as they are."""

from __future__ import annotations

import itertools

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from madx_pipeline.report.markdown import listed, number, percent, points, signed_points, table, text

HOSTILE = [
    "a | b",
    "<script>alert(1)</script>",
    "`code` and ``more``",
    "first\nsecond\r\n\r\n# third",
    "[link](http://example.com) ![picture](x.png)",
    "**bold** _slanted_ ~~gone~~",
    "a \\| b \\",
    "&lt;b&gt; &amp; &#60;",
    "<!-- gone -->",
    "trailing \\",
]


def _tokens(markdown: str) -> list[Token]:
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown)
    return [inner for token in tokens for inner in [token, *(token.children or [])]]


def _cells(markdown: str) -> list[str]:
    """The text of each cell of a table, as a reader sees it."""
    tokens = _tokens(markdown)
    return [
        "".join(child.content for child in after.children or [])
        for token, after in itertools.pairwise(tokens)
        if token.type in ("td_open", "th_open")
    ]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_a_table_is_shown_as_it_is(hostile: str) -> None:
    shown = _cells(table(["a", "b"], [[hostile, "1"]]))
    assert shown == ["a", "b", " ".join(hostile.split()), "1"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_a_line_becomes_no_element(hostile: str) -> None:
    kinds = {token.type for token in _tokens(f"- **{text(hostile)}:** {text(hostile)}")}
    allowed = {"inline", "text", "text_special", "strong_open", "strong_close", "paragraph_open", "paragraph_close"}
    assert kinds <= allowed | {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}


def test_names_with_underscores_inside_stay_readable() -> None:
    assert text("task_adapter_only") == "task_adapter_only"


def test_control_characters_and_overrides_of_direction_are_gone_and_scripts_stay() -> None:
    assert text("a\x00b\x1b[31m\u202eright") == "ab\\[31mright"
    assert text("العربية می‌خواهم") == "العربية می‌خواهم"


def test_points_have_the_digits_asked_for() -> None:
    assert points(0.749, 1) == "74.9"
    assert points(0.749, 3) == "74.900"
    assert points(None, 1) == "-"


def test_a_zero_has_no_sign() -> None:
    assert number(-0.04, 1) == "0.0"
    assert signed_points(-0.0001, 1) == "0.0"
    assert signed_points(0.02, 1) == "+2.0"
    assert signed_points(-0.02, 1) == "-2.0"


def test_shares_and_lists_read_like_prose() -> None:
    assert percent(0.253) == "25%"
    assert percent(None) == "-"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
