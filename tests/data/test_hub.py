"""Data sets of the hub, read from its cache without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from madx_pipeline.cards import corpus_card
from madx_pipeline.data.card_models import HubSource, TaskChoice
from madx_pipeline.data.examples import Choice, Pair, Tagged, Text
from madx_pipeline.data.hub import hub_examples, hub_files, hub_rows
from madx_pipeline.data.labelled import labelled
from madx_pipeline.data.questions import Answer, Question
from madx_pipeline.data.raw_text import raw_text
from madx_pipeline.data.reading import example_of
from madx_pipeline.data.sources import CorpusSource, HubTable, Split, TaskSource
from madx_pipeline.errors import JobError
from madx_pipeline.task_material import task_material

TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
Snapshot = Callable[[str, str], Path]


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """Gives the folder of a data set's commit in a hub cache of the test's own."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def folder(repository: str, revision: str) -> Path:
        name = "datasets--" + repository.replace("/", "--")
        path = tmp_path / "hub" / name / "snapshots" / revision
        path.mkdir(parents=True, exist_ok=True)
        return path

    return folder


def pinned(table: HubTable, snapshot: Snapshot) -> Path:
    return snapshot(table.repository, table.revision)


def wikipedia(language: str) -> HubTable:
    source = corpus_card("wikipedia").source
    assert isinstance(source, HubSource)
    return source.table(language, ("train",), str(source.revision))


def write_articles(folder: Path, *texts: str, part: str = "00000-of-00001") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Dataset.from_dict({"id": list(texts), "text": list(texts)}).to_parquet(folder / f"train-{part}.parquet")


def task_source(card: str, language: str) -> TaskSource:
    material = task_material(TaskChoice(card=card), language, Path("/nowhere"), str, needs=("test",))
    return TaskSource.model_validate(material.source)


def test_the_articles_of_one_language_are_read_as_paragraphs(snapshot: Snapshot) -> None:
    table = wikipedia("qu")
    write_articles(pinned(table, snapshot) / "20231101.qu", "Qusqu\n\nQusquqa llaqtam.", "Lima")
    write_articles(pinned(table, snapshot) / "20231101.sw", "Dodoma")
    text = raw_text(CorpusSource(card="wikipedia", hub=table), {}, None, 1000)
    assert [(line.number, line.text) for line in text.lines] == [
        (1, "Qusqu"),
        (2, ""),
        (3, "Qusquqa llaqtam."),
        (4, "Lima"),
    ]
    assert "wikimedia/wikipedia, 20231101.qu/train-*.parquet, revision b04c8d1ceb2f" in text.origin
    assert text.licence == corpus_card("wikipedia").licence


def test_all_parts_of_a_split_are_read_in_order(snapshot: Snapshot) -> None:
    table = wikipedia("qu")
    folder = pinned(table, snapshot) / "20231101.qu"
    write_articles(folder, "second", part="00001-of-00002")
    write_articles(folder, "first", part="00000-of-00002")
    assert [row["text"] for row in hub_rows(table, "train")] == ["first", "second"]


def test_a_cache_with_only_some_of_the_parts_is_not_taken_for_the_whole(snapshot: Snapshot) -> None:
    table = wikipedia("qu")
    write_articles(pinned(table, snapshot) / "20231101.qu", "first", part="00000-of-00003")
    with pytest.raises(JobError, match=r"wikimedia/wikipedia: 1 of 3 files of 20231101\.qu are in the cache\."):
        hub_files(table, "train")


def test_what_is_not_in_the_cache_says_how_to_get_it(snapshot: Snapshot) -> None:
    table = wikipedia("qu")
    write_articles(pinned(table, snapshot) / "20231101.sw", "Dodoma")
    for _ in range(2):
        with pytest.raises(JobError) as error:
            hub_files(table, "train")
        [problem] = error.value.problems
        start = "20231101.qu/train-*.parquet of the data set wikimedia/wikipedia cannot be had from the hub: "
        assert problem.message.startswith(start)
        assert problem.hint.startswith("Where there is a network: hf download --repo-type dataset wikimedia/wikipedia ")
        table = wikipedia("qu").model_copy(update={"revision": "0" * 40})


