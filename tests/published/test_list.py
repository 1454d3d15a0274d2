"""`madx adapters list`: what is published, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.published.catalogue import catalogues
from tests.test_cli import HEAVY, call, imported_by


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> str:
        assert call(monkeypatch, "adapters", "list", *arguments) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> list[str]:
        assert call(monkeypatch, "adapters", "list", *arguments) == 2
        return capsys.readouterr().err.splitlines()

    return run


def test_listing_imports_nothing_heavy(tmp_path: Path) -> None:
    assert imported_by("adapters", "list", folder=tmp_path).isdisjoint({*HEAVY, "huggingface_hub"})


@pytest.mark.parametrize(
    ("base", "adapters", "languages"),
    [("xlm-roberta-base", 33, 29), ("FacebookAI/xlm-roberta-large", 16, 16), ("bert-base-multilingual-cased", 89, 47)],
)
def test_the_number_of_languages_stands_below_the_lines(listed: Any, base: str, adapters: int, languages: int) -> None:
    lines = listed("--base", base, "--kind", "language").splitlines()
    assert f"{adapters} language adapters in {languages} languages:" in lines
    rows = lines[2 : lines.index("")]
    assert len(rows) == adapters
    assert len({row.split(maxsplit=1)[0] for row in rows}) == languages


def test_the_columns_are_aligned_and_end_in_an_id_that_resolves(listed: Any) -> None:
    lines = listed("--base", "xlm-roberta-base", "--kind", "language").splitlines()
    start = lines[1].index("id", lines[1].index("MLM head"))
    for row in lines[2 : lines.index("")]:
        assert row[start - 2 : start] == "  "
        assert "/" in row[start:]
    assert "sw        Swahili           pfeiffer_relu          2  100000  yes      no        sw/wiki@ukp" in lines


def test_what_is_not_known_is_a_question_mark(listed: Any) -> None:
    (row,) = (line for line in listed("--language", "kv").splitlines() if line.startswith("kv "))
    assert row.split() == ["kv", "Komi", "pfeiffer_gelu", "2", "?", "?", "yes", "kv/wiki@ukp"]


def test_one_language_is_listed_for_every_base_model_that_has_it(listed: Any) -> None:
    people = listed("--language", "sw")
    assert [page.base_model in people for page in catalogues()] == [True] * 3
    assert "1 language adapter in 1 language:" in people
    assert "Estonian" not in people
    assert "xlm-roberta-large" not in listed("--language", "et")


def test_task_adapters_are_listed_by_the_language_they_were_trained_on(listed: Any) -> None:
    people = listed("--language", "ar", "--kind", "task")
    assert "wikiann/ar@ukp" in people
    assert "1 task adapter" in people.splitlines()
    assert "language adapter" not in people


def test_programs_get_everything_that_the_catalogue_knows(listed: Any) -> None:
    rows = json.loads(listed("--json"))
    languages = [row for row in rows if row["kind"] == "language"]
    tasks = [row for row in rows if row["kind"] == "task"]
    assert (len(languages), len(tasks)) == (138, 20)
    (swahili,) = (row for row in languages if row["file_id"] == "@ukp/xlm-roberta-base-sw-wiki_pfeiffer")
    assert swahili["base_model"] == "FacebookAI/xlm-roberta-base"
    assert swahili["name"] == "Swahili"
    assert (swahili["training_steps"], swahili["invertible_adapter"], swahili["revision"]) == (100000, True, None)
    assert {row["kind"] for row in json.loads(listed("--kind", "task", "--json"))} == {"task"}


@pytest.mark.parametrize(
    ("arguments", "problem", "hint"),
    [
        (
            ["--base", "xlm-roberta-bas"],
            "there is no catalogue of published adapters for xlm-roberta-bas.",
            "xlm-roberta-base",
        ),
        (["--base", "bert-base-cased"], "there is no catalogue of published adapters for bert-base-cased.", "Nearest"),
        (["--kind", "tasks"], "--kind is 'tasks'. Possible: language, task.", 'Nearest: "task".'),
        (["--language", "Swahili"], '--language is "Swahili", which is not a language code.', '"sw"'),
        (["--language", "swh"], 'no adapter of "swh" (Swahili (individual language)) is published.', 'Nearest: "sw".'),
        (["--language", "swa"], '--language is "swa"; the code of Swahili is "sw".', 'Write "sw"'),
        (
            ["--language", "yo", "--base", "xlm-roberta-base"],
            'of "yo" (Yoruba) is published for xlm-roberta-base',
            "29 languages: ar, ",
        ),
        (["--language", "sw", "--kind", "task"], 'no task adapter of "sw" (Swahili) is published.', "languages"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(refused: Any, arguments: list[str], problem: str, hint: str) -> None:
    first, second = refused(*arguments)
    assert problem in first
    assert hint in second


def test_the_catalogues_are_listed_among_the_cards_and_can_be_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "list", "cards") == 0
    assert "FacebookAI/xlm-roberta-large: 16 language adapters" in capsys.readouterr().out
    assert call(monkeypatch, "show", "xlm-roberta-large") == 0
    assert "AdapterHub/xlm-roberta-large-sw-wiki_pfeiffer" in capsys.readouterr().out
