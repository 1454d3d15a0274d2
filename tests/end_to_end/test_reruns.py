"""What a run does depends on what is there: nothing twice, and after a change only what follows from it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.story import SMALL, artifact_bytes, begin_with, madx, plan_states, results_of, write_recipe

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("reruns")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, pretrained: Path) -> Path:
    """A folder in which the small recipe has been run once."""
    folder = tmp_path_factory.mktemp("finished")
    begin_with(pretrained, folder)
    madx("run", write_recipe(folder), folder=folder)
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the finished folder, to change."""
    shutil.copytree(finished, tmp_path / "copy")
    yield tmp_path / "copy"
    shutil.rmtree(tmp_path / "copy")


def ran(output: str) -> set[str]:
    """Names of the jobs a run did."""
    return {line.split(" ran ")[1].split(" (")[0] for line in output.splitlines() if "] ran " in line}


def test_a_run_ends_in_a_report_with_every_score(folder: Path) -> None:
    results = results_of(folder)
    cells = {(score["method"], score["language"]) for score in results["scores"]}
    assert cells == {(method, language) for method in SMALL["methods"] for language in ("qaa", "qad")}
    assert {job["state"] for job in results["jobs"]} == {"found"}
    assert all(check["passed"] for check in results["checks"] if check["hard"])


def test_a_second_run_finds_everything_and_changes_nothing(folder: Path) -> None:
    before = (folder / "madx_runs/reports/small/results.json").read_bytes()
    done = madx("run", folder / "small.yaml", folder=folder)
    assert ran(done.stdout) == set()
    assert "report (found)" in done.stdout
    assert (folder / "madx_runs/reports/small/results.json").read_bytes() == before


def test_changing_the_steps_of_language_adapters_reruns_those_and_what_follows(folder: Path) -> None:
    stages = {
        **SMALL["stages"],
        "train_language_adapter": {**SMALL["stages"]["train_language_adapter"], "max_steps": 9},
    }
    recipe = write_recipe(folder, stages=stages)
    plan = madx("plan", recipe, folder=folder).stdout
    assert "train_language_adapter/qad  (max_steps 12 -> 9)" in plan
    done = madx("run", recipe, folder=folder)
    assert {name.split("/")[0] for name in ran(done.stdout)} == {
        "train_language_adapter",
        "train_task_adapter",
        "evaluate_zero_shot",
    }
    assert "report (ran)" in done.stdout
    assert not any("/none" in name for name in ran(done.stdout))


def test_adding_a_language_runs_only_its_jobs_and_the_report(folder: Path) -> None:
    recipe = write_recipe(folder, target_languages=["qad", "qae"])
    done = madx("run", recipe, folder=folder)
    assert ran(done.stdout)
    assert all("/qae" in name for name in ran(done.stdout))
    assert "report (ran)" in done.stdout


def test_removing_a_language_runs_only_the_report(folder: Path) -> None:
    madx("run", write_recipe(folder, target_languages=["qad", "qae"]), folder=folder)
    done = madx("run", write_recipe(folder, target_languages=["qae"]), folder=folder)
    assert ran(done.stdout) == set()
    assert "report (ran)" in done.stdout
    assert {score["language"] for score in results_of(folder)["scores"]} == {"qaa", "qae"}


def test_serial_and_local_runs_give_the_same_bytes(folder: Path, pretrained: Path, tmp_path: Path) -> None:
    begin_with(pretrained, tmp_path)
    recipe = write_recipe(tmp_path)
    madx("run", recipe, "--runner", "serial", folder=tmp_path)
    serial, local = artifact_bytes(tmp_path / "madx_runs"), artifact_bytes(folder / "madx_runs")
    assert any(name.endswith("model.safetensors") for name in serial)
    assert serial == local
    assert results_of(tmp_path)["scores"] == results_of(folder)["scores"]


def test_a_flipped_byte_is_named_by_verify_and_by_the_next_run(folder: Path) -> None:
    weights = next((folder / "madx_runs/store/train_language_adapter").glob("qad-*/adapter/*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    name = f"{weights.parents[1].name}/adapter/{weights.name}: does not match its checksum"
    verified = madx("verify", folder=folder, expect=1)
    assert name in verified.stdout
    done = madx("run", folder / "small.yaml", folder=folder)
    assert name in done.stdout
    assert ran(done.stdout) == {"train_language_adapter/qad"}
    madx("verify", folder=folder)


def test_until_and_only_leave_the_rest(pretrained: Path, tmp_path: Path) -> None:
    begin_with(pretrained, tmp_path)
    recipe = write_recipe(tmp_path, methods=["task_adapter_only"])
    madx("run", recipe, "--until", "prepare_task_data", folder=tmp_path)
    states = plan_states(tmp_path, recipe)
    assert states["prepare_task_data/pos/qad"] == "found"
    assert states["train_task_adapter/pos/qaa/1/none"] == "to run"
    done = madx("run", recipe, "--only", "evaluate_zero_shot", folder=tmp_path, expect=1)
    assert "was not run: train_task_adapter/pos/qaa/1/none is not there" in done.stdout


def test_the_report_alone_is_written_from_the_store(folder: Path) -> None:
    report = folder / "madx_runs/reports/small"
    before = {path.name: path.read_bytes() for path in report.iterdir() if path.is_file()}
    shutil.rmtree(report)
    madx("report", folder / "small.yaml", folder=folder)
    assert {path.name: path.read_bytes() for path in report.iterdir() if path.is_file()} == before
