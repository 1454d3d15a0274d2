"""The best dependency tree of a sentence, given a score for every word as the head of every other.

Chu and Liu 1965 and Edmonds 1967 find the tree with the largest sum of scores; UD trees also have exactly one word
that depends on the root. Taking so much from every score of the root that no tree with two such words can be best
makes that exact (Stanojević and Cohen 2021, EMNLP, A Root of a Problem).

Own code because `ufal.chu_liu_edmonds` is under the GPL and networkx takes seconds for what takes milliseconds
here; tests compare it with networkx and with all trees there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from madx_pipeline.errors import JobError

Scores = NDArray[np.float64]
Heads = NDArray[np.int64]


def best_tree(scores: Scores) -> Heads:
    """The head of each word in the tree with the largest sum of scores that has one root.

    Args:
        scores: Of each word (row) having each head (column): 0 is the root, then the words in their order; finite, but
            for what a word scores as its own head, which is not looked at; shape (words, 1 + words).

    Returns:
        Heads: 0 for the root, words counted from 1; shape (words,).

    Raises:
        JobError: If scores are not finite, as those of a parser whose training diverged.
    """
    words = len(scores)
    square = np.full((words + 1, words + 1), -np.inf)
    square[1:] = scores
    np.fill_diagonal(square, -np.inf)
    if np.count_nonzero(np.isfinite(square)) < words * words:
        raise JobError("the parser's scores are not finite: its training diverged.", "Lower the learning rate.")
    heads = _each_best(square)
    if np.count_nonzero(heads[1:] == 0) != 1 or len(_circle(heads)):
        square[1:, 0] -= (words + 1) * (1 + np.ptp(square[np.isfinite(square)]))
        heads = _spanning_tree(square)
    return heads[1:]


def _spanning_tree(scores: Scores) -> Heads:
    """The best tree below node 0, with any number of words at its root; `scores` are (nodes, nodes)."""
    taken_together: list[_Circle] = []
    heads = _each_best(scores)
    while len(circle := _circle(heads)):
        taken_together.append(_Circle.of(scores, heads, circle))
        scores = taken_together[-1].smaller(scores)
        heads = _each_best(scores)
    for one in reversed(taken_together):
        heads = one.expanded(heads)
    return heads


@dataclass(frozen=True)
class _Circle:
    """Nodes whose best heads go round in a circle, taken together as one node, the last of a smaller graph.

    Attributes:
        heads: The best head of every node of the larger graph; shape (nodes,).
        circle: The nodes of the circle.
        rest: The other nodes, in their order.
        entering: What it is worth to enter the circle at a node (row) from another (column): the score of that edge
            less that of the edge of the circle that is given up for it; shape (circle, rest).
        leaving: The node of the circle that is the best head of each other; shape (rest,).
    """

    heads: Heads
    circle: Heads
    rest: Heads
    entering: Scores
    leaving: Heads

    @classmethod
    def of(cls, scores: Scores, heads: Heads, circle: Heads) -> _Circle:
        rest = np.setdiff1d(np.arange(len(scores)), circle)
        entering = scores[np.ix_(circle, rest)] - scores[circle, heads[circle]][:, None]
        return cls(heads, circle, rest, entering, circle[scores[np.ix_(rest, circle)].argmax(axis=1)])

    def smaller(self, scores: Scores) -> Scores:
        """The scores of the graph in which the circle is one node."""
        found = np.full((len(self.rest) + 1, len(self.rest) + 1), -np.inf)
        found[:-1, :-1] = scores[np.ix_(self.rest, self.rest)]
        found[:-1, -1] = scores[self.rest, self.leaving]
        found[-1, :-1] = self.entering.max(axis=0)
        return found

    def expanded(self, found: Heads) -> Heads:
        """The heads in the larger graph, from those in the smaller one."""
        heads = self.heads.copy()
        outside = np.append(self.rest, -1)[found[:-1]]
        heads[self.rest] = np.where(outside < 0, self.leaving, outside)
        heads[self.circle[self.entering[:, found[-1]].argmax()]] = self.rest[found[-1]]
        return heads


def _each_best(scores: Scores) -> Heads:
    """The best head of every node by itself; node 0 is said to be its own."""
    heads: Heads = scores.argmax(axis=1)
    heads[0] = 0
    return heads


def _circle(heads: Heads) -> Heads:
    """The nodes of some circle, or none where every node leads to node 0."""
    done = {0}
    for start in range(1, len(heads)):
        path: list[int] = []
        node = start
        while node not in done:
            done.add(node)
            path.append(node)
            node = int(heads[node])
        if node in path:
            return np.array(path[path.index(node) :], dtype=np.int64)
    return np.empty(0, dtype=np.int64)
