"""Labelled data of one task in one language, made ready: read, labels mapped by name, checked against the source.

The source language's training data says which labels the task has; a label of a target language that is
not among them is an error with a choice in the recipe, never a silent shift. Word pieces and windows are
not made here: they depend on the task adapter's training, this does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from madx_pipeline.errors import JobError
from madx_pipeline.records import Json
from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.stage import Params as StageParams

if TYPE_CHECKING:
    from madx_pipeline.data.sources import Split, TaskSource
    from madx_pipeline.data.task_split import TaskSplit

VERSION = 3

MANY_ORPHANS = 0.05
"""Share of entities that begin with I- from which a soft check warns; published IOB2 data has below 0.01."""


class Params(StageParams):
    """How much of the labelled data is used."""

    max_examples: int | None = Field(ge=1, description="Examples of a split at most, evenly spaced; null uses all.")


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Reads the splits, maps and checks their labels, and writes them as JSON lines.

    Raises:
        JobError: If data cannot be read, a split is empty, or a label is unknown to the source language.
    """
    from madx_pipeline.data.sources import TaskSource

    source = TaskSource.model_validate(dict(inputs.source))
    splits = _read(source, inputs, params)
    labels = _labels(splits, source, inputs)
    for name, split in splits.items():
        split.write(out.path / f"{name}.jsonl")
    out.describe(
        task=inputs.key["task"],
        language=inputs.key["language"],
        task_type=source.task_type,
        metric=source.metric,
        label_scheme=source.label_scheme,
        labels=labels,
        label_map={name: source.of(name).labels or {} for name in splits},
        splits={name: split.facts(source) for name, split in splits.items()},
        repeated=_repeated(splits),
        **_provenance(source, inputs),
        **_measured(splits, source, inputs),
    )
    if source.label_scheme == "iob2":
        _check_iob2(splits, out)
    if source.label_scheme == "span":
        _check_places(splits, out)


def _provenance(source: TaskSource, inputs: Inputs) -> dict[str, Json]:
    """Where the data comes from and under which licence; of two data sets, both."""
    from madx_pipeline.cards import task_card
    from madx_pipeline.data.labelled import place

    origins: dict[str, None] = {}
    for part in (source, source.test):
        splits = [split for split in source.read_splits if source.of(split) is part]
        if part is not None and splits:
            places = dict.fromkeys(place(part, split, inputs.locations) for split in splits)
            revision = part.hub.revision if part.hub is not None else part.github.commit if part.github else ""
            at = f", revision {revision[:12]}" if revision else ""
            cut = f", {part.held_out:.0%} of its training articles held out for validation" if part.held_out else ""
            origins[f"{part.card}: {'; '.join(places)}{at}{cut}"] = None
    cards = dict.fromkeys(part.card for part in (source, source.test) if part is not None)
    return {"licence": "; ".join(task_card(card).licence for card in cards), "origin": "; ".join(origins)}


def _read(source: TaskSource, inputs: Inputs, params: Params) -> dict[Split, TaskSplit]:
    from madx_pipeline.data.labelled import labelled, place
    from madx_pipeline.data.task_split import TaskSplit

    seed = inputs["base_model"].facts.get("world_seed")
    splits = {}
    for split in source.read_splits:
        where = (
            f'{inputs.key["task"]} in "{inputs.key["language"]}", {split} ({place(source, split, inputs.locations)})'
        )
        splits[split] = TaskSplit.read(
            labelled(source, split, inputs.locations, seed), source.of(split), where, params.max_examples
        )
    return splits


def _check_iob2(splits: Mapping[Split, TaskSplit], out: Workspace) -> None:
    """Warns where many entities begin with I-: such a file is probably IOB1 with some neighbours in it."""
    worst = max(splits, key=lambda name: splits[name].orphan_share)
    share = splits[worst].orphan_share
    detail = f"{share:.1%} of the entities in {worst} begin with I-; in IOB2 every entity begins with B-."
    out.check("labels_are_iob2", share < MANY_ORPHANS, round(share, 6), detail, hard=False)


def _check_places(splits: Mapping[Split, TaskSplit], out: Workspace) -> None:
    """Warns where answers were not where the data says: of equal pieces of a text the wrong one may be taken."""
    moved = sum(split.counts["moved"] for split in splits.values())
    detail = "Answers that are not where the data says, and were taken at the nearest place that says the same."
    out.check("answers_are_in_their_places", not moved, moved, detail, hard=False)


def _labels(splits: Mapping[Split, TaskSplit], source: TaskSource, inputs: Inputs) -> list[str]:
    """The task's labels, as the source language's training data has them; checks that there are no others."""
    from madx_pipeline.data.labels import is_kept, unknown_labels

    source_data = inputs.get("source_data")
    labels: list[str] = source_data.facts["labels"] if source_data is not None else _own_labels(splits["train"], source)
    asked: Counter[str] = Counter()
    for name, split in splits.items():  # the recipe's map of a test set from elsewhere is not that of the training data
        part = source.of(name)
        kept = {label for label in split.labels if is_kept(label, part.label_scheme, part.labels or {})}
        asked.update({label: count for label, count in split.labels.items() if label not in kept})
    where = f'{inputs.key["task"]} in "{inputs.key["language"]}"'
    problems = unknown_labels(asked, labels, source.label_scheme, where)
    if problems:
        raise JobError(problems)
    return labels


def _own_labels(train: TaskSplit, source: TaskSource) -> list[str]:
    """The labels that training data has; of choices one for each place, in their order, ever right or not."""
    from madx_pipeline.data.examples import Choice, choice_names
    from madx_pipeline.data.labels import canonical

    choices = [len(example.choices) for example in train.examples if isinstance(example, Choice)]
    return choice_names(max(choices)) if choices else canonical(train.labels, source.label_scheme)


def _repeated(splits: Mapping[Split, TaskSplit]) -> dict[str, int]:
    """How many examples of the other splits also occur in the training data, labels aside."""
    if "train" not in splits:
        return {}
    seen = {tuple(example.strings) for example in splits["train"].examples}
    return {
        f"{name}_in_train": sum(tuple(example.strings) in seen for example in split.examples)
        for name, split in splits.items()
        if name != "train"
    }


def _measured(splits: Mapping[Split, TaskSplit], source: TaskSource, inputs: Inputs) -> dict[str, Json]:
    """`tokens_per_word` and `unknown_share`, by the base model's tokenizer."""
    from madx_pipeline.data.measure import Measure
    from madx_pipeline.data.sources import IN_WORDS
    from madx_pipeline.data.tokens import Tokens

    tokens = Tokens(inputs["base_model"].path / "model")
    measure = Measure(tokens.unknown)
    for split in splits.values():
        for examples in split.batches():
            strings = [example.strings for example in examples]
            if source.task_type in IN_WORDS:
                measure.add([" ".join(words) for words in strings], tokens.of_words(strings))
            else:
                texts = [text for some in strings for text in some]
                measure.add(texts, tokens.of_texts(texts))
    found = measure.facts()
    if source.task_type in IN_WORDS:
        words = sum(len(example.strings) for split in splits.values() for example in split.examples)
        found["tokens_per_word"] = round(measure.tokens / words, 4)
    return {name: found[name] for name in ("tokens_per_word", "unknown_share")}
