"""The labelled examples of one task in one language, wherever they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from madx_pipeline.data.examples import Example
from madx_pipeline.data.github import github_file
from madx_pipeline.data.held_out import part
from madx_pipeline.data.hub import hub_examples
from madx_pipeline.data.questions import Question
from madx_pipeline.data.reading import example_of, read_file
from madx_pipeline.data.sources import Split, TaskSource
from madx_pipeline.data.text import check_unchanged
from madx_pipeline.errors import JobError


def labelled(
    source: TaskSource, split: Split, locations: Mapping[str, str], world_seed: int | None
) -> Iterator[Example]:
    """The examples of a split, in their order.

    Args:
        source: What the job was told.
        split: One of `source.read_splits`.
        locations: Split to file, for files.
        world_seed: Seed of the built-in world, if the base model is its model.

    Raises:
        JobError: If they cannot be read.
    """
    source = source.of(split)
    found = _labelled(source, split, locations, world_seed)
    if source.held_out is not None and split != "test":
        found = part(found, source.held_out, held_out=split == "validation")
    if source.answers_in is None:
        return found
    return (replace(example, language=source.answers_in) for example in found if isinstance(example, Question))


def _labelled(
    source: TaskSource, split: Split, locations: Mapping[str, str], world_seed: int | None
) -> Iterator[Example]:
    if source.files is not None and source.read is not None:
        path = Path(locations[split])
        check_unchanged(path, source.files[split])
        return read_file(path, source.read, source.questions)
    if source.hub is not None:
        return hub_examples(source.hub, split, source)
    if source.github is not None and source.read is not None:
        return read_file(github_file(source.github, split), source.read, source.questions)
    return _miniature(source, split, world_seed)


def place(source: TaskSource, split: Split, locations: Mapping[str, str]) -> str:
    """Where the examples of a split come from, for people."""
    source = source.of(split)
    if source.files is not None:
        return Path(locations[split]).name
    pinned = source.hub or source.github
    if pinned is not None:
        return f"{pinned.repository}, {pinned.files[split]}"
    return f"the built-in world, {source.miniature}"


def _miniature(source: TaskSource, split: Split, world_seed: int | None) -> Iterator[Example]:
    if world_seed is None:
        raise JobError(
            f"the task card {source.card} is the built-in world's, and the base model is another.",
            "Take base_model: {builtin: miniature}, or a task in a real language.",
        )
    from madx_pipeline.miniature.world import World

    for row in World(world_seed).labelled(str(source.miniature), str(source.language), split):
        yield example_of(row)
