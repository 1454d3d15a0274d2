"""The unlabelled text of one language, wherever it comes from, as a stream of lines with its origin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madx_pipeline.cards import corpus_card
from madx_pipeline.data.hub import hub_rows
from madx_pipeline.data.sources import CorpusSource, HubTable
from madx_pipeline.data.text import Line, TextFile, check_unchanged
from madx_pipeline.errors import JobError

_BYTES_A_CHARACTER = 4
"""Of UTF-8, at most."""


@dataclass(frozen=True)
class RawText:
    """A stream of lines.

    Attributes:
        lines: The lines, once.
        position: Bytes read so far, where that is known; for progress.
        size: Bytes in all, or 0.
        origin: Where it comes from, for people.
        licence: As the card states it; None for a file of the user's own.
    """

    lines: Iterable[Line]
    position: Callable[[], int]
    size: int
    origin: str
    licence: str | None


def raw_text(
    source: CorpusSource, locations: Mapping[str, str], world_seed: int | None, max_characters: int
) -> RawText:
    """Opens the text of a corpus job.

    Args:
        source: What the job was told.
        locations: Where files are.
        world_seed: Seed of the built-in world, if the base model is its model.
        max_characters: Longer lines need not be kept in memory whole.
    """
    if source.text is not None:
        path = Path(locations["path"])
        check_unchanged(path, source.text)
        if source.column is not None:
            return _table(path, source)
        file = TextFile(path, longest=_BYTES_A_CHARACTER * (max_characters + 1))
        licence = corpus_card(source.card).licence if source.card is not None else None
        return RawText(file, lambda: file.position, file.size, f"{path.name} (sha256 {source.text[:12]})", licence)
    licence = corpus_card(str(source.card)).licence
    if source.hub is not None:
        origin = f"{source.hub.repository}, {source.hub.files['train']}, revision {source.hub.revision[:12]}"
        return RawText(_hub_lines(source.hub), lambda: 0, 0, origin, licence)
    origin = f"built-in world, seed {world_seed}"
    return RawText(_miniature_lines(source, world_seed), lambda: 0, 0, origin, licence)


def _table(path: Path, source: CorpusSource) -> RawText:
    """The documents of a table on disk: a file of a card's release."""
    from datasets import load_dataset

    column, kind = str(source.column), "parquet" if ".parquet" in path.suffixes else "json"
    try:
        rows: Any = load_dataset(kind, data_files=[str(path)], split="train", streaming=True)
        names = list(rows.features or next(iter(rows)))
    except (OSError, ValueError, StopIteration) as error:
        raise JobError(f"{path} cannot be read as {kind}: {' '.join(str(error).split())[:200]}.") from error
    if column not in names:
        raise JobError(f"{path} has no column {column}; it has {', '.join(names)}.", "Is it a file of that card?")
    origin = f"{path.name} (sha256 {str(source.text)[:12]}), in the place of {source.card}"
    texts = (str(row[column]) for row in rows)
    return RawText(_paragraphs(texts), lambda: 0, 0, origin, corpus_card(str(source.card)).licence)


def _hub_lines(table: HubTable) -> Iterator[Line]:
    return _paragraphs(str(row["text"]) for row in hub_rows(table, "train"))


def _paragraphs(documents: Iterable[str]) -> Iterator[Line]:
    """The paragraphs of documents, a line each."""
    paragraphs = (paragraph for document in documents for paragraph in document.split("\n"))
    for number, paragraph in enumerate(paragraphs, start=1):
        yield Line(number, paragraph, cut=False)


def _miniature_lines(source: CorpusSource, world_seed: int | None) -> Iterator[Line]:
    if world_seed is None:
        raise JobError(
            f"the corpus card {source.card} is the built-in world's, and the base model is another.",
            "Take base_model: {builtin: miniature}, or text of a real language.",
        )
    from madx_pipeline.miniature.world import World

    for number, text in enumerate(World(world_seed).corpus(str(source.language)), start=1):
        yield Line(number, text, cut=False)
