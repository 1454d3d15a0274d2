"""Several recipes side by side: what is matched, what differs, and what must not stand beside each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.report.collect import collect
from madx_pipeline.report.compare import ComparedCell, SideBySide, side_by_side
from madx_pipeline.report.compare_report import comparison_markdown, folder_name, write_comparison
from madx_pipeline.report.results import Results
from tests.report.builders import MadeUp, ScoreOf, make_run, usual_score


def better_score(task: str, method: str, language: str, seed: int) -> float:
    return round(usual_score(task, method, language, seed) + (0.05 if method == "madx" else 0.0), 3)


def _run(home: Path, name: str, score_of: ScoreOf = usual_score, **changes: Any) -> MadeUp:
    return make_run(home, score_of, name=name, **changes).finish_all()


def _results(run: MadeUp) -> Results:
    return collect(run.plan, run.store)


@pytest.fixture
def two(tmp_path: Path) -> list[Results]:
    """Recipes `a` and `b`; MAD-X is 5 points better in `b`, which also has a language of its own."""
    first = _run(tmp_path / "a", "a", seeds=[1, 2])
    second = _run(tmp_path / "b", "b", better_score, seeds=[1, 2], target_languages=["qad", "qag"])
    return [_results(first), _results(second)]


def _cells(compared: SideBySide, task: str, language: str, method: str) -> list[ComparedCell]:
    row = next(row for row in compared.rows if (row.task, row.language, row.method) == (task, language, method))
    return row.cells


def test_scores_of_one_task_language_and_method_stand_side_by_side(two: list[Results]) -> None:
    first, second = _cells(side_by_side(two), "ner", "qad", "madx")
    assert first.mean == pytest.approx(0.715)
    assert second.mean == pytest.approx(0.765)
    assert first.change is None
    assert second.change == pytest.approx(0.05)
    assert (second.low, second.high) != (None, None)


def test_what_only_one_recipe_asks_for_is_listed_and_not_compared(two: list[Results]) -> None:
    compared = side_by_side(two)
    assert {row.language for row in compared.rows} == {"qaa", "qad"}
    assert {name.split("/")[1] for name in compared.unmatched[0]} == {"qae"}
    assert {name.split("/")[1] for name in compared.unmatched[1]} == {"qag"}
    assert "not compared: a 6, b 6" in comparison_markdown(compared, two, 1)


def test_what_differs_is_named_by_its_flat_key(tmp_path: Path) -> None:
    first = _results(_run(tmp_path / "a", "a"))
    second = _results(_run(tmp_path / "b", "b", base_model={"builtin": "miniature", "world_seed": 3}))
    parameters = {**second.parameters, "train_language_adapter": {"max_steps": 9, "optimiser": {"beta": 0.5}}}
    second = second.model_copy(update={"parameters": parameters, "libraries": {"torch": ["2.12.0"]}})
    found = {item.key: item.values for item in side_by_side([first, second]).differences}
    assert found == {
        "base_model.world_seed": [0, 3],
        "libraries.adapters": ["1.3.0", None],
        "libraries.torch": ["2.13.0", "2.12.0"],
        "stages.train_language_adapter.max_steps": [7, 9],
        "stages.train_language_adapter.optimiser.beta": [None, 0.5],
    }


def test_trackers_and_resources_change_no_result_and_are_no_difference(tmp_path: Path) -> None:
    first = _results(_run(tmp_path / "a", "a"))
    resources = {"train_task_adapter": {"memory_gib": 9}}
    second = _results(_run(tmp_path / "b", "b", report_to=["wandb"], resources=resources))
    assert side_by_side([first, second]).differences == []
    assert not {"report_to", "resources"} & second.configuration.keys()


def test_scores_on_different_test_data_are_not_put_side_by_side(two: list[Results]) -> None:
    first, second = two
    facts = second.tasks["ner"]
    other = facts.data["qad"].model_copy(update={"test_sha256": "0" * 64})
    changed = facts.model_copy(update={"data": {**facts.data, "qad": other}})
    second = second.model_copy(update={"tasks": {**second.tasks, "ner": changed}})
    compared = side_by_side([first, second])
    mine, theirs = _cells(compared, "ner", "qad", "madx")
    assert mine.state == "scored"
    assert (theirs.state, theirs.mean, theirs.change) == ("different test data", None, None)
    assert _cells(compared, "pos", "qad", "madx")[1].state == "scored"
    assert "| different test data | - |" in comparison_markdown(compared, [first, second], 1)


def test_the_same_test_examples_are_recognised_on_another_base_model(tmp_path: Path) -> None:
    runs = [
        _run(tmp_path / str(seed), "abc"[seed], base_model={"builtin": "miniature", "world_seed": seed})
        for seed in (0, 1)
    ]
    first, second = (_results(run) for run in runs)
    data = [results.tasks["ner"].data["qad"] for results in (first, second)]
    assert data[0].test_sha256 == data[1].test_sha256
    assert data[0].test_sha256 is not None


def test_another_metric_is_no_score_to_compare(two: list[Results]) -> None:
    first, second = two
    summary = [row.model_copy(update={"metric": "accuracy"}) if row.task == "ner" else row for row in second.summary]
    compared = side_by_side([first, second.model_copy(update={"summary": summary})])
    assert [cell.state for cell in _cells(compared, "ner", "qad", "madx")] == ["scored", "different metric"]


def test_a_missing_score_is_told_from_one_that_was_not_asked_for(tmp_path: Path) -> None:
    whole = _results(_run(tmp_path / "a", "a"))
    failed = make_run(tmp_path / "b", name="b").finish_all(but=["train_language_adapter/qad"])
    small = _results(_run(tmp_path / "c", "c", methods=["task_adapter_only"]))
    cells = _cells(side_by_side([whole, _results(failed), small]), "ner", "qad", "madx")
    assert [cell.state for cell in cells] == ["scored", "no score", "not in the recipe"]


def test_the_document_shows_every_mean_of_the_comparison_to_the_last_digit(two: list[Results]) -> None:
    compared = side_by_side(two)
    markdown = comparison_markdown(compared, two, 2)
    for row in compared.rows:
        for cell in row.cells:
            assert cell.mean is not None
            assert cell.std is not None
            assert f"| {cell.mean * 100:.2f} ± {cell.std * 100:.2f} |" in markdown
    assert "| b minus a |" in markdown
    assert "| +5.00 |" in markdown


def test_hostile_text_of_a_recipe_stays_text(two: list[Results]) -> None:
    first, second = two
    configuration = {**second.configuration, "corpora": {"default": {"path": "<script>alert(1)</script> | x"}}}
    runs = [first, second.model_copy(update={"configuration": configuration})]
    markdown = comparison_markdown(side_by_side(runs), runs, 1)
    assert "<script" not in markdown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \\| x" in markdown


def test_a_comparison_is_written_once_and_again_with_the_same_bytes(tmp_path: Path) -> None:
    runs = [_run(tmp_path / name, name, score_of) for name, score_of in (("a", usual_score), ("b", better_score))]
    plans, results, store = [run.plan for run in runs], [_results(run) for run in runs], runs[0].store
    outcome = write_comparison(plans, results, store)
    assert (outcome.state, outcome.folder) == ("ran", tmp_path / "a" / "reports" / "compare-a-b")
    before = {path.name: path.read_bytes() for path in outcome.folder.iterdir()}
    assert set(before) == {"compare.json", "report.md", "report.json"}
    assert SideBySide.model_validate(json.loads(before["compare.json"])) == side_by_side(results)
    assert write_comparison(plans, results, store).state == "found"
    (outcome.folder / "compare.json").unlink()
    assert write_comparison(plans, results, store).state == "ran"
    assert {path.name: path.read_bytes() for path in outcome.folder.iterdir()} == before


def test_many_long_names_make_a_folder_that_a_file_system_takes() -> None:
    names = [f"{'x' * 60}{index}" for index in range(9)]
    assert folder_name(["a", "b"]) == "compare-a-b"
    assert len(folder_name(names)) < 130
    assert folder_name(names) != folder_name([*names[1:], names[0]])
