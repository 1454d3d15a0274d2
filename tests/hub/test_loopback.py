"""Fetching from a hub on this machine, by a client in a process of its own: what comes, and what is said if not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub_cache import COMMIT, put_in_cache
from tests.hub_server import HubClient, HubRepository, HubServer, Request, sha256

WANTED = ["adapter_config.json", "adapter.safetensors", "pytorch_adapter.bin"]
WEIGHTS = bytes(range(256)) * 12_000
HALF = len(WEIGHTS) // 2
ARRIVED = 2**20
"""What is kept of the first half of a transfer."""


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    server = HubServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(hub: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubClient]:
    process = HubClient(hub.url, tmp_path_factory.mktemp("home"), HF_TOKEN="mine")
    yield process
    process.close()


@pytest.fixture(autouse=True)
def _forget_requests(hub: HubServer) -> None:
    hub.asked()


def publish(hub: HubServer, name: str, **more: Any) -> HubRepository:
    """A repository with an adapter and its head."""
    files = {"adapter_config.json": b"{}", "pytorch_adapter.bin": WEIGHTS, "pytorch_model_head.bin": b"head"}
    hub.repositories[name] = HubRepository(files, **more)
    return hub.repositories[name]


def transfers(requests: list[Request]) -> list[Request]:
    """The requests for the content of large files."""
    return [request for request in requests if request.path.startswith("/large/")]


def in_cache(client: HubClient, name: str) -> list[str]:
    """Files of a repository's snapshot that can be read."""
    folder = client.cache / f"models--{name.replace('/', '--')}" / "snapshots" / COMMIT
    return sorted(path.name for path in folder.glob("*") if path.is_file())


def test_what_is_asked_for_comes_once_and_nothing_else_ever(hub: HubServer, client: HubClient) -> None:
    publish(hub, "a/first")
    folder, commit = client.download("a/first", None, WANTED).value
    assert commit == COMMIT
    assert (Path(folder) / "pytorch_adapter.bin").read_bytes() == WEIGHTS
    assert in_cache(client, "a/first") == ["adapter_config.json", "pytorch_adapter.bin"]
    assert not any("head" in request.path for request in hub.asked())
    assert client.download("a/first", COMMIT, WANTED).value == [folder, COMMIT]
    assert hub.asked() == []


def test_a_cut_connection_is_taken_up_where_it_ended(hub: HubServer, client: HubClient) -> None:
    publish(hub, "a/cut", cuts=[HALF])
    folder, _ = client.download("a/cut", None, WANTED).value
    assert (Path(folder) / "pytorch_adapter.bin").read_bytes() == WEIGHTS
    assert [request.range for request in transfers(hub.asked())] == [None, f"bytes={ARRIVED}-"]


def test_a_download_that_failed_is_taken_up_by_the_next_run_and_not_used_before(
    hub: HubServer, client: HubClient
) -> None:
    repository = publish(hub, "a/failed", cuts=[HALF] * 4)
    message, hint = client.download("a/failed", COMMIT, WANTED).problem
    assert message == (
        f"the connection was cut again and again while pytorch_adapter.bin of a/failed at {COMMIT} came."
    )
    assert hint == "Run again: it goes on there."
    assert in_cache(client, "a/failed") == ["adapter_config.json"]
    hub.asked()
    assert repository.cuts == []
    folder, _ = client.download("a/failed", COMMIT, WANTED).value
    assert (Path(folder) / "pytorch_adapter.bin").read_bytes() == WEIGHTS
    assert [request.range for request in hub.asked()] == [None, f"bytes={ARRIVED}-"]


def test_content_that_is_not_what_the_hub_promised_is_thrown_away(hub: HubServer, client: HubClient) -> None:
    promised = bytes(len(WEIGHTS))
    repository = publish(hub, "a/damaged", promised={"pytorch_adapter.bin": promised})
    message, _ = client.download("a/damaged", None, WANTED).problem
    assert f"its sha256 is {sha256(WEIGHTS)}, the hub says {sha256(promised)}" in message
    assert in_cache(client, "a/damaged") == ["adapter_config.json"]
    repository.promised = {}
    assert client.download("a/damaged", None, WANTED).problems is None


def test_bytes_that_changed_under_the_same_commit_are_an_error_with_both_hashes(
    hub: HubServer, client: HubClient, tmp_path: Path
) -> None:
    repository = publish(hub, "a/changed")
    first = Path(client.download("a/changed", None, WANTED).value[0])
    locked = {name: sha256((first / name).read_bytes()) for name in ("adapter_config.json", "pytorch_adapter.bin")}
    repository.files["pytorch_adapter.bin"] = WEIGHTS[::-1]
    another = HubClient(hub.url, tmp_path)
    try:
        answer = another.call("madx_pipeline.hub.download.download", "a/changed", COMMIT, WANTED, locked)
    finally:
        another.close()
    message, hint = answer.problem
    assert message == (
        f"pytorch_adapter.bin of a/changed at {COMMIT} has changed:"
        f" its sha256 is {sha256(WEIGHTS[::-1])}, it should be {sha256(WEIGHTS)}."
    )
    assert "If the other bytes are meant, delete the adapter's row in the lock file." in hint


