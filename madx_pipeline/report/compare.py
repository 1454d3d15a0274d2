"""Several recipes side by side: the same task, language and method in each, and what differs between the recipes.

Scores stand beside each other only if they were measured on the same test examples, which is told from the
content of the test sets, whatever the recipes call them; where they were not, the table says so in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from madx_pipeline.records import Json
from madx_pipeline.report.provenance import Part
from madx_pipeline.report.results import Counted, Results, Summary

FORMAT = 1
"""Version of the layout of `compare.json`."""

State = Literal["scored", "no score", "not in the recipe", "different test data", "different metric"]


class ComparedRun(Part):
    """One of the recipes."""

    recipe: str
    """Its name."""
    base_model: str
    """Name of its base model."""
    source_language: str
    """Code of its source language."""
    seeds: list[int]
    """Its seeds."""


class Difference(Part):
    """A key in which the recipes, or what they were run with, differ."""

    key: str
    """The key, nested ones joined by dots: `stages.train_language_adapter.max_steps`."""
    values: list[Json]
    """Its value in each of the recipes, in their order; null where a recipe does not have it."""


class ComparedCell(Part):
    """What one recipe has for a task, language and method."""

    state: State
    """`scored`, or why there is no number that could stand beside the others."""
    mean: float | None = None
    """Mean over seeds on the primary metric, as a fraction."""
    std: float | None = None
    """Sample standard deviation over seeds, as a fraction; null with one seed."""
    low: float | None = None
    """Lower end of the interval of the mean, as in the recipe's own results."""
    high: float | None = None
    """Upper end of that interval."""
    interval: Counted | None = None
    """What the interval counts."""
    seeds: list[int]
    """The seeds that there are scores of; empty where it is not scored."""
    change: float | None = None
    """Mean minus that of the first recipe, as a fraction; null for that one itself, and where it is not scored."""


class ComparedRow(Part):
    """A task, language and method that at least two of the recipes ask for."""

    task: str
    """Name of the task, the same in the recipes."""
    language: str
    """Code of the language of the test set."""
    method: str
    """Name of the method."""
    metric: str | None
    """The primary metric of the first recipe that is scored; null where none is."""
    cells: list[ComparedCell]
    """One per recipe, in their order."""


class SideBySide(Part):
    """The whole of `compare.json`."""

    format: int
    """Version of this layout."""
    runs: list[ComparedRun]
    """The recipes, in the order they were named."""
    differences: list[Difference]
    """What differs between them."""
    rows: list[ComparedRow]
    """What can be matched, in the order of the first recipe that has it."""
    unmatched: list[list[str]]
    """Per recipe, what no other has: `task/language/method`."""


def side_by_side(runs: Sequence[Results]) -> SideBySide:
    """The comparison of at least two runs."""
    keys = [dict.fromkeys(_keys(results)) for results in runs]
    counts = {key: sum(key in has for has in keys) for has in keys for key in has}
    tables = [_Scores(results) for results in runs]
    return SideBySide(
        format=FORMAT,
        runs=[
            ComparedRun(
                recipe=results.recipe,
                base_model=results.base_model.name,
                source_language=results.source_language,
                seeds=results.seeds,
            )
            for results in runs
        ],
        differences=differences([settings(results) for results in runs]),
        rows=[_row(key, tables, keys) for key, count in counts.items() if count > 1],
        unmatched=[["/".join(key) for key in has if counts[key] == 1] for has in keys],
    )


def settings(results: Results) -> dict[str, Json]:
    """What decides the numbers of a run, flat: its recipe, the parameters of all stages, versions of libraries."""
    recipe = {key: value for key, value in results.configuration.items() if key not in ("name", "summary", "stages")}
    libraries = {name: ", ".join(versions) for name, versions in results.libraries.items()}
    return dict(_flat({**recipe, "stages": results.parameters, "libraries": libraries}))


def differences(flat: Sequence[Mapping[str, Json]]) -> list[Difference]:
    """The keys whose values are not the same everywhere, in order of name."""
    found = []
    for key in sorted({key for values in flat for key in values}):
        values = [values.get(key) for values in flat]
        if any(value != values[0] for value in values):
            found.append(Difference(key=key, values=values))
    return found


def _flat(value: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Nested keys joined by dots; a list is one value, for its order may matter."""
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


_Key = tuple[str, str, str]
"""Task, language, method."""


def _keys(results: Results) -> Iterator[_Key]:
    """What a recipe asks for, in the order of its report."""
    for task in results.tasks:
        for language in results.languages:
            for method in results.methods:
                yield task, language, method


class _Scores:
    """The summaries of one run, and which test data they are on."""

    def __init__(self, results: Results) -> None:
        self._tasks = results.tasks
        self._rows = {(row.task, row.language, row.method): row for row in results.summary if row.primary}

    def find(self, key: _Key) -> tuple[Summary, str] | None:
        """The summary of a cell and the sha256 of its test examples, or None without a score."""
        summary = self._rows.get(key)
        data = self._tasks[key[0]].data.get(key[1]) if summary is not None else None
        return (summary, data.test_sha256 or "") if summary is not None and data is not None else None


def _row(key: _Key, tables: Sequence[_Scores], keys: Sequence[Mapping[_Key, None]]) -> ComparedRow:
    found = [table.find(key) if key in has else None for table, has in zip(tables, keys, strict=True)]
    first = next((pair for pair in found if pair is not None), None)
    base = found[0][0].mean if found[0] is not None else None
    cells = [
        _cell(pair, first, None if index == 0 else base)
        if pair and first
        else ComparedCell(state="no score" if key in has else "not in the recipe", seeds=[])
        for index, (pair, has) in enumerate(zip(found, keys, strict=True))
    ]
    task, language, method = key
    return ComparedRow(
        task=task, language=language, method=method, metric=first[0].metric if first else None, cells=cells
    )


def _cell(found: tuple[Summary, str], first: tuple[Summary, str], base: float | None) -> ComparedCell:
    summary, data = found
    if data != first[1] or not data:
        return ComparedCell(state="different test data", seeds=[])
    if summary.metric != first[0].metric:
        return ComparedCell(state="different metric", seeds=[])
    return ComparedCell(
        state="scored",
        mean=summary.mean,
        std=summary.std,
        low=summary.low,
        high=summary.high,
        interval=summary.interval,
        seeds=summary.seeds,
        change=None if base is None else summary.mean - base,
    )
