"""Dependency parsing: the head of every word, and its relation to it (Universal Dependencies).

Every word is scored as the head of every other (`adapter_model/parsing_head.py`); the best tree with one root is
taken (`trees.py`) and then the best relation for each of its heads. As in UD, what depends on the root has the
relation `root` and nothing else has.

A sentence that is longer than the model is parsed in windows. In training, a word whose head is in another window
teaches nothing; in prediction, the trees become one: the root of the first window is that of the sentence, those of
the others depend on it. Both are counted.

Gold and predictions are written as `2 nsubj`: the number of the head (0 is the root), and the relation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from madx_pipeline.tasks import IGNORED, Encoded, Example, Prediction, Row, Score
from madx_pipeline.tasks.batches import pad
from madx_pipeline.tasks.trees import best_tree
from madx_pipeline.tasks.words import Window, word_windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

ROOT = "root"
"""The relation of the word that depends on no other."""

_NEIGHBOURS = {"previous": -1, "next": 1}
"""Where the heads are in the chains that a parser must beat."""

_NUMBERS = 3
"""What is read of a word: its head, the best relation to it, and the second best."""


class DependencyParsing:
    """A tree per sentence."""

    name = "dependency_parsing"

    def add_head(self, model: PreTrainedModel, name: str, labels: Sequence[str]) -> None:
        """Adds biaffine attention over the words (the library's head for dependency parsing)."""
        from madx_pipeline.adapter_model.parsing_head import add_parsing_head

        add_parsing_head(model, name, labels)

    def labels(self, example: Example) -> Sequence[str]:
        """The relation of each word."""
        return list(example["labels"])

    def parts(self, example: Example) -> Sequence[str]:
        """None: the words are all there is."""
        return ()

    def gold(self, example: Example) -> Prediction:
        """Head and relation of each word."""
        return [f"{head} {label}" for head, label in zip(example["heads"], example["labels"], strict=True)]

    def votes(self, example: Example) -> Sequence[str]:
        """`next det` for each word whose head is the next one and its relation `det`; likewise `previous`."""
        return [
            f"{side} {label}"
            for place, (head, label) in enumerate(zip(example["heads"], example["labels"], strict=True), start=1)
            for side, step in _NEIGHBOURS.items()
            if head and head == place + step
        ]

    def constant(self, example: Example, label: str) -> Prediction:
        """For `next det`: every word depends on the next one and is its `det`; the last is the root."""
        side, relation = label.split(" ")
        words, step = len(example["words"]), _NEIGHBOURS[side]
        heads = [place + step for place in range(1, words + 1)]
        return [f"{head} {relation}" if 0 < head <= words else f"0 {ROOT}" for head in heads]

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: PreTrainedTokenizerFast,
        label2id: Mapping[str, int],
        max_length: int,
    ) -> Encoded:
        """Windows of at most `max_length` tokens; every word is in exactly one of them.

        The `positions` of a row are where its words begin, and where the last one ends; its `targets` the heads of
        its words (counted within the window), then the ids of their relations.

        Args:
            examples: `{"words": [...], "heads": [...], "labels": [...]}`; heads count words from 1, 0 is the root.
            tokenizer: A fast tokenizer (it knows which piece belongs to which word).
            label2id: Label map of the prediction head.
            max_length: Tokens per window, special tokens included.

        Raises:
            JobError: If an example has not as many labels as words.
        """
        windows, counts = word_windows(examples, tokenizer, max_length)
        rows = tuple(_row(window, examples[window.example], label2id) for window in windows)
        lost = sum(row.targets[: len(row.targets) // 2].count(IGNORED) for row in rows)
        return Encoded(rows, len(examples), {**counts, "heads_in_other_windows": lost})

    def collate(self, rows: Sequence[Row], pad_id: int) -> dict[str, torch.Tensor]:
        """A padded batch: `word_ids` (batch, length) as the head wants them, and `labels` (batch, 2, words)."""
        batch = pad(rows, pad_id)
        words = torch.full_like(batch["input_ids"], -1)
        labels = torch.full((len(rows), 2, max(_words(row) for row in rows)), IGNORED)
        for index, row in enumerate(rows):
            for word in range(_words(row)):
                words[index, row.positions[word] : row.positions[word + 1]] = word
            labels[index, :, : _words(row)] = torch.tensor(row.targets).view(2, -1)
        return {**batch, "word_ids": words, "labels": labels}

    def read(self, logits: torch.Tensor, rows: Sequence[Row]) -> list[tuple[int, ...]]:
        """For each word its head in the best tree, and the two best relations to it.

        Args:
            logits: Shape (batch, words, 1 + words, 1 + relations); see `ParsingHead`.
            rows: The rows of the batch.
        """
        arcs = logits[..., 0].double().cpu().numpy()  # (batch, words, 1 + words)
        found = []
        for index, row in enumerate(rows):
            words = _words(row)
            heads = torch.from_numpy(best_tree(arcs[index, :words, : words + 1]))
            places = torch.arange(words, device=logits.device)
            relations = logits[index, places, heads.to(logits.device), 1:]  # (words, relations)
            best = relations.topk(min(2, relations.shape[-1])).indices.cpu()
            read = torch.stack([heads, best[:, 0], best[:, -1]], dim=-1)
            found.append(tuple(read.flatten().tolist()))
        return found

    def decode(
        self, encoded: Encoded, predicted: Sequence[tuple[int, ...]], id2label: Mapping[int, str]
    ) -> list[Prediction]:
        """Head and relation of each word of each sentence, its windows joined into one tree."""
        sentences: list[list[str]] = [[] for _ in range(encoded.examples)]
        roots: dict[int, int] = {}
        for row, numbers in zip(encoded.rows, predicted, strict=True):
            sentence = sentences[row.example]
            before = len(sentence)
            words = [numbers[start : start + _NUMBERS] for start in range(0, len(numbers), _NUMBERS)]
            above = roots.get(row.example, 0)
            roots.setdefault(row.example, 1 + [head for head, *_ in words].index(0))
            for head, *relations in words:
                place = before + head if head else above
                sentence.append(f"{place} {_relation(place, [id2label[number] for number in relations])}")
        return sentences

    def score(self, gold: Sequence[Prediction], predicted: Sequence[Prediction], label_scheme: str) -> Score:
        """Unlabelled and labelled attachment score, as CoNLL 2018 counts them."""
        from madx_pipeline.tasks.metrics.attachment import attachment_scores

        return Score(attachment_scores(gold, predicted))


def _words(row: Row) -> int:
    """How many words a row has; its last position is where they end."""
    return len(row.positions) - 1


def _row(window: Window, example: Example, label2id: Mapping[str, int]) -> Row:
    """A window, its heads counted within it; what depends on a word elsewhere has neither head nor relation."""
    first, stop = window.words.start, window.words.stop
    heads = [_within(head, window.words) for head in example["heads"][first:stop]]
    labels = [
        label2id.get(label, IGNORED) if head != IGNORED else IGNORED
        for head, label in zip(heads, example["labels"][first:stop], strict=True)
    ]
    return Row(window.example, window.input_ids, (*window.starts, window.end), (*heads, *labels))


def _within(head: int, words: range) -> int:
    """The number of a head within a window, if it is in it."""
    if head == 0:
        return 0
    return head - words.start if head - 1 in words else IGNORED


def _relation(head: int, best: Sequence[str]) -> str:
    """The best relation that a word with this head can have."""
    if head == 0:
        return ROOT
    return next((relation for relation in best if relation != ROOT), best[0])
