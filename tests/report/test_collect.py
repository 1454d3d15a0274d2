"""From the store to results: what is there, what is missing and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from madx_pipeline.errors import CheckError
from madx_pipeline.report.collect import collect
from madx_pipeline.report.results import Results
from madx_pipeline.store import Store
from tests.report.builders import MadeUp, make_run, usual_score


def _collected(run: MadeUp) -> Results:
    return collect(run.plan, run.store)


def test_every_score_of_the_plan_is_there_with_every_metric(tmp_path: Path) -> None:
    results = _collected(make_run(tmp_path).finish_all())
    primary = [score for score in results.scores if score.primary]
    assert len(primary) == 2 * 3 * 3  # tasks x methods x languages
    assert {score.metric for score in results.scores if not score.primary} == {"precision"}
    for score in primary:
        assert score.value == usual_score(score.task, score.method, score.language, score.seed)
        assert score.majority == 0.25
    assert results.gaps == []


def test_metrics_by_label_come_along_with_the_primary_metric(tmp_path: Path) -> None:
    for score in _collected(make_run(tmp_path).finish_all()).scores:
        assert score.by_label == ({"f1.PER": score.value / 4} if score.primary else {})


def test_a_folder_of_an_adapter_is_named_without_where_it_lies(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.extra_facts["train_language_adapter/qad"] = {"origin": "published", "path": "/home/someone/adapters/qad"}
    adapter = _collected(run.finish_all()).languages["qad"].language_adapter
    assert adapter is not None
    assert adapter.path == "qad"


def test_two_methods_that_share_an_evaluation_both_get_its_score(tmp_path: Path) -> None:
    results = _collected(make_run(tmp_path).finish_all())
    on_source = {score.method: score.job for score in results.scores if score.language == "qaa" and score.task == "ner"}
    assert on_source["madx"] == on_source["madx_source_kept"] != on_source["task_adapter_only"]


def test_one_failed_language_is_a_gap_with_the_reason_and_the_others_have_scores(tmp_path: Path) -> None:
    run = make_run(tmp_path).finish_all(but=["train_language_adapter/qad"])
    run.fail("train_language_adapter/qad", "the loss is not a number.", "Lower the learning rate.")
    results = _collected(run)
    assert {(gap.task, gap.method, gap.language) for gap in results.gaps} == {
        ("ner", "madx", "qad"),
        ("pos", "madx", "qad"),
    }
    gap = results.gaps[0]
    assert gap.reason == "train_language_adapter/qad failed: the loss is not a number."
    assert gap.hint == "Lower the learning rate."
    assert gap.job == "train_language_adapter/qad"
    assert gap.log is not None
    assert (tmp_path / gap.log).read_text(encoding="utf-8") == "a traceback\n"
    assert {score.method for score in results.scores if score.language == "qad"} == {
        "madx_source_kept",
        "task_adapter_only",
    }


def test_jobs_are_found_failed_or_not_run(tmp_path: Path) -> None:
    run = make_run(tmp_path).finish_all(but=["train_language_adapter/qad"])
    run.fail("train_language_adapter/qad", "no.")
    jobs = {job.name: job for job in _collected(run).jobs}
    assert len(jobs) == len(run.plan.jobs)
    assert jobs["prepare_corpus/qad"].state == "found"
    assert jobs["prepare_corpus/qad"].seconds is not None
    assert jobs["train_language_adapter/qad"].state == "failed"
    assert jobs["train_language_adapter/qad"].log is not None
    blocked = jobs["evaluate_zero_shot/ner/qad/madx/1"]
    assert (blocked.state, blocked.seconds, blocked.log) == ("not run", None, None)
    assert blocked.reason == "train_language_adapter/qad failed: no."


def test_of_several_missing_inputs_the_one_that_failed_is_to_blame(tmp_path: Path) -> None:
    run = make_run(tmp_path).finish_all(but=["train_language_adapter/qad", "prepare_task_data/ner/qad"])
    run.fail("train_language_adapter/qad", "no.")
    jobs = {job.name: job for job in _collected(run).jobs}
    assert jobs["evaluate_zero_shot/ner/qad/madx/1"].reason == "train_language_adapter/qad failed: no."
    assert jobs["evaluate_zero_shot/ner/qad/task_adapter_only/1"].reason == "prepare_task_data has not been run."


def test_before_anything_was_run_everything_is_a_gap(tmp_path: Path) -> None:
    results = _collected(make_run(tmp_path))
    assert results.scores == []
    assert len(results.gaps) == 18
    assert {gap.reason for gap in results.gaps} == {"prepare_base_model has not been run."}
    assert results.base_model.name == "miniature"
    assert results.base_model.languages_seen is None


def test_a_failure_that_a_later_attempt_got_over_is_forgotten(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.fail("train_language_adapter/qad", "no.")
    run.finish_all()
    assert _collected(run).gaps == []


def test_a_language_without_adapter_leaves_a_gap_that_names_the_recipe(tmp_path: Path) -> None:
    run = make_run(tmp_path, language_adapters={"qad": "none"}).finish_all()
    gaps = _collected(run).gaps
    assert {(gap.method, gap.language, gap.job) for gap in gaps} == {("madx", "qad", None)}
    assert gaps[0].reason == "the recipe has no language adapter for qad, which madx needs."


def test_the_hard_check_that_failed_a_job_is_among_the_checks(tmp_path: Path) -> None:
    run = make_run(tmp_path).finish_all(but=["train_language_adapter/qad"])
    job = run.job("train_language_adapter/qad")
    workspace = run.store.begin(job)
    with pytest.raises(CheckError):
        workspace.check("heldout_loss_falls", False, -0.25, "the loss (held out) rose.")
    run.store.keep_checks(workspace)
    run.store.fail(job, "check heldout_loss_falls failed", "Train longer.")
    failed = [check for check in _collected(run).checks if not check.passed]
    assert [(check.name, check.job, check.value, check.hard) for check in failed] == [
        ("heldout_loss_falls", "train_language_adapter/qad", -0.25, True)
    ]
    assert failed[0].detail == "the loss (held out) rose."


def test_soft_checks_keep_their_value_and_say_that_they_only_warn(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    job = run.job("prepare_base_model")
    workspace = run.store.begin(job)
    workspace.check("seems_odd", False, 3, "three is odd", hard=False)
    run.store.finish(job, workspace, {})
    (check,) = _collected(run).checks
    assert (check.name, check.passed, check.value, check.hard) == ("seems_odd", False, 3, False)


def test_an_evaluation_without_a_value_is_a_gap_not_a_zero(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    name = "evaluate_zero_shot/ner/qad/madx/1"
    run.extra_facts[name] = {"values": {"span_f1": None, "precision": 0.5}}
    results = _collected(run.finish_all())
    assert [(gap.task, gap.language, gap.method, gap.job) for gap in results.gaps] == [("ner", "qad", "madx", name)]
    assert results.gaps[0].reason == "the evaluation gave no value for span_f1."


def test_seen_unseen_and_unknown_languages_are_told_apart(tmp_path: Path) -> None:
    run = make_run(tmp_path, source_language="en", target_languages=["sw", "zh-Hant"])
    run.extra_facts["prepare_base_model"] = {"languages_seen": ["en", "zh"]}
    languages = _collected(run.finish_all()).languages
    assert {code: facts.seen for code, facts in languages.items()} == {"en": True, "sw": False, "zh-Hant": None}
    assert languages["sw"].name == "Swahili"
    assert languages["en"].role == "source"


def test_a_language_carries_its_corpus_its_adapter_and_all_licences(tmp_path: Path) -> None:
    language = _collected(make_run(tmp_path).finish_all()).languages["qad"]
    assert language.corpus is not None
    assert language.corpus.dropped == {"empty": 0, "duplicate": 12, "too_long": 3}
    assert language.language_adapter is not None
    assert language.language_adapter.heldout_loss_after == 2.125
    assert language.licences == {"corpus": "CC0-1.0", "task ner": "CC0-1.0", "task pos": "CC0-1.0"}


def test_a_fact_of_an_odd_type_costs_that_fact_and_not_the_report(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run(tmp_path)
    run.extra_facts["train_language_adapter/qad"] = {"licence": ["mit", "apache-2.0"]}
    adapter = _collected(run.finish_all()).languages["qad"].language_adapter
    assert adapter is not None
    assert (adapter.licence, adapter.steps) == (None, 400)
    assert "train_language_adapter/qad" in caplog.text


def test_versions_of_libraries_that_differ_are_all_listed(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.finish(run.job("prepare_base_model"), libraries={"torch": "2.12.0"})
    run.finish(run.job("prepare_corpus/qad"), libraries={"torch": "2.13.0"})
    assert _collected(run).libraries == {"torch": ["2.12.0", "2.13.0"]}


def test_parameters_of_every_stage_and_of_the_report_are_there(tmp_path: Path) -> None:
    results = _collected(make_run(tmp_path, stages={"report": {"digits": 2}}).finish_all())
    assert results.parameters["train_language_adapter"] == {"max_steps": 7}
    assert results.parameters["report"]["digits"] == 2


def test_tasks_have_their_metric_labels_and_examples_per_split(tmp_path: Path) -> None:
    tasks = _collected(make_run(tmp_path).finish_all()).tasks
    assert (tasks["ner"].metric, tasks["pos"].metric) == ("span_f1", "accuracy")
    assert tasks["ner"].labels == ["B-PER", "I-PER", "O"]
    source, target = tasks["ner"].data["qaa"].splits, tasks["ner"].data["qad"].splits
    assert source is not None
    assert target is not None
    assert list(source) == ["train", "validation", "test"]
    assert target["test"]["examples"] == 300


def test_nothing_in_the_results_depends_on_where_home_lies(tmp_path: Path) -> None:
    texts = []
    for home in (tmp_path / "one", tmp_path / "elsewhere" / "two"):
        run = make_run(home).finish_all(but=["train_language_adapter/qad"])
        run.fail("train_language_adapter/qad", "no.")
        results = _collected(run)
        jobs = [job.model_copy(update={"seconds": None}) for job in results.jobs]
        texts.append(results.model_copy(update={"jobs": jobs}).model_dump_json())
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]


def test_each_record_is_read_once_and_no_file_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, seeds=[1, 2]).finish_all()
    for path in tmp_path.rglob("out.txt"):
        path.unlink()  # what is not read is not missed
    reads: list[Path] = []
    read_text = Path.read_text

    def counted(self: Path, encoding: str | None = None, errors: str | None = None) -> str:
        if self.name == "artifact.json":
            reads.append(self)
        return read_text(self, encoding, errors)

    monkeypatch.setattr(Path, "read_text", counted)
    _collected(run)
    assert len(reads) == len(set(reads)) == len(run.plan.jobs)


def test_a_record_that_is_damaged_is_a_job_that_is_not_there(tmp_path: Path) -> None:
    run = make_run(tmp_path).finish_all()
    job = run.job("evaluate_zero_shot/ner/qad/madx/1")
    (Store(tmp_path).path(job) / "artifact.json").write_text("{", encoding="utf-8")
    gaps = _collected(run).gaps
    assert [(gap.task, gap.language, gap.method) for gap in gaps] == [("ner", "qad", "madx")]


def test_results_survive_json_unchanged(tmp_path: Path) -> None:
    results = _collected(make_run(tmp_path, seeds=[1, 2, 3]).finish_all())
    assert Results.model_validate(json.loads(json.dumps(results.model_dump(mode="json")))) == results


def test_two_stores_with_equal_scores_have_equal_statistics(tmp_path: Path) -> None:
    one, two = (_collected(make_run(tmp_path / name, seeds=[1, 2]).finish_all()) for name in ("one", "two"))
    assert one.summary == two.summary
    assert one.comparisons == two.comparisons
    assert one.verdicts == two.verdicts


def test_a_language_without_text_leaves_a_gap_of_mlm_target_that_names_the_recipe(tmp_path: Path) -> None:
    run = make_run(tmp_path, methods=["task_adapter_only", "mlm_target"], target_languages=["qad"]).finish_all()
    run.plan.cells = [cell for cell in run.plan.cells if cell.method != "mlm_target"]  # as planned without any text
    gaps = _collected(run).gaps
    assert {(gap.method, gap.language, gap.job) for gap in gaps} == {
        ("mlm_target", code, None) for code in ("qaa", "qad")
    }
    assert gaps[-1].reason == "the recipe has no text for qad, on which mlm_target goes on pretraining."
    assert gaps[-1].hint == 'Say corpora: {"qad": {path: ...}} in the recipe.'
