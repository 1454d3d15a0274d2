"""Learning a task on the source language: what `train_task_adapter`, `train_lora` and `finetune_base_model` share.

The stages differ in what is trained. Data, prediction head, model selection and the questions asked
of the result are the same for all, or their comparison would mean nothing, so they are here.

Models are selected on the *source* language's validation set alone: a zero-shot score whose model was
chosen on target data is not zero-shot.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from madx_pipeline.adapter_model import AdapterModel, head_labels, seeded
from madx_pipeline.records import Artifact, Json
from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.tasks import Encoded, TaskType, task_type
from madx_pipeline.tasks.batches import predict, row_length
from madx_pipeline.tasks.examples import check_labels, majority_label, majority_score, primary, read_examples
from madx_pipeline.tasks.padding import loss_in_passes
from madx_pipeline.tasks.params import TaskTrainingParams
from madx_pipeline.tokenizer import kept_tokenizer
from madx_pipeline.training import FixedExamples, Training, TrainingResult, steps_for_epochs, train

_SPAN_F1 = "span_f1"
_SPAN_F1_FLOOR = 0.2
"""Ours: far below what any usable tagger reaches in the language it was trained on, far above a few lucky spans."""


@dataclass(frozen=True)
class SourceTask:
    """A task in the source language, encoded.

    Attributes:
        kind: Type of the task.
        data: The `task_data` artifact.
        labels: Label names; their order is the order of the prediction head's ids.
        train: Training rows.
        validation: Validation rows.
        gold: The true labels of the validation examples.
        majority_label: The most frequent label of the training set.
        majority: What predicting it everywhere scores on the validation set (0..1).
    """

    kind: TaskType
    data: Artifact
    labels: list[str]
    train: Encoded
    validation: Encoded
    gold: list[Json]
    majority_label: str
    majority: float

    @property
    def metric(self) -> str:
        """The task's primary metric."""
        return str(self.data.facts["metric"])


def model_folder(base_model: Artifact) -> Path:
    """Where the base model of a `base_model` artifact lies."""
    return base_model.path / "model"


def open_source_task(inputs: Inputs, params: TaskTrainingParams, out: Workspace) -> SourceTask:
    """Reads and encodes the training and validation set of the source language.

    Raises:
        JobError: If one of them is missing or empty.
        CheckError: If a label occurs that the task does not have.
    """
    data, base_model = inputs["task_data"], inputs["base_model"]
    kind = task_type(data.facts["task_type"])
    labels = [str(label) for label in data.facts["labels"]]
    train_set, validation_set = read_examples(data, "train"), read_examples(data, "validation")
    check_labels(kind, [*train_set, *validation_set], labels, data, "train", out)
    majority = majority_label(kind, train_set)
    tokenizer = kept_tokenizer(model_folder(base_model))
    encode = partial(
        kind.encode,
        tokenizer=tokenizer,
        label2id={label: index for index, label in enumerate(labels)},
        max_length=row_length(params.max_length, base_model),
    )
    return SourceTask(
        kind=kind,
        data=data,
        labels=labels,
        train=encode(train_set),
        validation=encode(validation_set),
        gold=[kind.gold(example) for example in validation_set],
        majority_label=majority,
        majority=majority_score(kind, validation_set, majority, data),
    )


def add_head(model: AdapterModel, task: SourceTask, name: str, seed: int, out: Workspace) -> None:
    """Adds a prediction head initialised from `seed` alone, with the task's labels by name."""
    with seeded(seed):
        task.kind.add_head(model, name, task.labels)
    found = head_labels(model, name)
    out.check(
        "head_labels_by_name",
        found == task.labels,
        len(found),
        "The prediction head carries the task's labels by name.",
    )


def learn(
    model: AdapterModel, task: SourceTask, params: TaskTrainingParams, seed: int, out: Workspace
) -> TrainingResult:
    """Trains what is set to train, measured on the validation set after every epoch; the best epoch's weights stay.

    Of epochs that are equally good the first is kept.
    """
    rows = len(task.train.rows)
    training = Training(
        examples=FixedExamples(task.train.rows),
        collate=partial(task.kind.collate, pad_id=model.config.pad_token_id),
        evaluate=partial(measure, task),
        metric=task.metric,
        greater_is_better=True,
        max_steps=steps_for_epochs(rows, params.num_train_epochs, params),
        eval_steps=steps_for_epochs(rows, 1, params),
        loss=loss_in_passes,
    )
    return train(model, training, params, seed, out)


def measure(task: SourceTask, model: AdapterModel) -> dict[str, float]:
    """All metrics of the model on the validation set, without those by entity type."""
    predicted = predict(model, task.kind, task.validation)
    names = task.kind.decode(task.validation, predicted, dict(enumerate(task.labels)))
    values = task.kind.score(task.gold, names, task.data.facts["label_scheme"]).values
    primary(values, task.metric)
    return {name: value for name, value in values.items() if "." not in name}


def check_beats_majority(task: SourceTask, result: TrainingResult, out: Workspace) -> None:
    """Fails the job if nothing was learnt: an untrained adapter gives numbers that look plausible."""
    reached = result.best[task.metric]
    out.check(
        "beats_majority_on_source_validation",
        reached > task.majority,
        reached,
        f'{task.metric} on the source validation set against {task.majority:.4f} for always "{task.majority_label}".',
    )


def check_finds_entities(task: SourceTask, result: TrainingResult, out: Workspace) -> None:
    """Warns if hardly any entity is found: the majority baseline of spans is 0, so that one hit would beat it."""
    if task.metric != _SPAN_F1:
        return
    reached = result.best[_SPAN_F1]
    detail = f"span_f1 on the source validation set; below {_SPAN_F1_FLOOR} the task is hardly learnt."
    out.check("finds_entities_on_source_validation", reached >= _SPAN_F1_FLOOR, reached, detail, hard=False)


def describe(task: SourceTask, result: TrainingResult, out: Workspace) -> None:
    """The facts that the stages have in common."""
    names = ("task", "task_type", "metric", "label_scheme", "language")
    out.describe(
        **{name: task.data.facts[name] for name in names},
        labels=task.labels,
        label2id={label: index for index, label in enumerate(task.labels)},
        dev=result.best,
        majority_dev=task.majority,
        majority_label=task.majority_label,
        steps=result.steps,
        best_step=result.best_step,
        curve=result.curve,
        train=_counts(task.train),
        validation=_counts(task.validation),
    )


def _counts(encoded: Encoded) -> dict[str, int]:
    return {"examples": encoded.examples, **encoded.counts}
