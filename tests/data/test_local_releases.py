"""Every card can be pointed at files of its original release, and then reads them as its own source is read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from datasets import Dataset

from madx_pipeline.cards import card_names, corpus_card, task_card
from madx_pipeline.data.card_models import CorpusChoice, HubSource, TaskChoice
from madx_pipeline.data.labelled import labelled
from madx_pipeline.data.raw_text import raw_text
from madx_pipeline.data.sources import CorpusSource, TaskSource
from madx_pipeline.data.task_split import TaskSplit
from madx_pipeline.durable import sha256_of
from madx_pipeline.errors import JobError
from madx_pipeline.task_material import task_material
from madx_pipeline.text_material import corpus_material
from tests.data.releases import TASKS

BUILT_IN = {name for name in card_names("tasks") if task_card(name).read is None}


def test_all_cards_but_those_of_the_built_in_world_read_files() -> None:
    assert set(TASKS) == set(card_names("tasks")) - BUILT_IN
    assert all(name.startswith("miniature") for name in BUILT_IN)


@pytest.mark.parametrize("name", TASKS)
def test_a_card_reads_a_file_of_its_release_with_the_names_of_its_labels(tmp_path: Path, name: str) -> None:
    release = TASKS[name]
    (tmp_path / release.name).write_bytes(release.text.encode("utf-8"))
    choice = TaskChoice(card=name, files={release.language: {"test": release.name}})
    material = task_material(choice, release.language, tmp_path, sha256_of, needs=("test",))
    source = TaskSource.model_validate(material.source)
    split = TaskSplit.read(labelled(source, "test", material.locations, None), source, name, None)
    assert len(split.examples) == release.examples
    assert split.examples[0].row() == release.first


@pytest.mark.parametrize("name", [name for name in card_names("corpora") if name != "miniature"])
def test_a_corpus_card_reads_text_and_tables_of_its_release(tmp_path: Path, name: str) -> None:
    card = corpus_card(name)
    language = next(iter(card.languages)) if isinstance(card.languages, dict) else "sw"
    column = (card.source.columns or {})["text"] if isinstance(card.source, HubSource) else None
    with gzip.open(tmp_path / "a.txt.gz", "wt", encoding="utf-8") as file:
        file.write("habari\nya asubuhi\n")
    files = ["a.txt.gz"]
    if column is not None:
        documents = Dataset.from_dict({"id": ["1", "2"], column: ["habari\nya", "asubuhi"]})
        documents.to_parquet(tmp_path / "a.parquet")
        documents.to_json(tmp_path / "a.jsonl")
        files += ["a.parquet", "a.jsonl"]
    for given in files:
        material = corpus_material(CorpusChoice(card=name, path=given), language, tmp_path, sha256_of)
        text = raw_text(CorpusSource.model_validate(material.source), material.locations, None, 1000)
        read = [line.text.strip() for line in text.lines]
        assert read == (["habari", "ya asubuhi"] if given == "a.txt.gz" else ["habari", "ya", "asubuhi"]), given
        assert text.licence == (card.licence if column is not None else None)


def test_a_table_without_the_column_of_the_card_is_refused(tmp_path: Path) -> None:
    Dataset.from_dict({"body": ["x"]}).to_parquet(tmp_path / "a.parquet")
    material = corpus_material(CorpusChoice(card="wikipedia", path="a.parquet"), "sw", tmp_path, sha256_of)
    with pytest.raises(JobError, match=r"a\.parquet has no column text; it has body\."):
        raw_text(CorpusSource.model_validate(material.source), material.locations, None, 1000)


def test_text_without_a_card_is_the_same_material_as_with_the_card_of_one_s_own_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("habari\n", encoding="utf-8")
    alone, named = (
        corpus_material(choice, "sw", tmp_path, sha256_of)
        for choice in (CorpusChoice(path="a.txt"), CorpusChoice(card="text", path="a.txt"))
    )
    assert alone == named
