"""Files on GitHub: fetched once, whole or not at all, at a commit, and found again without a network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from madx_pipeline.cards import card_names, task_card
from madx_pipeline.data import github
from madx_pipeline.data.card_models import GithubSource, TaskChoice
from madx_pipeline.data.labelled import labelled, place
from madx_pipeline.data.reach import reach
from madx_pipeline.data.sources import Split, TaskSource
from madx_pipeline.errors import InputError, JobError
from madx_pipeline.task_material import task_material
from tests.data.releases import TASKS

ALL: tuple[Split, ...] = ("train", "validation", "test")
GITHUB = [name for name in card_names("tasks") if isinstance(task_card(name).source, GithubSource)]


class _Counting(SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:  # the name is http.server's
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *arguments: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a server in the place of GitHub was asked for; it serves the folder `served`."""
    (tmp_path / "served").mkdir()
    found: list[str] = []
    handler = type("Handler", (_Counting,), {"asked": found})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path / "served")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(github, "_HOST", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield found
    server.shutdown()
    server.server_close()


def source_of(card: str, language: str, needs: tuple[Split, ...] = ("test",)) -> TaskSource:
    material = task_material(TaskChoice(card=card), language, Path("/nowhere"), str, needs=needs)
    return TaskSource.model_validate(material.source)


def served(folder: Path, source: TaskSource, split: Split, text: str) -> Path:
    """Puts a file where the server has it."""
    assert source.github is not None
    path = folder / "served" / source.github.repository / source.github.commit / source.github.files[split]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", GITHUB)
def test_a_file_is_fetched_at_its_commit_and_only_once(tmp_path: Path, asked: list[str], name: str) -> None:
    source = source_of(name, TASKS[name].language)
    path = served(tmp_path, source, "test", TASKS[name].text)
    for _ in range(2):
        examples = list(labelled(source, "test", {}, None))
        assert len(examples) == TASKS[name].examples
    assert asked == ["/" + path.relative_to(tmp_path / "served").as_posix()]
    assert place(source, "test", {}).startswith(str(source.github and source.github.repository))


def test_what_was_fetched_is_found_without_a_network_and_the_card_knows(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of("americasnli", "quy", ("validation", "test"))
    for split in ("validation", "test"):
        served(tmp_path, source, split, TASKS["americasnli"].text)
        list(labelled(source, split, {}, None))
    assert reach(task_card("americasnli")) == "needs the network: GitHub; in the cache: 1 of 10 languages"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert len(list(labelled(source, "test", {}, None))) == 2
    with pytest.raises(JobError, match="is not in the cache, and HF_HUB_OFFLINE is set") as error:
        list(labelled(source_of("americasnli", "gn"), "test", {}, None))
    assert "curl --fail" in error.value.problems[0].hint
    assert len(asked) == 2


def test_a_file_that_is_not_there_is_an_error_with_its_address_and_leaves_nothing(
    tmp_path: Path, asked: list[str]
) -> None:
    with pytest.raises(JobError, match=r"/data/anli_final/test/quy\.tsv cannot be had: 404"):
        list(labelled(source_of("americasnli", "quy"), "test", {}, None))
    assert not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))


def test_trees_and_parts_of_speech_are_of_the_same_treebanks() -> None:
    trees, tags = task_card("ud_parsing"), task_card("ud_pos")
    assert (trees.source, trees.languages, trees.licence) == (tags.source, tags.languages, tags.licence)


def test_a_treebank_that_is_a_test_set_alone_cannot_be_learnt_from() -> None:
    with pytest.raises(InputError) as error:
        source_of("ud_pos", "yo", ALL)
    train, validation = (problem.message for problem in error.value.problems)
    assert train.startswith('"yo" is the source language and has no train split')
    assert validation.startswith('"yo" is the source language and has no validation split')
    assert train.endswith("ud_pos is for evaluation.")
    assert source_of("ud_pos", "vi", ALL).read_splits == list(ALL)
