"""Multiple choice: a premise, a question and possible answers, each scored on its own; the best one is taken.

Each choice is a pair (premise and question, choice), and the head gives it one score, so that the choices of an
example are compared with each other alone (as in COPA's and Social IQa's baselines). A row is a whole example: its
choices must never be split over batches, or the loss would compare what does not belong together.

Where an example does not fit, the premise or the choice is cut, whichever is longer, and never the question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from madx_pipeline.errors import JobError
from madx_pipeline.tasks import Encoded, Example, Prediction, Row, Score
from madx_pipeline.tasks.batches import text_pieces
from madx_pipeline.tasks.pairs import PairFrame, fitted, pad_pairs

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class MultipleChoice:
    """One of several choices."""

    name = "multiple_choice"

    def add_head(self, model: PreTrainedModel, name: str, labels: Sequence[str]) -> None:
        """Adds two linear layers with tanh between them that score the first token (the library's head for choices)."""
        names = dict(enumerate(labels))
        model.add_multiple_choice_head(name, num_choices=len(labels), id2label=names, use_pooler=False)

    def labels(self, example: Example) -> Sequence[str]:
        """Which choice is right, as a list of one."""
        return [example["label"]]

    def parts(self, example: Example) -> Sequence[str]:
        """All three; that each of the choices arrives is seen by their scores as well."""
        return ("premise", "question", "choices")

    def gold(self, example: Example) -> Prediction:
        """Which choice is right."""
        return example["label"]

    def votes(self, example: Example) -> Sequence[str]:
        """Which choice is right, as a list of one."""
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
        """One row per example, with a part of at most `max_length` tokens per choice.

        Args:
            examples: `{"premise": ..., "question": ..., "choices": [...], "label": "choice1"}`.
            tokenizer: The base model's.
            label2id: Label map of the prediction head.
            max_length: Tokens per choice, special tokens included; what does not fit is cut and counted.

        Raises:
            JobError: If an example has not as many choices as the head.
        """
        frame = PairFrame.of(tokenizer)
        rows: list[Row] = []
        cut = 0
        for index, example in enumerate(examples):
            if len(example["choices"]) != len(label2id):
                found = f"example {index + 1} has {len(example['choices'])} choices; the prediction head has"
                raise JobError(f"{found} {len(label2id)}.", "Give all examples of the task equally many choices.")
            parts, shortened = _choices(index, example, tokenizer, frame, max_length)
            ids = tuple(piece for part in parts for piece in part.input_ids)
            rows.append(Row(index, ids, (0,), (label2id[example["label"]],), choices=parts))
            cut += shortened
        return Encoded(tuple(rows), len(examples), {"rows": len(rows), "choices_truncated": cut})

    def collate(self, rows: Sequence[Row], pad_id: int) -> dict[str, torch.Tensor]:
        """A padded batch: inputs are (batch, choices, length), `labels` are (batch,)."""
        flat = pad_pairs([part for row in rows for part in row.choices], pad_id)
        inputs = {name: tensor.view(len(rows), -1, tensor.shape[-1]) for name, tensor in flat.items()}
        return {**inputs, "labels": torch.tensor([row.targets[0] for row in rows])}

    def read(self, logits: torch.Tensor, rows: Sequence[Row]) -> list[tuple[int, ...]]:
        """The best choice of each row; `logits` are (batch, choices)."""
        return [(choice,) for choice in logits.argmax(dim=-1).tolist()]

    def decode(
        self, encoded: Encoded, predicted: Sequence[tuple[int, ...]], id2label: Mapping[int, str]
    ) -> list[Prediction]:
        """The name of a choice per example."""
        return [id2label[choice] for (choice,) in predicted]

    def score(self, gold: Sequence[Prediction], predicted: Sequence[Prediction], label_scheme: str) -> Score:
        """Accuracy. The F1 of a choice's place says nothing: places are drawn at random."""
        from madx_pipeline.tasks import metrics

        values = metrics.labels(gold, predicted).values
        return Score({"accuracy": values["accuracy"]})


def _choices(
    index: int, example: Example, tokenizer: PreTrainedTokenizerFast, frame: PairFrame, max_length: int
) -> tuple[tuple[Row, ...], bool]:
    """A sequence for each choice, and whether something had to be cut."""
    premise, question, *choices = (
        text_pieces(text, tokenizer)["input_ids"]
        for text in (example["premise"], example["question"], *example["choices"])
    )
    room = frame.room(max_length) - len(question)
    if room < 2:
        raise JobError(f'max_length {max_length} leaves no room beside the question "{example["question"][:60]}".')
    parts = []
    for choice in choices:
        known, answer = fitted(premise, choice, room)
        parts.append(frame.row(index, (*known, *question), answer))
    return tuple(parts), any(len(premise) + len(choice) > room for choice in choices)
