"""Prediction heads of published task adapters: what their labels are called here.

Surprising: one real task adapter was published twice with inverted label ids, and the published WikiANN heads
call the label of a word outside any entity `0`. So a label is a name, and ids never leave the head.
"""

from __future__ import annotations

from collections.abc import Sequence

from madx_pipeline.adapter_model.base import AdapterModel
from madx_pipeline.adapter_model.files import head_labels
from madx_pipeline.errors import JobError


def rename_head_labels(model: AdapterModel, head: str, names: Sequence[str]) -> None:
    """Gives the labels of a head other names; what the head computes stays as it is.

    Args:
        model: The model.
        head: Name of a head in it.
        names: The name of each label, in the order of the head's ids; each once.

    Raises:
        JobError: If there are too many or too few, or a name is there twice.
    """
    found = head_labels(model, head)
    if len(names) != len(found) or len(set(names)) != len(names):
        raise JobError(f"the labels {', '.join(found)} of {head} cannot be called {', '.join(names)}.")
    model.heads[head].config["label2id"] = {name: index for index, name in enumerate(names)}


def head_type(model: AdapterModel, head: str) -> str:
    """`tagging` or `classification`, as the library calls the head."""
    return str(model.heads[head].config["head_type"])
