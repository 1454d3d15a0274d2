"""A run and the recipe's lock file: other bytes stop it before it starts, and what it got is noted at the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from madx_pipeline.commands.locking import note_what_was_fetched, refuse_other_bytes
from madx_pipeline.errors import InputError
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.published.lock import LockedAdapter, read_lock
from madx_pipeline.store import Store
from tests.builders import make_job, make_plan_of

COMMIT = "0" * 40
FILES = {"adapter_config.json": "a" * 64, "pytorch_adapter.bin": "b" * 64}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "home")
    store.open_for_writing()
    return store


def fetch_job(repository: str, expected: dict[str, str] | None = None) -> Job:
    """A job that fetches a language adapter from the Hub."""
    job = make_job(f"fetch_language_adapter/{repository}", stage="fetch_language_adapter")
    return replace(job, source={"id": repository, "revision": COMMIT}, expected=expected or {})


def finish(store: Store, job: Job, files: dict[str, str]) -> None:
    """Makes the job's artifact with the facts that its stage would state."""
    assert job.source is not None
    workspace = store.begin(job)
    workspace.describe(repository=job.source["id"], revision=COMMIT, files=files)
    store.finish(job, workspace, {})


def plan_of(*jobs: Job) -> Plan:
    return make_plan_of(make_job("prepare_corpus/qaa"), *jobs)


def test_bytes_that_the_lock_file_expects_are_taken_from_the_store(store: Store, tmp_path: Path) -> None:
    job = fetch_job("x/sw", FILES)
    refuse_other_bytes(plan_of(job), store, tmp_path / "a.lock.yaml")  # nothing there yet
    finish(store, job, FILES)
    refuse_other_bytes(plan_of(job), store, tmp_path / "a.lock.yaml")


def test_every_file_with_other_bytes_is_named_with_both_hashes(store: Store, tmp_path: Path) -> None:
    job = fetch_job("x/sw", dict.fromkeys(FILES, "f" * 64))
    finish(store, job, FILES)
    with pytest.raises(InputError) as raised:
        refuse_other_bytes(plan_of(job), store, tmp_path / "a.lock.yaml")
    messages = [problem.message for problem in raised.value.problems]
    assert messages == [
        f"x/sw at {COMMIT}: {name} in the store has sha256 {digest}, and a.lock.yaml says {'f' * 64}."
        for name, digest in FILES.items()
    ]


def test_a_file_that_only_the_store_or_only_the_lock_file_has_is_named(store: Store, tmp_path: Path) -> None:
    kept = {"adapter_config.json": "a" * 64}
    job = fetch_job("x/sw", {**kept, "adapter.safetensors": "c" * 64})
    finish(store, job, FILES)
    with pytest.raises(InputError) as raised:
        refuse_other_bytes(plan_of(job), store, tmp_path / "a.lock.yaml")
    assert [problem.message for problem in raised.value.problems] == [
        f"x/sw at {COMMIT}: the adapter in the store was made without adapter.safetensors, which a.lock.yaml has.",
        f"x/sw at {COMMIT}: the adapter in the store was made from pytorch_adapter.bin too,"
        " which a.lock.yaml does not have.",
    ]


def test_two_runs_that_end_at_once_both_have_their_rows(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.lock.yaml"
    jobs = [fetch_job("x/sw"), fetch_job("x/qu")]
    for job in jobs:
        finish(store, job, FILES)
    with ThreadPoolExecutor() as threads, FileLock(tmp_path / ".a.lock.yaml.lock"):
        notes = [threads.submit(note_what_was_fetched, plan_of(job), store, path) for job in jobs]
        assert wait(notes, timeout=0.2).done == set()
        assert not path.exists()
    assert [note.result() for note in notes] == [[], []]
    assert [row.repository for row in read_lock(path).adapters] == ["x/qu", "x/sw"]


def test_what_was_fetched_is_noted_and_what_failed_is_not(store: Store, tmp_path: Path) -> None:
    done, failed = fetch_job("x/sw"), fetch_job("x/qu")
    finish(store, done, FILES)
    store.fail(failed, "no hub", "")
    assert note_what_was_fetched(plan_of(done, failed), store, tmp_path / "a.lock.yaml") == []
    assert read_lock(tmp_path / "a.lock.yaml").adapters == (LockedAdapter("x/sw", COMMIT, FILES),)


def test_rows_of_earlier_runs_stay(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.lock.yaml"
    earlier = LockedAdapter("x/en", COMMIT, FILES)
    read_lock(path).with_adapters([earlier]).write()
    job = fetch_job("x/sw")
    finish(store, job, FILES)
    note_what_was_fetched(plan_of(job), store, path)
    assert [row.repository for row in read_lock(path).adapters] == ["x/en", "x/sw"]


def test_a_recipe_that_fetches_nothing_has_no_lock_file(store: Store, tmp_path: Path) -> None:
    folder = make_job("fetch_language_adapter/own", stage="fetch_language_adapter")
    local = replace(folder, source={"name": "own", "path_sha256": {}})
    finish(store, replace(local, source={"id": "own", "revision": None}), {})
    assert note_what_was_fetched(plan_of(local), store, tmp_path / "a.lock.yaml") == []
    assert not (tmp_path / "a.lock.yaml").exists()


def test_a_lock_file_that_cannot_be_written_is_told_and_costs_nothing_else(store: Store, tmp_path: Path) -> None:
    job = fetch_job("x/sw")
    finish(store, job, FILES)
    (tmp_path / "a.lock.yaml").write_text("adapters: [", encoding="utf-8")
    [problem] = note_what_was_fetched(plan_of(job), store, tmp_path / "a.lock.yaml")
    assert "a.lock.yaml cannot be read as a lock file" in problem.message
