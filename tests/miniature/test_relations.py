"""Pairs, choices and questions of the miniature world: true in every language, and nothing else changes with them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import islice

import pytest

from madx_pipeline.miniature import LANGUAGES
from madx_pipeline.miniature.linearise import as_text
from madx_pipeline.miniature.world import SPLITS, World

SEED = 0
VERB_INSIDE = [code for code, language in LANGUAGES.items() if language.grammar.order == "SVO"]
"""Languages in which a subject with a bare verb is not a whole clause."""
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


@pytest.mark.parametrize("half", ["text", "text_pair"])
def test_neither_half_of_a_pair_tells_the_label(world: World, half: str) -> None:
    counts: dict[str, Counter[str]] = {}
    for row in world.labelled("pairs", "qad", "train"):
        counts.setdefault(row[half], Counter())[row["label"]] += 1
    assert all(found["goes_on"] == found["breaks_off"] for found in counts.values())


@pytest.mark.parametrize("code", VERB_INSIDE)
def test_halves_that_go_on_are_a_clause_of_the_labelled_sentences_and_others_are_none(world: World, code: str) -> None:
    said = [as_text(row["words"]).rstrip(".") for row in world.labelled("ner", code, "test")]
    for row in world.labelled("pairs", code, "test"):
        joined = f"{row['text']} {row['text_pair']}".rstrip(".")
        assert any(joined in sentence for sentence in said) == (row["label"] == "goes_on")


@pytest.mark.parametrize("code", ["qaa", "qac", "qae"])  # in the others some verbs sound like other words
def test_halves_that_do_not_go_on_have_two_verbs_or_none(world: World, code: str) -> None:
    verbs = {
        word
        for row in world.labelled("pos", code, "train")
        for word, pos in zip(row["words"], row["labels"], strict=True)
        if pos == "VERB"
    }
    for row in world.labelled("pairs", code, "train"):
        words = f"{row['text']} {row['text_pair']}".rstrip(".").split()
        found = sum(word in verbs for word in words)
        assert (found == 1) == (row["label"] == "goes_on")


def test_choices_alone_do_not_tell_which_is_right(world: World) -> None:
    rows = list(world.labelled("choice", "qae", "train"))
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        assert (one["choice1"], one["choice2"]) == (other["choice1"], other["choice2"])
        assert {one["label"], other["label"]} == {"choice1", "choice2"}
    assert 0.4 < sum(row["label"] == "choice1" for row in rows[::2]) / len(rows[::2]) < 0.6


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_every_answer_stands_where_it_is_said_to_stand(world: World, code: str) -> None:
    for split in SPLITS:
        for row in world.labelled("questions", code, split):
            (text,), (start,) = row["answers"]["text"], row["answers"]["answer_start"]
            assert row["context"][start:].startswith(text)
