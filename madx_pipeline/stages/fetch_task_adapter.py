"""Brings a published task adapter with its prediction head, from the hub or a folder, and checks both.

Takes the place of `train_task_adapter` and makes the same kind of artifact, so that evaluation cannot tell the
difference: the head's labels get the names that the data uses, and the majority class comes from the data.

Surprising: such an adapter was trained over language adapters of a certain kind (MAD-X 2.0 ones lack the last
layer), which is written nowhere in it. The catalogue knows; evaluation compares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from madx_pipeline.errors import JobError
from madx_pipeline.published.fetched import check_names_base_model, fetch
from madx_pipeline.published.files import ADAPTER_FILES, HEAD_FILES
from madx_pipeline.records import Artifact, Json
from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.stage import Params as StageParams

if TYPE_CHECKING:
    from madx_pipeline.adapter_model import AdapterModel

VERSION = 1


class Params(StageParams):
    """None: which adapter it is and what its labels are called stands in the recipe, and is the job's source."""


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Writes adapter and prediction head to `adapter/` and describes where they are from.

    Raises:
        JobError: If it cannot be had, does not belong to this base model, or has other labels than the data.
    """
    from madx_pipeline import adapter_model
    from madx_pipeline.adapter_files import check_inverse
    from madx_pipeline.adapter_model.heads import rename_head_labels
    from madx_pipeline.adapter_model.lend import lend_model

    base, data = inputs["base_model"], inputs["task_data"]
    found = fetch(inputs, (*ADAPTER_FILES, *HEAD_FILES))
    name = adapter_model.task_adapter_name(data.facts["task"])
    model = lend_model(base.path / "model", base.facts["name"])
    adapter = adapter_model.load_task_adapter(model, found.folder, name, base.facts, where=found.where)
    found.entry(adapter, base)
    check_names_base_model(adapter.record, base, out)
    check_inverse(adapter, out)
    published = adapter_model.head_labels(model, name)
    labels = _labels(model, name, inputs, found.where)
    rename_head_labels(model, name, labels)
    adapter_model.save_adapter(model, name, out.path / "adapter", with_head=True)
    _check_source_language(inputs, found.where, out)
    out.describe(
        **_task_facts(inputs, labels),
        head_labels=dict(zip(published, labels, strict=True)),
        extra_labels=[label for label in labels if label not in data.facts["labels"]],
        **found.facts(adapter, HEAD_FILES),
        name=name,
        parameters=adapter_model.adapter_parameters(model, name),
        head_parameters=sum(parameter.numel() for parameter in model.heads[name].parameters()),
    )


def _labels(model: AdapterModel, head: str, inputs: Inputs, where: str) -> list[str]:
    """What each label of the head is called in the data, in the order of its ids.

    It may know more labels than the data has; what it predicts by them is wrong, and counts as such.
    """
    from madx_pipeline.adapter_model import head_labels
    from madx_pipeline.adapter_model.heads import head_type

    data = inputs["task_data"]
    kind, wanted = head_type(model, head), str(data.facts["task_type"])
    if kind != wanted:
        raise JobError(
            f"{where}: its prediction head is for {kind}; the task {data.facts['task']} is {wanted}.",
            "Choose another task adapter, or leave adapter out to train one.",
        )
    published, names = head_labels(model, head), dict(inputs.source.get("labels") or {})
    labels = [names.get(label, label) for label in published]
    if len(set(labels)) < len(labels) or not set(data.facts["labels"]) <= set(labels):
        raise _other_labels(where, (published, labels, data.facts["labels"]), names, data)
    return labels


def _other_labels(
    where: str, labels: tuple[Sequence[str], Sequence[str], Sequence[str]], names: Mapping[str, str], data: Artifact
) -> JobError:
    """The labels of head and data side by side, and how to say which is which."""
    published, renamed, known = labels
    task, language = data.facts["task"], data.facts["language"]
    shown = ", ".join(
        label if label == name else f"{label} (as {name})" for label, name in zip(published, renamed, strict=True)
    )
    message = (
        f"{where}: its prediction head has the labels {shown}; the data of {task} in {language} has {', '.join(known)}."
    )
    unknown = [label for label in names if label not in published]
    if unknown:
        return JobError(message, f"labels maps {unknown[0]}, which the head does not have.")
    twice = [name for name, count in Counter(renamed).items() if count > 1]
    if twice:
        return JobError(message, f"{twice[0]} would be two labels of the head: map each to a name of its own.")
    missing = [label for label in known if label not in renamed]
    odd = [label for label in renamed if label not in known]
    if not odd:
        return JobError(
            message, f"It cannot predict {missing[0]}: choose another task adapter, or leave adapter out to train one."
        )
    return JobError(
        message, f'Map them by name: tasks: {{{task}: {{adapter: {{labels: {{"{odd[0]}": "{missing[0]}"}}}}}}}}.'
    )


def _check_source_language(inputs: Inputs, where: str, out: Workspace) -> None:
    """Whether the adapter was trained on the language whose adapter it is compared with, if that is known."""
    language, known = str(inputs["task_data"].facts["language"]), inputs.source.get("trained_on")
    if known is not None:
        detail = f"{where} was trained on the language adapter of {known}; the source language here is {language}."
        out.check("trained_on_the_source_language", known == language, known, detail, hard=False)


def _task_facts(inputs: Inputs, labels: Sequence[str]) -> dict[str, Json]:
    """What evaluation reads of any task adapter, as `train_task_adapter` would say it."""
    from madx_pipeline.tasks import task_type
    from madx_pipeline.tasks.examples import majority_label, read_examples

    data = inputs["task_data"]
    kind, left_out = task_type(data.facts["task_type"]), inputs.source.get("leave_out")
    return {
        **{name: data.facts[name] for name in ("task", "task_type", "metric", "label_scheme", "language")},
        "labels": list(labels),
        "label2id": {label: index for index, label in enumerate(labels)},
        "majority_label": majority_label(kind, read_examples(data, "train")),
        "trained_on": inputs.source.get("trained_on") or data.facts["language"],
        "language_leave_out": None if left_out is None else list(left_out),
    }
