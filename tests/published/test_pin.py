"""Which commit an adapter is taken from; the hub itself is asked in `test_fetching.py`."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import NoReturn

import pytest

from madx_pipeline.errors import InputError
from madx_pipeline.published.lock import Lock, LockedAdapter
from madx_pipeline.published.pin import Pinned, Pinning, newest, pin
from tests.hub_cache import COMMIT, put_in_cache

NAME = "AdapterHub/sw"
LOCKED = LockedAdapter(NAME, "a" * 40, {"pytorch_adapter.bin": "1" * 64})
NOTHING = Pinning(Lock(Path("recipe.lock.yaml")))
LOCK = Lock(Path("recipe.lock.yaml"), (LOCKED,))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no way to make a connection."""

    def refuse(*arguments: object, **options: object) -> NoReturn:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def filled(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache knows the repository, and the hub could be asked."""
    (tmp_path / "files").mkdir()
    put_in_cache(cache, NAME, tmp_path / "files")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@pytest.mark.usefixtures("filled")
def test_a_commit_that_was_asked_for_is_taken() -> None:
    found = pin(NAME, "b" * 40, NOTHING)
    assert found == Pinned("b" * 40)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("revision", [None, "main", "a" * 40])
@pytest.mark.parametrize("locked_only", [False, True])
def test_the_lock_comes_before_the_cache_and_brings_its_hashes(revision: str | None, locked_only: bool) -> None:
    found = pin(NAME, revision, Pinning(LOCK, locked_only), "c" * 40)
    assert (found.revision, found.files) == (LOCKED.revision, LOCKED.files)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("revision", [None, "main"])
def test_what_the_cache_last_knew_comes_before_the_hub(revision: str | None) -> None:
    assert pin(NAME, revision, NOTHING).revision == COMMIT


@pytest.mark.usefixtures("filled")
def test_the_catalogues_commit_comes_after_the_recipes_and_before_the_cache() -> None:
    assert pin(NAME, None, NOTHING, "c" * 40).revision == "c" * 40
    assert pin(NAME, "b" * 40, NOTHING, "c" * 40).revision == "b" * 40


def test_where_the_hub_may_not_be_asked_there_is_no_commit_and_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    assert pin(NAME, None, NOTHING, ask=False) == Pinned(None)


def test_offline_the_newest_is_what_the_cache_last_knew(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    put_in_cache(cache, NAME, tmp_path / "files")
    assert newest(NAME, None) == Pinned(COMMIT)


@pytest.mark.parametrize("revision", [None, "wd"])
def test_what_cannot_be_found_out_has_a_reason(revision: str | None) -> None:
    found = pin(NAME, revision, NOTHING)
    where = revision or "its default branch"
    assert found.revision is None
    assert found.obstacle is not None
    assert found.obstacle.hint.startswith("Where there is a network: hf download")
    assert found.obstacle.message == (
        f"{NAME} at {where} is not in the cache and the hub cannot be reached (HF_HUB_OFFLINE is set)."
    )


def test_another_commit_than_the_locked_one_is_refused_with_both() -> None:
    with pytest.raises(InputError) as raised:
        pin(NAME, "b" * 40, Pinning(LOCK))
    (problem,) = raised.value.problems
    assert problem.message == f"{NAME} is wanted at {'b' * 40}, and recipe.lock.yaml has it at {'a' * 40}."
    assert problem.hint.startswith("Take the locked commit, or delete its row")


def test_several_locked_commits_and_no_word_which_is_meant_are_refused() -> None:
    lock = Pinning(LOCK.with_adapters([LockedAdapter(NAME, "c" * 40, LOCKED.files)]))
    with pytest.raises(InputError, match=f"several commits of {NAME}: {'a' * 40}, {'c' * 40}"):
        pin(NAME, None, lock)
    assert pin(NAME, "c" * 40, lock).revision == "c" * 40


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("revision", [None, COMMIT])
def test_locked_takes_nothing_that_is_not_locked(revision: str | None) -> None:
    with pytest.raises(InputError) as raised:
        pin(NAME, revision, Pinning(NOTHING.lock, locked_only=True))
    (problem,) = raised.value.problems
    assert problem.message == f"{NAME} is not in recipe.lock.yaml, and --locked takes nothing that is not."
    assert problem.hint == "Run once without --locked: the lock file is then written."
