"""What methods cost, as rows of text that `report.md` and the pages share: one wording, one rounding.

A part that is not known is a dash, never a zero.
"""

from __future__ import annotations

from madx_pipeline.report.costs import Efficiency, Storage
from madx_pipeline.report.markdown import NOTHING, number, table, text
from madx_pipeline.report.results import Results

TRAINING = (
    *("Task", "Method", "Trained on the task", "Share", "Peak memory", "Seconds"),
    *("Trained for a language", "Peak memory", "Seconds", "Seconds per 1,000 tokens"),
)
"""Columns of the table of trainings and inference; the first two are text."""

STORAGE = ("Method", "Once", "Per language", "Per task", "Per language and task", "Together")
"""Columns of the table of storage; the first is text."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def costs(results: Results, digits: int) -> str:
    """The section of `report.md`; empty where nothing was measured and nothing is stored."""
    if not has_costs(results):
        return ""
    return "\n\n".join(
        [
            text(how_measured(results)),
            table(TRAINING, training_rows(results), left=2),
            text(how_stored(results)),
            table(STORAGE, storage_rows(results)),
        ]
    )


def has_costs(results: Results) -> bool:
    """Whether anything is known of what the methods cost."""
    return any(row.trainable_parameters or row.bytes_per_task for row in results.efficiency)


def training_rows(results: Results) -> list[list[str]]:
    """A row a task and method, under `TRAINING`."""
    return [_training_row(row) for row in results.efficiency]


def storage_rows(results: Results) -> list[list[str]]:
    """A row a method, under `STORAGE`."""
    return [_storage_row(row) for row in results.storage]


def how_measured(results: Results) -> str:
    """What the numbers of the trainings are; plain text."""
    devices = {row.device for row in results.efficiency if row.device}
    memory = {
        "cpu": "Peak memory is what the process held in main memory, all libraries (some hundred MB) included",
        "cuda": "Peak memory is what was allocated on the GPU",
    }.get(" ".join(sorted(devices)), "Peak memory is what was allocated on the GPU, or without one held in main memory")
    merged = " LoRA is not merged into the weights." if "lora" in results.methods else ""
    return (
        "Measured when what is in the store was made: parameters that train (prediction head included) and their share"
        f" of the model, seconds of one training with its evaluations, seconds of inference. {memory}.{merged}"
    )


def how_stored(results: Results) -> str:
    """What storing the languages and tasks of the run takes, and why it adds up or multiplies; plain text."""
    if not results.storage:
        return ""
    languages, tasks = results.storage[0].languages, results.storage[0].tasks
    counted = f"{_counted(languages, 'language')} and {_counted(tasks, 'task')}"
    parts = ["Language adapters are trained once per language and shared by all tasks and seeds."]
    known = {row.method: row for row in results.storage if row.total_bytes is not None}
    if "madx" in known:
        row = known["madx"]
        parts.append(
            f"So MAD-X adds up: {counted} take {languages} x {size(row.bytes_per_language)} + {tasks} x "
            f"{size(row.bytes_per_task)} beside the base model."
        )
    products = [row for row in known.values() if row.bytes_per_language_and_task]
    for row in products:
        parts.append(
            f"{row.method} multiplies: {languages} x {tasks} models of {size(row.bytes_per_language_and_task)}."
        )
    return f"{' '.join(parts)} Together, {counted}, one seed of each:"


def size(count: int | None) -> str:
    """Bytes in the unit of a thousand that fits: `29.6 MB`."""
    if count is None:
        return NOTHING
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{number(value, 1 if unit else 0)} {_UNITS[unit]}"


def _training_row(row: Efficiency) -> list[str]:
    return [
        row.task,
        row.method,
        _whole(row.trainable_parameters),
        _share(row.share),
        size(row.peak_memory_bytes),
        number(row.training_seconds, 1),
        _whole(row.language_parameters),
        size(row.language_peak_memory_bytes),
        number(row.language_training_seconds, 1),
        NOTHING if row.inference_seconds_per_1000_tokens is None else f"{row.inference_seconds_per_1000_tokens:.3g}",
    ]


def _storage_row(row: Storage) -> list[str]:
    parts = (row.bytes_once, row.bytes_per_language, row.bytes_per_task, row.bytes_per_language_and_task)
    return [row.method, *map(size, (*parts, row.total_bytes))]


def _whole(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def _share(fraction: float | None) -> str:
    """Three digits that count: shares of a thousandth and less are the point of adapters."""
    return NOTHING if fraction is None else f"{fraction * 100:.3g}%"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
