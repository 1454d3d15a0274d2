"""The store: what is finished stays, what is unfinished can be resumed, what is damaged is named."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
from pathlib import Path

import pytest

from madx_pipeline.errors import InputError
from madx_pipeline.execute import execute
from madx_pipeline.jobs import Job, fingerprint_of
from madx_pipeline.standing import standing_of
from madx_pipeline.store import FORMAT, Store
from tests.builders import finish, make_job, make_plan_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "home")
    store.open_for_writing()
    return store


def test_a_job_has_no_artifact_until_it_is_finished(store: Store) -> None:
    job = make_job("a")
    store.begin(job)
    assert store.find(job) is None
    finish(store, job)
    assert store.find(job) is not None


def test_a_finished_artifact_records_the_hash_of_each_file(store: Store) -> None:
    job = make_job("a")
    finish(store, job, "hello")
    artifact = store.find(job)
    assert artifact is not None
    sha256_of_hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert artifact.record.files["out.txt"].sha256 == sha256_of_hello
    assert artifact.record.fingerprint == job.fingerprint


def test_checkpoints_survive_a_crash_and_other_leftovers_do_not(store: Store) -> None:
    job = make_job("a")
    first = store.begin(job)
    (first.checkpoints / "step-100").write_text("weights", encoding="utf-8")
    (first.path / "half.txt").write_text("half", encoding="utf-8")
    second = store.begin(job)
    assert (second.checkpoints / "step-100").read_text(encoding="utf-8") == "weights"
    assert not (second.path / "half.txt").exists()


def test_checkpoints_are_no_part_of_the_finished_artifact(store: Store) -> None:
    job = make_job("a")
    workspace = store.begin(job)
    (workspace.checkpoints / "step-100").write_text("weights", encoding="utf-8")
    artifact = store.finish(job, workspace, {})
    assert sorted(path.name for path in artifact.path.iterdir()) == ["artifact.json"]


def test_unfinished_work_of_another_job_is_never_picked_up(store: Store) -> None:
    job = make_job("a")
    workspace = store.begin(job)
    (workspace.checkpoints / "step-100").write_text("weights", encoding="utf-8")
    note = json.loads((workspace.path / "job.json").read_text(encoding="utf-8"))
    note["fingerprint"] = "f" * 64  # same folder name, other job: twelve digits may collide
    (workspace.path / "job.json").write_text(json.dumps(note), encoding="utf-8")
    assert list(store.begin(job).checkpoints.iterdir()) == []


def begun_with_checkpoint(store: Store, job: Job) -> Path:
    """The note of unfinished work that has a checkpoint."""
    workspace = store.begin(job)
    (workspace.checkpoints / "step-100").write_text("weights", encoding="utf-8")
    return workspace.path / "job.json"


def test_a_file_system_that_does_not_answer_for_a_moment_costs_no_checkpoint(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job("a")
    note = begun_with_checkpoint(store, job)

    def stale(path: Path, *arguments: str, **named: str) -> str:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", stale)
        with pytest.raises(OSError, match="Stale file handle"):
            store.begin(job)
    assert note.is_file()
    assert [path.name for path in store.begin(job).checkpoints.iterdir()] == ["step-100"]


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_unfinished_work_of_which_nobody_can_say_whose_it_is_is_set_aside_and_not_deleted(
    store: Store, text: str
) -> None:
    job = make_job("a")
    begun_with_checkpoint(store, job).write_text(text, encoding="utf-8")
    assert list(store.begin(job).checkpoints.iterdir()) == []
    [aside] = store.path(job).parent.glob("*.unreadable-1")
    assert (aside / "checkpoints/step-100").read_text(encoding="utf-8") == "weights"
    assert list(store.folders()) == []


def test_other_parameters_work_in_another_folder(store: Store) -> None:
    first, second = make_job("a", params={"max_steps": 1}), make_job("a", params={"max_steps": 2})
    assert store.partial(first) != store.partial(second)


@pytest.mark.parametrize("name", ["out.txt", "artifact.json"])
def test_one_flipped_byte_is_found_and_named(store: Store, name: str) -> None:
    folder = finish(store, make_job("a"), "some taxt")
    content = bytearray((folder / name).read_bytes())
    position = content.index(b"a")  # stays readable JSON: a letter inside a value
    content[position] ^= 1
    (folder / name).write_bytes(content)
    [damage] = store.damage(folder)
    assert damage.file == name


def test_a_missing_file_is_found_and_named(store: Store) -> None:
    folder = finish(store, make_job("a"))
    (folder / "out.txt").unlink()
    assert [str(one) for one in store.damage(folder)] == [f"prepare_corpus/{folder.name}/out.txt: is missing"]


def test_an_untouched_artifact_has_no_damage(store: Store) -> None:
    assert store.damage(finish(store, make_job("a"))) == []


def test_only_finished_folders_are_listed(store: Store) -> None:
    finished = finish(store, make_job("a"))
    store.begin(make_job("b"))
    damaged = make_job("c")
    finish(store, damaged)
    store.set_aside(damaged, "damaged")
    assert list(store.folders()) == [finished]


def test_a_failure_is_remembered_beside_the_unfinished_work(store: Store) -> None:
    job = make_job("a")
    store.begin(job)
    store.fail(job, "a failed: no text", "Give it text.")
    failure = store.failure(job)
    assert failure is not None
    assert (failure.message, failure.hint) == ("a failed: no text", "Give it text.")
    finish(store, job)
    assert store.failure(job) is None


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.root.mkdir()
    (store.root / "store.json").write_text(json.dumps({"format": FORMAT + 1}), encoding="utf-8")
    with pytest.raises(InputError, match=f"has format {FORMAT + 1}; this version knows formats up to {FORMAT}"):
        store.open_for_writing()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written: Permission denied"):
        Store(tmp_path / "home").open_for_writing()


def test_a_file_in_the_place_of_the_home_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        Store(tmp_path / "home").open_for_writing()


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Lustre without its option `flock`."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", flock)


NO_LOCKS = r"the file system of \S+/store has no locks \(flock\)"


@pytest.mark.usefixtures("no_locks")
def test_a_file_system_without_locks_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=NO_LOCKS) as refused:
        Store(tmp_path).open_for_writing()
    assert "mount -o flock" in refused.value.problems[0].hint
    assert list((tmp_path / "store").iterdir()) == []


def test_where_only_the_machine_that_does_a_job_has_no_locks_the_job_says_so(
    store: Store, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("no_locks")
    outcome = execute(make_job("a"), store.home)
    assert outcome.state == "failed"
    assert re.search(NO_LOCKS, str(outcome.problem))
    store.begin(make_job("a"))
    with pytest.raises(InputError, match=NO_LOCKS):
        standing_of(make_plan_of(make_job("a")), store, {})


def test_two_processes_cannot_hold_one_job(store: Store) -> None:
    job = make_job("a")
    with store.lock(job), pytest.raises(TimeoutError):
        store.lock(job).acquire(timeout=0.01)


def test_what_the_work_cost_stands_in_the_record_and_in_no_file(store: Store) -> None:
    job = make_job("a")
    workspace = store.begin(job)
    (workspace.path / "out.txt").write_text("made", encoding="utf-8")
    workspace.measure(training_seconds=1.5, peak_memory_bytes=None)
    artifact = store.finish(job, workspace, {})
    assert artifact.record.measured == {"training_seconds": 1.5, "peak_memory_bytes": None}
    assert set(artifact.record.files) == {"out.txt"}
    assert store.damage(artifact.path) == []


def test_a_record_from_before_anything_was_measured_is_whole(store: Store) -> None:
    path = finish(store, make_job("a"))
    record = json.loads((path / "artifact.json").read_text(encoding="utf-8"))
    assert record.pop("measured") == {}
    checksum = record.pop("checksum")
    assert fingerprint_of(record) == checksum  # as it was computed then
    (path / "artifact.json").write_text(json.dumps({**record, "checksum": checksum}), encoding="utf-8")
    assert store.damage(path) == []


def test_a_changed_measurement_is_damage(store: Store) -> None:
    job = make_job("a")
    workspace = store.begin(job)
    workspace.measure(training_seconds=1.5)
    path = store.finish(job, workspace, {}).path
    text = (path / "artifact.json").read_text(encoding="utf-8")
    (path / "artifact.json").write_text(text.replace("1.5", "0.5"), encoding="utf-8")
    assert next(str(one) for one in store.damage(path)).endswith("artifact.json: does not match its checksum")
