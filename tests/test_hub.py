from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from madx_pipeline.errors import JobError
from madx_pipeline.hub import download
from tests.hub_cache import COMMIT, put_in_cache


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder


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
    with pytest.raises(JobError, match="owner/name at v1 is not in the cache and the hub cannot be reached") as raised:
        download("owner/name", "v1", ["config.json"])
    assert raised.value.problems[0].hint == (
        "Where there is a network: hf download owner/name --revision v1. HF_HOME says where the cache is."
    )


def test_what_is_no_id_is_said_to_be_none(cache: Path) -> None:
    with pytest.raises(JobError, match=r"'owner/name/more' is not the id of a repository"):
        download("owner/name/more", None, ["config.json"])


def test_hf_home_and_hf_hub_offline_are_honoured(tmp_path: Path) -> None:
    put_in_cache(tmp_path / "home" / "hub", "owner/name", files(tmp_path / "files"))
    code = "import json, madx_pipeline.hub as hub; print(json.dumps(str(hub.download('owner/name', None, ['*'])[0])))"
    environment = os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    environment.pop("HF_HUB_CACHE", None)
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert json.loads(found.stdout) == str(tmp_path / "home" / "hub" / "models--owner--name" / "snapshots" / COMMIT)
