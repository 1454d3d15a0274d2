"""Sentences in words as rows of the model, for the tasks that say something of every word.

Three things would silently shift or lose words and are handled here:

- A word may yield no piece at all (an invisible mark that the tokenizer's normaliser removes). It gets
  the unknown token as its only piece, so the model still predicts it, in context and in its place.
- A sentence may be longer than the model: it is split into windows at word boundaries (`windows.py`).
- A single word may be longer than a window (a URL): it keeps as many of its pieces as fit. The rest
  carries no label; how often this happens is counted.

A word that spells a special token (`</s>`, `<pad>`) must not act as one: `batches.text_pieces`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from madx_pipeline.errors import JobError
from madx_pipeline.tasks import Example
from madx_pipeline.tasks.batches import Frame, text_pieces
from madx_pipeline.tasks.windows import windows

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Word = list[int]
"""The piece ids of one word."""


@dataclass(frozen=True)
class Window:
    """Some words of a sentence, one after the other, as one input.

    Attributes:
        example: Index of the sentence.
        words: Which of its words.
        input_ids: Their pieces with the special tokens around them; shape (length,).
        starts: Where in `input_ids` each word begins; shape (words,).
        end: Where the last word ends.
    """

    example: int
    words: range
    input_ids: tuple[int, ...]
    starts: tuple[int, ...]
    end: int


def word_windows(
    examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast, max_length: int
) -> tuple[list[Window], dict[str, int]]:
    """Windows of at most `max_length` tokens; every word is in exactly one of them.

    Args:
        examples: `{"words": [...], "labels": [...]}`.
        tokenizer: A fast tokenizer (it knows which piece belongs to which word).
        max_length: Tokens per window, special tokens included.

    Returns:
        The windows, in order, and what had to be done to fit, counted.

    Raises:
        JobError: If a sentence has not as many labels as words.
    """
    frame = Frame.of(tokenizer)
    room = frame.room(max_length)
    counts = dict.fromkeys(("words", "sentences_split", "words_without_pieces", "words_shortened"), 0)
    found: list[Window] = []
    for index, pieces in enumerate(_word_pieces(examples, tokenizer)):
        _check_labels(index, examples[index])
        words = [word[:room] or [tokenizer.unk_token_id] for word in pieces]
        parts = windows([len(word) for word in words], room)
        found += (_window(index, words, part, frame) for part in parts)
        counts["words"] += len(words)
        counts["sentences_split"] += len(parts) > 1
        counts["words_without_pieces"] += sum(not word for word in pieces)
        counts["words_shortened"] += sum(len(word) > room for word in pieces)
    return found, {"rows": len(found), **counts}


def _word_pieces(examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast) -> Iterator[list[Word]]:
    """The piece ids of every word of every sentence; a word may have none."""
    for example in examples:
        words: list[Word] = [[] for _ in example["words"]]
        if words:
            found = text_pieces(list(example["words"]), tokenizer)
            for piece, word in zip(found["input_ids"], found.word_ids(), strict=True):
                words[word].append(piece)
        yield words


def _check_labels(index: int, example: Example) -> None:
    words, labels = example["words"], example["labels"]
    if len(words) != len(labels):
        raise JobError(f"sentence {index + 1} has {len(words)} words and {len(labels)} labels.")


def _window(example: int, words: list[Word], part: range, frame: Frame) -> Window:
    """The words `part` of a sentence."""
    starts: list[int] = []
    pieces: list[int] = []
    for word in part:
        starts.append(len(frame.before) + len(pieces))
        pieces += words[word]
    return Window(example, part, frame.around(pieces), tuple(starts), len(frame.before) + len(pieces))
