"""The model card (`README.md`): the hub's metadata, and what a reader must know before using the adapter.

Surprising: every value that a template shows is escaped for Markdown and HTML, because recipes, labels and file
names are text from outside. What is Markdown already (tables, code) is marked as such.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madx_pipeline import __version__
from madx_pipeline.errors import JobError
from madx_pipeline.export import tables
from madx_pipeline.export.described import Described
from madx_pipeline.export.metadata import card_data
from madx_pipeline.export.usage import language_adapter_to_upload, usage_code
from madx_pipeline.records import Json
from madx_pipeline.report.markdown import text
from madx_pipeline.report.wording import language_label

_TEMPLATES = Path(__file__).with_name("templates")


class Markdown(str):
    """Text that is Markdown already and is shown as it is."""

    def __html__(self) -> str:
        """What the template engine asks of text that needs no escaping."""
        return self


@dataclass(frozen=True)
class Edition:
    """What the user decides about an export.

    Attributes:
        called: The repository or folder that the adapter will be loaded from.
        on_hub: Whether that is a repository of the hub.
        old_format: Whether there are `.bin` files for old readers as well.
        licence: The adapter's licence; None where nobody stated one.
    """

    called: str
    on_hub: bool = False
    old_format: bool = False
    licence: str | None = None


def model_card(described: Described, edition: Edition) -> str:
    """The text of `README.md`.

    Raises:
        JobError: If huggingface_hub does not read the metadata back as it was written.
    """
    from huggingface_hub import ModelCard

    data: Any = card_data(described, edition.called, edition.licence)
    template = "language_adapter.md.j2" if described.is_language_adapter else "task_adapter.md.j2"
    body = re.sub("\n{3,}", "\n\n", _rendered(template, _context(described, edition))).strip()
    content = f"---\n{data.to_yaml()}\n---\n\n{body}\n"
    try:
        read: Any = ModelCard(content).data
    except ValueError as error:
        raise JobError(f"the metadata of the model card is not valid: {error}") from error
    if read.to_dict() != data.to_dict():
        raise JobError("the metadata of the model card is not read back as it was written.", "Report this, please.")
    return content


def _context(described: Described, edition: Edition) -> dict[str, Json]:
    """What the templates show; tables and code are Markdown, everything else is text."""
    record = described.adapter.record
    found: dict[str, Json] = {
        "described": described,
        "edition": edition,
        "record": record,
        "recipe": described.plan.recipe,
        "base": described.base,
        "base_facts": described.base_model.facts,
        "language": language_label(described.results, described.language),
        "seen": described.results.languages[described.language].seen,
        "verdict": tables.verdict(described),
        "licences": {what: data.facts.get("licence") or "not stated" for what, data in described.data.items()},
        "libraries": ", ".join(f"{name} {version}" for name, version in record.libraries.items()),
        "version": __version__,
        "to_upload": language_adapter_to_upload(described, edition.called) if edition.on_hub else None,
        "passed": sum(check.passed for check in record.checks),
        "code": Markdown(usage_code(described, edition.called, on_hub=edition.on_hub)),
    }
    return found | _tables(described)


def _tables(described: Described) -> dict[str, Markdown]:
    parts = [tables.properties, tables.training_data, tables.training, tables.parameters, tables.checks]
    if described.is_language_adapter:
        parts += [tables.corpus, tables.scores_of_language]
    else:
        parts += [tables.scores_of_adapter, tables.scores_of_task, tables.language_adapters]
    return {part.__name__: Markdown(part(described)) for part in parts}


def _rendered(template: str, context: Mapping[str, Json]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    return environment.get_template(template).render(context)


def _shown(value: object) -> Markdown:
    """A value as the card shows it: escaped, unless it is Markdown already."""
    return Markdown(value if hasattr(value, "__html__") else text(value))


def _code(value: object) -> Markdown:
    """A value as inline code, between more backticks than it has."""
    line = " ".join(str(value).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if "`" in line else ""
    return Markdown(f"{fence}{space}{line}{space}{fence}")
