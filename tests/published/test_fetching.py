"""`madx adapters fetch` from a hub on this machine, and what it brought as a run finds it.

The adapters are written as those on the hub are: format 0.2.0, pickled, reduction factor 2, an invertible adapter,
and beside them a masked-LM head that must never be asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from madx_pipeline.adapter_files import read_adapter
from madx_pipeline.errors import JobError
from madx_pipeline.published.catalogue import licence_in_catalogue
from madx_pipeline.published.fetched import Fetched, licence_of
from madx_pipeline.stage import Inputs, stage_page
from madx_pipeline.stages.fetch_language_adapter import Params, run
from tests.hub_cache import COMMIT
from tests.hub_server import Answer, HubClient, HubRepository, HubServer, sha256
from tests.model_builders import tiny_base, workspace
from tests.published.adapter_builder import XLMR, XLMR_BASE, AdapterShape, BaseShape, write_adapter, write_head

BASE = "xlm-roberta-base"
ENGLISH = "AdapterHub/xlm-roberta-base-en-wiki_pfeiffer"
SWAHILI = "AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer"
NER = "AdapterHub/bert-base-multilingual-cased_wikiann_ner_zh_pfeiffer"
CARD = b"---\nlicense: apache-2.0\n---\n"


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    server = HubServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(hub: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubClient]:
    process = HubClient(hub.url, tmp_path_factory.mktemp("home"))
    yield process
    process.close()


@pytest.fixture(autouse=True)
def _forget_requests(hub: HubServer) -> None:
    hub.asked()


def publish(hub: HubServer, name: str, folder: Path, shape: BaseShape = XLMR, head: str = "masked_lm") -> HubRepository:
    """Puts an adapter and a head on the hub."""
    write_adapter(folder, AdapterShape(shape, task=head != "masked_lm"))
    write_head(folder, shape, "sw", head)
    (folder / "README.md").write_bytes(CARD)
    hub.repositories[name] = HubRepository({file.name: file.read_bytes() for file in folder.iterdir()})
    return hub.repositories[name]


def fetch(client: HubClient, *ids: str, base: str | None = BASE, revision: str | None = None) -> Answer:
    return client.call("madx_pipeline.commands.adapters_fetch.fetch_adapters", list(ids), base, revision)


def files_asked_for(hub: HubServer) -> set[str]:
    return {request.path.rpartition("/")[2] for request in hub.asked() if "/resolve/" in request.path}


def test_a_published_adapter_is_fetched_over_a_bad_line_and_not_fetched_again(
    hub: HubServer, client: HubClient, tmp_path: Path
) -> None:
    repository = publish(hub, ENGLISH, tmp_path / "en", XLMR_BASE)
    weights = repository.files["pytorch_adapter.bin"]
    repository.cuts = [len(weights) // 2]
    first = fetch(client, "en/wiki@ukp")
    folder = client.cache / "models--AdapterHub--xlm-roberta-base-en-wiki_pfeiffer" / "snapshots" / COMMIT
    assert first.value == 0
    assert first.out.splitlines() == [
        f"{ENGLISH} at {COMMIT}",
        f"  adapter_config.json  sha256 {sha256(repository.files['adapter_config.json'])}",
        f"  pytorch_adapter.bin  sha256 {sha256(weights)}",
        f"  README.md            sha256 {sha256(CARD)}",
        f"  in {folder}",
    ]
    ranges = [request.range for request in hub.asked(clear=False) if request.path.startswith("/large/")]
    assert ranges[0] is None
    assert int(str(ranges[1]).removeprefix("bytes=").rstrip("-")) > len(weights) // 3
    assert files_asked_for(hub) == {"adapter_config.json", "pytorch_adapter.bin", "README.md"}
    second = fetch(client, "@ukp/xlm-roberta-base-en-wiki_pfeiffer", base=None)
    assert (second.value, second.out) == (0, first.out)
    assert [request.path for request in hub.asked()] == [f"/api/models/{ENGLISH}/revision/main"]


def test_what_moved_on_at_the_hub_is_fetched_anew_and_a_silent_hub_is_said_to_be_silent(
    hub: HubServer, tmp_path: Path
) -> None:
    name = "AdapterHub/xlm-roberta-base-tr-wiki_pfeiffer"
    repository = publish(hub, name, tmp_path / "tr")
    client = HubClient(hub.url, tmp_path / "home")  # of its own: it remembers the silence
    assert fetch(client, "tr/wiki@ukp").out.startswith(f"{name} at {COMMIT}\n")
    repository.commit = "e" * 40
    assert fetch(client, "tr/wiki@ukp").out.startswith(f"{name} at {'e' * 40}\n")
    repository.status = 503
    answer = fetch(client, "tr/wiki@ukp")
    assert (answer.value, answer.out.splitlines()[0]) == (0, f"{name} at {'e' * 40}")
    assert answer.err.startswith(f"warning: {name}: no answer from the hub; taking the commit {'e' * 40} from")
    client.close()


def test_the_wrong_base_model_is_called_what_the_command_calls_it(client: HubClient) -> None:
    (message, _), *_ = fetch(client, "@ukp/bert-base-multilingual-cased-ar-wiki_pfeiffer").problems or []
    assert message.endswith(f"; --base is {BASE}.")


def test_one_that_cannot_be_had_does_not_stop_the_others(hub: HubServer, client: HubClient, tmp_path: Path) -> None:
    publish(hub, SWAHILI, tmp_path / "sw")
    answer = fetch(client, "qu/wiki@ukp", "sw/wiki@ukp")
    assert answer.value == 1
    assert answer.out.startswith(f"{SWAHILI} at {COMMIT}")
    assert answer.err.startswith(
        "error: the hub has no repository AdapterHub/xlm-roberta-base-qu-wiki_pfeiffer that can be read.\n"
        "  hint: Check the id; "
    )


@pytest.mark.parametrize("head", ["tagging", "masked_lm"])
def test_an_unlisted_adapter_needs_its_commit_and_brings_its_head_if_that_is_a_tasks(
    hub: HubServer, client: HubClient, tmp_path: Path, head: str
) -> None:
    name = f"someone/{head}"
    publish(hub, name, tmp_path / "adapter", head=head)
    (problem, _), *_ = fetch(client, name).problems or []
    assert problem.startswith(f'no published language adapter is called "{name}".')
    assert fetch(client, name, revision=COMMIT).value == 0
    asked = files_asked_for(hub)
    assert {"adapter_config.json", "pytorch_adapter.bin", "head_config.json"} <= asked
    assert ("pytorch_model_head.bin" in asked) == (head == "tagging")


def test_a_task_adapter_comes_with_its_head(hub: HubServer, client: HubClient, tmp_path: Path) -> None:
    publish(hub, NER, tmp_path / "ner", head="tagging")
    answer = fetch(client, NER, base="bert-base-multilingual-cased")
    assert answer.value == 0
    assert "pytorch_model_head.bin  sha256" in answer.out


def test_a_repository_without_an_adapter_is_said_to_be_none(hub: HubServer, client: HubClient) -> None:
    hub.repositories["someone/model"] = HubRepository({"README.md": CARD, "adapter_config.json": b"{}"})
    answer = fetch(client, "someone/model", revision=COMMIT)
    assert answer.value == 1
    assert answer.err.startswith(
        "error: someone/model is no adapter: it has no adapter.safetensors and no pytorch_adapter.bin.\n"
    )


def test_ids_that_mean_nothing_are_all_said_at_once_and_nothing_is_fetched(hub: HubServer, client: HubClient) -> None:
    problems = fetch(client, "en/wkii@ukp", "sw/wiki@ukp", "zz/none@ukp").problems
    (mistyped, _), (unknown, _) = problems or []
    assert mistyped == 'no published language adapter is called "en/wkii@ukp". Nearest: "en/wiki@ukp".'
    assert 'is called "zz/none@ukp"' in unknown
    assert hub.asked() == []


@pytest.mark.parametrize(
    ("ids", "base", "revision", "message"),
    [
        (["sw/wiki@ukp"], None, None, '"sw/wiki@ukp" means'),
        (["sw/wiki@ukp"], "xlm-roberta-bsae", None, "there is no catalogue of published adapters for xlm-roberta-bsae"),
        (["sw/wiki@ukp", "en/wiki@ukp"], BASE, COMMIT, "--revision goes with one adapter, not with 2."),
        (["/"], BASE, None, "/ is a folder: there is nothing to fetch."),
    ],
)
def test_what_cannot_be_meant_is_refused(
    client: HubClient, ids: list[str], base: str | None, revision: str | None, message: str
) -> None:
    assert fetch(client, *ids, base=base, revision=revision).problem[0].startswith(message)


def test_a_hub_that_is_gone_is_asked_once_for_all_adapters(hub: HubServer, tmp_path: Path) -> None:
    client = HubClient(hub.url, tmp_path)
    hub.stop()
    try:
        answer = fetch(client, "en/wiki@ukp", "sw/wiki@ukp")
    finally:
        hub.start()
        client.close()
    assert answer.value == 1
    errors = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert errors == [
        f"error: {ENGLISH} at its default branch is not in the cache and the hub cannot be reached"
        f" ({hub.url}: connection refused).",
        f"error: {SWAHILI} is not in the cache and the hub gave no answer just now.",
    ]


def test_what_was_fetched_is_found_and_loaded_without_a_network(
    hub: HubServer, client: HubClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "AdapterHub/xlm-roberta-base-et-wiki_pfeiffer"
    files = publish(hub, name, tmp_path / "et").files
    assert fetch(client, "et/wiki@ukp").value == 0
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(client.cache))
    out = workspace(tmp_path / "out")
    expected = {file: sha256(files[file]) for file in ("adapter_config.json", "pytorch_adapter.bin")}
    params = Params.model_validate(stage_page("fetch_language_adapter").params)
    base = {"base_model": tiny_base(tmp_path / "base")}
    run(Inputs({"language": "et"}, {"id": name, "revision": COMMIT}, {}, base, expected), params, out)
    assert (out.facts["repository"], out.facts["revision"]) == (name, COMMIT)
    assert (out.facts["sha256"], out.facts["licence"]) == (expected["pytorch_adapter.bin"], "apache-2.0")


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        (b"---\nlicense: mit\n---\n# An adapter\n", "mit"),
        (b"---\r\nlicense: [mit, cc-by-4.0]\r\n---", "mit, cc-by-4.0"),
        (b"---\nlicense: 2020-13-45\n---\n", "2020-13-45"),
        (b"---\nlicense:\n---\n", None),
        (b"---\nlicense: {name: mit}\n---\n", None),
        (b"---\nlicense: [[mit]]\n---\n", None),
        (b"---\nlicense: " + b"x" * 201 + b"\n---\n", None),
        (b"---\nlicense: mit\n  broken: [\n---\n", None),
        (b"---\n- license\n---\n", None),
        (b"---\nlicense: mit\n", None),
        (b"---\na: " + b"[" * 5_000 + b"\n---\n", None),
        (b"---\n? [a]\n: b\nlicense: mit\n---\n", None),
        (b"---\nlicense: \xff\n---\n", "\ufffd"),
        (b"", None),
    ],
)
def test_a_sloppy_or_hostile_model_card_never_stops_anything(tmp_path: Path, card: bytes, licence: str | None) -> None:
    (tmp_path / "README.md").write_bytes(card)
    assert licence_of(tmp_path / "README.md") == licence


def test_a_model_card_that_is_a_folder_or_not_there_states_no_licence(tmp_path: Path) -> None:
    assert licence_of(tmp_path) is None
    assert licence_of(tmp_path / "README.md") is None


def test_a_card_without_a_licence_leaves_that_of_the_catalogue() -> None:
    assert licence_in_catalogue(ENGLISH) == "Apache-2.0"
    assert licence_in_catalogue("AdapterHub/m2qa-xlm-roberta-base-mad-x-2-german") is None
    assert licence_in_catalogue("someone/adapter") is None


def test_facts_say_who_states_the_licence(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", AdapterShape())
    fetched = Fetched(folder, ENGLISH, {"repository": ENGLISH, "revision": COMMIT})
    adapter = read_adapter(folder, ENGLISH)
    assert [fetched.facts(adapter)[key] for key in ("licence", "licence_source")] == ["Apache-2.0", "catalogue"]
    (folder / "README.md").write_bytes(CARD.replace(b"apache-2.0", b"mit"))
    assert [fetched.facts(adapter)[key] for key in ("licence", "licence_source")] == ["mit", "model card"]
    with pytest.raises(JobError, match="has no readable weights"):
        fetched.facts(replace(adapter, weights_file=None))
