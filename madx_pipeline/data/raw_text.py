"""The unlabelled text of one language, wherever it comes from, as a stream of lines with its origin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

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
        file = TextFile(path, longest=_BYTES_A_CHARACTER * (max_characters + 1))
        return RawText(file, lambda: file.position, file.size, f"{path.name} (sha256 {source.text[:12]})", None)
    licence = corpus_card(str(source.card)).licence
    if source.hub is not None:
        origin = f"{source.hub.repository}, {source.hub.files['train']}, revision {source.hub.revision[:12]}"
        return RawText(_hub_lines(source.hub), lambda: 0, 0, origin, licence)
    origin = f"built-in world, seed {world_seed}"
    return RawText(_miniature_lines(source, world_seed), lambda: 0, 0, origin, licence)


def _hub_lines(table: HubTable) -> Iterator[Line]:
    """The paragraphs of a data set's documents, a line each."""
    number = 0
    for row in hub_rows(table, "train"):
        for paragraph in str(row["text"]).split("\n"):
            number += 1
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
