"""What a text is made of: words where there are words, scripts, unknown tokens."""

from __future__ import annotations

import pytest

from madx_pipeline.data.measure import Measure, script_of
from madx_pipeline.records import Json


def facts(*texts: str, tokens: list[list[int]] | None = None, unknown: int | None = 3) -> dict[str, Json]:
    measure = Measure(unknown)
    measure.add(texts, tokens or [[1] * 6])
    return measure.facts()


def test_words_are_counted_at_spaces() -> None:
    found = facts("a bc\u00a0d", "efg", tokens=[[1, 2, 5], [4, 5, 6]])
    assert (found["words"], found["word_unit"], found["tokens"], found["tokens_per_word"]) == (4, "whitespace", 6, 1.5)


@pytest.mark.parametrize("text", ["今天天气很好", "ประเทศไทย", "ສະບາຍດີ", "ភាសាខ្មែរ"])
def test_where_there_are_no_spaces_a_letter_is_a_word(text: str) -> None:
    found = facts(text)
    assert found["word_unit"] == "character"
    assert found["words"] == sum(character.isalpha() for character in text)


def test_a_few_foreign_letters_do_not_change_the_unit() -> None:
    assert facts("zwei Worte mit 漢字")["word_unit"] == "whitespace"


def test_scripts_are_shares_of_the_letters_the_most_frequent_first() -> None:
    found = facts("abc дд ა 12 !")
    assert found["scripts"] == {"Latin": 0.5, "Cyrillic": 0.333333, "Georgian": 0.166667}
    assert list(found["scripts"]) == ["Latin", "Cyrillic", "Georgian"]


def test_text_without_letters_has_no_script() -> None:
    assert facts("12 34 !")["scripts"] == {}


def test_the_share_of_unknown_tokens_is_found() -> None:
    assert facts("a b", tokens=[[3, 1, 3, 3]])["unknown_share"] == 0.75
    assert facts("a b", tokens=[[3, 1]], unknown=None)["unknown_share"] == 0.0


@pytest.mark.parametrize(
    ("letter", "script"),
    [
        ("ß", "Latin"),
        ("Ａ", "Latin"),
        ("አ", "Ethiopic"),
        ("ק", "Hebrew"),
        ("ئ", "Arabic"),
        ("한", "Hangul"),
        ("漢", "Han"),
        ("ﾑ", "Katakana"),
        ("ก", "Thai"),
        ("ᱚ", "Ol Chiki"),
        ("ߊ", "N'Ko"),
        ("ᐁ", "Canadian Aboriginal"),
        ("ʼ", "other"),
        ("ª", "other"),
    ],
)
def test_a_letter_tells_its_script(letter: str, script: str) -> None:
    assert script_of(letter) == script
