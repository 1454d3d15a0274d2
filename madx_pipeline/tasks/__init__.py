"""Task types: how labelled examples become model inputs, and how outputs become labels and scores.

A task (`ner`, `pos`, `topics`) is data; a task *type* is code, and the names are a closed table. A new type is one
module with the methods of `TaskType` and a line in `_MODULES` here; its name, and that of its metric, in
`data/sources.py`; a measure in `report/outcomes.py`, unless one there fits; and where its examples look like no others,
a form in `data/examples.py` with its row in `data/reading.py`. The stages that train and evaluate do not change.

Labels travel by name everywhere. Ids exist only between `encode` and `decode`, and always come from the
label map of the prediction head at hand, never from the order of a list somewhere else: two published
revisions of one real adapter have inverted ids.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from madx_pipeline.errors import JobError, suggestion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Example = Mapping[str, Any]
"""One labelled example, a line of `<split>.jsonl`: `{"words", "labels"}`, `{"text", "label"}`, ..."""

Prediction = Any
"""What is predicted for one example, as names: a list of labels (a tag per word) or one label."""

IGNORED = -100
"""The label id that torch's cross-entropy leaves out (its `ignore_index`)."""


@dataclass(frozen=True)
class Row:
    """One input row of the model: a window of a sentence, or a text.

    Attributes:
        example: Index of the example it comes from; the rows of one example follow each other.
        input_ids: Word-piece ids with special tokens; shape (length,).
        positions: Where in `input_ids` something is predicted: the first piece of each word of the
            window, or the first token of a text; shape (predictions,). A tree also needs where its last word ends.
        targets: The true label id at each position; shape (predictions,). For a tree the heads, then the relations.
        types: Which text a token belongs to (`token_type_ids`), shape (length,); empty where the model is not told.
        choices: The sequences of a row that is several of them; `input_ids` are then all of theirs.
        offset: Pieces of the text that come before those of a window.
    """

    example: int
    input_ids: tuple[int, ...]
    positions: tuple[int, ...]
    targets: tuple[int, ...]
    types: tuple[int, ...] = ()
    choices: tuple[Row, ...] = ()
    offset: int = 0


@dataclass(frozen=True)
class Passage:
    """A text that answers are pieces of.

    Attributes:
        text: The text.
        starts: The first character of each piece; shape (pieces,).
        ends: The character after the last of each piece; shape (pieces,).
    """

    text: str
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def text_of(self, first: int, last: int) -> str:
        """The characters from one piece to another, without spaces around them."""
        if first >= len(self.starts):
            return ""
        return self.text[self.starts[first] : self.ends[last]].strip()


@dataclass(frozen=True)
class Encoded:
    """All examples of a split as rows.

    Attributes:
        rows: In the order of the examples.
        examples: How many examples there were; one without words has no row.
        counts: What had to be done to fit (windows, shortened words, truncated texts, ...), by name.
        passages: The text of each example, where answers are pieces of it.
    """

    rows: tuple[Row, ...]
    examples: int
    counts: dict[str, int]
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True)
class Score:
    """Metric name to fraction in 0..1, and what a reader of these numbers must know.

    Attributes:
        values: `{"span_f1": 0.71, ...}`.
        warnings: One sentence for each value that is 0 by definition and not by measurement.
    """

    values: dict[str, float]
    warnings: list[str] = field(default_factory=list)


class TaskType(Protocol):
    """What a module of this package knows about one type of task."""

    name: str

    def add_head(self, model: PreTrainedModel, name: str, labels: Sequence[str]) -> None:
        """Adds a freshly initialised prediction head `name` that carries `labels` by name."""

    def labels(self, example: Example) -> Sequence[str]:
        """The true labels of an example, one for each thing that is predicted."""

    def parts(self, example: Example) -> Sequence[str]:
        """Keys of an example that could be lost on the way unnoticed; none where there is but one input."""

    def gold(self, example: Example) -> Prediction:
        """The truth, in the form of a prediction."""

    def votes(self, example: Example) -> Sequence[str]:
        """What `constant` would have to be told to be right, once for each thing that it can be right about."""

    def constant(self, example: Example, label: str) -> Prediction:
        """The prediction that says `label` everywhere."""

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: PreTrainedTokenizerFast,
        label2id: Mapping[str, int],
        max_length: int,
    ) -> Encoded:
        """Rows of at most `max_length` tokens, special tokens included."""

    def collate(self, rows: Sequence[Row], pad_id: int) -> dict[str, Tensor]:
        """A padded batch: `input_ids`, `attention_mask` (batch, length) and `labels`."""

    def read(self, logits: Tensor, rows: Sequence[Row]) -> list[tuple[int, ...]]:
        """The label id predicted at each position of each row of a batch."""

    def decode(
        self, encoded: Encoded, predicted: Sequence[tuple[int, ...]], id2label: Mapping[int, str]
    ) -> list[Prediction]:
        """One prediction per example, in their order, from the label ids of all rows."""

    def score(self, gold: Sequence[Prediction], predicted: Sequence[Prediction], label_scheme: str) -> Score:
        """The metrics of this type of task under a label scheme (`iob2` or `plain`)."""


_MODULES = {
    "tagging": "Tagging",
    "classification": "Classification",
    "multiple_choice": "MultipleChoice",
    "question_answering": "QuestionAnswering",
    "dependency_parsing": "DependencyParsing",
}

TASK_TYPES = tuple(_MODULES)
"""The task types there are."""


def task_type(name: str) -> TaskType:
    """The task type of that name.

    Raises:
        JobError: If there is none.
    """
    if name not in _MODULES:
        raise JobError(f'there is no task type "{name}". {suggestion(name, TASK_TYPES)}')
    module = importlib.import_module(f"madx_pipeline.tasks.{name}")
    return cast(TaskType, getattr(module, _MODULES[name])())
