"""The report on disk: every file in its place, the same bytes again, and not written when nothing changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.report.write import read_results, report_state, write_report
from tests.report.builders import MadeUp, make_run

FILES = (
    "results.json",
    "scores.csv",
    "summary.csv",
    "efficiency.csv",
    "table.tex",
    "report.md",
    "report.json",
    "index.html",
)
SMALL: dict[str, Any] = {"target_languages": ["qad"], "tasks": {"pos": {"card": "miniature_pos"}}}


@pytest.fixture
def run(tmp_path: Path) -> MadeUp:
    return make_run(tmp_path / "home", **SMALL).finish_all()


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _ages(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_report_has_its_files_and_made_anew_it_has_the_same_bytes(run: MadeUp) -> None:
    outcome = write_report(run.plan, run.store)
    assert (outcome.state, outcome.folder) == ("ran", run.store.home / "reports" / "made-up")
    before = _contents(outcome.folder)
    assert set(FILES) <= set(before)
    assert {"languages/qaa.html", "languages/qad.html"} <= set(before)
    assert read_results(outcome.folder) == outcome.results
    shutil.rmtree(outcome.folder)
    assert write_report(run.plan, run.store).state == "ran"
    assert _contents(outcome.folder) == before


def test_the_same_artifacts_write_nothing_again(run: MadeUp) -> None:
    assert report_state(run.plan, run.store) == "to run"
    first = write_report(run.plan, run.store)
    ages = _ages(first.folder)
    second = write_report(run.plan, run.store)
    assert (second.state, second.results) == ("found", first.results)
    assert _ages(second.folder) == ages
    assert report_state(run.plan, run.store) == "found"


def test_a_new_score_writes_the_report_again(tmp_path: Path) -> None:
    run = make_run(tmp_path, **SMALL)
    run.finish_all(but=["train_language_adapter/qad"])
    assert len(write_report(run.plan, run.store).results.gaps) == 1
    run.finish(run.job("train_language_adapter/qad"))
    run.finish(run.job("evaluate_zero_shot/pos/qad/madx/1"))
    outcome = write_report(run.plan, run.store)
    assert (outcome.state, outcome.results.gaps) == ("ran", [])


def test_a_parameter_of_the_report_writes_it_again_with_the_same_scores(tmp_path: Path) -> None:
    run = make_run(tmp_path, **SMALL).finish_all()
    folder = write_report(run.plan, run.store).folder
    scores = (folder / "scores.csv").read_bytes()
    run.plan.recipe = make_run(tmp_path / "other", stages={"report": {"digits": 3}}, **SMALL).recipe
    assert write_report(run.plan, run.store).state == "ran"
    assert (folder / "scores.csv").read_bytes() == scores
    assert "| 91.100 (" in (folder / "report.md").read_text(encoding="utf-8")
