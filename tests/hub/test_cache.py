from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from huggingface_hub import configure_http_backend

from madx_pipeline.errors import JobError
from madx_pipeline.hub.cache import remember
from madx_pipeline.hub.download import download
from tests.hub_cache import COMMIT, put_in_cache


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_ASSETS_CACHE", str(tmp_path / "assets"))
    return folder


@pytest.fixture
def online_without_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub may be asked, and whoever tries fails the test."""

    def refuse(*arguments: object, **options: object) -> NoReturn:
        raise AssertionError("a connection was made")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    configure_http_backend()  # afresh: one made while offline stays offline
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def files(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize("revision", [None, "main", COMMIT])
def test_what_is_in_the_cache_is_found_without_a_network(cache: Path, tmp_path: Path, revision: str | None) -> None:
    put_in_cache(cache, "owner/name", files(tmp_path / "files"))
    folder, commit = download("owner/name", revision, ["config.json"])
    assert (folder / "config.json").read_text() == "{}"
    assert commit == COMMIT


def test_what_is_not_in_the_cache_is_named_with_the_command_that_brings_it(cache: Path) -> None:
    with pytest.raises(JobError) as raised:
        download("owner/name", "v1", ["config.json"])
    assert raised.value.problems[0].message == (
        "owner/name at v1 is not in the cache and the hub cannot be reached (HF_HUB_OFFLINE is set)."
    )
    assert raised.value.problems[0].hint == (
        "Where there is a network: hf download owner/name --revision v1. HF_HOME says where the cache is."
    )


@pytest.mark.parametrize("name", ["owner/name/more", "../name", "owner/na--me", ""])
def test_what_is_no_id_is_said_to_be_none(cache: Path, name: str) -> None:
    with pytest.raises(JobError, match=f"{name!r} is not the id of a repository"):
        download(name, None, ["config.json"])


def test_hf_home_and_hf_hub_offline_are_honoured(tmp_path: Path) -> None:
    put_in_cache(tmp_path / "home" / "hub", "owner/name", files(tmp_path / "files"))
    code = "import json; from madx_pipeline.hub.download import download"
    code += "; print(json.dumps(str(download('owner/name', None, ['*'])[0])))"
    environment = os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    environment.pop("HF_HUB_CACHE", None)
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert json.loads(found.stdout) == str(tmp_path / "home" / "hub" / "models--owner--name" / "snapshots" / COMMIT)


@pytest.mark.usefixtures("online_without_sockets")
def test_a_commit_of_which_all_wanted_files_are_in_the_cache_needs_no_connection(cache: Path, tmp_path: Path) -> None:
    put_in_cache(cache, "owner/name", files(tmp_path / "files"))
    remember("owner/name", COMMIT, COMMIT, ["config.json", "model.bin"])
    assert download("owner/name", COMMIT, ["config.json", "no_such_file.json"])[1] == COMMIT


@pytest.mark.usefixtures("online_without_sockets")
def test_a_commit_whose_files_are_all_in_the_lock_needs_no_connection(cache: Path, tmp_path: Path) -> None:
    put_in_cache(cache, "owner/name", files(tmp_path / "files"))
    expected = {"config.json": hashlib.sha256(b"{}").hexdigest()}
    assert download("owner/name", COMMIT, ["config.json", "README.md"], expected)[1] == COMMIT


def test_a_part_of_a_snapshot_is_not_taken_for_the_whole(cache: Path, tmp_path: Path) -> None:
    put_in_cache(cache, "owner/name", files(tmp_path / "files"))
    remember("owner/name", "main", COMMIT, ["config.json", "model.bin"])
    for revision in (COMMIT, None):
        with pytest.raises(JobError, match=f"model.bin of owner/name at {COMMIT} is not in the cache and the hub"):
            download("owner/name", revision, ["config.json", "*.bin"])


def test_other_bytes_than_expected_are_an_error_with_both_hashes_for_every_file(cache: Path, tmp_path: Path) -> None:
    folder = files(tmp_path / "files")
    (folder / "model.bin").write_text("weights")
    put_in_cache(cache, "owner/name", folder)
    wanted = {"config.json": "0" * 64, "model.bin": "1" * 64, "README.md": "2" * 64, "other.txt": "3" * 64}
    with pytest.raises(JobError) as raised:
        download("owner/name", COMMIT, ["config.json", "model.bin", "README.md"], wanted)
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("config.json", "model.bin")}
    assert [problem.message for problem in raised.value.problems] == [
        f"config.json of owner/name at {COMMIT} has changed:"
        f" its sha256 is {found['config.json']}, it should be {'0' * 64}.",
        f"model.bin of owner/name at {COMMIT} has changed:"
        f" its sha256 is {found['model.bin']}, it should be {'1' * 64}.",
        f"owner/name at {COMMIT} has no README.md, which the lock file expects.",
    ]
    assert "delete the adapter's row in the lock file" in raised.value.problems[0].hint


def test_a_damaged_file_in_the_cache_is_found_without_a_lock(cache: Path, tmp_path: Path) -> None:
    put_in_cache(cache, "owner/name", files(tmp_path / "files"))
    content, damaged = b"weights", b"wrights"
    address = hashlib.sha256(content).hexdigest()
    blob = cache / "models--owner--name" / "blobs" / address
    blob.parent.mkdir()
    blob.write_bytes(damaged)
    (cache / "models--owner--name" / "snapshots" / COMMIT / "model.bin").symlink_to(blob)
    with pytest.raises(JobError) as raised:
        download("owner/name", COMMIT, ["*.bin"])
    found = hashlib.sha256(damaged).hexdigest()
    assert f"its sha256 is {found}, it should be {address}" in raised.value.problems[0].message
    assert raised.value.problems[0].hint == f"If the copy in the cache was damaged, delete {blob} and run again."


def test_files_in_subfolders_are_taken_only_by_their_path(cache: Path, tmp_path: Path) -> None:
    put_in_cache(cache, "owner/name", files(tmp_path / "files"))
    remember("owner/name", COMMIT, COMMIT, ["config.json", "old/config.json", "../config.json"])
    assert download("owner/name", COMMIT, ["*config.json"])[1] == COMMIT
    with pytest.raises(JobError, match=r"old/config\.json of owner/name"):
        download("owner/name", COMMIT, ["old/config.json"])


def test_a_hand_made_ref_that_is_no_commit_is_not_followed(cache: Path, tmp_path: Path) -> None:
    put_in_cache(cache, "owner/name", files(tmp_path / "files"))
    kept = cache / "models--owner--name"
    (kept / "snapshots" / COMMIT).rename(kept / "snapshots" / "latest")
    (kept / "refs" / "main").write_text("latest")
    with pytest.raises(JobError, match="owner/name at its default branch is not in the cache"):
        download("owner/name", None, ["config.json"])
