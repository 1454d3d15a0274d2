"""The stage `report` as a stage: its page, its parameters, its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from madx_pipeline.report.collect import collect, report_params
from madx_pipeline.report.results import Results
from madx_pipeline.stage import Inputs, Workspace, stage_page
from madx_pipeline.stages import report
from tests.report.builders import make_recipe, make_run


def _made(folder: Path, source: dict[str, object], home: Path) -> Workspace:
    folder.mkdir()
    workspace = Workspace(folder, folder / "checkpoints")
    report.run(Inputs({}, source, {"home": str(home)}, {}), report_params(make_recipe()), workspace)
    return workspace


def test_the_page_has_a_value_for_every_parameter_and_no_other() -> None:
    assert set(stage_page("report").params) == set(report.Params.model_fields)
    report.Params.model_validate(stage_page("report").params)


def test_parameters_have_no_defaults_and_say_what_they_mean() -> None:
    for name, field in report.Params.model_fields.items():
        assert field.is_required(), name
        assert field.description, name


@pytest.mark.parametrize(("key", "value"), [("digits", -1), ("confidence", 1.0), ("smallest_gap_closed", 2)])
def test_values_out_of_range_are_refused(key: str, value: float) -> None:
    with pytest.raises(ValidationError):
        report.Params.model_validate({**stage_page("report").params, key: value})


def test_the_stage_is_a_function_of_the_results(tmp_path: Path) -> None:
    run = make_run(tmp_path / "home", target_languages=["qad"]).finish_all()
    results = collect(run.plan, run.store)
    source = results.model_dump(mode="json")
    first, second = (_made(tmp_path / name, source, run.store.home) for name in ("one", "two"))
    names = {"results.json", "scores.csv", "summary.csv", "efficiency.csv", "table.tex", "report.md", "index.html"}
    assert {path.name for path in first.path.iterdir() if path.is_file()} == names
    for name in names:
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()
    assert first.facts == {"scores": 24, "gaps": 0}
    read = json.loads((first.path / "results.json").read_text(encoding="utf-8"))
    assert Results.model_validate(read) == results


def test_results_of_another_layout_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        _made(tmp_path / "out", {"recipe": "made-up"}, tmp_path)
