"""The prediction head beside an adapter: what it is, and whether its labels are complete.

A language adapter's head is never loaded (a published masked-LM head would overwrite the word embeddings);
a task adapter's is, with the labels in the order of its ids: two published heads of one task number them
differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from madx_pipeline.adapter_files.files import DAMAGED, read_json, read_weights
from madx_pipeline.adapter_files.report import AdapterCheck, check, problems_of, shown
from madx_pipeline.adapter_files.values import ACTIVATIONS, is_real
from madx_pipeline.errors import Problem
from madx_pipeline.published.files import HEAD_CONFIG_FILE, HEAD_FILES
from madx_pipeline.records import Json

HEAD_WEIGHTS = tuple(name for name in HEAD_FILES if name != HEAD_CONFIG_FILE)
HEAD_TYPES = ("tagging", "classification", "multiple_choice", "question_answering", "dependency_parsing")
"""Heads that a task adapter may bring."""

_NEVER_LOADED = "A language adapter's prediction head is never loaded."
_OTHER_HEAD = "Choose a task adapter whose head is for words, texts, choices, answers or trees, or train one."
_MANY = 12
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "layers": (lambda value: type(value) is int and 1 <= value <= 8, "1 to 8"),
    "activation_function": (lambda value: value is None or value in ACTIVATIONS, f"{', '.join(ACTIVATIONS)}, null"),
    "dropout_prob": (lambda value: value is None or (is_real(value) and 0 <= value < 1), "from 0 to below 1, null"),
    "use_pooler": (lambda value: value is False, "false (masked-LM checkpoints have no pooler: it would be random)"),
    "bias": (lambda value: type(value) is bool, "true, false"),
}
"""What a head's config may say beside its type and labels."""

_LAYERED = tuple(kind for kind in HEAD_TYPES if kind != "dependency_parsing")
_ONLY_OF = {
    "layers": _LAYERED,
    "activation_function": _LAYERED,
    "dropout_prob": _LAYERED,
    "use_pooler": ("classification", "multiple_choice"),
    "bias": ("classification",),
}
"""Keys that only some types of heads have: the library takes no other to them."""

_NUMBER_OF = {"multiple_choice": "num_choices"}
"""What a head's config calls the number of its labels, where not `num_labels`."""

_LANGUAGE_MODELS = ("MaskedLM", "LMHead")
"""Parts of the names of static model classes whose head predicts words."""
_LONGEST_ID = 6


@dataclass(frozen=True)
class HeadFolder:
    """A prediction head as it lies on disk.

    Attributes:
        config: What the library builds the head from (`head_type`, `label2id`, ...).
        tensors: Name within the head (`1.weight`) to tensor.
        problems: What is wrong with it.
    """

    config: dict[str, Json]
    tensors: dict[str, Tensor]
    problems: tuple[Problem, ...]


def read_head(folder: Path, where: str) -> HeadFolder:
    """Reads the prediction head beside a task adapter, its weights included."""
    record, problems = read_json(folder, HEAD_CONFIG_FILE, where)
    config = _config_of(record)
    problems += [] if problems else _record_problems(record, where)
    weights = read_weights(folder, HEAD_WEIGHTS, where)
    problems += problems_of(weights.checks)
    prefix = f"heads.{record.get('name')}."
    foreign = sorted(name for name in weights.tensors if not name.startswith(prefix))
    if not problems and foreign:
        problems.append(Problem(f"{where}: the head's weights hold {foreign[0]}, which is not part of it.", DAMAGED))
    return HeadFolder(config, with_prefix_removed(weights.tensors, prefix), tuple(problems))


