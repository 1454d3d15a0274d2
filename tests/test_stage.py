"""Stages: page and module say the same, and a job's workspace records what it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from madx_pipeline.errors import CheckError
from madx_pipeline.shipped import shipped_folder
from madx_pipeline.stage import STAGES, Workspace, stage_module, stage_page


@pytest.mark.parametrize("name", STAGES)
def test_page_and_module_have_the_same_parameters(name: str) -> None:
    fields = stage_module(name).Params.model_fields
    assert set(stage_page(name).params) == set(fields)
    stage_module(name).Params.model_validate(stage_page(name).params)


@pytest.mark.parametrize("name", STAGES)
def test_parameters_have_no_defaults_and_say_what_they_mean(name: str) -> None:
    for field, info in stage_module(name).Params.model_fields.items():
        assert info.is_required(), field
        assert info.description, field


@pytest.mark.parametrize("name", STAGES)
def test_every_value_on_a_page_names_its_source(name: str) -> None:
    lines = (shipped_folder("stages") / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    for parameter in stage_page(name).params:
        line = next(line for line in lines if line.strip().startswith(f"{parameter}:"))
        assert "# source:" in line, line


def test_there_is_a_page_for_every_stage_and_no_other() -> None:
    assert {path.stem for path in shipped_folder("stages").glob("*.yaml")} == set(STAGES)
    for name in STAGES:
        assert yaml.safe_load((shipped_folder("stages") / f"{name}.yaml").read_text(encoding="utf-8"))["stage"] == name


@pytest.mark.parametrize("wrong", [True, "12", 1.5, float("inf"), None])
def test_a_number_of_steps_is_a_whole_number_and_nothing_else(wrong: object) -> None:
    page = {**stage_page("train_language_adapter").params, "max_steps": wrong}
    with pytest.raises(ValidationError):
        stage_module("train_language_adapter").Params.model_validate(page)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "checkpoints").mkdir()
    return Workspace(tmp_path, tmp_path / "checkpoints")


def test_a_soft_check_is_recorded_and_a_hard_one_is_recorded_and_raises(workspace: Workspace) -> None:
    workspace.check("soft", False, 1, "it is odd", hard=False)
    with pytest.raises(CheckError, match=r"check hard failed \(2\): it is wrong"):
        workspace.check("hard", False, 2, "it is wrong")
    assert [(check.name, check.passed, check.hard) for check in workspace.checks] == [
        ("soft", False, False),
        ("hard", False, True),
    ]


def test_progress_is_readable_at_any_time_and_the_last_step_is_always_told(workspace: Workspace) -> None:
    for step in range(1, 101):
        workspace.progress(step, 100, loss=1.0)
        note = json.loads((workspace.path / "progress.json").read_text(encoding="utf-8"))
        assert note["total"] == 100
    assert note["done"] == 100
