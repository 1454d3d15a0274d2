"""Questions on paragraphs, and answers that move when a text is normalised."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.data.card_models import TaskChoice
from madx_pipeline.data.cleaning import nfc
from madx_pipeline.data.formats import SquadFormat
from madx_pipeline.data.labelled import labelled
from madx_pipeline.data.questions import Answer, Question
from madx_pipeline.data.reading import example_of, read_file
from madx_pipeline.data.sources import Split, TaskSource
from madx_pipeline.errors import JobError
from madx_pipeline.task_material import task_material


def document(*questions: tuple[str, Any, Any, Any]) -> str:
    """A file of one paragraph a question: id, context, answer, start."""
    paragraphs = [
        {
            "context": context,
            "qas": [{"id": name, "question": "q?", "answers": [{"text": text, "answer_start": start}]}],
        }
        for name, context, text, start in questions
    ]
    return json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]})


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(folder: Path, text: str) -> Path:
    path = folder / "file.json"
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path, ids: str | None = None) -> list[Any]:
    return list(read_file(path, SquadFormat(format="squad", ids=ids)))


def cleaned(question: Question) -> Question:
    counts: Counter[str] = Counter()
    return question.cleaned(lambda text: nfc(text, counts), [])


def test_a_question_has_its_paragraph_and_its_answers(tmp_path: Path) -> None:
    assert read(write(tmp_path, document(("1", "a bc d", "bc", 2)))) == [
        Question("1", "q?", "a bc d", (Answer("bc", 2),))
    ]


def test_a_row_of_parquet_is_the_same_question() -> None:
    row = {"id": "1", "question": "q?", "context": "a bc d", "answers": {"text": ["bc"], "answer_start": [2]}}
    assert example_of(row) == Question("1", "q?", "a bc d", (Answer("bc", 2),))


def test_of_a_file_in_many_languages_only_the_questions_of_one_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, document(("swahili-1", "a b", "b", 2), ("finnish-1", "c d", "d", 2)))
    choice = TaskChoice(card="tydiqa", files={"fi": {"test": str(path)}})
    material = task_material(
        choice, "fi", tmp_path, lambda p: hashlib.sha256(p.read_bytes()).hexdigest(), needs=("test",)
    )
    source = TaskSource.model_validate(material.source)
    (question,) = labelled(source, "test", material.locations, None)
    assert question.row() == {
        "id": "finnish-1",
        "question": "q?",
        "context": "c d",
        "answers": [{"text": "d", "start": 2}],
        "language": "fi",
    }


def test_an_answer_moves_with_its_text_when_that_is_normalised() -> None:
    context = unicodedata.normalize("NFD", "\u1ecdj\u1ecd\u0301 k\u1eb9ta \u1ecdj\u1ecd\u0301")
    answer = unicodedata.normalize("NFD", "\u1ecdj\u1ecd\u0301")
    question = cleaned(Question("1", "q?", context, (Answer(answer, context.rindex(answer)),)))
    (found,) = question.answers
    assert question.context == unicodedata.normalize("NFC", context)
    assert found.start == question.context.rindex(found.text) > 0


def test_an_answer_moves_by_as_much_as_what_stands_before_it_shrinks() -> None:
    context = unicodedata.normalize("NFD", "\u00e9\u00e9\u00e9\u00e9 a b a b a")
    assert cleaned(Question("1", "q?", context, (Answer("a", 9),))).answers == (Answer("a", 5),)


def test_an_answer_that_is_a_little_off_is_taken_where_it_is_nearest() -> None:
    assert cleaned(Question("1", "q?", "b a b a b", (Answer("b", 5),))).answers == (Answer("b", 4),)


@pytest.mark.parametrize(("start", "moved"), [(4, 0), (5, 1), (-1, 1)])
def test_answers_that_are_not_where_the_data_says_are_counted(start: int, moved: int) -> None:
    assert cleaned(Question("1", "q?", "b a b", (Answer("b", start),))).moved == moved


def test_a_string_that_is_normalised_counts_once_however_many_answers_it_has() -> None:
    counts: Counter[str] = Counter()
    context = unicodedata.normalize("NFD", "\u00e9 a b c")
    answers = tuple(Answer(text, context.index(text)) for text in "abc")
    question = Question("1", "q?", context, answers).cleaned(lambda text: nfc(text, counts), [])
    assert counts == {"normalised": 1}
    assert [answer.start for answer in question.answers] == [2, 4, 6]
    assert question.moved == 0


@pytest.mark.parametrize(
    ("context", "answer", "start", "message"),
    [
        (None, "b", 2, "question 1: the context is None, which is not text"),
        ("a b", None, 2, "question 1: the answer is None, which is not text"),
        ("a \ud800 b", "b", 4, "question 1: the context holds half a character"),
        ("a b", "b", "2", "question 1: answer_start is '2', which is not the number of a character"),
        ("a b", "b", None, "question 1: answer_start is None, which is not the number of a character"),
    ],
)
def test_what_is_no_text_or_place_is_named_with_its_file_and_question(
    tmp_path: Path, context: Any, answer: Any, start: Any, message: str
) -> None:
    with pytest.raises(JobError, match=rf"file\.json, {message}"):
        read(write(tmp_path, document(("1", context, answer, start))))


def test_an_id_that_cannot_be_written_is_an_error_that_can(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"question \\ud800: the id holds half a character") as error:
        read(write(tmp_path, document(("\ud800", "a b", "b", 2))))
    assert str(error.value).encode("utf-8")


def test_of_one_file_for_training_and_validation_whole_articles_are_held_out_the_same_each_time(tmp_path: Path) -> None:
    articles = []
    for number in range(60):
        article = json.loads(document((f"{number}a", "a b", "b", 2), (f"{number}b", "a b", "b", 2)))["data"][0]
        articles.append({**article, "title": f"Article {number}"})
    found = []
    for order in (articles, articles[::-1]):
        path = write(tmp_path, json.dumps({"data": order}))
        files: dict[Split, str] = {"train": str(path), "validation": str(path), "test": str(path)}
        choice = TaskChoice(card="squad", files={"en": files})
        material = task_material(choice, "en", tmp_path, sha256, needs=("train", "validation", "test"))
        source = TaskSource.model_validate(material.source)
        asked = {
            split: {question.row()["id"] for question in labelled(source, split, material.locations, None)}
            for split in source.read_splits
        }
        assert asked["train"] | asked["validation"] == asked["test"]
        assert not asked["train"] & asked["validation"]
        assert len(asked["test"]) == 120
        assert 0 < len(asked["validation"]) < 20
        assert {number[:-1] for number in asked["validation"]}.isdisjoint(number[:-1] for number in asked["train"])
        found.append(asked)
    assert found[0] == found[1]


def test_an_answer_that_is_not_in_its_text_is_an_error() -> None:
    with pytest.raises(JobError, match='question 7: the answer "x" is not in its text'):
        cleaned(Question("7", "q?", "a b", (Answer("x", 0),)))


def test_a_question_without_an_answer_has_no_content() -> None:
    assert not Question("1", "q?", "a b", ()).has_content


@pytest.mark.parametrize("text", ["[]", '{"data": [{"paragraphs": [{"qas": [{}]}]}]}', '{"data": 1}'])
def test_another_layout_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(JobError, match=r"is not laid out as SQuAD 1\.1"):
        read(write(tmp_path, text))


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"file\.json is not JSON"):
        read(write(tmp_path, "{"))
