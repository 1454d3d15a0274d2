"""Dependency trees on the page of a language: heads in words, right by relation, and ways of being wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from madx_pipeline.report.pages.confusion import Analysis, analyse
from madx_pipeline.report.pages.disagreements import disagreements
from madx_pipeline.report.pages.language_page import language_page
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.reading import TestSet, read_test_set
from tests.report.pages.made_up import World
from tests.report.pages.parsed import Parsed

WORDS = ["the", "dog", "saw", "the", "cat"]
GOLD = ["2 det", "3 nsubj", "0 root", "5 det", "3 obj"]
MADX = ["2 det", "3 obj", "0 root", "3 det", "2 nmod"]


def trees(gold: list[str], predicted: dict[str, list[str]], words: list[str]) -> TestSet:
    """One sentence and what methods say of it."""
    names = tuple(sorted({*gold, *(arc for arcs in predicted.values() for arc in arcs)}))

    def ids(arcs: list[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([names.index(arc) for arc in arcs], dtype=np.int64)

    return TestSet(
        seed=1,
        spans=False,
        trees=True,
        in_words=True,
        names=names,
        starts=np.array([0, len(words)]),
        gold=ids(gold),
        predicted={method: ids(arcs) for method, arcs in predicted.items()},
        lines=[json.dumps({"words": words}).encode()],
    )


@pytest.fixture
def analysis() -> Analysis:
    return analyse(trees(GOLD, {"madx": MADX}, WORDS), "madx")


def test_a_relation_is_right_only_with_the_right_head(analysis: Analysis) -> None:
    rows = {row.label: row for row in analysis.labels}
    assert analysis.unit == "relation"
    assert (rows["det"].gold, rows["det"].precision, rows["det"].recall) == (2, 0.5, 0.5)
    assert (rows["obj"].gold, rows["obj"].recall, rows["root"].f1) == (1, 0.0, 1.0)
    assert (rows["nmod"].gold, rows["nmod"].precision) == (0, 0.0)


def test_an_arc_is_wrong_in_one_way(analysis: Analysis) -> None:
    assert [(name, count) for name, _, count in analysis.mistakes] == [
        ("wrong head", 1),
        ("wrong relation", 1),
        ("both wrong", 1),
    ]


def test_a_right_relation_to_a_wrong_word_is_listed_as_an_error(analysis: Analysis) -> None:
    assert {(error.gold, error.predicted, *error.words) for error in analysis.errors} == {
        ("det", "det, another head", "the"),
        ("nsubj", "obj", "dog"),
        ("obj", "nmod", "cat"),
    }


def test_the_matrix_counts_relations_whatever_their_heads(analysis: Analysis) -> None:
    labels = analysis.matrix.labels
    assert analysis.matrix.counts[labels.index("det")][labels.index("det")] == 2


def test_a_head_is_shown_as_a_word_with_its_number_where_there_are_two() -> None:
    other = ["2 det", "4 nsubj", "0 root", "5 det", "3 obj"]
    (example,) = disagreements(trees(GOLD, {"madx": MADX, "other": other}, WORDS), ["madx", "other"], "other")
    truth, madx, rival = example.rows
    assert [(piece.text, piece.tag, piece.state) for piece in madx.segments] == [
        ("the", "", ""),
        ("dog", "obj → saw", "wrong"),
        ("saw", "", ""),
        ("the", "det → saw", "wrong"),
        ("cat", "nmod → dog", "wrong"),
    ]
    assert (truth.segments[1].tag, rival.segments[1].tag) == ("nsubj → saw", "nsubj → the (4)")
    assert (madx.errors, rival.errors) == (3, 1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("home"), languages=("en", "ar"), tasks=("parsing",), seeds=(1,), examples=12)


def test_subtypes_do_not_count_on_pages_as_they_do_not_in_the_score(world: World, tmp_path: Path) -> None:
    results = world.results()
    for file in (world.home / "store").rglob("examples.jsonl"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace('nsubj"', 'nsubj:pass"', 3), encoding="utf-8")
    test = read_test_set(Lookup(results), world.home, "parsing", "ar")
    assert test is not None
    assert not any(":" in name for name in test.names)


def test_the_page_of_a_language_shows_trees(world: World) -> None:
    page = Parsed(language_page(Lookup(world.results()), world.home, "ar", None, 1))
    headings = [heading.text for heading in page.all("h3")]
    assert {"By relation", "How trees are wrong", "Where methods disagree"} <= set(headings)
    assert "There are no single predictions" not in page.text
    assert any("→" in tag.text for tag in page.all("span", class_="tag"))
