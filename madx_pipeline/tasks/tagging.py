"""Tagging: one label per word (named entities in IOB2, parts of speech).

A word is represented by its first piece, as in BERT (Devlin et al. 2019, section 5.3). What a sentence is in word
pieces, and what happens to long ones, is in `words.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from madx_pipeline.tasks import IGNORED, Encoded, Example, Prediction, Row, Score
from madx_pipeline.tasks.batches import pad
from madx_pipeline.tasks.words import word_windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class Tagging:
    """One label per word."""

    name = "tagging"

    def add_head(self, model: PreTrainedModel, name: str, labels: Sequence[str]) -> None:
        """Adds one linear layer over each token's output (the library's tagging head)."""
        model.add_tagging_head(name, num_labels=len(labels), id2label=dict(enumerate(labels)))

    def labels(self, example: Example) -> Sequence[str]:
        """The label of each word."""
        return list(example["labels"])

    def parts(self, example: Example) -> Sequence[str]:
        """None: the words are all there is."""
        return ()

    def gold(self, example: Example) -> Prediction:
        """The label of each word."""
        return list(example["labels"])

    def votes(self, example: Example) -> Sequence[str]:
        """The label of each word."""
        return self.labels(example)

    def constant(self, example: Example, label: str) -> Prediction:
        """`label` for every word."""
        return [label] * len(example["words"])

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: PreTrainedTokenizerFast,
        label2id: Mapping[str, int],
        max_length: int,
    ) -> Encoded:
        """Windows of at most `max_length` tokens; every word is in exactly one of them.

        Args:
            examples: `{"words": [...], "labels": [...]}`.
            tokenizer: A fast tokenizer (it knows which piece belongs to which word).
            label2id: Label map of the prediction head.
            max_length: Tokens per window, special tokens included.

        Raises:
            JobError: If an example has not as many labels as words.
        """
        windows, counts = word_windows(examples, tokenizer, max_length)
        rows = []
        for window in windows:
            labels = examples[window.example]["labels"][window.words.start : window.words.stop]
            targets = tuple(label2id.get(label, IGNORED) for label in labels)
            rows.append(Row(window.example, window.input_ids, window.starts, targets))
        return Encoded(tuple(rows), len(examples), counts)

    def collate(self, rows: Sequence[Row], pad_id: int) -> dict[str, torch.Tensor]:
        """A padded batch; `labels` (batch, length) are `IGNORED` everywhere but at first pieces."""
        batch = pad(rows, pad_id)
        labels = torch.full_like(batch["input_ids"], IGNORED)  # (batch, length)
        for index, row in enumerate(rows):
            labels[index, list(row.positions)] = torch.tensor(row.targets)
        return {**batch, "labels": labels}

    def read(self, logits: torch.Tensor, rows: Sequence[Row]) -> list[tuple[int, ...]]:
        """The best label id at each first piece; `logits` are (batch, length, labels)."""
        best = logits.argmax(dim=-1).tolist()  # (batch, length)
        return [tuple(ids[position] for position in row.positions) for ids, row in zip(best, rows, strict=True)]

    def decode(
        self, encoded: Encoded, predicted: Sequence[tuple[int, ...]], id2label: Mapping[int, str]
    ) -> list[Prediction]:
        """A list of label names per sentence, its windows joined again."""
        sentences: list[list[str]] = [[] for _ in range(encoded.examples)]
        for row, ids in zip(encoded.rows, predicted, strict=True):
            sentences[row.example] += (id2label[label] for label in ids)
        return sentences

    def score(self, gold: Sequence[Prediction], predicted: Sequence[Prediction], label_scheme: str) -> Score:
        """Span precision, recall and F1 for `iob2` (overall and by entity type); accuracy and macro F1 for `plain`."""
        from madx_pipeline.tasks import metrics

        if label_scheme == "iob2":
            return metrics.spans(gold, predicted)
        return metrics.labels(_flat(gold), _flat(predicted))


def _flat(sentences: Sequence[Sequence[str]]) -> list[str]:
    return [label for sentence in sentences for label in sentence]
