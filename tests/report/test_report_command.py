"""`madx report`: one recipe, several recipes, and what is said when that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from madx_pipeline.commands.report import report_recipes
from madx_pipeline.errors import InputError
from madx_pipeline.recipe_file import find_recipe
from madx_pipeline.store import Store


def _recipe(folder: Path, name: str, max_steps: int = 800) -> str:
    recipe = yaml.safe_load(find_recipe("quickstart").read_text(encoding="utf-8"))
    recipe["name"] = name
    recipe["stages"]["train_language_adapter"]["max_steps"] = max_steps
    path = folder / f"{name}-{max_steps}.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return str(path)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Store(tmp_path / "home").open_for_writing()
    return tmp_path / "home"


def test_a_recipe_is_reported_from_whatever_is_in_the_store(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report_recipes(["quickstart"], home) == 0
    assert f"report (ran): {home / 'reports/quickstart/report.md'}" in capsys.readouterr().out
    report_recipes(["quickstart"], home)
    assert "report (found): " in capsys.readouterr().out


def test_several_recipes_are_reported_and_set_side_by_side(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [_recipe(home.parent, "short", 100), _recipe(home.parent, "long", 900)]
    assert report_recipes(names, home) == 0
    assert f"comparison (ran): {home / 'reports/compare-short-long/report.md'}" in capsys.readouterr().out
    compared = json.loads((home / "reports/compare-short-long/compare.json").read_text(encoding="utf-8"))
    assert compared["differences"] == [{"key": "stages.train_language_adapter.max_steps", "values": [100, 900]}]
    assert (home / "reports/short/report.md").is_file()
    assert (home / "reports/long/report.md").is_file()


def test_two_recipes_of_one_name_are_refused_before_anything_is_written(home: Path) -> None:
    names = [_recipe(home.parent, "same", 100), _recipe(home.parent, "same", 900)]
    with pytest.raises(InputError, match='2 of the recipes are called "same"'):
        report_recipes(names, home)
    assert not (home / "reports").exists()


def test_without_a_store_there_is_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no store in") as raised:
        report_recipes(["quickstart"], tmp_path / "nowhere")
    assert raised.value.problems[0].hint.startswith("Run the recipe first: madx run quickstart")
