"""Tagging: one label per word (named entities in IOB2, parts of speech).

A word is represented by its first piece, as in BERT (Devlin et al. 2019, section 5.3). Three things
would silently shift or lose labels and are handled here:

- A word may yield no piece at all (an invisible mark that the tokenizer's normaliser removes). It gets
  the unknown token as its only piece, so the model still predicts it, in context and in its place.
- A sentence may be longer than the model: it is split into windows at word boundaries (`windows.py`).
- A single word may be longer than a window (a URL): it keeps as many of its pieces as fit. The rest
  carries no label; how often this happens is counted.

A word that spells a special token (`</s>`, `<pad>`) must not act as one: `batches.text_pieces`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from madx_pipeline.errors import JobError
from madx_pipeline.tasks import IGNORED, Encoded, Example, Prediction, Row, Score
from madx_pipeline.tasks.batches import Frame, pad, text_pieces
from madx_pipeline.tasks.windows import windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Word = list[int]
"""The piece ids of one word."""


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
        frame = Frame.of(tokenizer)
        room = frame.room(max_length)
        counts = dict.fromkeys(("words", "sentences_split", "words_without_pieces", "words_shortened"), 0)
        rows: list[Row] = []
        for index, (example, found) in enumerate(zip(examples, word_pieces(examples, tokenizer), strict=True)):
            targets = _targets(index, example, label2id)
            words = [pieces[:room] or [tokenizer.unk_token_id] for pieces in found]
            parts = windows([len(pieces) for pieces in words], room)
            rows += (_row(index, words, targets, part, frame) for part in parts)
            counts["words"] += len(words)
            counts["sentences_split"] += len(parts) > 1
            counts["words_without_pieces"] += sum(not pieces for pieces in found)
            counts["words_shortened"] += sum(len(pieces) > room for pieces in found)
        return Encoded(tuple(rows), len(examples), {"rows": len(rows), **counts})

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


def word_pieces(examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast) -> Iterator[list[Word]]:
    """The piece ids of every word of every sentence; a word may have none."""
    for example in examples:
        words: list[Word] = [[] for _ in example["words"]]
        if words:
            found = text_pieces(list(example["words"]), tokenizer)
            for piece, word in zip(found["input_ids"], found.word_ids(), strict=True):
                words[word].append(piece)
        yield words


def _targets(index: int, example: Example, label2id: Mapping[str, int]) -> list[int]:
    words, labels = example["words"], example["labels"]
    if len(words) != len(labels):
        raise JobError(f"sentence {index + 1} has {len(words)} words and {len(labels)} labels.")
    return [label2id[label] for label in labels]


def _row(example: int, words: list[Word], targets: list[int], part: range, frame: Frame) -> Row:
    """The window `part` (a range of word indices) of a sentence."""
    positions: list[int] = []
    pieces: list[int] = []
    for word in part:
        positions.append(len(frame.before) + len(pieces))
        pieces += words[word]
    return Row(example, frame.around(pieces), tuple(positions), tuple(targets[part.start : part.stop]))


def _flat(sentences: Sequence[Sequence[str]]) -> list[str]:
    return [label for sentence in sentences for label in sentence]