def test_numbered_tags_of_wikiann_come_out_as_names(snapshot: Snapshot) -> None:
    source = task_source("wikiann", "sw")
    assert source.hub is not None
    folder = pinned(source.hub, snapshot) / "sw"
    folder.mkdir()
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=TAGS))})
    rows = {"tokens": [["Juma", "yuko", "Dar"], ["na"]], "ner_tags": [[1, 0, 5], [0]]}
    Dataset.from_dict(rows, features=features).to_parquet(folder / "test-00000-of-00001.parquet")
    assert list(labelled(source, "test", {}, None)) == [
        Tagged(["Juma", "yuko", "Dar"], ["B-PER", "O", "B-LOC"]),
        Tagged(["na"], ["O"]),
    ]


def test_numbers_without_names_are_refused(snapshot: Snapshot) -> None:
    table = HubTable(
        repository="a/b", revision="1" * 40, files={"test": "test.parquet"}, columns={"words": "w", "labels": "l"}
    )
    source = task_source("wikiann", "sw").model_copy(update={"hub": table, "read": None})
    folder = pinned(table, snapshot)
    Dataset.from_dict({"w": [["a"]], "l": [[0]]}).to_parquet(folder / "test.parquet")
    with pytest.raises(JobError, match="a/b: labels are numbers without names"):
        list(hub_examples(table, "test", source))


@pytest.mark.parametrize("hidden", [-1, 2, None])
def test_a_hidden_label_is_refused_and_not_taken_for_the_last_class(snapshot: Snapshot, hidden: int | None) -> None:
    source = task_source("xcopa", "qu")
    assert source.hub is not None
    folder = pinned(source.hub, snapshot) / "qu"
    folder.mkdir()
    texts = {name: Value("string") for name in ("premise", "choice1", "choice2", "question")}
    features = Features({**texts, "label": ClassLabel(names=["choice1", "choice2"])})
    row = {"premise": "p", "choice1": "a", "choice2": "b", "question": "cause"}
    rows = Dataset.from_list([{**row, "label": 1}, {**row, "label": 0}], features=features)
    table = rows.data.table.set_column(4, rows.data.table.schema.field("label"), [[1, hidden]])
    Dataset(table).to_parquet(folder / "test-00000-of-00001.parquet")
    with pytest.raises(JobError, match=rf"xcopa: a label is {hidden}; possible: 0 to 1 \(choice1, ") as error:
        list(labelled(source, "test", {}, None))
    assert error.value.problems[0].hint.startswith("Hidden answers of a test set cannot be scored")


def test_a_missing_column_is_named(snapshot: Snapshot) -> None:
    table = wikipedia("qu").model_copy(update={"columns": {"text": "body"}})
    write_articles(pinned(table, snapshot) / "20231101.qu", "a")
    with pytest.raises(JobError, match="wikimedia/wikipedia has no column body; it has id, text"):
        list(hub_rows(table, "train"))


def test_the_tables_of_sib200_are_read_as_its_own_release(snapshot: Snapshot) -> None:
    source = task_source("sib200", "sw")
    assert source.hub is not None
    folder = pinned(source.hub, snapshot) / "data/swh_Latn"
    folder.mkdir(parents=True)
    text = 'index_id\tcategory\ttext\n1\tsports\t"Alisema ""hapana"" sasa"\n2\thealth\tNULL\n'
    (folder / "test.tsv").write_text(text, encoding="utf-8")
    assert list(labelled(source, "test", {}, None)) == [
        Text('Alisema "hapana" sasa', "sports"),
        Text("NULL", "health"),
    ]


def test_numbers_that_a_card_names_are_names(snapshot: Snapshot) -> None:
    source = task_source("paws_x", "ja")
    assert source.hub is not None
    folder = pinned(source.hub, snapshot) / "ja"
    folder.mkdir()
    rows = {"id": [1], "sentence1": ["a b"], "sentence2": ["b a"], "label": [1]}
    Dataset.from_dict(rows).to_parquet(folder / "test-00000-of-00001.parquet")
    assert list(labelled(source, "test", {}, None)) == [Pair("a b", "b a", "1")]


