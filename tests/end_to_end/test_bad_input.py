"""Bad input, as a user meets it: one line, one hint, the right exit code, and nothing finished is lost."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.cli import main
from tests.end_to_end.story import SMALL, write_recipe

Call = Callable[..., tuple[int, str, str]]

TINY: dict[str, Any] = {
    **SMALL,
    "methods": ["madx"],
    "stages": {**SMALL["stages"], "prepare_base_model": {"miniature_steps": 2}},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a finished base model and labelled data, so that each test pays only for its own failure."""
    folder = tmp_path_factory.mktemp("bad-input")
    recipe = write_recipe(folder, TINY)
    arguments = ["run", str(recipe), "--home", str(folder), "--until", "prepare_task_data", "--runner", "serial"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["madx", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0
    return folder


@pytest.fixture
def madx(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls the command line in this process; gives exit code, output and error lines."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["madx", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        output = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else int(code is not None), output.out, output.err

    return call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "no-such-recipe"], "no-such-recipe is neither a file nor a shipped recipe"),
        (["run", "quickstart", "--only", "train"], "--only train: there is no such stage."),
        (["run", "quickstart", "--language", "fi"], '--language "fi" is not in the recipe.'),
        (
            ["run", "quickstart", "--runner", "slumr"],
            "there is no runner 'slumr'. Possible: serial, local, ray,",
        ),
        (["report", "quickstart"], "there is no store in"),
        (["verify"], "there is no store in"),
        (["show", "nothing-like-it"], "nothing is called 'nothing-like-it'."),
        (["list", "stage"], "there is no list of 'stage'. Possible: stages, cards, recipes, languages."),
        (["init", "quickstat"], "there is no shipped recipe 'quickstat'."),
    ],
)
def test_a_wrong_argument_is_one_line_and_a_hint(
    tmp_path: Path, madx: Call, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = madx(*arguments)
    assert code == 2
    problem, hint = errors.splitlines()
    assert problem.startswith("error: ")
    assert message in problem
    assert hint.startswith("  hint: ")


def test_every_mistake_of_a_recipe_is_printed_and_nothing_is_run(tmp_path: Path, madx: Call) -> None:
    recipe = write_recipe(tmp_path, TINY, seeds="many", methods=["madxx"], tasks={"ner": {"card": "wikian"}})
    code, _, errors = madx("run", recipe, "--home", tmp_path / "home")
    assert code == 2
    problems = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(problems) == 3
    assert not (tmp_path / "home").exists()


CORPORA: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "one line": (b"mig ged gusgu . Kuzes Lazes neh Kupenla .\n", "too small"),
    "another encoding": ("caf\u00e9 au lait\n".encode("latin-1") * 50, "UTF-8"),
    "binary": (bytes(range(256)) * 20, "UTF-8"),
}


@pytest.mark.parametrize("kind", list(CORPORA))
def test_a_corpus_that_cannot_be_used_fails_its_job_and_names_the_file(
    home: Path, tmp_path: Path, madx: Call, kind: str
) -> None:
    content, message = CORPORA[kind]
    (tmp_path / "text.txt").write_bytes(content)
    recipe = write_recipe(tmp_path, TINY, corpora={"default": {"path": "text.txt"}})
    code, output, _ = madx("run", recipe, "--home", home, "--until", "prepare_corpus", "--runner", "serial")
    assert code == 1
    failed = [line for line in output.splitlines() if line.startswith("failed: prepare_corpus/")]
    assert failed
    assert "text.txt" in failed[0]
    assert message in failed[0]
    assert "Traceback" not in output
    assert "  hint: " in output


def task_files(folder: Path, test: str) -> dict[str, Any]:
    """A recipe's tasks on column files, good but for the target's test file."""
    (folder / "good.tsv").write_text("Mig\tB-PER\nged\tO\n\nLaz\tB-LOC\n\n", encoding="utf-8")
    (folder / "test.tsv").write_text(test, encoding="utf-8")
    source = {"train": "good.tsv", "validation": "good.tsv", "test": "good.tsv"}
    return {"ner": {"card": "conll", "files": {"qaa": source, "qad": {"test": "test.tsv"}}}}


