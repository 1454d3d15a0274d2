"""Classification: one label per text (topics, sentiment) or per pair of texts (inference, paraphrase).

A classifier sees one window. A text that is longer is truncated at the end, as everybody does; of a pair the
longer text is. How often this happened is reported: what decides may well stand in the part that was cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from madx_pipeline.tasks import IGNORED, Encoded, Example, Prediction, Row, Score
from madx_pipeline.tasks.batches import Frame, text_pieces
from madx_pipeline.tasks.pairs import PairFrame, fitted, pad_pairs

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class Classification:
    """One label per text or pair of texts."""

    name = "classification"

    def add_head(self, model: PreTrainedModel, name: str, labels: Sequence[str]) -> None:
        """Adds two linear layers with tanh between them over the first token (the library's classification head)."""
        model.add_classification_head(name, num_labels=len(labels), id2label=dict(enumerate(labels)))

    def labels(self, example: Example) -> Sequence[str]:
        """The text's label, as a list of one."""
        return [example["label"]]

    def parts(self, example: Example) -> Sequence[str]:
        """Both texts of a pair."""
        return ("text", "text_pair") if "text_pair" in example else ()

    def gold(self, example: Example) -> Prediction:
        """The text's label."""
        return example["label"]

    def votes(self, example: Example) -> Sequence[str]:
        """The label, as a list of one."""
        return self.labels(example)

    def constant(self, example: Example, label: str) -> Prediction:
        """`label`."""
        return label

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: PreTrainedTokenizerFast,
        label2id: Mapping[str, int],
        max_length: int,
    ) -> Encoded:
        """One row of at most `max_length` tokens per text or pair.

        Args:
            examples: `{"text": ..., "label": ...}`, all of them with a `text_pair` or none.
            tokenizer: The base model's.
            label2id: Label map of the prediction head.
            max_length: Tokens per row, special tokens included; what does not fit is cut and counted.
        """
        if examples and "text_pair" in examples[0]:
            return _pairs(examples, tokenizer, label2id, max_length)
        frame = Frame.of(tokenizer)
        room = frame.room(max_length)
        found = [text_pieces(example["text"], tokenizer)["input_ids"] for example in examples]
        rows = tuple(
            Row(index, frame.around(pieces[:room]), (0,), (label2id.get(example["label"], IGNORED),))
            for index, (example, pieces) in enumerate(zip(examples, found, strict=True))
        )
        counts = {
            "rows": len(rows),
            "texts_truncated": sum(len(pieces) > room for pieces in found),
            "texts_without_pieces": sum(not pieces for pieces in found),
        }
        return Encoded(rows, len(examples), counts)

    def collate(self, rows: Sequence[Row], pad_id: int) -> dict[str, torch.Tensor]:
        """A padded batch; `labels` are (batch,)."""
        return {**pad_pairs(rows, pad_id), "labels": torch.tensor([row.targets[0] for row in rows])}

    def read(self, logits: torch.Tensor, rows: Sequence[Row]) -> list[tuple[int, ...]]:
        """The best label id of each row; `logits` are (batch, labels)."""
        return [(label,) for label in logits.argmax(dim=-1).tolist()]

    def decode(
        self, encoded: Encoded, predicted: Sequence[tuple[int, ...]], id2label: Mapping[int, str]
    ) -> list[Prediction]:
        """A label name per text."""
        return [id2label[label] for (label,) in predicted]

    def score(self, gold: Sequence[Prediction], predicted: Sequence[Prediction], label_scheme: str) -> Score:
        """Accuracy and macro F1, whatever the scheme: a text has one plain label."""
        from madx_pipeline.tasks import metrics

        return metrics.labels(gold, predicted)


def _pairs(
    examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast, label2id: Mapping[str, int], max_length: int
) -> Encoded:
    """One row per pair, the special tokens of the tokenizer between its texts."""
    frame = PairFrame.of(tokenizer)
    room = frame.room(max_length)
    rows: list[Row] = []
    counts = dict.fromkeys(("pairs_truncated", "texts_without_pieces"), 0)
    for index, example in enumerate(examples):
        one, other = (text_pieces(example[part], tokenizer)["input_ids"] for part in ("text", "text_pair"))
        first, second = fitted(one, other, room)
        rows.append(frame.row(index, first, second, (label2id.get(example["label"], IGNORED),)))
        counts["pairs_truncated"] += len(one) + len(other) > room
        counts["texts_without_pieces"] += (not one) + (not other)
    return Encoded(tuple(rows), len(examples), {"rows": len(rows), **counts})
