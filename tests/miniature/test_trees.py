"""Dependency trees of the miniature world: one meaning, one tree, in every order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from madx_pipeline.data.dependency_tree import check_tree
from madx_pipeline.miniature import LANGUAGES
from madx_pipeline.miniature.world import SPLITS, Example, World
from tests.tasks.test_dependency_parsing import PARSING

SEED = 0


@pytest.fixture(scope="module")
def world() -> World:
    return World(SEED)


def tagged(world: World, code: str, split: str = "test") -> list[Example]:
    """Trees with the part of speech of each word."""
    pairs = zip(world.labelled("parsing", code, split), world.labelled("pos", code, split), strict=True)
    return [{**tree, "pos": tags["labels"]} for tree, tags in pairs]


def edges(tree: Example) -> Counter[tuple[str, str, str]]:
    """Part of speech of a word, its relation, part of speech of its head: what does not depend on order."""
    above = ["ROOT", *tree["pos"]]
    return Counter(zip(tree["pos"], tree["labels"], (above[head] for head in tree["heads"]), strict=True))


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_every_sentence_is_a_tree_with_one_root(world: World, code: str) -> None:
    for split in SPLITS:
        for tree in world.labelled("parsing", code, split):
            words = range(1, len(tree["words"]) + 1)
            check_tree(words, tree["heads"], Path("made"), words)
            assert [label == "root" for label in tree["labels"]] == [head == 0 for head in tree["heads"]]


def test_a_sentence_has_the_same_tree_in_every_language(world: World) -> None:
    source = [edges(tree) for tree in tagged(world, "qaa")]
    for code in LANGUAGES:
        assert [edges(tree) for tree in tagged(world, code)] == source


def test_the_words_are_those_of_the_other_tasks(world: World) -> None:
    for tree, tags in zip(world.labelled("parsing", "qag", "test"), world.labelled("ner", "qag", "test"), strict=True):
        assert tree["words"] == tags["words"]


def test_relations_are_those_of_universal_dependencies(world: World) -> None:
    found = sum((edges(tree) for tree in tagged(world, "qaa", "train")), Counter[tuple[str, str, str]]())
    kinds = {(pos, relation): {head for p, r, head in found if (p, r) == (pos, relation)} for pos, relation, _ in found}
    assert kinds["ADP", "case"] <= {"NOUN", "PROPN"}
    assert kinds["NUM", "nummod"] == {"NOUN"}
    assert kinds["PUNCT", "punct"] <= {"VERB", "ADJ"}
    assert kinds["ADJ", "amod"] == {"NOUN"}
    assert kinds["VERB", "root"] == kinds["ADJ", "root"] == {"ROOT"}
    assert {"AUX", "VERB"} & {pos for pos, relation in kinds if relation == "cop"}
    assert {relation for _, relation in kinds} == {
        *("root", "nsubj", "obj", "obl", "advmod", "case", "amod", "nummod"),
        *("compound", "flat", "cop", "cc", "conj", "punct"),
    }


def test_the_order_is_that_of_the_grammar(world: World) -> None:
    """Of objects, those that follow their verb: all of them, or none where the verb comes last."""
    for code, language in LANGUAGES.items():
        after = {
            place > head
            for tree in world.labelled("parsing", code, "test")
            for place, (head, label) in enumerate(zip(tree["heads"], tree["labels"], strict=True), start=1)
            if label == "obj"
        }
        assert after == {language.grammar.order == "SVO"}


def test_no_chain_comes_near_a_parse(world: World) -> None:
    trees = list(world.labelled("parsing", "qaa", "train"))
    votes = Counter(vote for tree in trees for vote in PARSING.votes(tree))
    best = max(votes, key=votes.__getitem__)
    values = PARSING.score([PARSING.gold(t) for t in trees], [PARSING.constant(t, best) for t in trees], "plain").values
    assert values["las"] < 0.3
    assert values["uas"] < 0.5
