"""The exported folder holds the adapter bit for bit, is whole or not there, and replaces nothing of the user's."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from madx_pipeline.adapter_files import read_adapter
from madx_pipeline.cli import main
from madx_pipeline.commands.export import ExportOptions, export_adapter
from madx_pipeline.errors import InputError
from madx_pipeline.export.choose import Asked
from madx_pipeline.export.folder import FILES, published_recipe
from tests.export.hub_server import files_of
from tests.export.made_up import HUB, MadeUp

LANGUAGE, TASK = Asked(language="qad"), Asked(task="pos")


def export(run: MadeUp, asked: Asked, folder: Path, **options: Any) -> Path:
    export_adapter(str(run.file), run.home, asked, ExportOptions(to=folder, **options))
    return folder


def refusal(run: MadeUp, folder: Path) -> str:
    with pytest.raises(InputError) as refused:
        export(run, LANGUAGE, folder)
    return refused.value.problems[0].message


def stored(run: MadeUp, name: str) -> Path:
    """The `adapter/` folder of a job's artifact."""
    job = next(job for job in run.plan.jobs.values() if job.name == name)
    return run.shelf.store.path(job) / "adapter"


def test_the_adapter_is_what_the_library_saved_byte_for_byte(finished: MadeUp, tmp_path: Path) -> None:
    for asked, name in ((LANGUAGE, "train_language_adapter/qad"), (TASK, "train_task_adapter/pos/qaa/2/qaa")):
        folder = export(finished, asked, tmp_path / name.split("/")[0])
        before = files_of(stored(finished, name))
        found = files_of(folder)
        for file in before:
            if file.endswith(".safetensors"):
                assert found[file] == before[file]
            else:
                assert json.loads(found[file]) == {**json.loads(before[file]), "model_name": "miniature"}
        assert set(found) - set(before) == {"README.md", "recipe.yaml", "export.json"}
        assert set(found) <= set(FILES)
        assert not read_adapter(folder, "exported").problems


def test_where_the_name_of_the_base_model_is_right_already_configs_do_not_change(run: MadeUp, tmp_path: Path) -> None:
    config = stored(run, "train_language_adapter/qad") / "adapter_config.json"
    folder = export(run, LANGUAGE, tmp_path / "out")
    written = (folder / "adapter_config.json").read_text(encoding="utf-8")
    assert written == config.read_text(encoding="utf-8").replace("tiny-xlm-roberta", "miniature")


def test_configs_name_the_base_model_by_its_hub_id(made_up: Callable[..., MadeUp], tmp_path: Path) -> None:
    folder = export(made_up(HUB).finish(), Asked(task="ner"), tmp_path / "out")
    for name in ("adapter_config.json", "head_config.json"):
        assert json.loads((folder / name).read_text(encoding="utf-8"))["model_name"] == "FacebookAI/xlm-roberta-base"


def test_old_readers_get_the_same_tensors_without_a_pickle_that_executes(finished: MadeUp, tmp_path: Path) -> None:
    folder = export(finished, TASK, tmp_path / "out", old_format=True)
    for safe, old in (("adapter", "pytorch_adapter"), ("model_head", "pytorch_model_head")):
        loaded = torch.load(folder / f"{old}.bin", weights_only=True)
        expected = load_file(folder / f"{safe}.safetensors")
        assert loaded.keys() == expected.keys()
        assert all(torch.equal(loaded[name], expected[name]) for name in expected)
    assert not read_adapter(folder, "exported").problems


def test_the_recipe_goes_along_as_it_is_written(finished: MadeUp, tmp_path: Path) -> None:
    folder = export(finished, LANGUAGE, tmp_path / "out")
    assert (folder / "recipe.yaml").read_bytes() == finished.file.read_bytes()


