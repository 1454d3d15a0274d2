from __future__ import annotations

import re
from pathlib import Path

import pytest

from madx_pipeline.report.collect import collect
from madx_pipeline.report.pages import write_pages
from madx_pipeline.report.pages.figures import Drawings
from madx_pipeline.report.pages.index_page import index_page
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.verdict_words import in_a_sentence
from madx_pipeline.report.results import Results
from tests.report.builders import make_run
from tests.report.pages.made_up import World
from tests.report.pages.parsed import Parsed

NOTHING = Drawings([], [], [])


@pytest.fixture
def index(folder: Path) -> Parsed:
    return Parsed.of(folder / "index.html")


def _index_of(world: World) -> Parsed:
    return Parsed(index_page(Lookup(world.results()), NOTHING, 1))


def test_the_index_begins_with_the_answer(index: Parsed) -> None:
    answer = "Of 4 target languages, MAD-X helps in 1, helps too little in 1, hurts in 1 and could not be judged in 1."

    assert index.one("p", class_="answer").text == answer
    assert index.all("h2")[0].text == "Does it work?"


def test_answers_are_sorted_by_gain_with_the_source_last(index: Parsed) -> None:
    languages = [row.text for row in index.all("th", scope="row", class_="lang")][:5]

    assert [name.rsplit(" ", 1)[1] for name in languages] == ["ar", "zh", "ht", "am", "en"]


def test_an_answer_is_said_in_words_and_signs_not_in_colours_alone(index: Parsed) -> None:
    assert [badge.text for badge in index.all("span", class_="badge")] == [
        "▲helps",
        "△helps, too little",
        "▼hurts",
        "?not known",
        "◆source",
    ]


def test_an_interval_that_is_drawn_can_be_read_as_well(index: Parsed) -> None:
    drawn = [mark.attributes["aria-label"] for mark in index.all("span", class_="ci")]

    assert drawn[0] == "gain +14.0, +11.0 to +17.0"
    assert "+11.0 to +17.0" in index.text


def test_a_missing_score_is_a_visible_gap_that_leads_to_its_reason(index: Parsed) -> None:
    gaps = index.all("td", class_="gap")

    assert [gap.text for gap in gaps] == ["missing"] * 3
    assert "failed after 312 steps" in gaps[0].attributes["title"]
    assert "9 of 180 scores are missing." in index.one("p", class_="alert").text
    assert "train_language_adapter/am failed after 312 steps: the loss is not a number." in index.text
    assert "Lower the learning rate." in index.text
    assert "ner on Amharic (am): madx" in index.text


def test_the_best_of_a_row_is_bold_and_shades_follow_the_scores(index: Parsed) -> None:
    cells = [
        cell for cell in index.all("td") if any(name.startswith("h") and name[1:].isdigit() for name in cell.classes)
    ]
    ner = {cell.attributes["data-v"]: cell.classes[0] for cell in cells[:16]}

    assert ner["0.9"] == "h9"
    assert ner["0.5"] == "h0"
    assert [cell.text for cell in cells[4:8] if "best" in cell.classes] == ["68.065.0–71.0"]


def test_differences_in_library_versions_and_parameters_are_shown(index: Parsed) -> None:
    assert "torch 2.13.0, 2.14.0 (artifacts were made with different ones)" in index.text
    assert "Parameters that differ from the stage pages (1)" in index.text


def test_a_run_without_seeds_to_compare_says_so(tmp_path: Path) -> None:
    index = _index_of(World(tmp_path, languages=("en", "ht"), seeds=(7,), examples=0))

    assert "one seed, so the spread between seeds is unknown" in index.text


def test_a_run_without_madx_says_that_nothing_can_be_said(results: Results) -> None:
    assert in_a_sentence([]) == "The method madx was not part of the run, so nothing can be said about it."


@pytest.mark.parametrize(
    ("languages", "answer"),
    [
        (("en", "ar"), "Of 1 target language, MAD-X helps in 1."),
        (("en", "ar", "yo"), "MAD-X helps in all 2 target languages."),
    ],
)
def test_the_answer_is_a_sentence_for_one_language_and_for_many(
    tmp_path: Path, languages: tuple[str, ...], answer: str
) -> None:
    world = World(tmp_path, languages=languages, tasks=("pos",), examples=0)
    verdicts = [row.model_copy(update={"falls_short": False, "outcome": "helps"}) for row in world.results().verdicts]

    assert in_a_sentence([row for row in verdicts if row.language != "en"]) == answer


@pytest.mark.slow
def test_the_index_of_two_hundred_languages_stays_under_five_megabytes(tmp_path: Path) -> None:
    languages = ["en", *(f"q{first}{second}" for first in "bcdefghijk" for second in "abcdefghijklmnopqrst")]
    tasks = ("ner", "pos", "topics", "ner-two", "pos-two")
    world = World(tmp_path, languages=languages, tasks=tasks, seeds=range(1, 6), lost=languages[7:12], examples=0)
    (tmp_path / "report").mkdir()

    write_pages(world.results(), tmp_path, tmp_path / "report", 1)

    index = tmp_path / "report" / "index.html"
    assert index.stat().st_size < 5_000_000
    assert all(f"languages/{language}.html" in index.read_text(encoding="utf-8") for language in languages)
    assert len(list((tmp_path / "report" / "languages").iterdir())) == 201


def test_the_methods_are_explained(index: Parsed) -> None:
    rows = [row.parts for row in index.all("tr")]

    assert ["madx", "source", "target", "task adapter"] in [row[:4] for row in rows]
    assert "the right language adapter is swapped in" in "".join(next(row for row in rows if row[0] == "madx"))


@pytest.mark.parametrize("methods", [["madx"], ["task_adapter_only"], ["madx", "task_adapter_only"]])
def test_a_run_of_which_nothing_is_there_yet_has_its_pages(tmp_path: Path, methods: list[str]) -> None:
    run = make_run(tmp_path, methods=methods)
    (tmp_path / "report").mkdir()

    write_pages(collect(run.plan, run.store), tmp_path, tmp_path / "report", 1)

    index = Parsed.of(tmp_path / "report" / "index.html")
    assert f"{6 * len(methods)} of {6 * len(methods)} scores are missing." in index.text
    assert "prepare_base_model has not been run." in index.text


def test_what_the_methods_cost_stands_in_two_tables(index: Parsed) -> None:
    rows = [row.parts for row in index.all("tr")]
    assert any(row[1:4] == ["madx", "894,528", "0.32%"] for row in rows)
    assert "Language adapters are trained once per language and shared by all tasks and seeds." in index.text
    assert any(row[0] == "madx" and row[3:5] == ["1.1 GB", "29.6 MB"] for row in rows)


def test_tables_of_costs_are_sorted_by_bytes_and_not_by_what_is_shown(folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    costs = page[page.index('id="costs"') : page.index('id="adapters"')]
    assert costs.count('<table class="sortable">') == 2
    assert re.search(r'<tr><th scope="row">.*madx.*<td class="num" data-v="29551104">29.6 MB</td>', costs)
