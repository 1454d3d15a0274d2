"""Question answering: the answer is a piece of the given text (SQuAD 1.1, XQuAD, TyDi QA's gold passages).

A text that is longer than the model is read in windows, each with the whole question before it. Neighbouring windows
share half of their text, so that an answer of up to half a window is whole in one of them (Devlin et al. 2019 read
SQuAD in this way). In training, a window without the whole answer points at the first token; in prediction, the best
span of all windows is the answer, by the sum of the two scores.

Answers are given back as characters of the text, never as pieces put together again: lower-cased or normalised pieces
would not match the gold answer. Marks that share a piece with an answer are taken off (`marks.py`); an answer that
begins or ends within a word is given with the rest of that piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from madx_pipeline.errors import JobError
from madx_pipeline.tasks import Encoded, Example, Passage, Prediction, Row, Score
from madx_pipeline.tasks.batches import text_pieces
from madx_pipeline.tasks.marks import without_shared_marks
from madx_pipeline.tasks.pairs import PairFrame, pad_pairs
from madx_pipeline.tokenizer import without_special

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

LONGEST_QUESTION = 64
"""Pieces of a question that are kept, as in BERT's script for SQuAD."""

LONGEST_ANSWER = 100
"""Pieces of an answer at most; BERT's script has 30, fewer than some answers of XQuAD in Arabic or Turkish have.

Longer ones are learnt, and never predicted: they are counted, and the evaluation says so.
"""

WHOLE_TEXT = "the whole text"
"""What the majority label is called where an answer is a piece of text."""

_MILLIONTHS = 1_000_000

_Span = tuple[int, int]


