"""What methods cost, in words and tables: one rounding, and nothing that is not known shown as zero."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.report.collect import collect
from madx_pipeline.report.cost_tables import costs, how_measured, how_stored, size, storage_cells, texts, training_cells
from madx_pipeline.report.results import Results
from madx_pipeline.report.tables import efficiency_csv
from tests.report.builders import make_run


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """A run in which every training took a second and left three megabytes."""
    run = make_run(tmp_path, methods=["madx", "task_adapter_only", "full_finetuning"])
    return collect(run.finish_all().plan, run.store)


def test_bytes_are_shown_in_the_unit_that_fits() -> None:
    shown = {0: "0 B", 999: "999 B", 29_551_104: "29.6 MB", 1_112_000_000: "1.1 GB", 5 * 10**15: "5000.0 TB"}
    assert {count: size(count) for count in shown} == shown
    assert size(None) == "-"


def test_the_report_has_a_row_a_task_and_method_and_says_that_adapters_add_up(results: Results) -> None:
    text = costs(results, 1)
    assert [row[:3] for row in texts(training_cells(results))][:2] == [
        ["ner", "madx", "1,010"],
        ["ner", "task_adapter_only", "1,010"],
    ]
    assert "| ner | madx | 1,010 | 0.154% | 512.0 MB | 2.5 |" in text
    assert "Language adapters are trained once per language and shared by all tasks and seeds." in text
    assert "3 languages and 2 tasks take 3 x 2.8 kB + 2 x 400 B beside the base model." in text


def test_the_table_of_storage_is_the_formula_in_numbers(results: Results) -> None:
    rows = {row[0]: row[1:] for row in texts(storage_cells(results))}
    assert rows["madx"] == ["3", "2", "26.2 kB", "2.8 kB", "400 B", "0 B", "35.4 kB"]
    assert rows["full_finetuning"] == ["3", "2", "0 B", "0 B", "26.2 kB", "0 B", "52.4 kB"]


def test_nothing_is_said_where_nothing_is_there(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert costs(collect(run.plan, run.store), 1) == ""


def test_every_number_is_sorted_by_its_value_and_what_is_not_known_by_nothing(results: Results) -> None:
    madx, *_ = training_cells(results)
    assert madx[2:4] == [("1,010", 1010), ("0.154%", pytest.approx(1010 / 656_010))]
    row = results.efficiency[0].model_copy(update={"training_seconds": None})
    assert training_cells(results.model_copy(update={"efficiency": [row]}))[0][5] == ("-", None)


def test_language_adapters_are_spoken_of_only_where_there_are_any(results: Results) -> None:
    alone = results.model_copy(update={"methods": ["full_finetuning"], "storage": results.storage[-1:]})
    assert "anguage adapters" not in how_stored(alone)
    jobs = [job.model_copy(update={"stage": job.stage.replace("train_l", "fetch_l")}) for job in results.jobs]
    assert how_stored(results.model_copy(update={"jobs": jobs})).startswith(
        "Language adapters exist once per language and are shared by all tasks and seeds. So MAD-X adds up:"
    )


def test_seconds_are_said_to_be_wall_time(results: Results) -> None:
    assert "Seconds are wall time: jobs that ran side by side took longer for it." in how_measured(results)


def test_a_model_for_every_language_and_task_multiplies(results: Results) -> None:
    row = results.storage[0].model_copy(
        update={"method": "mlm_target", "bytes_per_language_and_task": 1_100_000_000, "total_bytes": 6_600_000_000}
    )
    text = how_stored(results.model_copy(update={"storage": [row]}))
    assert "mlm_target multiplies: 3 x 2 models of 1.1 GB." in text


def test_the_table_for_programs_has_full_numbers(results: Results) -> None:
    header, first, *_ = efficiency_csv(results).splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True))
    assert (row["method"], row["trainable_parameters"], row["bytes_per_language"]) == ("madx", "1010", "2800")
    assert row["bytes_per_language_and_task"] == "0"
