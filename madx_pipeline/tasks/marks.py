"""Marks that share a piece with an answer: a tokenizer may have `Lama.` as one piece where `Lama` is the answer.

A span of pieces cannot leave them out, so that they are taken off where they most likely do not belong: the mark that
ends a sentence or a part of it, and a bracket or quotation mark without its other half. Only the text of an answer
changes; the official scores take no notice of such marks.
"""

from __future__ import annotations

_ENDS = ".,;:\u060c\u061b\u3002\uff0c"
_OTHER_HALVES = {"(": ")", "[": "]", "\u00ab": "\u00bb", "\u201e": "\u201c\u201d", "\u201c": "\u201d", '"': '"'}
"""An opening mark to those that may close it."""


def without_shared_marks(answer: str, first: str, last: str) -> str:
    """An answer without the marks that its first and last piece have beside it.

    Args:
        answer: The characters from the first piece to the last.
        first: Those of its first piece.
        last: Those of its last piece.
    """
    found = answer
    if len(last) > 1:
        found = found[:-1] if found[-1] in _ENDS or _closes_nothing(found) else found
    if len(first) > 1 and found:
        found = found[1:] if _closed_by_nothing(found) else found
    return found.strip() or answer


def _closed_by_nothing(text: str) -> bool:
    halves = _OTHER_HALVES.get(text[0], "")
    return bool(halves) and not any(half in text[1:] for half in halves)


def _closes_nothing(text: str) -> bool:
    openings = [opening for opening, halves in _OTHER_HALVES.items() if text[-1] in halves]
    return bool(openings) and not any(opening in text[:-1] for opening in openings)