def test_choices_of_parquet_are_asked_in_words(snapshot: Snapshot) -> None:
    source = task_source("xcopa", "qu")
    assert source.hub is not None
    folder = pinned(source.hub, snapshot) / "qu"
    folder.mkdir()
    rows = {"premise": ["p"], "choice1": ["a"], "choice2": ["b"], "question": ["cause"], "label": [0], "idx": [7]}
    Dataset.from_dict(rows).to_parquet(folder / "test-00000-of-00001.parquet")
    assert list(labelled(source, "test", {}, None)) == [Choice("p", "What was the cause?", ["a", "b"], "0")]


def test_a_kind_of_question_that_a_card_does_not_name_is_refused() -> None:
    row = {"premise": "It rained.", "question": "Cause", "choice1": "a", "choice2": "b", "label": "0"}
    questions = {"cause": "What was the cause?"}
    with pytest.raises(JobError, match=r'the question is "Cause"; possible: cause \("It rained\."\)'):
        example_of(row, questions)
    assert example_of({**row, "question": "What was the cause?"}, questions) == example_of(
        {**row, "question": "cause"}, questions
    )
    assert example_of(row).strings[1] == "Cause"


def test_questions_of_parquet_come_with_their_answers_and_language(snapshot: Snapshot) -> None:
    source = task_source("xquad", "ar")
    assert source.hub is not None
    folder = pinned(source.hub, snapshot) / "xquad.ar"
    folder.mkdir()
    features = Features(
        {
            "id": Value("string"),
            "context": Value("string"),
            "question": Value("string"),
            "answers": {"text": List(Value("string")), "answer_start": List(Value("int32"))},
        }
    )
    row = {"id": "7", "context": "a bc", "question": "q", "answers": {"text": ["bc"], "answer_start": [2]}}
    Dataset.from_list([row], features=features).to_parquet(folder / "validation-00000-of-00001.parquet")
    assert list(labelled(source, "test", {}, None)) == [Question("7", "q", "a bc", (Answer("bc", 2),), "ar")]


def test_a_file_of_several_languages_is_read_for_one_of_them_by_the_ids_of_its_questions(snapshot: Snapshot) -> None:
    source = task_source("tydiqa", "sw")
    assert source.hub is not None
    assert source.hub.ids == "swahili-"
    answers = {"text": ["Nakuru"], "answer_start": [13]}
    asked = [
        {"id": number, "question": "Wapi?", "context": "Asha alienda Nakuru.", "answers": answers}
        for number in ("swahili-1", "finnish-2", "swahili-3")
    ]
    folder = pinned(source.hub, snapshot) / "secondary_task"
    folder.mkdir()
    Dataset.from_list(asked).to_parquet(folder / "validation-00000-of-00001.parquet")
    assert [example.row()["id"] for example in hub_examples(source.hub, "test", source)] == ["swahili-1", "swahili-3"]


def test_the_test_items_of_copa_come_from_a_copy_that_has_their_labels(snapshot: Snapshot) -> None:
    needs: tuple[Split, ...] = ("train", "validation", "test")
    material = task_material(TaskChoice(card="copa"), "en", Path("/nowhere"), str, needs=needs)
    source = TaskSource.model_validate(material.source)
    assert source.read_splits == ["train", "validation", "test"]
    assert source.hub is not None
    assert source.test is not None
    assert source.test.hub is not None
    assert source.hub.repository == "aps/super_glue"
    assert set(source.hub.files) == {"train", "validation"}
    text = "id,premise,choice1,choice2,question,label,mirrored\n501,It rained.,Sun.,Clouds.,cause,1,False\n"
    (pinned(source.test.hub, snapshot) / "test.csv").write_text(text, encoding="utf-8")
    [example] = labelled(source, "test", {}, None)
    assert example.row()["question"] == "What was the cause?"
    assert example.row()["label"] == "1"
    assert source.of("test").labels == {"0": "choice1", "1": "choice2"}
