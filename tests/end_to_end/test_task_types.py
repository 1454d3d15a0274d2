"""Tasks on several texts and on trees, on the quickstart's own language adapters: learnt, and carried over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from madx_pipeline.recipe_file import find_recipe
from tests.end_to_end.story import madx, results_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("quickstart")]

TASKS = ("pairs", "choice", "questions", "parsing")
MARGIN = 0.08
"""What MAD-X must be better by on an unseen language; seen are gains of 0.12 and more."""


@pytest.fixture(scope="module")
def scores(quickstart: Path) -> dict[tuple[str, str, str], float]:
    """Primary scores by (task, language, method), of a recipe that only adds tasks to the quickstart."""
    recipe: dict[str, Any] = yaml.safe_load(find_recipe("quickstart").read_text(encoding="utf-8"))
    recipe |= {
        "name": "types",
        "target_languages": ["qad"],
        "tasks": {task: {"card": f"miniature_{task}"} for task in TASKS},
        "methods": ["madx", "task_adapter_only", "majority_class"],
    }
    recipe["stages"]["train_task_adapter"]["num_train_epochs"] = 8
    (quickstart / "types.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    plan = madx("plan", "types.yaml", folder=quickstart).stdout
    assert [line for line in plan.splitlines() if "train_language_adapter" in line and "to run" in line] == []
    madx("run", "types.yaml", folder=quickstart)
    return {
        (score["task"], score["language"], score["method"]): score["value"]
        for score in results_of(quickstart, "types")["scores"]
        if score["primary"]
    }


@pytest.mark.parametrize("task", TASKS)
def test_each_beats_the_majority_on_the_source_by_at_least_20_points(
    scores: dict[tuple[str, str, str], float], task: str
) -> None:
    assert scores[task, "qaa", "madx"] >= scores[task, "qaa", "majority_class"] + 0.2


@pytest.mark.parametrize("task", TASKS)
def test_each_crosses_better_with_the_adapter_of_an_unseen_language(
    scores: dict[tuple[str, str, str], float], task: str
) -> None:
    assert scores[task, "qad", "madx"] >= scores[task, "qad", "task_adapter_only"] + MARGIN
    assert scores[task, "qad", "madx"] >= scores[task, "qad", "majority_class"] + MARGIN