@pytest.mark.parametrize(
    ("test", "parts"),
    [
        ("Mig\tB-PER\nged\n\n", ["test.tsv", "line 2"]),
        ("Mig\tB-DATE\nged\tO\n\n", ["DATE"]),
        ("\n\n", ["test.tsv"]),
        ("Mig\tPER\nged\tO\n\n", ["PER", "IOB2"]),
    ],
    ids=["missing column", "label unknown to the source", "no sentence", "not IOB2"],
)
def test_labelled_data_that_cannot_be_used_fails_its_job(
    home: Path, tmp_path: Path, madx: Call, test: str, parts: list[str]
) -> None:
    recipe = write_recipe(tmp_path, TINY, tasks=task_files(tmp_path, test))
    code, output, _ = madx("run", recipe, "--home", home, "--until", "prepare_task_data", "--runner", "serial")
    assert code == 1
    [failed] = [line for line in output.splitlines() if line.startswith("failed: ")]
    assert failed.startswith("failed: prepare_task_data/ner/qad failed: ")
    for part in parts:
        assert part in failed + output


def test_an_unknown_label_is_accepted_once_the_recipe_says_what_it_means(
    home: Path, tmp_path: Path, madx: Call
) -> None:
    tasks = task_files(tmp_path, "Mig\tB-DATE\nged\tO\n\n")
    tasks["ner"]["labels"] = {"DATE": "O"}
    recipe = write_recipe(tmp_path, TINY, tasks=tasks)
    code, _, _ = madx("run", recipe, "--home", home, "--until", "prepare_task_data", "--runner", "serial")
    assert code == 0


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        ({"model_type": "xlm-roberta", "auto_map": {"AutoModel": "evil.py"}}, ["auto_map"]),
        ({"model_type": "xlm-roberta"}, ["tokenizer"]),
    ],
    ids=["remote code", "no tokenizer"],
)
def test_a_base_model_that_cannot_be_used_fails_its_job(
    tmp_path: Path, madx: Call, config: dict[str, Any], parts: list[str]
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text(json.dumps(config), encoding="utf-8")
    recipe = write_recipe(tmp_path, TINY, base_model={"path": "model"})
    code, output, _ = madx("run", recipe, "--home", tmp_path / "home", "--runner", "serial")
    assert code == 1
    failed = next(line for line in output.splitlines() if line.startswith("failed: prepare_base_model"))
    for part in parts:
        assert part in failed


def test_after_all_that_the_finished_work_is_still_there(home: Path, madx: Call) -> None:
    code, output, _ = madx("verify", "--home", home)
    assert code == 0
    assert "all as they were written" in output


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path, madx: Call) -> None:
    (tmp_path / "home/store").mkdir(parents=True)
    (tmp_path / "home/store/store.json").write_text('{"format": 99}', encoding="utf-8")
    for command in ("run", "plan", "verify"):
        arguments = [] if command == "verify" else ["quickstart"]
        code, _, errors = madx(command, *arguments, "--home", tmp_path / "home")
        assert code == 2
        assert "has format 99; this version knows formats up to 1" in errors


def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path, madx: Call) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    code, _, errors = madx("run", "quickstart", "--home", tmp_path / "file")
    assert code == 2
    assert "cannot be written" in errors


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("making a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_fails_the_job_and_says_so(small_disk: Path, tmp_path: Path, madx: Call) -> None:
    recipe = write_recipe(tmp_path, TINY)
    code, output, _ = madx("run", recipe, "--home", small_disk, "--until", "prepare_base_model", "--runner", "serial")
    assert code == 1
    assert "failed: prepare_base_model failed" in output
    assert "the disk is full." in output
    assert "Free space and run again" in output
