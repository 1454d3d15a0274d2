"""evaluate_zero_shot: swaps in a language adapter, predicts a test set, scores it.

The last step of MAD-X (Pfeiffer et al. 2020, section 4.2): the task adapter stays, the language adapter under
it becomes that of the language of the test set. The same stage evaluates every method: which language adapter
is there, or none, or a fully fine-tuned model, is decided by its inputs.

Surprising: nothing of the target language was used for training or selection, so the majority baseline beside
the score predicts the most frequent label of the *source* training set.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from madx_pipeline import stage
from madx_pipeline.errors import JobError
from madx_pipeline.stage import Inputs, Workspace

if TYPE_CHECKING:
    from madx_pipeline.adapter_model import AdapterModel
    from madx_pipeline.tasks import Encoded, Example, Prediction, TaskType

VERSION = 2


class Params(stage.Params):
    """How a test set is predicted."""

    max_length: int = Field(
        ge=4,
        description="Tokens in a row, special tokens included, at most what the base model takes. Longer sentences"
        " are split into windows at word boundaries, longer texts are truncated and counted.",
    )


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Writes `scores.json` (metric to fraction) and `examples.jsonl` (gold and predicted, in the order of the data)."""
    from madx_pipeline.adapter_model import head_labels
    from madx_pipeline.tasks import checks, parts, task_type
    from madx_pipeline.tasks.batches import on_fastest_device
    from madx_pipeline.tasks.examples import check_labels, read_examples
    from madx_pipeline.tasks.notes import notes
    from madx_pipeline.tasks.scores import write_scores

    kind = task_type(inputs["task_data"].facts["task_type"])
    examples = read_examples(inputs["task_data"], "test")
    model, stack, head = _loaded(inputs)
    on_fastest_device(model)
    checks.check_stack(model, stack, out)
    labels = head_labels(model, head)
    check_labels(kind, examples, labels, inputs["task_data"], "test", out)
    encode = partial(_encoded, inputs, params, kind, labels)
    encoded = encode(examples)
    parts.check_every_part_counts(model, kind, encode, examples, out)
    if len(stack) > 1:
        checks.check_language_adapter_counts(model, kind, encoded, stack, out)
        _check_left_out(inputs, out)
        _check_swap(inputs, model, encoded, stack, out)
    answers = _timed(model, kind, encoded, out)
    predicted = kind.decode(encoded, answers, dict(enumerate(labels)))
    _check_complete(kind, examples, predicted, out)
    tuned, language = inputs["tuned"].facts, inputs.get("language_adapter")
    write_scores(inputs["task_data"], examples, predicted, tuned["majority_label"], out)
    out.describe(**encoded.counts, warnings=[*out.facts["warnings"], *notes(encoded)])
    under = None if language is None else language.facts["language"]
    out.describe(language_adapter=under, trained_on=tuned["trained_on"])


def _timed(model: AdapterModel, kind: TaskType, encoded: Encoded, out: Workspace) -> list[tuple[int, ...]]:
    """Predicts all rows and measures how long that takes, after a first pass that pays for what is set up once."""
    import torch

    from madx_pipeline.tasks.batches import logits, predict

    with torch.inference_mode():
        logits(model, kind, encoded.rows[:1])
    started = time.perf_counter()
    answers = predict(model, kind, encoded, out.progress)
    out.measure(
        inference_seconds=round(time.perf_counter() - started, 4),
        inference_tokens=sum(len(row.input_ids) for row in encoded.rows),
        device=model.device.type,
    )
    return answers


