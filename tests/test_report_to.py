"""`report_to` of a recipe: who is told of trainings. It decides nothing about what is made."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from madx_pipeline import trackers
from madx_pipeline.commands.run import RunOptions, run_recipe
from madx_pipeline.errors import InputError
from madx_pipeline.recipe import Recipe
from madx_pipeline.store import Store
from tests.test_plan import plan_of
from tests.test_recipe import GOOD, lines, problems_with


def refused(folder: Path, report_to: list[str]) -> list[str]:
    """What `madx run` says instead of running."""
    path = folder / "trial.yaml"
    path.write_text(yaml.safe_dump({**GOOD, "report_to": report_to}), encoding="utf-8")
    with pytest.raises(InputError) as raised:
        run_recipe(str(path), folder / "home", RunOptions())
    assert not (folder / "home" / "store").exists()
    return lines(list(raised.value.problems))


def test_tensorboard_is_told_unless_the_recipe_says_otherwise() -> None:
    assert Recipe.model_validate(GOOD).report_to == ["tensorboard"]
    assert {tuple(job.report_to) for job in plan_of().jobs.values()} == {("tensorboard",)}
    assert {tuple(job.report_to) for job in plan_of(report_to=[]).jobs.values()} == {()}


def test_changing_who_is_told_reruns_nothing() -> None:
    assert plan_of(report_to=["wandb", "tensorboard"]).jobs.keys() == plan_of(report_to=[]).jobs.keys()


def test_a_name_given_twice_is_told_once() -> None:
    assert {tuple(job.report_to) for job in plan_of(report_to=["mlflow", "mlflow"]).jobs.values()} == {("mlflow",)}


def test_an_unknown_name_is_an_error_with_the_nearest_and_all_possible(tmp_path: Path) -> None:
    assert lines(problems_with(tmp_path, report_to=["tensorboard", "wandbb"])) == [
        'recipe.yaml: report_to[1] is "wandbb". Possible: tensorboard, wandb, mlflow, comet_ml, trackio, neptune, '
        'clearml, dagshub, dvclive, swanlab, codecarbon, azure_ml, flyte. | Nearest: "wandb".'
    ]


def test_a_name_that_is_no_list_is_an_error(tmp_path: Path) -> None:
    assert lines(problems_with(tmp_path, report_to="wandb")) == [
        'recipe.yaml: report_to is "wandb"; expected a list. | Correct the value.'
    ]


def test_a_name_whose_package_is_not_installed_is_an_error_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        trackers,
        "PACKAGES",
        {**trackers.PACKAGES, "comet_ml": {"no_such_module": "comet-ml"}, "dagshub": {"nor_this": "a", "yaml": "b"}},
    )
    assert refused(tmp_path, ["tensorboard", "comet_ml", "dagshub"]) == [
        'trial.yaml: report_to[1] is "comet_ml", which is not installed here. | '
        "pip install comet-ml, or leave it out: nothing is made again.",
        'trial.yaml: report_to[2] is "dagshub", which is not installed here. | '
        "pip install a, or leave it out: nothing is made again.",
    ]


def test_a_job_writes_its_logs_beside_the_store_under_the_name_of_its_artifact(tmp_path: Path) -> None:
    (job,) = [job for job in plan_of().jobs.values() if job.name == "train_language_adapter/sw"]
    workspace = Store(tmp_path).begin(job)
    assert workspace.logs == tmp_path / "logs" / job.folder
    assert (workspace.name, workspace.report_to) == (job.name, ["tensorboard"])
    assert not workspace.logs.exists()
