from __future__ import annotations

from itertools import islice

import pytest

from madx_pipeline.errors import InputError
from madx_pipeline.miniature import LANGUAGES, TASKS
from madx_pipeline.miniature.lexicon import TOPICS
from madx_pipeline.miniature.world import SPLITS, World

SEED = 11


@pytest.fixture(scope="module")
def world() -> World:
    return World(SEED)


def test_two_worlds_of_one_seed_are_equal(world: World) -> None:
    again = World(SEED)
    for code in LANGUAGES:
        assert list(islice(world.corpus(code), 50)) == list(islice(again.corpus(code), 50))
        for task in TASKS:
            assert list(world.labelled(task, code, "test")) == list(again.labelled(task, code, "test"))
    assert list(islice(world.code_switched(), 50)) == list(islice(again.code_switched(), 50))


def test_reading_one_text_does_not_change_another(world: World) -> None:
    before = list(islice(world.corpus("qad"), 20))
    list(islice(world.code_switched(), 20))
    list(islice(world.corpus("qae"), 20))
    assert list(islice(world.corpus("qad"), 20)) == before


def test_another_seed_makes_another_world(world: World) -> None:
    other = World(SEED + 1)
    assert set(other.names.splits) != set(world.names.splits)
    assert list(islice(world.corpus("qaa"), 5)) != list(islice(other.corpus("qaa"), 5))
    assert list(world.labelled("ner", "qaa", "test")) != list(other.labelled("ner", "qaa", "test"))


def test_a_split_has_the_same_sentences_in_every_language(world: World) -> None:
    for split in SPLITS:
        labels = [sorted(example["labels"]) for example in world.labelled("pos", "qaa", split)]
        topics = [example["label"] for example in world.labelled("topics", "qaa", split)]
        for code in LANGUAGES:
            assert [sorted(example["labels"]) for example in world.labelled("pos", code, split)] == labels
            assert [example["label"] for example in world.labelled("topics", code, split)] == topics


def test_every_word_has_one_label(world: World) -> None:
    for task in ("ner", "pos"):
        assert all(len(e["words"]) == len(e["labels"]) for e in world.labelled(task, "qag", "train"))


def test_entities_are_valid_iob2_of_three_types(world: World) -> None:
    seen = set()
    for code in LANGUAGES:
        for example in world.labelled("ner", code, "validation"):
            for before, label in zip(["O", *example["labels"]], example["labels"], strict=False):
                seen.add(label)
                assert not label.startswith("I-") or before[2:] == label[2:]
    assert seen == {"O", *(f"{place}-{kind}" for place in "BI" for kind in ("PER", "LOC", "ORG"))}


def test_every_entity_has_a_capitalised_word_and_nothing_else_has(world: World) -> None:
    for example in world.labelled("ner", "qac", "test"):
        for word, label in zip(example["words"], example["labels"], strict=True):
            assert label != "O" or word == word.lower()


def test_splits_have_the_promised_sizes_and_topics_nearly_so(world: World) -> None:
    for split, count in SPLITS.items():
        assert len(list(world.labelled("ner", "qaa", split))) == count
        assert 0.75 * count < len(list(world.labelled("topics", "qaa", split))) < count


def test_every_topic_is_in_every_split(world: World) -> None:
    for split in SPLITS:
        assert {example["label"] for example in world.labelled("topics", "qaa", split)} == set(TOPICS)


def test_a_line_of_text_is_a_document_of_three_sentences(world: World) -> None:
    lines = list(islice(world.corpus("qad"), 100))
    assert all(line.count(".") == 3 and line.endswith(".") and "\n" not in line for line in lines)


def test_languages_order_words_as_their_grammar_says(world: World) -> None:
    def last(code: str) -> list[str]:
        return [e["labels"][-2] for e in world.labelled("pos", code, "train") if "CONJ" not in e["labels"]]

    assert set(last("qag")) <= {"VERB", "PART"}
    assert last("qaa").count("VERB") < len(last("qaa")) / 3


@pytest.mark.parametrize(
    ("task", "language", "split", "message"),
    [
        ("nerr", "qaa", "test", "the miniature world has no task 'nerr'. Nearest: \"ner\"."),
        ("ner", "qaz", "test", "the miniature world has no language 'qaz'."),
        ("ner", "qaa", "dev", "the miniature world has no split 'dev'."),
    ],
)
def test_an_unknown_name_is_an_input_error(world: World, task: str, language: str, split: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        list(world.labelled(task, language, split))
    assert str(caught.value).startswith(message)


def test_text_of_an_unknown_language_is_an_input_error(world: World) -> None:
    with pytest.raises(InputError, match="the miniature world has no language 'en'"):
        next(world.corpus("en"))
