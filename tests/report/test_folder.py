"""A report's folder: whole or not at all, and whatever happens on the way, one report is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from madx_pipeline.errors import InputError
from madx_pipeline.report import folder as report_folder
from madx_pipeline.report.folder import MARKER, ReportFolder


def _files(**texts: str) -> Callable[[Path], None]:
    """Writes files; two underscores in a name stand for a folder."""

    def make(folder: Path) -> None:
        for name, text in texts.items():
            path = folder / f"{name.replace('__', '/')}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    return make


@pytest.fixture
def folder(tmp_path: Path) -> ReportFolder:
    """A report with two files, made of `one`."""
    made = ReportFolder(tmp_path / "reports" / "made-up")
    with made.locked():
        made.put("one", _files(a="first", pages__b="second"))
    return made


def _contents(folder: ReportFolder) -> dict[str, str]:
    return {
        path.relative_to(folder.path).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.path.rglob("*")
        if path.is_file() and path.name != MARKER
    }


def test_it_holds_what_it_was_made_from_and_nothing_else(folder: ReportFolder) -> None:
    assert _contents(folder) == {"a.txt": "first", "pages/b.txt": "second"}
    assert folder.holds("one")
    assert not folder.holds("two")
    assert not ReportFolder(folder.path.with_name("another")).holds("one")


@pytest.mark.parametrize("name", ["a.txt", "pages/b.txt"])
def test_a_file_that_was_changed_or_is_gone_is_noticed(folder: ReportFolder, name: str) -> None:
    (folder.path / name).write_text("something else", encoding="utf-8")
    assert not folder.holds("one")
    (folder.path / name).unlink()
    assert not folder.holds("one")


@pytest.mark.parametrize("text", ["[1, 2", "[]", '{"fingerprint": "one"}', '{"fingerprint": "one", "files": 3}'])
def test_an_unreadable_marker_only_means_that_it_is_written_again(folder: ReportFolder, text: str) -> None:
    (folder.path / MARKER).write_text(text, encoding="utf-8")
    assert not folder.holds("one")
    folder.put("one", _files(a="first"))
    assert folder.holds("one")


def test_a_crash_while_writing_leaves_the_old_report_whole(
    folder: ReportFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _contents(folder)

    def crash(partial: Path, fingerprint: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(report_folder, "_mark", crash)
        with pytest.raises(KeyboardInterrupt):
            folder.put("two", _files(a="new", left="over"))
    assert _contents(folder) == before
    assert folder.holds("one")
    folder.put("two", _files(a="new"))
    assert _contents(folder) == {"a.txt": "new"}
    assert not folder.path.with_name("made-up.partial").exists()


def test_a_crash_between_the_two_renames_loses_nothing(folder: ReportFolder) -> None:
    before = _contents(folder)
    folder.path.rename(folder.path.with_name("made-up.old"))
    folder.recover()
    assert _contents(folder) == before
    assert folder.holds("one")


def test_what_a_crash_left_of_an_older_report_goes_away(folder: ReportFolder) -> None:
    old = folder.path.with_name("made-up.old")
    old.mkdir()
    (old / "a.txt").write_text("old", encoding="utf-8")
    folder.recover()
    assert not old.exists()
    assert folder.holds("one")


def test_notes_that_someone_keeps_beside_the_report_stay(folder: ReportFolder) -> None:
    (folder.path / "notes").mkdir()
    (folder.path / "notes" / "mine.txt").write_text("mine", encoding="utf-8")
    folder.put("two", _files(a="new"))
    assert _contents(folder) == {"a.txt": "new", "notes/mine.txt": "mine"}
    assert folder.holds("two")


def test_files_of_an_older_report_that_are_no_longer_made_go_away(folder: ReportFolder) -> None:
    folder.put("two", _files(a="first"))
    assert _contents(folder) == {"a.txt": "first"}
    assert set(json.loads((folder.path / MARKER).read_text(encoding="utf-8"))["files"]) == {"a.txt"}


def test_a_place_that_cannot_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written") as raised, ReportFolder(tmp_path / "reports/x").locked():
        pass
    assert raised.value.problems[0].hint == "Give another --home."
