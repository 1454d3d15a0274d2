"""What methods cost, as rows of text that `report.md` and the pages share: one wording, one rounding.

A part that is not known is a dash, never a zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from madx_pipeline.methods import METHOD_SPECS
from madx_pipeline.report.costs import Efficiency, Storage
from madx_pipeline.report.markdown import NOTHING, number, table, text
from madx_pipeline.report.results import Results

TRAINING = (
    *("Task", "Method", "Trained on the task", "Share", "Peak memory", "Seconds"),
    *("Trained for a language", "Peak memory", "Seconds", "Seconds per 1,000 tokens"),
)
"""Columns of the table of trainings and inference; the first two are text."""

STORAGE = ("Method", "Languages", "Tasks", "Once", "Per language", "Per task", "Per language and task", "Together")
"""Columns of the table of storage; the first is text."""

Cell = tuple[str, float | str | None]
"""What is shown, and what it is sorted by."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def costs(results: Results, digits: int) -> str:
    """The section of `report.md`; empty where nothing was measured and nothing is stored."""
    if not has_costs(results):
        return ""
    return "\n\n".join(
        [
            text(how_measured(results)),
            table(TRAINING, texts(training_cells(results)), left=2),
            text(how_stored(results)),
            table(STORAGE, texts(storage_cells(results))),
        ]
    )


def has_costs(results: Results) -> bool:
    """Whether anything is known of what the methods cost."""
    return any(row.trainable_parameters or row.bytes_per_task for row in results.efficiency)


def training_cells(results: Results) -> list[list[Cell]]:
    """A row a task and method, under `TRAINING`."""
    return [_training_row(row) for row in results.efficiency]


def storage_cells(results: Results) -> list[list[Cell]]:
    """A row a method, under `STORAGE`."""
    return [_storage_row(row) for row in results.storage]


def texts(rows: Iterable[Sequence[Cell]]) -> list[list[str]]:
    """What of the cells is read."""
    return [[shown for shown, _ in row] for row in rows]


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
        " of the model, seconds of one training with its evaluations, seconds of inference. Seconds are wall time:"
        f" jobs that ran side by side took longer for it. {memory}.{merged}"
    )


def how_stored(results: Results) -> str:
    """What storing the languages and tasks of the run takes, and why it adds up or multiplies; plain text."""
    if not results.storage:
        return ""
    stacked = {name for name, spec in METHOD_SPECS.items() if spec.stacked}
    parts = [_shared(results)] if stacked & set(results.methods) else []
    for row in results.storage:
        if row.total_bytes is None:
            continue
        if row.method == "madx":
            parts.append(
                f"So MAD-X adds up: {_counted(row.languages, 'language')} and {_counted(row.tasks, 'task')} take "
                f"{row.languages} x {size(row.bytes_per_language)} + {row.tasks} x {size(row.bytes_per_task)} beside "
                "the base model."
            )
        if row.bytes_per_language_and_task:
            models = f"{row.languages} x {row.tasks} models of {size(row.bytes_per_language_and_task)}"
            parts.append(f"{row.method} multiplies: {models}.")
    return " ".join([*parts, "Together: all languages and tasks that the method can be scored on, one seed of each."])


def _shared(results: Results) -> str:
    """Why language adapters add up; those that were fetched cost no training here."""
    fetched = any(job.stage == "fetch_language_adapter" for job in results.jobs)
    once = "exist once per language and are" if fetched else "are trained once per language and"
    return f"Language adapters {once} shared by all tasks and seeds."


def size(count: int | None) -> str:
    """Bytes in the unit of a thousand that fits: `29.6 MB`."""
    if count is None:
        return NOTHING
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{number(value, 1 if unit else 0)} {_UNITS[unit]}"


def _training_row(row: Efficiency) -> list[Cell]:
    inference = row.inference_seconds_per_1000_tokens
    return [
        (row.task, row.task),
        (row.method, row.method),
        (_whole(row.trainable_parameters), row.trainable_parameters),
        (_share(row.share), row.share),
        _sized(row.peak_memory_bytes),
        (number(row.training_seconds, 1), row.training_seconds),
        (_whole(row.language_parameters), row.language_parameters),
        _sized(row.language_peak_memory_bytes),
        (number(row.language_training_seconds, 1), row.language_training_seconds),
        (NOTHING if inference is None else f"{inference:.3g}", inference),
    ]


def _storage_row(row: Storage) -> list[Cell]:
    parts = (row.bytes_once, row.bytes_per_language, row.bytes_per_task, row.bytes_per_language_and_task)
    return [
        (row.method, row.method),
        (str(row.languages), row.languages),
        (str(row.tasks), row.tasks),
        *map(_sized, (*parts, row.total_bytes)),
    ]


def _sized(count: int | None) -> Cell:
    return size(count), count


def _whole(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def _share(fraction: float | None) -> str:
    """Three digits that count: shares of a thousandth and less are the point of adapters."""
    return NOTHING if fraction is None else f"{fraction * 100:.3g}%"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
