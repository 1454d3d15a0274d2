"""The pages in a real browser, from disk and without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from madx_pipeline.report.pages import write_pages
from tests.report.pages.browser import Browser, browser, why_no_browser
from tests.report.pages.made_up import World

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser() or "it is here")]

WIDTHS = (1280, 390)

_TOO_WIDE = """
const wide = document.documentElement.clientWidth;
return [...document.querySelectorAll("body *")]
  .filter((each) => !each.closest(".scroll, .skip") && each.getBoundingClientRect().right > wide + 1)
  .map((each) => `${each.tagName} ${each.className} ${each.textContent.trim().slice(0, 40)}`);
"""
_CONTRAST = """
const light = (colour) => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (each) => {
  for (; each; each = each.parentElement) {
    const colour = getComputedStyle(each).backgroundColor;
    if (!/, 0\\)$|transparent/.test(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
};
const found = [];
for (const each of document.querySelectorAll("p, a, th, td, dt, dd, mark, .tag, .badge, .sub, summary, h1, h2, h3")) {
  if (!each.textContent.trim() || !each.offsetParent || each.matches(".zero, .gap")) continue;
  const [a, b] = [light(getComputedStyle(each).color), light(ground(each))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${each.tagName}.${each.className}: ${each.textContent.slice(0, 30)}`);
}
return [...new Set(found)];
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_fit_their_window_and_complain_of_nothing(
    tab: Browser, pages: list[Path], width: int, dark: bool
) -> None:
    for page in pages:
        tab.open(page, width, dark=dark)

        assert tab.console() == [], page
        assert tab.ask("return document.documentElement.scrollWidth") <= width, page
        assert tab.ask(_TOO_WIDE) == [], page
        broken = "return [...document.images].filter((image) => !image.complete || !image.naturalWidth).length"
        assert tab.ask(broken) == 0, page


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_with_trees_fit_their_window_too(tab: Browser, tmp_path: Path, width: int) -> None:
    world = World(tmp_path / "home", languages=("en", "ar"), tasks=("parsing",), seeds=(1,), examples=12)
    write_pages(world.results(), world.home, tmp_path / "report", 1)
    page = tmp_path / "report/languages/ar.html"
    tab.open(page, width)

    assert tab.console() == []
    assert tab.ask("return document.documentElement.scrollWidth") <= width
    assert tab.ask(_TOO_WIDE) == []
    assert tab.ask(_CONTRAST) == []
    assert "→" in tab.ask("return document.querySelector('.example').innerText")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_told_from_what_is_behind_it(tab: Browser, pages: list[Path], dark: bool) -> None:
    for page in pages:
        tab.open(page, 1280, dark=dark)

        assert tab.ask(_CONTRAST) == [], page


def test_no_text_of_the_data_runs_as_a_script(tab: Browser, pages: list[Path]) -> None:
    for page in pages:
        tab.open(page, 1280)

        assert tab.ask("return document.scripts.length") == 1, page
        assert "<script>alert(1)</script>" in tab.ask("return document.body.innerText") or page.stem in ("index", "en")


def test_arabic_runs_from_right_to_left(tab: Browser, folder: Path) -> None:
    tab.open(folder / "languages" / "ar.html", 1280)
    sentence = "[...document.querySelectorAll('dd[lang=ar]')].find((each) => !each.textContent.includes('script'))"

    assert tab.ask(f"return {sentence}.matches(':dir(rtl)')")
    assert tab.ask(f"const a = {sentence}; return a.firstElementChild.getBoundingClientRect().right > 900")


def test_a_click_on_a_heading_sorts_a_table_and_says_so(tab: Browser, folder: Path) -> None:
    tab.open(folder / "index.html", 1280)
    first = "document.querySelector('table.sortable tbody tr th').innerText"
    head = "document.querySelectorAll('table.sortable thead th')[2]"

    assert tab.ask(f"return {head}.getAttribute('aria-sort')") == "none"
    tab.ask(f"{head}.querySelector('button').click()")
    assert (tab.ask(f"return {head}.getAttribute('aria-sort')"), tab.ask(f"return {first}")) == (
        "descending",
        "العربية ar",
    )
    tab.ask(f"{head}.querySelector('button').click()")
    assert tab.ask(f"return {head}.getAttribute('aria-sort')") == "ascending"
    assert "Haitian" in tab.ask(f"return {first}")
    assert tab.ask("return document.querySelector('table.sortable tbody').rows[4].innerText").startswith("Amharic")


def test_figures_of_their_own_are_readable_on_a_dark_page(tab: Browser, folder: Path) -> None:
    figure = folder / "figures" / "gain-ner.svg"
    colour = "return getComputedStyle(document.querySelector('text')).fill"

    tab.open(figure, 1280, dark=False)
    assert tab.ask(colour) in ("rgb(95, 104, 115)", "rgb(27, 31, 36)")
    tab.open(figure, 1280, dark=True)
    assert tab.ask(colour) in ("rgb(163, 173, 184)", "rgb(232, 234, 237)")
    assert tab.ask("return getComputedStyle(document.documentElement).colorScheme") == "light dark"
