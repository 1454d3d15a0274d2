"""Questions on paragraphs, in one JSON document: SQuAD 1.1, XQuAD, MLQA, TyDi QA's gold passages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from madx_pipeline.data.formats import SquadFormat
from madx_pipeline.data.text import TextFile
from madx_pipeline.errors import JobError

_LONGEST = 1 << 31
"""Bytes of a line that are read: the whole of SQuAD is one line of 30 MB."""

_HINT = 'The layout is {"data": [{"paragraphs": [{"context": ..., "qas": [{"id", "question", "answers"}]}]}]}.'


def read_squad(path: Path, read: SquadFormat) -> Iterator[dict[str, Any]]:
    """The questions of a file, each with its paragraph.

    Raises:
        JobError: If it is not such a document.
    """
    text = "".join(line.text for line in TextFile(path, _LONGEST))
    try:
        document = json.loads(text)
    except ValueError as error:
        raise JobError(f"{path} is not JSON: {error}.", _HINT) from error
    try:
        yield from _questions(document, read.ids or "")
    except (KeyError, TypeError, AttributeError) as error:
        raise JobError(f"{path} is not laid out as SQuAD 1.1: {error!r}.", _HINT) from error


def _questions(document: Any, ids: str) -> Iterator[dict[str, Any]]:
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                if str(asked["id"]).startswith(ids):
                    answers = asked["answers"]
                    yield {
                        "id": str(asked["id"]),
                        "title": article.get("title"),
                        "question": asked["question"],
                        "context": paragraph["context"],
                        "answers": {
                            "text": [answer["text"] for answer in answers],
                            "answer_start": [answer["answer_start"] for answer in answers],
                        },
                    }