def test_a_file_that_the_lock_does_not_have_is_refused_unfetched_and_the_model_card_is_not(
    hub: HubServer, client: HubClient
) -> None:
    repository = publish(hub, "a/added")
    locked = {name: sha256(repository.files[name]) for name in ("adapter_config.json", "pytorch_adapter.bin")}
    repository.files |= {"README.md": b"card", "adapter.safetensors": b"other"}
    message, _ = client.call(
        "madx_pipeline.hub.download.download", "a/added", COMMIT, [*WANTED, "README.md"], locked
    ).problem
    assert message == (
        f"a/added at {COMMIT} has adapter.safetensors,"
        " which the lock file does not have among the files of this adapter."
    )
    assert in_cache(client, "a/added") == []
    del repository.files["adapter.safetensors"]
    (client.cache.parent / "assets").rename(client.cache.parent / "assets.old")
    assert (
        client.call("madx_pipeline.hub.download.download", "a/added", COMMIT, [*WANTED, "README.md"], locked).problems
        is None
    )


def test_a_list_without_any_wanted_file_is_not_believed_the_next_time(hub: HubServer, client: HubClient) -> None:
    repository = publish(hub, "a/late")
    files, repository.files = repository.files, {"other.txt": b""}
    client.download("a/late", COMMIT, WANTED)
    repository.files = files
    assert client.download("a/late", COMMIT, WANTED).problems is None
    assert in_cache(client, "a/late") == ["adapter_config.json", "pytorch_adapter.bin"]


def test_a_silent_hub_costs_caches_that_others_filled_one_time_out(
    hub: HubServer, client: HubClient, tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "adapter_config.json").write_text("{}")
    for name in ("a/mute", "b/mute"):
        put_in_cache(client.cache, name, tmp_path / "files")
        publish(hub, name, silent=True)
        assert client.download(name, COMMIT, WANTED).problems is None
    assert len(hub.asked()) == 1


def test_no_message_holds_what_is_secret_in_an_address(hub: HubServer, tmp_path: Path) -> None:
    address = hub.url.replace("//", "//me:secret@")
    client = HubClient(address, tmp_path)
    hub.stop()
    try:
        message, hint = client.download("a/lost", None, WANTED).problem
    finally:
        hub.start()
        client.close()
    assert f"({hub.url}: connection refused)" in message
    assert "secret" not in message + hint


def test_the_hubs_other_way_to_send_files_is_not_needed(hub: HubServer, client: HubClient) -> None:
    publish(hub, "a/xet", xet=True)
    assert client.download("a/xet", None, WANTED).problems is None
    assert not any(request.path.startswith("/xet") for request in hub.asked())


@pytest.mark.parametrize(
    ("name", "revision", "more", "message", "hint"),
    [
        ("a/none", None, None, "the hub has no repository a/none that can be read.", "Check the id;"),
        ("a/revision", "v9", {}, "a/revision has no revision v9.", "Give a commit, a tag or a branch."),
        (
            "a/private",
            None,
            {"token": "another"},
            "a/private at its default branch may not be read: the hub answered 401.",
            "The token in use (HF_TOKEN or `hf auth login`) is wrong, has expired or has no access to it.",
        ),
        (
            "a/gated",
            None,
            {"token": "another", "gated": True},
            "a/gated at its default branch may not be read: it is gated, the hub answered 401.",
            "The token in use",
        ),
        ("a/busy", None, {"status": 429}, "a/busy at its default branch: the hub has had too many requests", "Wait"),
        (
            "a/silent",
            None,
            {"silent": True},
            "a/silent at its default branch is not in the cache and the hub cannot be reached"
            " (HUB did not answer within 2 s).",
            "Try again; HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT (seconds) give it longer.",
        ),
        (
            "a/ill",
            "v1",
            {"status": 503},
            "a/ill at v1 is not in the cache and the hub cannot be reached (HUB answered 503).",
            "Try again later. Where there is a network: hf download a/ill --revision v1.",
        ),
    ],
)
def test_a_refusal_is_one_line_and_a_hint(
    hub: HubServer,
    client: HubClient,
    name: str,
    revision: str | None,
    more: dict[str, Any] | None,
    message: str,
    hint: str,
) -> None:
    if more is not None:
        publish(hub, name, **more)
    answer = client.download(name, revision, WANTED)
    assert answer.problem[0].startswith(message.replace("HUB", hub.url))
    assert answer.problem[1].startswith(hint)
    assert answer.err == ""


def test_a_token_opens_what_is_private(hub: HubServer, client: HubClient) -> None:
    publish(hub, "a/mine", token="mine")
    assert client.download("a/mine", None, WANTED).problems is None


def test_a_hub_that_is_gone_is_said_to_be_gone_and_what_is_in_the_cache_still_does(
    hub: HubServer, client: HubClient
) -> None:
    publish(hub, "a/kept")
    kept = client.download("a/kept", None, WANTED).value
    hub.stop()
    try:
        assert client.download("a/kept", COMMIT, WANTED).value == kept
        assert client.download("a/kept", None, WANTED).value == kept
        message, hint = client.download("a/lost", None, WANTED).problem
    finally:
        hub.start()
    assert message == (
        "a/lost at its default branch is not in the cache and the hub cannot be reached"
        f" ({hub.url}: connection refused)."
    )
    assert hint.startswith("Where there is a network: hf download a/lost.")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
def test_a_full_disk_is_said_to_be_full(hub: HubServer, client: HubClient) -> None:
    publish(hub, "a/full")
    blobs = client.cache / "models--a--full" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha256(WEIGHTS)}.incomplete").symlink_to("/dev/full")
    message, _ = client.download("a/full", None, WANTED).problem
    assert message == f"pytorch_adapter.bin of a/full at {COMMIT}: the disk of the cache {client.cache} is full."
    assert in_cache(client, "a/full") == ["adapter_config.json"]
