"""What a reader must know about inputs of which the model saw only a part: a sentence for each count of an encoding."""

from __future__ import annotations

from madx_pipeline.tasks import Encoded

_NOTES = {
    "texts_truncated": "{count} of {examples} texts ({share}) were too long and cut at the end.",
    "pairs_truncated": "{count} of {examples} pairs ({share}) were too long; the longer text of each was cut at the"
    " end.",
    "choices_truncated": "{count} of {examples} examples ({share}) were too long; their premise or a choice was cut at"
    " the end.",
    "questions_shortened": "{count} of {examples} questions ({share}) were too long and cut at the end.",
    "answers_in_no_window": "{count} of {examples} first answers to a question ({share}) are whole in no window, and"
    " cannot be found.",
    "answers_too_long": "{count} of {examples} first answers to a question ({share}) have more pieces than an answer"
    " may have, and cannot be found.",
    "texts_without_pieces": "{count} texts are blank, or have nothing that the tokenizer has a piece for.",
    "words_shortened": "{count} of {words} words were longer than a row and kept only their first pieces"
    " (sentences split into windows: {sentences_split}).",
    "heads_in_other_windows": "{sentences_split} of {examples} sentences were too long and parsed in parts;"
    " {count} of {words} words depend on a word in another part.",
}
"""A count of an encoding to what is said where it is not 0."""


def notes(encoded: Encoded) -> list[str]:
    """A sentence for each count that is not 0."""
    examples = encoded.examples
    counts = {"sentences_split": 0, "words": 0, **encoded.counts}
    return [
        note.format(**counts, examples=examples, count=counts[name], share=_share(counts[name], examples))
        for name, note in _NOTES.items()
        if counts.get(name)
    ]


def _share(count: int, whole: int) -> str:
    """In percent; few of many are never none."""
    return f"{count / whole:.1%}" if count >= whole / 1000 else "under 0.1%"
