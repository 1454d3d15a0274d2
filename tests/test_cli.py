"""The command line: quick to answer, readable, with the exit codes that scripts rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from madx_pipeline.cards import card_names
from madx_pipeline.cli import main
from madx_pipeline.recipe_file import recipe_names
from madx_pipeline.stage import STAGES

HEAVY = ("torch", "transformers", "adapters", "datasets", "evaluate", "numpy")


def imported_by(*arguments: str, folder: Path) -> set[str]:
    """Top-level modules that a command imports."""
    code = (
        "import sys\nsys.argv = ['madx', *sys.argv[1:]]\nfrom madx_pipeline.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('MODULES', *{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stdout.rpartition("MODULES")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "quickstart"], ["list", "cards"], ["show", "qad"]])
def test_nothing_heavy_is_imported_before_it_is_needed(tmp_path: Path, arguments: list[str]) -> None:
    assert imported_by(*arguments, folder=tmp_path).isdisjoint(HEAVY)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["madx", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("stages", STAGES),
        ("recipes", recipe_names()),
        ("cards", [*card_names("corpora"), *card_names("tasks")]),
        ("languages", ["qaa", "sw", "yo"]),
    ],
)
def test_lists_are_there_for_people_and_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str, names: list[str]
) -> None:
    assert call(monkeypatch, "list", what) == 0
    people = capsys.readouterr().out
    assert call(monkeypatch, "list", what, "--json") == 0
    programs = {row["name"] for row in json.loads(capsys.readouterr().out)}
    for name in names:
        assert name in people
        assert name in programs


@pytest.mark.parametrize("name", [*STAGES, *card_names("corpora"), *card_names("tasks"), *recipe_names(), "sw"])
def test_everything_that_is_listed_can_be_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert call(monkeypatch, "show", name) == 0
    assert name in capsys.readouterr().out


def test_init_copies_a_recipe_and_never_over_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "init", "quickstart") == 0
    (tmp_path / "quickstart.yaml").write_text("mine", encoding="utf-8")
    assert call(monkeypatch, "init", "quickstart") == 2
    assert (tmp_path / "quickstart.yaml").read_text(encoding="utf-8") == "mine"
    assert "error: quickstart.yaml is already there." in capsys.readouterr().err


def test_a_plan_for_programs_names_every_job_with_its_state(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "plan", "--json") == 0
    jobs = json.loads(capsys.readouterr().out)["jobs"]
    assert jobs[-1]["name"] == "report"
    assert {job["state"] for job in jobs} == {"to run"}
    assert all(len(job["fingerprint"]) == 64 for job in jobs)
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_of_ours_is_one_line_too_and_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(name: str) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("madx_pipeline.commands.pages.show_thing", broken)
    assert call(monkeypatch, "show", "sw") == 1
    problem, hint = capsys.readouterr().err.splitlines()
    assert problem == "error: ZeroDivisionError: two lines"
    assert "--debug" in hint
    monkeypatch.setattr("sys.argv", ["madx", "show", "sw", "--debug"])
    with pytest.raises(ZeroDivisionError):
        main()