def _loaded(inputs: Inputs) -> tuple[AdapterModel, tuple[str, ...], str]:
    """The model as it is evaluated, its active stack, and the name of its prediction head."""
    from madx_pipeline import adapter_model
    from madx_pipeline.adapter_model.lend import lend_model

    tuned, language = inputs["tuned"], inputs.get("language_adapter")
    name = adapter_model.task_adapter_name(inputs["task_data"].facts["task"])
    if tuned.record.kind == "task_model":
        if language is not None:
            raise JobError("a fully fine-tuned model is evaluated without a language adapter; one was given.")
        return adapter_model.load_task_model(tuned.path / "model"), (), name
    base = inputs["base_model"]
    model = lend_model(base.path / "model", base.facts["name"])
    stack = [name]
    if language is not None:
        stack.insert(0, adapter_model.language_adapter_name(language.facts["language"]))
        adapter_model.load_language_adapter(model, language.path / "adapter", stack[0], base.facts)
    load = adapter_model.load_lora if tuned.record.kind == "lora" else adapter_model.load_task_adapter
    load(model, tuned.path / "adapter", name, base.facts)
    adapter_model.set_stack(model, stack)
    return model, tuple(stack), name


def _check_swap(inputs: Inputs, model: AdapterModel, encoded: Encoded, stack: Sequence[str], out: Workspace) -> None:
    """Where the task adapter was trained on another language adapter: exchanging the two must change the logits."""
    from madx_pipeline.adapter_model import language_adapter_name, load_language_adapter
    from madx_pipeline.tasks import checks, task_type

    source = inputs.get("source_language_adapter")
    if source is None:
        return
    name = language_adapter_name(source.facts["language"])
    load_language_adapter(model, source.path / "adapter", name, inputs["base_model"].facts)
    kind = task_type(inputs["task_data"].facts["task_type"])
    checks.check_swapping_counts(model, kind, encoded, (stack, (name, *stack[1:])), out)
    model.delete_adapter(name)
    checks.check_stack(model, stack, out, "active_stack_after_swapping")


def _check_left_out(inputs: Inputs, out: Workspace) -> None:
    """Warns where a published task adapter was trained over language adapters that lack other layers than this one."""
    wanted = inputs["tuned"].facts.get("language_leave_out")
    if wanted is None:
        return
    language = inputs["language_adapter"].facts
    lacks = sorted(language.get("leave_out") or ())
    odd = sorted(set(wanted) ^ set(lacks))
    stage = "fetch" if language.get("origin") == "published" else "train"
    trained = f"The task adapter was trained over language adapters that leave out {_layers(wanted)}"
    detail = (
        f"{trained}; that of {language['language']} leaves out {_layers(lacks)}."
        f" Say stages: {{{stage}_language_adapter: {{leave_out: {sorted(wanted)}}}}}."
        if odd
        else f"{trained}, as that of {language['language']} does."
    )
    out.check("language_adapter_leaves_out_the_right_layers", not odd, _layers(lacks), detail, hard=False)


def _layers(layers: Sequence[int]) -> str:
    """`layers 0, 11`, or that there are none."""
    return f"layers {', '.join(map(str, sorted(layers)))}" if layers else "no layers"


def _encoded(
    inputs: Inputs, params: Params, kind: TaskType, labels: Sequence[str], examples: Sequence[Example]
) -> Encoded:
    """The examples as rows, with the ids that the prediction head at hand uses."""
    from madx_pipeline.tasks.batches import row_length
    from madx_pipeline.tokenizer import kept_tokenizer

    base = inputs["base_model"]
    label2id = {label: index for index, label in enumerate(labels)}
    return kind.encode(examples, kept_tokenizer(base.path / "model"), label2id, row_length(params.max_length, base))


def _check_complete(
    kind: TaskType, examples: Sequence[Example], predicted: Sequence[Prediction], out: Workspace
) -> None:
    """Every example has a prediction of its own form: one label, or one for each of its words."""
    gold = [kind.gold(example) for example in examples]
    sizes = [[len(answer) if isinstance(answer, list) else 1 for answer in answers] for answers in (gold, predicted)]
    detail = f"Labels predicted, for {sum(sizes[0])} asked for in {len(examples)} examples."
    out.check("everything_predicted_once", sizes[0] == sizes[1], sum(sizes[1]), detail)
