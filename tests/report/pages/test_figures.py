from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.report.pages import factors, heat, panels
from madx_pipeline.report.pages.drawing import DARK, INK, draw, svg_for_page, svg_of
from madx_pipeline.report.pages.figures import ROWS, _drawing
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.panels import Panel, label
from madx_pipeline.report.results import Results
from tests.report.pages.made_up import World

ATTACK = "<b>$x^2$</b>"


def _lookup(home: Path, **changes: Any) -> Lookup:
    return Lookup(World(home, examples=0, **changes).results())


def _figure(panel: Panel | None) -> str:
    assert panel is not None
    return svg_of(draw(2.0, lambda axes: panel.paint(axes, panel.languages)))


def test_figures_are_written_as_svg_and_pdf_for_every_task(folder: Path) -> None:
    names = {path.name for path in (folder / "figures").iterdir()}
    drawn = [f"{kind}-{task}" for kind in ("gain", "transfer", "scores") for task in ("ner", "pos", "topics")]
    drawn += ["learning-curves", "gain-by-corpus-size", "gain-by-tokens-per-word", "gain-by-unknown-tokens"]

    assert names == {f"{name}.{ending}" for name in drawn for ending in ("svg", "pdf")}


def test_files_hold_no_date_and_nothing_of_this_machine(folder: Path) -> None:
    for path in (folder / "figures").iterdir():
        content = path.read_bytes()
        assert b"Date" not in content, path
        assert str(Path.home()).encode() + b"/" not in content, path


def test_a_figure_drawn_again_has_the_same_bytes(folder: Path, results: Results, tmp_path: Path) -> None:
    panel = panels.gains(Lookup(results), "ner")
    assert panel is not None
    _drawing(panel, tmp_path)

    for name in ("gain-ner.svg", "gain-ner.pdf"):
        assert (tmp_path / name).read_bytes() == (folder / "figures" / name).read_bytes()


def test_a_file_is_well_formed_and_follows_the_readers_light_or_dark_setting(folder: Path) -> None:
    text = (folder / "figures/gain-ner.svg").read_text(encoding="utf-8")
    root = ET.fromstring(text)

    assert root.get("role") == "img"
    assert "prefers-color-scheme:dark" in text
    assert all(f"fill: {light}" not in text or f"fill:{dark}" in text for light, dark in DARK.items())
    assert "#ffffff" not in text.lower(), "a white background would glare on a dark page"


def test_a_figure_in_a_page_takes_its_colours_fonts_and_own_ids(tmp_path: Path) -> None:
    svg = svg_for_page(_figure(panels.transfer(_lookup(tmp_path), "pos")), "transfer-pos", "gaps")

    assert INK not in svg
    assert "var(--ink)" in svg
    assert "<style" not in svg
    assert "DejaVu" not in svg
    assert all(name.startswith("transfer-pos-") for name in re.findall(r'\bid="([^"]+)"', svg))
    assert all(name.startswith("transfer-pos-") for name in re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))


def test_what_a_name_spells_is_neither_markup_nor_mathematics(tmp_path: Path) -> None:
    svg = _figure(panels.gains(_lookup(tmp_path, names={"ht": ATTACK}), "ner"))

    assert ATTACK not in svg
    assert "&lt;b&gt;$x^2$&lt;/b&gt; (ht)" in svg


def test_a_name_in_a_script_that_papers_may_lack_is_drawn_as_its_code(tmp_path: Path) -> None:
    lookup = _lookup(tmp_path)

    assert label(lookup, "ar") == "ar"
    assert label(lookup, "yo" if "yo" in lookup.results.languages else "ht") == "Haitian Creole (ht)"


def test_gains_are_sorted_and_said_in_words(tmp_path: Path) -> None:
    panel = panels.gains(_lookup(tmp_path), "ner")
    assert panel is not None

    assert panel.languages == ["ar", "zh", "am", "ht"]
    assert panel.alt(panel.languages).startswith("Gain of madx on ner over the better baseline, in points: ar +14.0")


def test_a_figure_of_many_languages_shows_both_ends_and_says_so(tmp_path: Path) -> None:
    languages = ["en", *(f"q{first}{second}" for first in "bcd" for second in "abcdefghijklmnopqrst")]
    panel = panels.gains(_lookup(tmp_path, languages=languages, tasks=("pos",), seeds=(1,)), "pos")
    assert panel is not None

    drawing = _drawing(panel, tmp_path)

    assert drawing.note == "The first 25 and the last 25 of 60 languages."
    assert drawing.svg.count("(q") + len(re.findall(r">q[b-d][a-t]<", drawing.svg)) == ROWS


def test_what_is_the_same_everywhere_is_not_drawn_against_the_gain(tmp_path: Path) -> None:
    lookup = _lookup(tmp_path, languages=("en", "ar"))

    assert factors.panels(lookup) == [None, None, None]


def test_few_languages_come_with_a_warning(tmp_path: Path) -> None:
    panel = factors.panels(_lookup(tmp_path))[0]

    assert panel is not None
    assert panel.note == "4 languages: too few to read a trend from."


@pytest.mark.parametrize("make", [panels.gains, panels.transfer, heat.scores])
def test_a_task_without_scores_has_no_figure(tmp_path: Path, make: Callable[[Lookup, str], Panel | None]) -> None:
    results = World(tmp_path, examples=0).results()
    empty = results.model_copy(update={"scores": [], "summary": [], "comparisons": [], "transfer": []})

    assert make(Lookup(empty), "ner") is None
