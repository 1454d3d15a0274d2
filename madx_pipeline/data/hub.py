"""Pinned files of data sets on the Hugging Face Hub, through its cache.

Files are downloaded into the usual cache and read from there, so that what was fetched once (say, on a
login node) is found again without a network, and an interrupted download goes on where it stopped.
`datasets.load_dataset` with the name of a repository does neither. Nothing a repository brings is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from madx_pipeline.data.examples import HIDDEN, Example
from madx_pipeline.data.reading import example_of, read_file
from madx_pipeline.data.sources import HubTable, TaskSource
from madx_pipeline.errors import JobError
from madx_pipeline.records import Json

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.")


def hub_files(table: HubTable, split: str) -> list[Path]:
    """The files of a split, downloaded if they are not in the cache. Sorted.

    Raises:
        JobError: If they cannot be had, or only in part.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    pattern = table.files[split]
    try:
        folder = snapshot_download(
            table.repository, repo_type="dataset", revision=table.revision, allow_patterns=[pattern, "README.md"]
        )
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        raise _unreachable(table, pattern, " ".join(str(error).split())[:200]) from error
    files = sorted(Path(folder).glob(pattern))
    if not files:
        raise _unreachable(table, pattern, "the cache has no such file")
    _check_complete(files, table)
    return files


def hub_rows(table: HubTable, split: str) -> Iterator[dict[str, Json]]:
    """The rows of a split in parquet, one at a time, under our names of the columns; labels as names.

    Raises:
        JobError: If the files cannot be had, have other columns, or hide a label behind a number of no class.
    """
    from datasets import load_dataset

    files = [str(path) for path in hub_files(table, split)]
    rows: Any = load_dataset("parquet", data_files=files, split="train", streaming=True)
    columns = table.columns or {}
    missing = [theirs for theirs in columns.values() if theirs not in rows.features]
    if missing:
        raise JobError(f"{table.repository} has no column {missing[0]}; it has {', '.join(rows.features)}.")
    names = {ours: _class_names(rows.features[theirs]) for ours, theirs in columns.items()}
    for row in rows.select_columns(list(columns.values())):
        if table.ids is None or str(row[columns["id"]]).startswith(table.ids):
            yield {ours: _named(row[theirs], names[ours], table) for ours, theirs in columns.items()}


def hub_examples(table: HubTable, split: str, source: TaskSource) -> Iterator[Example]:
    """The labelled examples of a split: from parquet, or from text files.

    Args:
        table: The files.
        split: Our name of the split.
        source: How text files are laid out (`read`, None for parquet), names of labels that are mere numbers in
            the data (`labels`, `{"0": entailment}`), and kinds of questions in words.

    Raises:
        JobError: If the files cannot be had, have other columns, or number their labels without a name for each.
    """
    if source.read is not None:
        for path in hub_files(table, split):
            yield from read_file(path, source.read, source.questions)
        return
    for row in hub_rows(table, split):
        for column in {"label", "labels"} & row.keys():
            row[column] = _as_names(row[column], source.labels or {}, table)
        yield example_of(row, source.questions, table.repository)


def expected_files(files: Sequence[Path]) -> int:
    """How many files there should be, by the numbers in their names (`train-00000-of-00002.parquet`)."""
    numbered = [found for path in files if (found := _SHARD.search(path.name)) is not None]
    return max((int(found[2]) for found in numbered), default=len(files))


def _unreachable(table: HubTable, pattern: str, cause: str) -> JobError:
    return JobError(
        f"{pattern} of the data set {table.repository} cannot be had from the hub: {cause}.",
        f"Where there is a network: hf download --repo-type dataset {table.repository} --revision {table.revision} "
        f"--include '{pattern}'. Or bring files of your own.",
    )


def _check_complete(files: list[Path], table: HubTable) -> None:
    """A cache may hold only some of the parts of a split: then the split would be cut short without a word."""
    expected = expected_files(files)
    if len(files) < expected:
        raise JobError(
            f"{table.repository}: {len(files)} of {expected} files of {files[0].parent.name} are in the cache.",
            "With a network, run again: the download goes on where it stopped.",
        )


def _class_names(feature: Any) -> list[str] | None:
    """Names of the classes of a column of labels, or of lists of labels; None for other columns."""
    inner = getattr(feature, "feature", feature)
    names = getattr(inner, "names", None)
    return list(names) if names is not None else None


def _as_names(value: Json, names: Mapping[str, str], table: HubTable) -> Json:
    """Labels as text; a number stays one only if it has a name."""
    labels = value if isinstance(value, list) else [value]
    if any(not isinstance(label, str) and str(label) not in names for label in labels):
        raise JobError(f"{table.repository}: labels are numbers without names.", "Bring files with names instead.")
    return [str(label) for label in labels] if isinstance(value, list) else str(value)


def _named(value: Json, names: list[str] | None, table: HubTable) -> Json:
    """Class numbers as names; -1, which stands for a hidden label, must not become the last class."""
    if names is None:
        return value
    for number in value if isinstance(value, list) else [value]:
        if number not in range(len(names)):
            message = f"{table.repository}: a label is {number}; possible: 0 to {len(names) - 1} ({', '.join(names)})."
            raise JobError(message, HIDDEN)
    return [names[number] for number in value] if isinstance(value, list) else names[value]
