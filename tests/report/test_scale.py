"""A report of 200 languages is complete; `benchmarks/report_scale.py` times one that has 5 tasks and 5 seeds."""

from __future__ import annotations

import csv
import io
from itertools import product
from pathlib import Path

import pytest

from madx_pipeline.report.write import write_report
from tests.report.large import METHODS, large_run


def test_a_made_up_run_of_any_size_is_whole_and_its_predictions_give_its_scores(tmp_path: Path) -> None:
    run = large_run(tmp_path, languages=3, tasks=3, seeds=2, examples=40)
    results = write_report(run.plan, run.store).results
    assert results.gaps == []
    assert len(results.scores) == 4 * 3 * 2 * len(METHODS)
    assert {row.interval for row in results.summary} == {"examples and seeds"}


@pytest.mark.slow
def test_a_large_report_is_complete_and_its_files_stay_readable(tmp_path: Path) -> None:
    run = large_run(tmp_path, tasks=2, seeds=2)
    outcome = write_report(run.plan, run.store)
    results = outcome.results
    cells = set(product(results.tasks, results.methods, results.languages))
    assert len(cells) == 2 * 4 * 201
    assert {(row.task, row.method, row.language) for row in results.summary} == cells
    assert {row.interval for row in results.summary} == {"examples and seeds"}
    assert all(len(row.seeds) == 2 for row in results.summary)
    # All five pairs of methods on the targets; on the source, where keeping its adapter is MAD-X, one less.
    assert len(results.comparisons) == 2 * (200 * 5 + 4)
    assert all(row.p_holm is not None for row in results.comparisons)
    assert {verdict.outcome for verdict in results.verdicts} == {"helps", "no evidence", "source"}
    rows = list(csv.reader(io.StringIO((outcome.folder / "scores.csv").read_text(encoding="utf-8"))))
    assert len(rows) == 1 + 2 * 4 * 2 * 201
    sizes = {path.name: path.stat().st_size for path in outcome.folder.iterdir() if path.is_file()}
    assert sizes["report.md"] < 2**20
    assert sizes["table.tex"] < 2**19
    assert sizes["results.json"] < 16 * 2**20
    assert (outcome.folder / "table.tex").read_text(encoding="utf-8").count(r"\end{longtable}") == 2
    assert write_report(run.plan, run.store).state == "found"
