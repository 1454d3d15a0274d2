"""From the store's single predictions to intervals: what is read, how often, and what is not believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.report import intervals
from madx_pipeline.report.answers import Answers, read_answers
from madx_pipeline.report.collect import collect
from madx_pipeline.report.evidence import pairs
from madx_pipeline.report.results import PairedComparison, Results, Summary
from tests.report.builders import MadeUp, make_run
from tests.report.invented import predictions


def _results(run: MadeUp) -> Results:
    return collect(run.plan, run.store)


def _summary(results: Results, language: str, method: str, task: str = "ner") -> Summary:
    key = (task, language, method)
    return next(row for row in results.summary if row.primary and (row.task, row.language, row.method) == key)


def _comparison(results: Results, language: str, method: str, baseline: str) -> PairedComparison:
    key = ("ner", language, method, baseline)
    return next(row for row in results.comparisons if (row.task, row.language, row.method, row.baseline) == key)


def _spoil(run: MadeUp, name: str, text: str) -> None:
    (run.store.path(run.job(name)) / "examples.jsonl").write_text(text, encoding="utf-8")


def test_every_primary_score_and_every_pair_of_methods_has_an_interval(tmp_path: Path) -> None:
    results = _results(make_run(tmp_path, seeds=[1, 2, 3]).finish_all())
    for row in results.summary:
        assert row.interval == ("examples and seeds" if row.primary else "seeds")
        assert row.low is not None
        assert row.high is not None
        assert row.low < row.mean < row.high
    for pair in results.comparisons:
        assert pair.interval == "examples and seeds"
        assert pair.low is not None
        assert pair.high is not None
        assert pair.low < pair.difference < pair.high
        assert pair.examples == 1000


def test_methods_are_compared_with_both_baselines_and_never_with_themselves(tmp_path: Path) -> None:
    methods = ["madx", "madx_source_kept", "task_adapter_only", "full_finetuning"]
    results = _results(make_run(tmp_path, methods=methods).finish_all())
    assert {(row.method, row.baseline) for row in results.comparisons if row.language == "qad"} == {
        ("madx", "task_adapter_only"),
        ("madx", "madx_source_kept"),
        ("madx_source_kept", "task_adapter_only"),
        ("full_finetuning", "task_adapter_only"),
        ("full_finetuning", "madx_source_kept"),
    }
    assert pairs(["task_adapter_only"]) == []


def test_two_methods_that_are_one_evaluation_are_not_compared(tmp_path: Path) -> None:
    results = _results(make_run(tmp_path).finish_all())
    on_source = {(row.method, row.baseline) for row in results.comparisons if row.language == "qaa"}
    assert ("madx", "madx_source_kept") not in on_source
    assert ("madx", "task_adapter_only") in on_source


def test_the_difference_and_its_answer_follow_from_the_scores(tmp_path: Path) -> None:
    results = _results(make_run(tmp_path, seeds=[1, 2]).finish_all())
    row = _comparison(results, "qad", "madx", "madx_source_kept")
    assert row.difference == pytest.approx(0.18)
    assert (row.answer, row.seeds) == ("helps", [1, 2])
    assert row.p is not None
    assert row.p_holm == pytest.approx(2 * row.p)  # two targets; the source has no such comparison
    same = _comparison(results, "qaa", "madx", "task_adapter_only")
    assert (same.answer, same.difference) == ("no evidence", 0.0)


def test_each_evaluation_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, seeds=[1, 2]).finish_all()
    reads: list[Path] = []

    def counted(path: Path) -> Answers:
        reads.append(path)
        return read_answers(path)

    monkeypatch.setattr(intervals, "read_answers", counted)
    _results(run)
    evaluations = [job for job in run.plan.jobs.values() if job.stage == "evaluate_zero_shot"]
    assert len(reads) == len(set(reads)) == len(evaluations)


def test_predictions_that_do_not_give_the_recorded_score_are_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run(tmp_path, seeds=[1, 2]).finish_all()
    _spoil(run, "evaluate_zero_shot/ner/qad/madx/2", predictions("ner", 0.5, "another"))
    results = _results(run)
    summary = _summary(results, "qad", "madx")
    assert (summary.interval, summary.seeds) == ("seeds", [1, 2])
    row = _comparison(results, "qad", "madx", "task_adapter_only")
    assert (row.low, row.p, row.p_holm, row.answer, row.detectable) == (None, None, None, None, None)
    assert row.difference == pytest.approx(0.2)
    assert _comparison(results, "qae", "madx", "task_adapter_only").answer == "helps"
    assert "evaluate_zero_shot/ner/qad/madx/2: no interval, for its predictions give 0.5" in caplog.text


def test_predictions_on_other_examples_are_not_paired(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run(tmp_path).finish_all()
    text = predictions("ner", 0.51, "another").replace(
        '"gold": ["B-PER"], "predicted": ["B-PER"]', '"gold": ["B-ORG"], "predicted": ["B-ORG"]'
    )
    _spoil(run, "evaluate_zero_shot/ner/qad/task_adapter_only/1", text)
    row = _comparison(_results(run), "qad", "madx", "task_adapter_only")
    assert (row.low, row.answer) == (None, None)
    assert "its test examples are not those of the other methods" in caplog.text


def test_labels_that_are_no_iob2_leave_that_test_set_without_intervals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run(tmp_path).finish_all()
    for method in ("madx", "madx_source_kept", "task_adapter_only"):
        _spoil(run, f"evaluate_zero_shot/ner/qad/{method}/1", '{"gold": ["S-PER"], "predicted": ["O"]}\n')
    results = _results(run)
    assert _summary(results, "qad", "madx").interval is None
    assert _summary(results, "qae", "madx").interval == "examples"
    assert "ner in qad: no intervals, for its labels are odd" in caplog.text


def test_a_metric_without_values_by_example_has_no_intervals_over_them(tmp_path: Path) -> None:
    run = make_run(tmp_path, seeds=[1, 2])
    for job in run.plan.jobs.values():
        if job.stage == "evaluate_zero_shot" and job.key["task"] == "pos":
            run.extra_facts[job.name] = {"metric": "bleu", "values": {"bleu": 0.3 + 0.1 * int(job.key["seed"])}}
    results = _results(run.finish_all())
    assert _summary(results, "qad", "madx", "pos").interval == "seeds"
    assert {row.p for row in results.comparisons if row.task == "pos"} == {None}


def test_the_majority_class_is_compared_with_every_seed_of_the_baselines(tmp_path: Path) -> None:
    methods = ["madx", "madx_source_kept", "task_adapter_only", "lora", "majority_class"]
    results = _results(make_run(tmp_path, methods=methods, seeds=[1, 2, 3]).finish_all())
    for method in ("lora", "majority_class"):
        for baseline in ("task_adapter_only", "madx_source_kept"):
            row = _comparison(results, "qad", method, baseline)
            assert (row.seeds, row.interval) == ([1, 2, 3], "examples and seeds")
            assert row.p_holm is not None
            assert row.answer is not None
    alone = [
        score.value
        for score in results.scores
        if (score.task, score.language) == ("ner", "qad") and score.primary and score.method == "task_adapter_only"
    ]
    [majority] = [
        score.value
        for score in results.scores
        if (score.task, score.language) == ("ner", "qad") and score.primary and score.method == "majority_class"
    ]
    row = _comparison(results, "qad", "majority_class", "task_adapter_only")
    assert row.difference == pytest.approx(majority - sum(alone) / 3)


def test_the_majority_class_has_one_score_and_no_spread(tmp_path: Path) -> None:
    results = _results(make_run(tmp_path, methods=["task_adapter_only", "majority_class"], seeds=[1, 2]).finish_all())
    assert results.gaps == []
    row = _summary(results, "qad", "majority_class")
    assert (row.seeds, row.std, row.interval) == ([1], None, "examples")
