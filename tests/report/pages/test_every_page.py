from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from madx_pipeline.report.pages.figures import Drawings
from madx_pipeline.report.pages.index_page import index_page
from madx_pipeline.report.pages.language_page import language_page
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.render import TEMPLATES, without_controls
from madx_pipeline.report.results import Results
from tests.report.pages.conftest import ATTACK
from tests.report.pages.made_up import World
from tests.report.pages.parsed import Parsed

WRITTEN_BY_OTHERS = {"report.md", "summary.csv", "scores.csv", "efficiency.csv", "table.tex", "results.json"}
LANGUAGES = ("en", "ar", "zh", "am", "ht")
PAGES = ("index.html", *(f"languages/{language}.html" for language in LANGUAGES))


@pytest.fixture(params=PAGES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(folder: Path, name: str) -> Parsed:
    return Parsed.of(folder / name)


def test_there_is_an_index_and_a_page_per_language(folder: Path) -> None:
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.html")} == set(PAGES)


def test_every_element_is_closed_and_every_id_is_its_own(page: Parsed) -> None:
    ids = Counter(element.attributes["id"] for element in page.elements if "id" in element.attributes)

    assert page.unclosed == []
    assert [name for name, count in ids.items() if count > 1] == []


def test_links_lead_to_files_that_are_there_and_to_places_on_the_page(folder: Path, name: str, page: Parsed) -> None:
    for link in page.all("a"):
        target, _, place = link.attributes["href"].partition("#")
        if target in WRITTEN_BY_OTHERS and name == "index.html":
            continue
        other = ((folder / name).parent / target).resolve() if target else folder / name
        assert other.is_file(), target
        if place:
            assert place in {element.attributes.get("id") for element in Parsed.of(other).elements}, link.attributes


def test_nothing_is_loaded_from_anywhere(page: Parsed, folder: Path, name: str) -> None:
    loading = {"src", "srcset", "data", "poster", "action", "xlink:href"}
    found = [
        (element.tag, key, value)
        for element in page.elements
        for key, value in element.attributes.items()
        if key in loading and not value.startswith("#")
    ]

    assert found == []
    assert [link.attributes["href"] for link in page.all("link")] == ["data:,"]
    assert not re.search(r"@import|url\((?!#)", (folder / name).read_text(encoding="utf-8"))


def test_only_the_script_of_the_report_may_run(page: Parsed, folder: Path, name: str) -> None:
    script = page.one("script").text
    raw = re.findall(r"<script>(.*?)</script>", (folder / name).read_text(encoding="utf-8"), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(raw[-1].encode()).digest()).decode()
    policy = page.all("meta")[4].attributes["content"]

    assert script.startswith("// Tables that can be sorted")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not any(key.startswith("on") for element in page.elements for key in element.attributes)


def test_a_script_in_the_data_appears_as_text(folder: Path) -> None:
    chinese, haitian = (Parsed.of(folder / f"languages/{code}.html") for code in ("zh", "ht"))

    assert any(ATTACK in row.text for row in chinese.all("dd"))
    assert haitian.one("h1").text.startswith(f"Haitian {ATTACK}")
    assert ATTACK in haitian.one("title").text
    assert any(ATTACK in link.text for link in Parsed.of(folder / "index.html").all("a"))


def test_a_language_named_in_arabic_appears_as_it_is_wherever_it_is_named(folder: Path) -> None:
    index, arabic = Parsed.of(folder / "index.html"), Parsed.of(folder / "languages/ar.html")

    assert arabic.one("h1").text == "العربية"
    assert "العربية" in [name.text for name in index.all("bdi")]


def test_text_of_a_language_is_marked_as_such_and_finds_its_own_direction(folder: Path) -> None:
    arabic = Parsed.of(folder / "languages/ar.html")
    sentences = [row for row in arabic.all("dd") if row.attributes.get("lang") == "ar"]

    assert sentences
    assert {row.attributes["dir"] for row in sentences} == {"auto"}
    assert {tag.attributes["dir"] for tag in arabic.all("span", class_="tag")} == {"ltr"}


def test_every_picture_has_a_text_in_its_place(page: Parsed) -> None:
    pictures = [*page.all("svg"), *(element for element in page.elements if element.attributes.get("role") == "img")]

    assert pictures
    assert all(picture.attributes.get("aria-label") for picture in pictures)


def test_every_wide_table_scrolls_in_a_named_box_that_the_keyboard_reaches(
    page: Parsed, folder: Path, name: str
) -> None:
    boxes = page.all("div", class_="scroll")
    tables = re.findall(r'role="region" aria-label="[^"]+">\s*<table', (folder / name).read_text(encoding="utf-8"))

    assert all(box.attributes["tabindex"] == "0" for box in boxes)
    assert len(tables) == len(page.all("table")) == len(boxes)


def test_headings_go_down_one_level_at_a_time(page: Parsed) -> None:
    levels = [int(element.tag[1]) for element in page.elements if re.fullmatch(r"h[1-6]", element.tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_rendering_twice_gives_the_same_bytes(world: World, results: Results) -> None:
    nothing = Drawings([], [], [])
    first, second = Lookup(results), Lookup(Results.model_validate_json(results.model_dump_json()))

    assert index_page(first, nothing, 1) == index_page(second, nothing, 1)
    assert language_page(first, world.home, "ar", None, 1) == language_page(second, world.home, "ar", None, 1)


def test_no_page_knows_where_it_was_made(folder: Path, world: World, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")

    assert str(world.home) not in text
    assert str(folder) not in text


def test_control_characters_and_halves_of_letters_are_left_out() -> None:
    assert without_controls("a\x00b\ud800c\x1b[0m\u0085") == "abc[0m"
    assert without_controls(None) is None


def test_only_figures_are_put_into_a_page_unescaped() -> None:
    unescaped = [
        line.strip()
        for path in sorted(TEMPLATES.glob("*.j2"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "| safe" in line or "autoescape" in line
    ]

    assert unescaped == ["{{ figure.svg | safe }}"]
