"""The report on disk: whole or not at all, and not written again when nothing changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from madx_pipeline.errors import InputError
from madx_pipeline.report import write
from madx_pipeline.report.write import write_report
from tests.report.builders import MadeUp, make_run, usual_score


@pytest.fixture
def run(tmp_path: Path) -> MadeUp:
    return make_run(tmp_path / "home").finish_all()


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _ages(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_report_has_its_files_and_its_place(run: MadeUp) -> None:
    outcome = write_report(run.plan, run.store)
    assert outcome.state == "ran"
    assert outcome.folder == run.store.home / "reports" / "made-up"
    assert set(_contents(outcome.folder)) == {"results.json", "scores.csv", "report.md", "report.json"}


def test_the_same_results_write_nothing_again(run: MadeUp) -> None:
    first = write_report(run.plan, run.store)
    ages = _ages(first.folder)
    second = write_report(run.plan, run.store)
    assert second.state == "found"
    assert _ages(second.folder) == ages


def test_a_report_made_anew_has_the_same_bytes(run: MadeUp) -> None:
    folder = write_report(run.plan, run.store).folder
    before = _contents(folder)
    for path in folder.iterdir():
        path.unlink()
    assert write_report(run.plan, run.store).state == "ran"
    assert _contents(folder) == before


@pytest.mark.parametrize("name", ["report.md", "results.json", "scores.csv"])
def test_a_file_that_was_changed_is_written_again(run: MadeUp, name: str) -> None:
    folder = write_report(run.plan, run.store).folder
    before = _contents(folder)
    (folder / name).write_text("something else", encoding="utf-8")
    assert write_report(run.plan, run.store).state == "ran"
    assert _contents(folder) == before


def test_a_file_that_is_gone_is_written_again(run: MadeUp) -> None:
    folder = write_report(run.plan, run.store).folder
    (folder / "report.md").unlink()
    assert write_report(run.plan, run.store).state == "ran"
    assert (folder / "report.md").is_file()


def test_a_new_score_writes_the_report_again(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.finish_all(but=["train_language_adapter/qad"])
    folder = write_report(run.plan, run.store).folder
    before = _contents(folder)
    run.finish(run.job("train_language_adapter/qad"))
    assert write_report(run.plan, run.store).state == "ran"
    assert _contents(folder) != before


def test_a_parameter_of_the_report_writes_it_again_with_the_same_scores(tmp_path: Path) -> None:
    run = make_run(tmp_path).finish_all()
    folder = write_report(run.plan, run.store).folder
    scores = (folder / "scores.csv").read_bytes()
    run.plan.recipe = make_run(tmp_path / "other", stages={"report": {"digits": 3}}).recipe
    assert write_report(run.plan, run.store).state == "ran"
    assert (folder / "scores.csv").read_bytes() == scores
    assert "| 91.000 |" in (folder / "report.md").read_text(encoding="utf-8")


def test_a_crash_while_writing_leaves_the_old_report_whole(run: MadeUp, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_report(run.plan, run.store).folder
    before = _contents(folder)
    run.plan.recipe = run.recipe.model_copy(update={"summary": "another"})

    def crash(partial: Path, fingerprint: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(write, "_mark", crash)
        with pytest.raises(KeyboardInterrupt):
            write_report(run.plan, run.store)
    assert _contents(folder) == before
    assert write_report(run.plan, run.store).state == "ran"
    assert not folder.with_name("made-up.partial").exists()


def test_a_crash_between_the_two_renames_loses_nothing(run: MadeUp) -> None:
    folder = write_report(run.plan, run.store).folder
    before = _contents(folder)
    folder.rename(folder.with_name("made-up.old"))
    assert write_report(run.plan, run.store).state == "found"
    assert _contents(folder) == before


def test_what_a_crash_left_of_an_older_report_goes_away(run: MadeUp) -> None:
    folder = write_report(run.plan, run.store).folder
    old = folder.with_name("made-up.old")
    old.mkdir()
    (old / "report.md").write_text("old", encoding="utf-8")
    write_report(run.plan, run.store)
    assert not old.exists()


def test_notes_that_someone_keeps_beside_the_report_stay(run: MadeUp) -> None:
    folder = write_report(run.plan, run.store).folder
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("mine", encoding="utf-8")
    run.plan.recipe = run.recipe.model_copy(update={"summary": "another"})
    assert write_report(run.plan, run.store).state == "ran"
    assert (folder / "notes" / "mine.txt").read_text(encoding="utf-8") == "mine"
    assert write_report(run.plan, run.store).state == "found"


def test_files_of_an_older_report_that_are_no_longer_made_go_away(run: MadeUp) -> None:
    folder = write_report(run.plan, run.store).folder
    marker = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (folder / "index.html").write_text("of a language that is gone", encoding="utf-8")
    marker["files"]["index.html"] = "0" * 64
    (folder / "report.json").write_text(json.dumps(marker), encoding="utf-8")
    write_report(run.plan, run.store)
    assert not (folder / "index.html").exists()


def test_an_unreadable_marker_only_means_that_the_report_is_written_again(run: MadeUp) -> None:
    folder = write_report(run.plan, run.store).folder
    (folder / "report.json").write_text("[1, 2", encoding="utf-8")
    assert write_report(run.plan, run.store).state == "ran"


def test_a_place_that_cannot_be_written_is_said_in_a_line(run: MadeUp) -> None:
    (run.store.home / "reports").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written") as raised:
        write_report(run.plan, run.store)
    assert raised.value.problems[0].hint == "Give another --home."


def test_two_stores_with_equal_scores_have_equal_scores_in_their_reports(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, usual_score, seeds=[1, 2]).finish_all() for name in ("one", "two")]
    folders = [write_report(run.plan, run.store).folder for run in runs]
    assert (folders[0] / "scores.csv").read_bytes() == (folders[1] / "scores.csv").read_bytes()
