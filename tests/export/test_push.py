"""The upload: one commit with exactly the folder's files, or one line that says why not. The hub is on the loopback."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import configure_http_backend, constants

from madx_pipeline.commands.export import ExportOptions, export_adapter
from madx_pipeline.errors import InputError, JobError, MadxError
from madx_pipeline.export.choose import Asked
from madx_pipeline.export.push import check_push, push
from tests.end_to_end.story import madx_command
from tests.export.hub_server import COMMIT, Hub, files_of, serve
from tests.export.made_up import MadeUp

REPOSITORY = "me/adapter"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve() as server:
        yield server


@pytest.fixture(autouse=True)
def settings(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What huggingface_hub would read from the environment when it starts."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setenv("HF_TOKEN", "hf_token")
    monkeypatch.setenv("no_proxy", "*")
    configure_http_backend()
    yield
    configure_http_backend()


@pytest.fixture
def folder(finished: MadeUp, tmp_path: Path) -> Path:
    """An exported task adapter."""
    export_adapter(str(finished.file), finished.home, Asked(task="pos"), ExportOptions(to=tmp_path / "out"))
    return tmp_path / "out"


def upload(folder: Path, repository: str = REPOSITORY, *, private: bool = False) -> str:
    check_push(repository)
    return push(folder, repository, private=private, message="adapter")


def refusal(folder: Path, kind: type[MadxError], repository: str = REPOSITORY, *, private: bool = False) -> list[str]:
    """Problem and hint."""
    with pytest.raises(kind) as refused:
        upload(folder, repository, private=private)
    [problem] = refused.value.problems
    return [problem.message, problem.hint]


def test_the_repository_holds_what_the_folder_holds(folder: Path, hub: Hub) -> None:
    assert upload(folder) == f"{hub.url}/{REPOSITORY}/commit/{COMMIT}"
    found = hub.repositories[REPOSITORY]
    assert {name: found[name] for name in found if name != ".gitattributes"} == files_of(folder)
    assert ("POST", "/api/validate-yaml") in hub.requests


def test_files_of_an_earlier_export_go_and_those_of_others_stay(folder: Path, hub: Hub) -> None:
    hub.repositories[REPOSITORY] = {"pytorch_adapter.bin": b"old", "notes.txt": b"mine", ".gitattributes": b""}
    upload(folder)
    assert "pytorch_adapter.bin" not in hub.repositories[REPOSITORY]
    assert hub.repositories[REPOSITORY]["notes.txt"] == b"mine"


def test_a_private_repository_is_private_or_nothing_is_uploaded(folder: Path, hub: Hub) -> None:
    upload(folder, private=True)
    assert hub.private == {REPOSITORY}
    hub.repositories["me/public"] = {}
    said = ["me/public exists and is public: nothing was uploaded.", f"The folder is ready: {folder}"]
    assert refusal(folder, JobError, "me/public", private=True) == said
    assert hub.repositories["me/public"] == {}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "the hub does not know the token (401)."),
        (403, "the token may not write there (403)."),
        (404, "the hub has no such owner or repository, or does not show it (404)."),
        (500, "HfHubHTTPError: 500 Server Error"),
    ],
)
def test_what_the_hub_refuses_is_one_line_and_the_folder_stays(folder: Path, hub: Hub, status: int, said: str) -> None:
    hub.status = status
    message, hint = refusal(folder, JobError)
    assert message.startswith(f"{REPOSITORY} was not uploaded: {said}")
    assert hint.endswith(f"The folder is ready: {folder}")
    assert files_of(folder)


def test_a_card_that_the_hub_does_not_take_stops_before_the_upload(folder: Path, hub: Hub) -> None:
    (folder / "README.md").write_text("---\nlanguage: [Swahili]\nlicense: other\n---\n", encoding="utf-8")
    said = refusal(folder, JobError)[0]
    assert said.startswith(f"{REPOSITORY} was not uploaded: Invalid metadata in README.md.")
    assert '"language" with value "Swahili" is not ISO 639' in said
    assert set(hub.repositories[REPOSITORY]) == {".gitattributes"}


def test_a_network_that_is_gone_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    message, hint = refusal(folder, JobError)
    assert message.startswith(f"{REPOSITORY} was not uploaded: ConnectionError")
    assert hint == f"The folder is ready: {folder}"


def test_a_connection_that_breaks_in_the_upload_commits_nothing(
    folder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    hub.cut = True
    assert refusal(folder, JobError)[0].startswith(
        f"{REPOSITORY} was not uploaded: RuntimeError: Error while uploading"
    )
    assert set(hub.repositories[REPOSITORY]) == {".gitattributes"}


def test_offline_mode_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    configure_http_backend()
    assert refusal(folder, JobError)[0] == f"{REPOSITORY} was not uploaded: HF_HUB_OFFLINE is set."


def test_without_a_token_nothing_is_tried(folder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    message, hint = refusal(folder, InputError)
    assert message == f"--push {REPOSITORY}: nobody is logged in to the hub."
    assert "hf auth login" in hint
    assert hub.requests == []


@pytest.mark.parametrize("name", ["adapter", "../adapter", "me/../adapter", "me/a--b", "me/a.git", "https://x/y/z"])
def test_what_cannot_be_a_repository_is_refused_before_anything_is_tried(folder: Path, hub: Hub, name: str) -> None:
    assert "is not the id of a repository" in refusal(folder, InputError, name)[0]
    assert hub.requests == []


def test_the_command_honours_token_and_endpoint_and_the_card_names_the_repository(run: MadeUp, hub: Hub) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    settings = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_token", "HF_HOME": str(run.folder / "hf"), "no_proxy": "*"}
    arguments = ("export", run.file, "--language", "qad", "--push", REPOSITORY, "--home", run.home)
    done = subprocess.run(
        madx_command(*arguments), env={**kept, **settings}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"uploaded {hub.url}/{REPOSITORY}/commit/{COMMIT}"
    assert b'load_adapter("me/adapter", use_safetensors=True)' in hub.repositories[REPOSITORY]["README.md"]
