from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.report.pages.language_page import language_page
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.results import Results
from tests.report.pages.made_up import World
from tests.report.pages.parsed import Parsed


@pytest.fixture
def chinese(folder: Path) -> Parsed:
    return Parsed.of(folder / "languages/zh.html")


@pytest.fixture
def english(folder: Path) -> Parsed:
    return Parsed.of(folder / "languages/en.html")


@pytest.fixture
def amharic(folder: Path) -> Parsed:
    return Parsed.of(folder / "languages/am.html")


def test_a_page_says_what_the_language_is_and_calls_itself(chinese: Parsed) -> None:
    assert chinese.one("h1").text == "Chinese 中文"
    assert chinese.one("bdi", class_="native").attributes["lang"] == "zh"
    assert chinese.one("p", class_="chips").text == "zh target language seen by the base model Latin script"


def test_a_page_begins_with_the_verdict_in_words(chinese: Parsed) -> None:
    assert "little" in chinese.one("div", class_="verdict").classes
    assert "gains 6.0 points" in chinese.one("div", class_="verdict").text


def test_every_method_has_its_score_interval_and_differences(chinese: Parsed) -> None:
    rows = [row.text for row in chinese.all("tr")]
    madx = next(row for row in rows if row.startswith("madx") and "to 65.0" in row)

    assert "62.0" in madx
    assert "59.0 to 65.0, over examples and seeds" in madx
    assert "+6.0 +3.0 to +9.0p < 0.001, helps".replace(" ", "") in madx.replace(" ", "")
    assert "4.1 points from task_adapter_only" in chinese.text


def test_what_was_dropped_from_the_corpus_is_shown_with_its_reason(chinese: Parsed) -> None:
    assert (
        "985 kept of 1\u202f000 read" in chinese.text.replace("\xa0", " ") or "985 kept of 1 000 read" in chinese.text
    )
    assert "duplicate 12, too long 3" in chinese.text


def test_a_trained_adapter_shows_what_it_learned(chinese: Parsed) -> None:
    curve = chinese.one("svg", class_="curve")

    assert "5.200 without, 2.100 with it" in chinese.text
    assert curve.attributes["aria-label"] == "Held-out loss over 400 steps, from 5.20 to 2.10"


def test_a_published_adapter_shows_where_it_is_from(english: Parsed) -> None:
    assert "AdapterHub/xlm-roberta-base-en-wiki_pfeiffer" in english.text
    assert "0123456789abcdef" * 2 in english.text
    assert "f" * 64 in english.text
    assert english.all("svg", class_="curve") == []


def test_a_lost_language_has_a_page_with_the_reason(amharic: Parsed) -> None:
    assert amharic.one("div", class_="verdict").text.startswith("? Not known.")
    assert [gap.text for gap in amharic.all("td", class_="gap")] == [
        "missing: train_language_adapter/am failed after 312 steps: the loss is not a number."
    ] * 3
    assert "9 scores: ner on Amharic (am): madx" in amharic.text


def test_examples_stand_side_by_side_and_errors_have_a_sign(chinese: Parsed) -> None:
    marks = chinese.all("mark")
    wrong = [mark.text for mark in marks if "wrong" in mark.classes and len(mark.parts) > 1]

    names = [row.text.split(" ")[0] for row in chinese.all("dt", class_="side")]

    assert names[:5] == ["truth", "madx", "madx_source_kept", "task_adapter_only", "full_finetuning"]
    assert wrong
    assert all("✗" in mark for mark in wrong)
    assert "What follows counts the predictions of seed 1." in chinese.text


def test_fingerprints_licences_and_jobs_are_there(chinese: Parsed) -> None:
    assert "corpus-zh" in chinese.text
    assert "CC BY 4.0" in chinese.text
    assert "evaluate_zero_shot/ner/zh/madx/1" in chinese.text


def test_pages_lead_from_language_to_language(chinese: Parsed) -> None:
    links = {link.attributes.get("rel"): link.attributes["href"] for link in chinese.all("a")}

    assert links["prev"] == "ar.html"
    assert links["next"] == "am.html"


def test_a_run_whose_predictions_are_gone_still_has_its_pages(world: World, results: Results, tmp_path: Path) -> None:
    page = Parsed(language_page(Lookup(results), tmp_path, "zh", None, 1))

    assert "There are no single predictions to look at." in page.text
    assert "62.0" in page.text


def test_predictions_that_do_not_fit_the_test_set_are_left_out_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path, languages=("en", "ht"), tasks=("pos",), seeds=(1,), examples=5)
    results = world.results()
    broken = tmp_path / next(score.folder for score in results.scores if score.language == "ht") / "examples.jsonl"
    broken.write_text('{"gold": ["NOUN"], "predicted": ["NOUN"]}\n', encoding="utf-8")

    page = Parsed(language_page(Lookup(results), tmp_path, "ht", None, 1))

    assert "There are no single predictions to look at." in page.text
    assert "no examples of pos in ht on its page" in caplog.text
