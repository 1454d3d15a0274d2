"""Every method on one target, side by side: their rows, what is missing of them and why, and what they cost."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.methods import METHODS
from tests.end_to_end.story import SMALL, artifact_bytes, begin_with, madx, plan_states, results_of, write_recipe

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("all_methods")]

TEXT = {"card": "miniature", "max_lines": 300}
EVERYTHING: dict[str, Any] = {
    **SMALL,
    "name": "everything",
    "target_languages": ["qad", "qae"],
    "corpora": {"qaa": TEXT, "qad": TEXT},
    "language_adapters": {"default": "train", "qae": "none"},
    "methods": list(METHODS),
    "stages": {
        **SMALL["stages"],
        "train_task_adapter": {"num_train_epochs": 2, "learning_rate": 0.004},
        "finetune_base_model": {"num_train_epochs": 1, "learning_rate": 0.001},
        "train_lora": {"num_train_epochs": 2, "learning_rate": 0.01},
        "continue_pretraining": {
            "max_steps": 8,
            "eval_steps": 4,
            "learning_rate": 0.001,
            "per_device_train_batch_size": 32,
        },
    },
}
"""All seven methods; of qae, the second target, there are labels to test on and no text."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, pretrained: Path) -> Path:
    """A folder in which the usual methods were run first, and then all of them."""
    folder = tmp_path_factory.mktemp("everything")
    begin_with(pretrained, folder)
    madx("run", write_recipe(folder, EVERYTHING, methods=SMALL["methods"]), "--runner", "serial", folder=folder)
    before = artifact_bytes(folder / "madx_runs")
    recipe = write_recipe(folder, EVERYTHING)
    to_run = {name.split("/")[0] for name, state in plan_states(folder, recipe).items() if state == "to run"}
    assert to_run == {
        *("train_lora", "continue_pretraining", "finetune_base_model"),
        *("evaluate_zero_shot", "evaluate_majority_class", "report"),
    }
    madx("run", recipe, "--runner", "serial", folder=folder)
    assert before.items() <= artifact_bytes(folder / "madx_runs").items()
    return folder


@pytest.fixture(scope="module")
def results(finished: Path) -> dict[str, Any]:
    return results_of(finished, "everything")


def test_every_method_has_its_score_where_there_is_what_it_needs(results: dict[str, Any]) -> None:
    cells = {(score["method"], score["language"]) for score in results["scores"] if score["primary"]}
    missing = {("madx", "qae"), ("mlm_target", "qae")}
    assert cells == {(method, language) for method in METHODS for language in ("qaa", "qad", "qae")} - missing
    assert all(check["passed"] for check in results["checks"] if check["hard"])


def test_a_language_without_text_is_a_gap_that_says_so(results: dict[str, Any]) -> None:
    reasons = {(gap["method"], gap["language"]): gap["reason"] for gap in results["gaps"]}
    assert reasons == {
        ("madx", "qae"): "the recipe has no language adapter for qae, which madx needs.",
        ("mlm_target", "qae"): "the recipe has no text for qae, on which mlm_target goes on pretraining.",
    }


def test_the_methods_are_compared_with_the_references_like_any_other(results: dict[str, Any]) -> None:
    pairs = {(row["method"], row["baseline"]) for row in results["comparisons"] if row["language"] == "qad"}
    for method in ("lora", "mlm_target", "majority_class", "full_finetuning", "madx"):
        assert {(method, "task_adapter_only"), (method, "madx_source_kept")} <= pairs
    assert all(row["p"] is not None for row in results["comparisons"])


def test_what_each_method_costs_was_measured(results: dict[str, Any]) -> None:
    rows = {row["method"]: row for row in results["efficiency"]}
    assert list(rows) == list(METHODS)
    parameters = {method: row["trainable_parameters"] for method, row in rows.items()}
    assert parameters["majority_class"] == 0 < parameters["lora"] < parameters["full_finetuning"]
    assert parameters["task_adapter_only"] == parameters["madx"] < parameters["full_finetuning"]
    assert rows["full_finetuning"]["share"] == rows["mlm_target"]["share"] == rows["mlm_target"]["language_share"] == 1
    for method in set(METHODS) - {"majority_class"}:
        assert rows[method]["training_seconds"] > 0
        assert rows[method]["inference_seconds_per_1000_tokens"] > 0
        assert rows[method]["peak_memory_bytes"] is None or rows[method]["peak_memory_bytes"] > 10_000_000
    assert rows["madx"]["language_training_seconds"] > 0
    assert rows["lora"]["language_training_seconds"] is None


def test_adapters_add_up_and_models_multiply(results: dict[str, Any]) -> None:
    storage = {row["method"]: row for row in results["storage"]}
    madx_row, continued = storage["madx"], storage["mlm_target"]
    assert (madx_row["languages"], continued["languages"]) == (2, 2)  # qae has neither an adapter nor text
    adapters = 2 * madx_row["bytes_per_language"] + madx_row["bytes_per_task"]
    assert madx_row["total_bytes"] == madx_row["bytes_once"] + adapters
    assert continued["total_bytes"] == 2 * continued["bytes_per_language_and_task"] > madx_row["total_bytes"]
    assert storage["lora"]["bytes_per_task"] < storage["full_finetuning"]["bytes_per_task"]


def test_the_report_says_it_to_people_too(finished: Path) -> None:
    report = finished / "madx_runs/reports/everything"
    text, page = ((report / name).read_text(encoding="utf-8") for name in ("report.md", "index.html"))
    for shown in (text, page):
        assert "What it costs" in shown
        assert "Language adapters are trained once per language and shared by all tasks and seeds." in shown
        assert "mlm_target multiplies: 2 x 1 models" in shown
    assert len((report / "efficiency.csv").read_text(encoding="utf-8").splitlines()) == 1 + len(METHODS)


def test_a_second_run_finds_everything_and_the_report_again_is_the_same_bytes(finished: Path) -> None:
    report = finished / "madx_runs/reports/everything"
    before = {path.name: path.read_bytes() for path in report.iterdir() if path.is_file()}
    done = madx("run", finished / "everything.yaml", "--runner", "serial", folder=finished)
    assert "] ran " not in done.stdout
    assert "report (found)" in done.stdout
    shutil.rmtree(report)
    madx("report", finished / "everything.yaml", folder=finished)
    assert {path.name: path.read_bytes() for path in report.iterdir() if path.is_file()} == before
