"""report.md and scores.csv: what people read agrees with results.json to the last digit shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from madx_pipeline.report.collect import collect
from madx_pipeline.report.document import LISTED_AT_MOST, report_markdown
from madx_pipeline.report.results import Results
from madx_pipeline.report.tables import scores_csv, summary_csv
from tests.report.builders import MadeUp, make_run


def uneven_score(task: str, method: str, language: str, seed: int) -> float:
    """Scores with many digits, all different."""
    number = sum(ord(letter) for letter in task + method + language) * 7919 + seed * 104729
    return (number % 99991) / 99991


def _collected(run: MadeUp) -> Results:
    return collect(run.plan, run.store)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return _collected(make_run(tmp_path, uneven_score, seeds=[1, 2, 3]).finish_all())


def _rows(markdown: str, heading: str, table: int = 0) -> Iterator[dict[str, str]]:
    """The rows of a table below a heading, by column."""
    section = markdown.split(f"\n{heading}", 1)[1].split("\n### ", 1)[0].split("\n## ", 1)[0]
    blocks = [block.splitlines() for block in section.split("\n\n") if block.startswith("|")]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in blocks[table]]
    header, _, *rows = lines
    for row in rows:
        yield dict(zip(header, row, strict=True))


def test_every_mean_and_spread_in_the_report_is_that_of_the_results(results: Results) -> None:
    markdown = report_markdown(results, 1)
    shown = {
        (task, row["Language"].split("(")[1].strip(")"), method): row[method]
        for task in results.tasks
        for row in _rows(markdown, f"### {task} (")
        for method in results.methods
    }
    primary = [summary for summary in results.summary if summary.primary]
    assert len(shown) == len(primary) == 18
    for row in primary:
        assert row.std is not None
        assert row.low is not None
        assert row.high is not None
        over = " over seeds alone" if row.interval == "seeds" else ""
        interval = f"({row.low * 100:.1f} to {row.high * 100:.1f}{over})"
        assert shown[row.task, row.language, row.method] == f"{row.mean * 100:.1f} ± {row.std * 100:.1f} {interval}"


def test_every_transfer_gap_in_the_report_is_that_of_the_results(results: Results) -> None:
    markdown = report_markdown(results, 2)
    for transfer in results.transfer:
        rows = _rows(markdown, f"### {transfer.task} (", table=2)
        row = next(row for row in rows if f"({transfer.language})" in row["Language"])
        assert transfer.std is not None
        assert row[transfer.method] == f"{transfer.gap * 100:+.2f} ± {transfer.std * 100:.2f}"


def test_every_difference_in_the_report_is_that_of_the_results(tmp_path: Path) -> None:
    results = _collected(make_run(tmp_path, seeds=[1, 2, 3]).finish_all())
    markdown = report_markdown(results, 2)
    for found in results.comparisons:
        rows = _rows(markdown, f"### {found.task} (", table=1)
        row = next(row for row in rows if f"({found.language})" in row["Language"])
        assert found.low is not None
        assert found.high is not None
        interval = f"({found.low * 100:+.2f} to {found.high * 100:+.2f})"
        star = "" if found.answer == "no evidence" else r" \*"
        shown = row[f"{found.method} minus {found.baseline}"]
        assert shown == f"{found.difference * 100:+.2f} {interval}{star}".replace("+0.00 (", "0.00 (")
    assert {found.answer for found in results.comparisons} == {"helps", "no evidence"}


def test_the_summary_for_programs_holds_every_mean_in_full(results: Results) -> None:
    rows = list(csv.DictReader(io.StringIO(summary_csv(results))))
    assert len(rows) == len(results.summary)
    for row, summary in zip(rows, results.summary, strict=True):
        for name in ("mean", "std", "low", "high"):
            value = getattr(summary, name)
            assert row[name] == ("" if value is None else repr(value))
        assert (row["seeds"], row["interval"]) == ("1 2 3", summary.interval or "")


def test_the_table_of_scores_holds_every_score_in_full(results: Results) -> None:
    rows = list(csv.DictReader(io.StringIO(scores_csv(results))))
    assert len(rows) == len(results.scores)
    for row, score in zip(rows, results.scores, strict=True):
        assert float(row["value"]) == score.value
        assert (row["task"], row["method"], row["language"]) == (score.task, score.method, score.language)
        assert (int(row["seed"]), row["metric"], int(row["examples"])) == (score.seed, score.metric, score.examples)
        assert row["primary"] == ("true" if score.primary else "false")
        assert row["majority"] == ("0.25" if score.primary else "")


def test_the_majority_class_and_what_the_base_model_has_seen_stand_beside_every_score(results: Results) -> None:
    rows = list(_rows(report_markdown(results, 1), "### ner ("))
    assert [row["majority class"] for row in rows] == ["25.0"] * 3
    assert [row["Base model"] for row in rows] == ["seen", "unseen", "unseen"]


def test_a_score_at_the_majority_class_is_pointed_at(tmp_path: Path) -> None:
    run = make_run(tmp_path, lambda task, method, language, seed: 0.25 if method == "madx" else 0.5)
    markdown = report_markdown(_collected(run.finish_all()), 1)
    assert "**Not above the majority class**" in markdown
    assert "madx on " in markdown


def test_a_warning_of_the_metric_stands_below_its_table(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.extra_facts["evaluate_zero_shot/ner/qad/madx/1"] = {"warnings": ["No entity in the test set: 0 says nothing."]}
    markdown = report_markdown(_collected(run.finish_all()), 1)
    assert "**Note.** No entity in the test set: 0 says nothing. That is so for madx on " in markdown


def test_test_examples_that_are_in_the_training_data_are_pointed_at(results: Results) -> None:
    markdown = report_markdown(results, 1)
    assert "Examples of the source language: 300 train, 300 validation and 300 test." in markdown
    assert "3 of its test examples are in its training data as well." in markdown
    assert "validation examples are in" not in markdown


def test_one_seed_shows_no_spread_and_says_so(tmp_path: Path) -> None:
    markdown = report_markdown(_collected(make_run(tmp_path, uneven_score).finish_all()), 1)
    assert "±" not in markdown
    assert "Seed: 1. Seeds were not varied." in markdown
    assert "one seed (95% interval over test examples)" in markdown


def test_a_failed_language_is_a_gap_with_reason_and_log(tmp_path: Path) -> None:
    run = make_run(tmp_path, seeds=[1, 2]).finish_all(but=["train_language_adapter/qad"])
    run.fail("train_language_adapter/qad", "the loss is not a number.", "Lower the learning rate.")
    results = _collected(run)
    markdown = report_markdown(results, 1)
    row = next(row for row in _rows(markdown, "### ner (") if "(qad)" in row["Language"])
    assert row["madx"] == "gap"
    assert row["task_adapter_only"] != "gap"
    assert "**4 of 36 scores are missing**" in markdown
    assert "**train_language_adapter/qad failed: the loss is not a number.**" in markdown
    assert "Lower the learning rate." in markdown
    assert f"Log: {results.gaps[0].log}" in markdown
    assert "(qad): madx, seeds 1, 2;" in markdown


def test_a_seed_that_is_missing_is_counted_beside_the_mean(tmp_path: Path) -> None:
    run = make_run(tmp_path, seeds=[1, 2, 3]).finish_all(but=["evaluate_zero_shot/ner/qad/madx/2"])
    rows = _rows(report_markdown(_collected(run), 1), "### ner (")
    row = next(row for row in rows if "(qad)" in row["Language"])
    assert row["madx"].endswith("(2 of 3 seeds)")


def test_thousands_of_gaps_do_not_drown_the_report(tmp_path: Path) -> None:
    targets = ["sw", "fr", "de", "fi", "vi", "tl", "ht", "yo", "en", "es", "it", "pt", "nl", "sv", "da", "pl"]
    markdown = report_markdown(_collected(make_run(tmp_path, target_languages=targets)), 1)
    assert f"and {2 * 17 - LISTED_AT_MOST} more, listed in results.json" in markdown


def test_soft_checks_that_said_no_are_listed_and_passed_ones_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    job = run.job("prepare_base_model")
    workspace = run.store.begin(job)
    workspace.check("seems_odd", False, 0.123456789, "three | is <b>odd</b>", hard=False)
    workspace.check("is_fine", True, 1, "all well")
    run.store.finish(job, workspace, {})
    markdown = report_markdown(_collected(run), 1)
    assert "1 of 2 checks passed." in markdown
    expected = "| seems_odd | prepare_base_model | warning | 0.123457 | three \\| is &lt;b&gt;odd&lt;/b&gt; |"
    assert expected in markdown


def test_language_adapters_show_what_they_do_to_their_own_language(results: Results) -> None:
    rows = list(_rows(report_markdown(results, 1), "## Language adapters"))
    assert rows[0]["Loss"] == "4.250 → 2.125"
    assert rows[0]["Perplexity"] == "70.1 → 8.4"
    assert rows[0]["Tokens per word"] == "1.60"
    assert rows[0]["Unknown tokens"] == "0.12%"
    assert rows[0]["Lines kept"] == "985 of 1000"
    assert rows[0]["Dropped"] == "duplicate 12, too_long 3"


def test_a_published_adapter_names_its_repository_and_commit(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.extra_facts["train_language_adapter/qad"] = {
        "origin": "published",
        "repository": "AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer",
        "revision": "0123456789abcdef0123456789abcdef01234567",
        "licence": "Apache-2.0",
    }
    markdown = report_markdown(_collected(run.finish_all()), 1)
    row = next(row for row in _rows(markdown, "## Language adapters") if "(qad)" in row["Language"])
    assert row["Origin"] == "published: AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer at 0123456789ab"
    assert "| language_adapter | Apache-2.0 | qad |" in markdown


def test_hostile_text_from_data_stays_text(tmp_path: Path) -> None:
    run = make_run(tmp_path, summary="# not a heading\n| not | a table |\n<script>alert(1)</script>")
    run.extra_facts["prepare_corpus/qad"] = {"licence": "CC | <img src=x onerror=alert(1)>\n`x`"}
    run.extra_facts["prepare_base_model"] = {"name": "<b>base</b>"}
    markdown = report_markdown(_collected(run.finish_all()), 1)
    assert "<script" not in markdown
    assert "<img" not in markdown
    assert "<b>" not in markdown
    assert "\n# not a heading" not in markdown
    assert "| corpus | CC \\| &lt;img src=x onerror=alert(1)&gt; \\`x\\` | qad |" in markdown


def test_jobs_and_seconds_are_counted_by_stage(tmp_path: Path) -> None:
    run = make_run(tmp_path).finish_all(but=["train_language_adapter/qad"])
    run.fail("train_language_adapter/qad", "no.")
    results = _collected(run)
    rows = {row["Stage"]: row for row in _rows(report_markdown(results, 1), "## Jobs and times")}
    assert rows["train_language_adapter"]["There"] == "2"
    assert rows["train_language_adapter"]["Failed"] == "1"
    assert rows["evaluate_zero_shot"]["Not run"] == "2"
    assert rows["all"]["Seconds"] == f"{sum(job.seconds or 0 for job in results.jobs):.1f}"


def test_libraries_of_different_versions_and_changed_parameters_are_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path, stages={"train_language_adapter": {"max_steps": 7}})
    run.finish(run.job("prepare_base_model"), libraries={"torch": "2.12.0"})
    run.finish(run.job("prepare_corpus/qad"), libraries={"torch": "2.13.0"})
    markdown = report_markdown(_collected(run), 1)
    assert "torch 2.12.0, 2.13.0 (artifacts were made with different versions)" in markdown
    assert "Parameters that differ from the stage pages: train_language_adapter max_steps = 7." in markdown


def test_the_majority_class_as_a_method_takes_the_place_of_the_column_and_lacks_no_seed(tmp_path: Path) -> None:
    run = make_run(tmp_path, methods=["task_adapter_only", "lora", "majority_class"], seeds=[1, 2]).finish_all()
    markdown = report_markdown(collect(run.plan, run.store), 1)
    assert "| Language | Base model | task_adapter_only | lora | majority_class |" in markdown
    assert "of 2 seeds" not in markdown
    assert "**Not above the majority class**" not in markdown
    assert "## What it costs" in markdown
    assert "| ner | lora | 520 | 0.0793% | 512.0 MB | 2.5 | - | - | - | 0.02 |" in markdown


def test_a_task_with_targets_of_its_own_has_rows_for_them_alone_and_says_what_it_went_on_from(tmp_path: Path) -> None:
    tasks = {
        "pos": {"card": "miniature_pos", "target_languages": []},
        "ner": {"card": "miniature_ner", "continue_from": "pos"},
    }
    results = _collected(make_run(tmp_path, uneven_score, tasks=tasks, seeds=[1]).finish_all())
    assert results.gaps == []
    markdown = report_markdown(results, 1)
    assert [row["Language"] for row in _rows(markdown, "### pos (")] == ["Alvan (qaa)"]
    assert len(list(_rows(markdown, "### ner ("))) == 1 + len(results.target_languages)
    said = "Every method went on from what it had learnt of pos."
    assert [said in part for part in markdown.split("\n### ")[1:3]] == [False, True]
