"""The part of `results.json` that says what methods cost: training, memory, inference, storage.

Seconds and bytes of memory were measured while what is in the store was made, on whatever machine that was; they
differ between runs, and are null where nothing was measured. Bytes to store are those of the files themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

from madx_pipeline.report.part import Part


class Efficiency(Part):
    """What one method costs on one task, and what it shares between tasks."""

    task: str
    """Name of the task in the recipe."""
    method: str
    """Method of the recipe."""
    trainable_parameters: int | None
    """Parameters trained on the task, prediction head included; 0 where nothing is trained."""
    share: float | None
    """The same as a fraction of all parameters of the model in which they are trained."""
    peak_memory_bytes: int | None
    """Largest peak of its trainings on the task: allocated on a GPU, else resident with all libraries."""
    device: str | None
    """Where the trainings on the task ran: `cpu` or `cuda`; null where they ran on both or were not measured."""
    training_seconds: float | None
    """Wall time of one training on the task, all sittings, with evaluations and checkpoints; mean over trainings."""
    language_parameters: int | None
    """Parameters trained for one language on unlabelled text; null where the method trains nothing for a language."""
    language_share: float | None
    """The same as a fraction of all parameters of the model in which they are trained."""
    language_peak_memory_bytes: int | None
    """Largest peak of the trainings for a language."""
    language_training_seconds: float | None
    """Wall time of the training for one language: once, for all tasks and seeds; mean over languages."""
    inference_seconds_per_1000_tokens: float | None
    """Wall time of predicting 1,000 tokens (word pieces, special tokens included): over all test sets of the task."""
    bytes_per_language: int | None
    """Bytes to store for each language, whatever the tasks; mean over languages."""
    bytes_per_task: int | None
    """Bytes to store for the task, whatever the languages: one seed, prediction head included; mean over seeds."""
    bytes_per_language_and_task: int | None
    """Bytes to store for each pair of a language and the task; mean over languages and seeds."""


class Storage(Part):
    """What the languages and tasks come to that the run can score under one method, one seed of each training kept.

    `total_bytes` = `bytes_once` + `languages` x `bytes_per_language` + `tasks` x `bytes_per_task` + `languages` x
    `tasks` x `bytes_per_language_and_task`, whatever their numbers are.
    """

    method: str
    """Method of the recipe."""
    languages: int
    """Languages that scores of the method are planned for, the source included: not those without adapter or text."""
    tasks: int
    """Tasks that scores of the method are planned for."""
    bytes_once: int | None
    """Bytes whatever the numbers: the base model, if it is needed, and the source's adapter, if it is the only one."""
    bytes_per_language: int | None
    """Bytes that a further language adds by itself."""
    bytes_per_task: int | None
    """Bytes that a further task adds by itself; mean over tasks."""
    bytes_per_language_and_task: int | None
    """Bytes that every pair of a language and a task adds; mean over tasks."""
    total_bytes: int | None
    """All of it, by the formula above; null where a part is not known, or something planned is not in the store."""


def total_bytes(parts: Sequence[int | None], languages: int, tasks: int) -> int | None:
    """What so many languages and tasks come to; None where a part is not known.

    Args:
        parts: Bytes once, per language, per task, and per language and task.
        languages: Number of languages.
        tasks: Number of tasks.
    """
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return sum(part * times for part, times in zip(known, (1, languages, tasks, languages * tasks), strict=True))
