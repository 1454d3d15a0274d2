"""Labels by name: the recipe's map, what a scheme allows, and the order they are kept in.

Numbers never cross a border here: data sets order their classes differently, and a silent shift of label
ids gives plausible scores that mean nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from madx_pipeline.data.sources import LabelScheme
from madx_pipeline.errors import JobError, Problem, nearest

OUTSIDE = "O"
SPAN = ("start", "end")
"""What is predicted of an answer that is a piece of text: its borders."""
_LEFT_OVER = ("X", "dep")
"""What Universal Dependencies calls words of no other part of speech, and relations of no other kind."""


def entity_type(label: str) -> str:
    """`LOC` of `B-LOC` and `I-LOC`; `O` of `O`."""
    return label if label == OUTSIDE else label[2:]


def check_scheme(labels: Iterable[str], scheme: LabelScheme, where: str) -> None:
    """Checks that labels are written in a scheme.

    Raises:
        JobError: If a label of an IOB2 task is neither `O` nor `B-` or `I-` with an entity type.
    """
    if scheme != "iob2":
        return
    for label in labels:
        if label != OUTSIDE and (label[:2] not in ("B-", "I-") or len(label) < 3):
            raise JobError(
                f'{where}: the label "{label}" is not IOB2 (O, B-<type>, I-<type>).',
                "Is the label in another column (read: ...), or is this a task with plain labels (another card)?",
            )


def check_begins(counts: Counter[str], where: str) -> None:
    """Checks that entities begin with `B-`: in IOB1 they do so only next to another of their type.

    Read as IOB2, such gold has no entity that starts where it should, and every system scores next to nothing.

    Args:
        counts: How often each tag occurs in a split, before the recipe's map.
        where: Where they come from, for messages.

    Raises:
        JobError: If there are tags `I-X` and not a single `B-X`.
    """
    inside = sum(count for tag, count in counts.items() if tag.startswith("I-"))
    if inside and not any(tag.startswith("B-") for tag in counts):
        raise JobError(
            f"{where} looks like IOB1: {inside} tags I-<type> and no B-<type>.",
            "Convert it to IOB2, where every entity begins with B-<type>.",
        )


def mapped(labels: Sequence[str], scheme: LabelScheme, names: Mapping[str, str]) -> list[str]:
    """The labels under the recipe's names; in IOB2 the map is one of entity types."""
    if scheme != "iob2":
        return [names.get(label, label) for label in labels]
    return [_mapped_tag(label, names) for label in labels]


def _mapped_tag(label: str, names: Mapping[str, str]) -> str:
    kind = names.get(entity_type(label), entity_type(label))
    return OUTSIDE if OUTSIDE in (label, kind) else f"{label[:2]}{kind}"


def canonical(labels: Iterable[str], scheme: LabelScheme) -> list[str]:
    """The labels a task has, given those that occur, in an order that depends on nothing else.

    For spans, the two borders. For IOB2, `O` first, then `B-` and `I-` of every entity type, whether or not both occur.
    """
    if scheme == "span":
        return list(SPAN)
    if scheme == "plain":
        return sorted(set(labels))
    types = sorted({entity_type(label) for label in labels} - {OUTSIDE})
    return [OUTSIDE, *(f"{prefix}-{kind}" for kind in types for prefix in "BI")]


def orphans(labels: Sequence[str]) -> int:
    """Tags `I-X` that follow neither `B-X` nor `I-X`; IOB2 has no such thing, real files do."""
    before = [OUTSIDE, *labels[:-1]]
    return sum(
        label.startswith("I-") and entity_type(label) != entity_type(previous)
        for previous, label in zip(before, labels, strict=True)
    )


def is_kept(label: str, scheme: LabelScheme, names: Mapping[str, str]) -> bool:
    """Whether the recipe maps a label (in IOB2 its entity type) to itself: it stays, and counts as wrong."""
    name = entity_type(label) if scheme == "iob2" else label
    return names.get(name) == name


def unknown_labels(counts: Counter[str], known: Sequence[str], scheme: LabelScheme, where: str) -> list[Problem]:
    """A problem per label (per entity type in IOB2) that the source language's training data does not have.

    Args:
        counts: How often each label occurs, after the recipe's map.
        known: The source language's labels.
        scheme: How labels are written.
        where: Whose labels they are.
    """
    unknown = [label for label in sorted(counts) if label not in known]
    problems = []
    for name in sorted({entity_type(label) if scheme == "iob2" else label for label in unknown}):
        number = sum(counts[label] for label in unknown if name in (label, entity_type(label)))
        choice, others = _choice(name, known, scheme)
        times = "once" if number == 1 else f"{number} times"
        message = f"{where} has the label {name} ({times}), which the source language's training data does not have."
        hint = (
            f"Map it in the recipe's task: labels: {{{name}: {choice}}} (possible: {others}),"
            f" or keep it and have it counted as wrong: labels: {{{name}: {name}}}."
        )
        problems.append(Problem(message, hint))
    return problems


def _choice(name: str, known: Sequence[str], scheme: LabelScheme) -> tuple[str, str]:
    """A label to map to, and all there are."""
    if scheme == "iob2":
        types = sorted({entity_type(label) for label in known})
        return OUTSIDE, ", ".join(types)
    close = next((label for label in _LEFT_OVER if label in known), None) or nearest(name, known)
    return close or known[0], ", ".join(known)