def head_problems(config: Mapping[str, Json], where: str) -> list[Problem]:
    """What is wrong with the `config` of a `head_config.json` whose head is to be loaded."""
    if not config:
        return [Problem(f"{where}: {HEAD_CONFIG_FILE} has no config.", DAMAGED)]
    kind, labels = config.get("head_type"), config.get("label2id")
    if kind not in HEAD_TYPES:
        return [Problem(f"{where}: head_type is {shown(kind)}; possible: {', '.join(HEAD_TYPES)}.", _OTHER_HEAD)]
    rules = {key: rule for key, rule in _RULES.items() if kind in _ONLY_OF.get(key, HEAD_TYPES)}
    number = _NUMBER_OF.get(kind, "num_labels")
    problems = [
        Problem(f"{where}: {HEAD_CONFIG_FILE} has {key}={shown(config[key])}; possible: {said}.", _OTHER_HEAD)
        for key, (allowed, said) in rules.items()
        if key in config and not allowed(config[key])
    ]
    unknown = sorted(config.keys() - {*rules, "head_type", "label2id", number})
    if unknown:
        found = f'{HEAD_CONFIG_FILE} has the key "{unknown[0][:100]}", which a {kind} head does not have'
        problems.append(Problem(f"{where}: {found}.", _OTHER_HEAD))
    if not isinstance(labels, dict) or not _numbers_each_once(labels.values(), config.get(number)):
        problems.append(Problem(f"{where}: {HEAD_CONFIG_FILE} has no complete label2id.", DAMAGED))
    return problems


def head_check(folder: Path, where: str, of_language_adapter: bool) -> AdapterCheck:
    """The head beside an adapter, by its config alone: its weights are neither needed nor read.

    Args:
        folder: The adapter's.
        where: What messages call it.
        of_language_adapter: Whether the adapter is one (it has an invertible adapter); then no head is loaded.
    """
    if not (folder / HEAD_CONFIG_FILE).is_file():
        return check("prediction_head", "none")
    record, problems = read_json(folder, HEAD_CONFIG_FILE, where)
    config = _config_of(record)
    static = _static_class(record)
    of_type = not any(part in static for part in _LANGUAGE_MODELS) if static else _may_be_loaded(config)
    loaded = not of_language_adapter and of_type
    problems += _record_problems(record, where) if loaded and not problems else []
    note = "" if loaded else _NEVER_LOADED if of_language_adapter else "A head of this type is never loaded."
    value = f"static {static[:100]}" if static else _described(config) if config else "not readable"
    return check("prediction_head", value, problems if loaded else (), note)


def with_prefix_removed(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors by their names without `prefix`; names without it stay."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _config_of(record: Mapping[str, Json]) -> dict[str, Json]:
    """The head's config; label ids that were written as text are numbers in it."""
    found = record.get("config")
    if not isinstance(found, dict):
        return {}
    labels = found.get("label2id")
    if not isinstance(labels, dict):
        return found
    return {**found, "label2id": {label: _number(written) for label, written in labels.items()}}


def _number(written: Json) -> Json:
    is_text = isinstance(written, str) and written.isascii() and written.isdecimal() and len(written) <= _LONGEST_ID
    return int(written) if is_text else written


def _may_be_loaded(config: Mapping[str, Json]) -> bool:
    return config.get("head_type", HEAD_TYPES[0]) in HEAD_TYPES


def _static_class(record: Mapping[str, Json]) -> str:
    """The model class that a head is built into, with its labels outside `config`; empty for a head of its own."""
    kind = record.get("model_class")
    return kind if record.get("config") is None and isinstance(kind, str) else ""


def _record_problems(record: Mapping[str, Json], where: str) -> list[Problem]:
    static = _static_class(record)
    if static:
        found = f"its head is one of a static {static[:100]}, which cannot be taken over"
        return [Problem(f"{where}: {found}.", _OTHER_HEAD)]
    return head_problems(_config_of(record), where)


def _described(config: Mapping[str, Json]) -> str:
    """`tagging, 3 labels: 0=O, 1=B-PER, 2=I-PER`."""
    kind, labels = shown(config.get("head_type")).strip("'"), config.get("label2id")
    if not isinstance(labels, dict) or not all(type(number) is int for number in labels.values()):
        return kind
    by_id = [f"{number}={label[:40]}" for label, number in sorted(labels.items(), key=lambda pair: pair[1])]
    more = ", ..." if len(by_id) > _MANY else ""
    return f"{kind}, {len(by_id)} labels: {', '.join(by_id[:_MANY])}{more}"


def _numbers_each_once(ids: Iterable[Json], number: Json) -> bool:
    """Whether the ids are 0 to `number` - 1, in any order; both are foreign text, of any type."""
    found = list(ids)
    whole = all(type(one) is int for one in (*found, number)) and len(found) == number
    return whole and sorted(found) == list(range(len(found)))