class QuestionAnswering:
    """A piece of text per question."""

    name = "question_answering"

    def add_head(self, model: PreTrainedModel, name: str, labels: Sequence[str]) -> None:
        """Adds one linear layer with two scores a token (the library's head for answers)."""
        from madx_pipeline.adapter_model.span_head import add_span_head

        add_span_head(model, name, labels)

    def labels(self, example: Example) -> Sequence[str]:
        """None."""
        return ()

    def parts(self, example: Example) -> Sequence[str]:
        """The question."""
        return ("question",)

    def gold(self, example: Example) -> Prediction:
        """The right answers, and the language in which they are compared."""
        return {"answers": [answer["text"] for answer in example["answers"]], "language": example["language"]}

    def votes(self, example: Example) -> Sequence[str]:
        """The whole text, which is right in part about every question."""
        return [WHOLE_TEXT]

    def constant(self, example: Example, label: str) -> Prediction:
        """The whole text, which holds every answer."""
        return example["context"]

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: PreTrainedTokenizerFast,
        label2id: Mapping[str, int],
        max_length: int,
    ) -> Encoded:
        """Windows of at most `max_length` tokens, one or more per question.

        Args:
            examples: `{"question", "context", "answers": [{"text", "start"}], "language"}`.
            tokenizer: A fast tokenizer (it knows which characters a piece stands for).
            label2id: Not used: what is predicted are places.
            max_length: Tokens per window, special tokens included.

        Raises:
            JobError: If `max_length` leaves no room for text beside the question.
        """
        frame = PairFrame.of(tokenizer)
        names = ("questions_shortened", "texts_in_windows", "answers_in_no_window", "answers_too_long")
        counts = dict.fromkeys(names, 0)
        rows: list[Row] = []
        passages: list[Passage] = []
        for index, example in enumerate(examples):
            pieces, passage = _passage(example["context"], tokenizer)
            asked = text_pieces(example["question"], tokenizer)["input_ids"]
            question = asked[: min(LONGEST_QUESTION, frame.room(max_length) // 2)]
            starts, room = windows_of(len(pieces), frame.room(max_length) - len(question))
            span = answer_span(passage, example["answers"][0])
            found = [_row(index, frame, question, pieces[start : start + room], start, span) for start in starts]
            rows += found
            passages.append(passage)
            counts["questions_shortened"] += len(question) < len(asked)
            counts["texts_in_windows"] += len(found) > 1
            counts["answers_in_no_window"] += all(row.targets == (0, 0) for row in found)
            counts["answers_too_long"] += span[1] - span[0] >= LONGEST_ANSWER
        return Encoded(tuple(rows), len(examples), {"rows": len(rows), **counts}, tuple(passages))

    def collate(self, rows: Sequence[Row], pad_id: int) -> dict[str, torch.Tensor]:
        """A padded batch; `labels` (batch, 2) are where the answer starts and ends."""
        return {**pad_pairs(rows, pad_id), "labels": torch.tensor([row.targets for row in rows])}

    def read(self, logits: torch.Tensor, rows: Sequence[Row]) -> list[tuple[int, ...]]:
        """Start, end and score (in millionths) of the best span of each window; `logits` are (batch, length, 2)."""
        return [_best(scores, row) for scores, row in zip(logits.float().cpu(), rows, strict=True)]

    def decode(
        self, encoded: Encoded, predicted: Sequence[tuple[int, ...]], id2label: Mapping[int, str]
    ) -> list[Prediction]:
        """The text of the best span over all windows of each question."""
        best: dict[int, tuple[int, str]] = {}
        for row, (start, end, score) in zip(encoded.rows, predicted, strict=True):
            if row.example not in best or score > best[row.example][0]:
                shift = row.offset - row.positions[0]
                best[row.example] = score, _text(encoded.passages[row.example], start + shift, end + shift)
        return [best[index][1] for index in range(encoded.examples)]

    def score(self, gold: Sequence[Prediction], predicted: Sequence[Prediction], label_scheme: str) -> Score:
        """F1 and exact match as the official scripts compute them, per language."""
        from madx_pipeline.tasks.metrics.answers import answer_scores

        return Score(answer_scores(gold, predicted))


def windows_of(pieces: int, room: int) -> tuple[list[int], int]:
    """Where windows of a text begin, and how long they are.

    Args:
        pieces: Pieces of the text.
        room: Pieces that fit into a window.

    Returns:
        The first piece of each window: neighbours share at least half of theirs, and the last ends with the text.

    Raises:
        JobError: If there is room for fewer than two pieces.
    """
    if room < 2:
        raise JobError("max_length leaves no room for text beside the question.", "Raise max_length.")
    last = max(pieces - room, 0)
    return [*range(0, last, room - room // 2), last], room


def answer_span(passage: Passage, answer: Mapping[str, int | str]) -> _Span:
    """First and last piece of the text that hold any character of an answer."""
    start = int(answer["start"])
    end = start + len(str(answer["text"]))
    first = int(np.searchsorted(passage.ends, start, side="right"))
    last = int(np.searchsorted(passage.starts, end, side="left")) - 1
    return first, last


def _text(passage: Passage, first: int, last: int) -> str:
    """What is given as an answer, from its first piece to its last."""
    ends = passage.text_of(first, first), passage.text_of(last, last)
    return without_shared_marks(passage.text_of(first, last), *ends)


def _passage(context: str, tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], Passage]:
    """The pieces of a text that stand for characters, and which."""
    found = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ids = without_special(found["input_ids"], set(tokenizer.all_special_ids), tokenizer.unk_token_id)
    offsets = np.array(found["offset_mapping"], dtype=np.int64).reshape(-1, 2)
    return ids, Passage(context, offsets[:, 0], offsets[:, 1])


def _row(example: int, frame: PairFrame, question: list[int], pieces: list[int], start: int, span: _Span) -> Row:
    """A window; it points at the answer if that is whole in it."""
    begin = len(frame.before) + len(question) + len(frame.between)
    first, last = span[0] - start, span[1] - start
    inside = 0 <= first <= last < len(pieces)
    targets = (begin + first, begin + last) if inside else (0, 0)
    row = frame.row(example, question, pieces, targets)
    return Row(example, row.input_ids, (begin, begin + len(pieces)), targets, row.types, offset=start)


def _best(scores: torch.Tensor, row: Row) -> tuple[int, int, int]:
    """The best span within the text of a window; `scores` are (length, 2)."""
    begin, end = row.positions
    if begin == end:
        return begin, begin, -_MILLIONTHS * _MILLIONTHS
    starts, ends = scores[begin:end].unbind(dim=-1)
    together = starts[:, None] + ends[None, :]  # (start, end)
    allowed = torch.ones_like(together, dtype=torch.bool).triu().tril(LONGEST_ANSWER - 1)
    together = together.masked_fill(~allowed, -torch.inf)
    place = int(together.argmax())
    first, last = divmod(place, end - begin)
    return begin + first, begin + last, round(float(together[first, last]) * _MILLIONTHS)
