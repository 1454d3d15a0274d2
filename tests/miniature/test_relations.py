"""Pairs, choices and questions of the miniature world: true in every language, and nothing else changes with them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import islice

import pytest

from madx_pipeline.miniature import LANGUAGES
from madx_pipeline.miniature.world import SPLITS, World

SEED = 0
BEFORE = "a9c2f9424f01e070a0d4fb1ec799ad6550e9f8d0f665fb49f79e750c8268b430"
"""Of the text and the labelled sentences that the shipped recipe is made of, as they have always been."""


@pytest.fixture(scope="module")
def world() -> World:
    return World(SEED)


def test_the_world_s_text_and_sentences_are_the_same_whatever_tasks_there_are(world: World) -> None:
    digest = hashlib.sha256()
    for code in LANGUAGES:
        for task in ("ner", "pos", "topics"):
            for split in ("train", "validation", "test"):
                for example in world.labelled(task, code, split):
                    digest.update(json.dumps(example).encode())
        for line in islice(world.corpus(code), 100):
            digest.update(line.encode())
    for line in islice(world.code_switched(), 100):
        digest.update(line.encode())
    assert digest.hexdigest() == BEFORE


@pytest.mark.parametrize("task", ["pairs", "choice", "questions"])
def test_the_same_is_asked_in_every_language(world: World, task: str) -> None:
    def labels(code: str) -> list[str]:
        return [example.get("label") or example["id"] for example in world.labelled(task, code, "test")]

    assert len(labels("qaa")) > 0.7 * SPLITS["test"]
    for code in LANGUAGES:
        assert labels(code) == labels("qaa")


def test_both_labels_of_a_pair_are_equally_frequent_and_neither_text_tells(world: World) -> None:
    by_first: dict[str, Counter[str]] = {}
    for row in world.labelled("pairs", "qad", "train"):
        by_first.setdefault(row["text"], Counter())[row["label"]] += 1
    assert all(counts == {"same_topic": 1, "other_topic": 1} for counts in by_first.values())


def test_a_pair_has_the_label_that_the_topics_of_its_texts_give(world: World) -> None:
    topics = {row["text"]: row["label"] for row in world.labelled("topics", "qac", "test")}
    for row in world.labelled("pairs", "qac", "test"):
        same = topics[row["text"]] == topics[row["text_pair"]]
        assert row["label"] == ("same_topic" if same else "other_topic")
        assert row["text"] != row["text_pair"]


def test_the_right_choice_stands_first_as_often_as_second(world: World) -> None:
    rows = list(world.labelled("choice", "qae", "train"))
    counts = Counter(row["label"] for row in rows)
    assert min(counts.values()) > 0.4 * len(rows)
    assert all(row["choice1"] != row["choice2"] for row in rows)


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_every_answer_stands_where_it_is_said_to_stand(world: World, code: str) -> None:
    for split in SPLITS:
        for row in world.labelled("questions", code, split):
            (text,), (start,) = row["answers"]["text"], row["answers"]["answer_start"]
            assert row["context"][start:].startswith(text)
