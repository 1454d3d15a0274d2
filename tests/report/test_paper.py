r"""table.tex: what a paper shows is what results.json holds, and LaTeX can set it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.report.collect import collect
from madx_pipeline.report.paper import ROWS_ON_A_PAGE, table_tex, tex
from madx_pipeline.report.results import Results
from tests.report.builders import ScoreOf, make_run, usual_score
from tests.report.test_document import uneven_score

HOSTILE = '50% of {a} & b_c # d ~ e ^ f \\input{/etc/passwd} $x$ <tag> "q" `t` | \x00\u202e'


def _results(home: Path, score_of: ScoreOf = usual_score, **changes: Any) -> Results:
    run = make_run(home, score_of, **{"seeds": [1, 2, 3], **changes}).finish_all()
    return collect(run.plan, run.store)


def _rows(text: str, task: str) -> dict[str, list[str]]:
    """Code of a language to the cells of its row, in the table of a task."""
    table = next(part for part in text.split("\\begin{table}")[1:] if f"-{task}}}" in part)
    rows = [line.removesuffix(r" \\").split(" & ") for line in table.splitlines() if line.endswith(r"\\")]
    return {cells[0].rpartition("(")[2].strip(")"): cells[1:] for cells in rows if cells[0] != "Language"}


def test_every_number_of_the_table_is_that_of_the_results_to_the_last_digit(tmp_path: Path) -> None:
    results = _results(tmp_path, uneven_score)
    text = table_tex(results, 2)
    checked = 0
    for row in results.summary:
        if row.primary and row.std is not None:
            cell = _rows(text, row.task)[row.language][results.methods.index(row.method)]
            shown = re.fullmatch(r"(?:\\textbf\{)?([\d.]+)\}?\$_\{\\pm ([\d.]+)\}.*\$", cell)
            assert shown is not None
            assert shown.groups() == (f"{row.mean * 100:.2f}", f"{row.std * 100:.2f}")
            checked += 1
    assert checked == 2 * 3 * 3


def test_the_best_method_of_each_language_is_bold_and_ties_all_are(tmp_path: Path) -> None:
    rows = _rows(table_tex(_results(tmp_path), 1), "ner")
    assert [r"\textbf{" in cell for cell in rows["qad"]] == [True, False, False, False]
    assert [r"\textbf{" in cell for cell in rows["qaa"]] == [True, True, True, False]


def test_marks_are_those_of_the_comparisons_and_the_caption_explains_them(tmp_path: Path) -> None:
    results = _results(tmp_path)
    text = table_tex(results, 1)
    madx = _rows(text, "ner")["qad"][0]
    assert madx == r"\textbf{72.0}$_{\pm 1.0}^{*\dagger}$"
    assert {row.answer for row in results.comparisons if (row.language, row.method) == ("qad", "madx")} == {"helps"}
    assert (
        r"Significantly better: $^{*}$ than task\_adapter\_only and $^{\dagger}$ than madx\_source\_kept; with a minus "
        r"before the mark, worse (paired test over the test examples and seeds, $p < 0.05$ after Holm's correction"
    ) in text


def test_a_method_that_is_worse_has_a_minus_before_its_mark(tmp_path: Path) -> None:
    results = _results(tmp_path, lambda task, method, language, seed: 0.3 if method == "madx" else 0.5 + seed / 100)
    assert _rows(table_tex(results, 1), "pos")["qad"][0].endswith(r"^{-*-\dagger}$")


def test_missing_scores_and_seeds_are_visible_and_explained(tmp_path: Path) -> None:
    run = make_run(tmp_path, seeds=[1, 2]).finish_all(
        but=[
            "evaluate_zero_shot/ner/qad/madx/1",
            "evaluate_zero_shot/ner/qad/madx/2",
            "evaluate_zero_shot/ner/qae/madx/1",
        ]
    )
    text = table_tex(collect(run.plan, run.store), 1)
    assert _rows(text, "ner")["qad"][0] == "--"
    assert "(1/2)" in _rows(text, "ner")["qae"][0]
    assert "--: no score. ($k$/2): $k$ of 2 seeds." in text


def test_one_seed_is_said_and_has_no_spread(tmp_path: Path) -> None:
    text = table_tex(_results(tmp_path, seeds=[1]), 1)
    assert r"\pm" not in text
    assert ": one seed." in text
    assert "paired test over the test examples, $p" in text


def test_more_languages_than_a_page_holds_become_a_long_table(tmp_path: Path) -> None:
    results = _results(tmp_path)
    facts = results.languages["qad"]
    codes = [f"q{index}" for index in range(ROWS_ON_A_PAGE)]
    languages = {"qaa": results.languages["qaa"], **dict.fromkeys(codes, facts)}
    text = table_tex(results.model_copy(update={"languages": languages, "target_languages": codes}), 1)
    assert r"\begin{longtable}" in text
    assert r"\usepackage{longtable}" in text
    assert r"\begin{table}" not in text


def test_text_from_data_never_becomes_a_command() -> None:
    assert tex("a_b & 5%") == r"a\_b \& 5\%"
    assert "\\input" not in tex(HOSTILE)
    assert tex("a\nb\x00\u202e") == "a b"


def _named(results: Results, language: str, name: str) -> Results:
    facts = results.languages[language].model_copy(update={"name": name})
    return results.model_copy(update={"languages": {**results.languages, language: facts}})


def test_a_language_with_a_name_that_latex_cannot_set_goes_by_its_code(tmp_path: Path) -> None:
    results = _results(tmp_path, seeds=[1])
    assert "\nqad & " in table_tex(_named(results, "qad", "العربية"), 1)
    assert "\nNorwegian Bokmål (qad) & " in table_tex(_named(results, "qad", "Norwegian Bokmål"), 1)


@pytest.mark.slow
def test_the_table_compiles(tmp_path: Path) -> None:
    engine = shutil.which("pdflatex") or shutil.which("tectonic")
    if engine is None:
        pytest.skip("neither pdflatex nor tectonic is installed")
    run = make_run(tmp_path / "home", seeds=[1, 2])
    run.extra_facts["prepare_base_model"] = {"name": HOSTILE}
    results = _named(collect(run.finish_all().plan, run.store), "qad", HOSTILE)
    codes = [f"q{index}" for index in range(2 * ROWS_ON_A_PAGE)]
    many = results.model_copy(
        update={
            "languages": {"qaa": results.languages["qaa"], **dict.fromkeys(codes, results.languages["qad"])},
            "target_languages": codes,
        }
    )
    for name, found in {"one": results, "many": many}.items():
        body = table_tex(found, 1)
        head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs}\usepackage{longtable}"
        source = f"{head}\\begin{{document}}\n{body}\n\\end{{document}}\n"
        (tmp_path / f"{name}.tex").write_text(source, encoding="utf-8")
        options = ["-interaction=nonstopmode", "-halt-on-error"] if engine.endswith("pdflatex") else []
        done = subprocess.run(
            [engine, *options, f"{name}.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:]
        assert (tmp_path / f"{name}.pdf").stat().st_size > 1000
