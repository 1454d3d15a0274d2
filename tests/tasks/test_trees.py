"""The best tree with one root: against all trees there are, and against networkx where there are too many."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import networkx
import numpy as np
import pytest

from madx_pipeline.errors import JobError
from madx_pipeline.tasks.trees import Heads, Scores, best_tree


def trees_of(words: int) -> Iterator[Heads]:
    """All trees with one root."""
    for heads in product(range(words + 1), repeat=words):
        if heads.count(0) == 1 and is_tree(heads):
            yield np.array(heads)


def is_tree(heads: tuple[int, ...]) -> bool:
    """Whether every word leads to the root."""
    above = list(range(len(heads) + 1))
    for _ in heads:
        above = [(0, *heads)[place] for place in above]
    return not any(above)


def total(scores: Scores, heads: Heads) -> float:
    return float(scores[np.arange(len(heads)), heads].sum())


@pytest.mark.parametrize("words", [1, 2, 3, 4, 5])
def test_no_tree_with_one_root_is_better(words: int) -> None:
    random = np.random.default_rng(words)
    every = list(trees_of(words))
    assert len(every) == words ** (words - 1)
    for _ in range(150):
        scores = random.normal(size=(words, words + 1)) * random.choice([0.01, 1, 100])
        scores[:, 0] += random.choice([-50, 0, 50])
        scores[np.arange(words), np.arange(1, words + 1)] = random.choice([0, 1e30, -3e38, -np.inf])  # their own heads
        found = best_tree(scores)
        assert is_tree(tuple(found))
        assert np.count_nonzero(found == 0) == 1
        assert total(scores, found) == pytest.approx(max(total(scores, heads) for heads in every), rel=1e-9)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_an_error(odd: float) -> None:
    with pytest.raises(JobError, match="scores are not finite: its training diverged"):
        best_tree(np.array([[0.0, 0.0, odd], [0.0, 0.0, 0.0]]))
    with pytest.raises(JobError, match="scores are not finite"):
        best_tree(np.full((2, 3), np.nan))


def test_it_is_the_tree_of_networkx_for_the_best_of_all_roots() -> None:
    random = np.random.default_rng(0)
    for _ in range(3):
        scores = random.integers(-50, 50, size=(9, 10)).astype(float)
        best = max(with_root(scores, root) for root in range(1, 10))
        assert total(scores, best_tree(scores)) == best


def with_root(scores: Scores, root: int) -> float:
    """The score of the best tree whose root is one certain word."""
    graph = networkx.DiGraph()
    for word in range(1, len(scores) + 1):
        for head in {*range(1, len(scores) + 1)} - {word} if word != root else {0}:
            graph.add_edge(head, word, weight=scores[word - 1, head])
    found = networkx.maximum_spanning_arborescence(graph)
    return float(sum(weight for _, _, weight in found.edges(data="weight")))


def test_two_words_that_want_to_be_the_root_get_one() -> None:
    scores = np.array([[9.0, 0.0, 1.0], [8.0, 3.0, 0.0]])
    assert best_tree(scores).tolist() == [0, 1]


def test_a_word_that_would_like_to_be_its_own_head_is_not() -> None:
    assert best_tree(np.array([[0.0, 99.0, 1.0], [2.0, 0.0, 99.0]])).tolist() == [2, 0]


def test_a_sentence_of_circles_in_circles_is_no_problem() -> None:
    """The first two words want each other and each further word wants them: a circle in a circle, 150 deep."""
    words = 150
    places = np.arange(words + 1)
    scores = -np.maximum(places[1:, None], places[None, :]).astype(float)
    scores[:, 0] = -2.0 * words
    assert is_tree(tuple(best_tree(scores)))