def test_where_files_lie_on_this_machine_is_not_published() -> None:
    recipe = {
        "base_model": {"path": "/models"},
        "corpora": {"sw": {"path": "/home/me/my text/sw.txt"}, "yo": {"path": "text/models"}},
        "tasks": {"ner": {"files": {"en": {"train": "~/ner/en.tsv"}}, "labels": {"/X": "O"}}},
    }
    text = published_recipe("# from /models\n" + yaml.safe_dump(recipe), recipe)
    assert text.splitlines()[:2] == ["# Absolute paths were cut to the names of the files.", "# from models"]
    assert yaml.safe_load(text) == {
        "base_model": {"path": "models"},
        "corpora": {"sw": {"path": "sw.txt"}, "yo": {"path": "text/models"}},
        "tasks": {"ner": {"files": {"en": {"train": "en.tsv"}}, "labels": {"/X": "O"}}},
    }


def test_a_path_that_is_written_with_escapes_is_not_published_either() -> None:
    text = 'corpora: {sw: {path: "/home/m\\xFCller/a\\x62c.txt"}}\n'
    published = published_recipe(text, yaml.safe_load(text))
    assert yaml.safe_load(published) == {"corpora": {"sw": {"path": "abc.txt"}}}
    assert "home" not in published


def test_without_a_folder_it_goes_under_home_with_a_name_that_says_what_it_is(run: MadeUp) -> None:
    export_adapter(str(run.file), run.home, LANGUAGE, ExportOptions())
    export_adapter(str(run.file), run.home, TASK, ExportOptions())
    assert {path.name for path in (run.home / "exports/made-up").iterdir()} == {
        "miniature-language-qad",
        "miniature-task-pos-qaa-seed-2",
    }


def test_an_earlier_export_is_replaced_and_nothing_of_it_stays(run: MadeUp, tmp_path: Path) -> None:
    folder = export(run, TASK, tmp_path / "out", old_format=True)
    export(run, LANGUAGE, folder)
    assert {path.name for path in folder.iterdir()} == {
        *("adapter_config.json", "adapter.safetensors"),
        *("README.md", "recipe.yaml", "export.json"),
    }
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob(".*.partial"))


def test_an_empty_folder_is_used(finished: MadeUp, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert (export(finished, LANGUAGE, tmp_path / "out") / "README.md").is_file()


def test_a_folder_of_the_users_own_is_left_alone(finished: MadeUp, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert refusal(finished, tmp_path) == f"{tmp_path} is not an earlier export: it has no readable export.json."
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert refusal(finished, tmp_path / "notes.txt").endswith("which is a file.")


def test_an_export_that_the_user_worked_on_is_left_alone(finished: MadeUp, tmp_path: Path) -> None:
    folder = export(finished, LANGUAGE, tmp_path / "out")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert refusal(finished, folder).endswith("it holds notes.txt.")
    (folder / "notes.txt").unlink()
    (folder / "README.md").write_text("better", encoding="utf-8")
    assert refusal(finished, folder).endswith("README.md was changed since.")
    (folder / "export.json").write_text("[]", encoding="utf-8")
    assert refusal(finished, folder).endswith("it has no readable export.json.")


def test_neither_the_store_nor_the_current_folder_is_a_place_for_an_export(
    finished: MadeUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(finished, Path()) == "--to is the current folder."
    assert "--to is in the store" in refusal(finished, finished.home / "store" / "mine")


def test_a_disk_that_fills_up_leaves_the_earlier_export_and_nothing_half_written(
    finished: MadeUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export(finished, LANGUAGE, tmp_path / "out")
    before = files_of(folder)

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    assert refusal(finished, folder) == f"{folder} cannot be written: No space left on device."
    assert files_of(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


def test_the_command_says_what_it_wrote_and_why(
    finished: MadeUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", str(finished.file), "--task", "pos", "--to", str(tmp_path / "out"), "--home"]
    monkeypatch.setattr("sys.argv", ["madx", *arguments, str(finished.home)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("train_task_adapter/pos/qaa/2/qaa: Seed 2 has the best accuracy")
    assert second == f"wrote {tmp_path / 'out'}"
