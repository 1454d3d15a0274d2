"""`madx adapters list`: the catalogue of published adapters, one line an adapter."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import typer

from madx_pipeline.errors import InputError, Problem, suggestion
from madx_pipeline.language_names import language_problem
from madx_pipeline.languages import language_name, near_codes
from madx_pipeline.published.catalogue import (
    AdapterCatalogue,
    LanguageAdapter,
    TaskAdapter,
    catalogue_of,
    catalogues,
)
from madx_pipeline.published.refusals import no_catalogue
from madx_pipeline.records import Json

KINDS = ("language", "task")

_LANGUAGE_HEAD = ("language", "name", "variant", "reduction", "steps", "inverse", "MLM head", "id")
_TASK_HEAD = ("task", "id", "reduction", "head", "leaves out", "trained on")


def list_adapters(base: str | None, language: str | None, kind: str | None, *, as_json: bool) -> None:
    """Prints what is published, by base model, with the variants and their numbers below.

    Args:
        base: Only for this base model, under any of its names.
        language: Only of this language (BCP 47); task adapters by the language they were trained on.
        kind: `language` or `task`; both if None.
        as_json: Print one list with everything the catalogue knows of each.

    Raises:
        InputError: Unknown base model, kind or language, or nothing published for the language.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(f"--kind is {kind!r}. Possible: {', '.join(KINDS)}.", suggestion(kind, KINDS))
    pages = [_chosen(page, language, kind) for page in _pages(base)]
    if language is not None and not any(page.adapters for page in pages):
        raise InputError(_no_such_language(language, base, kind))
    if as_json:
        rows = [row for page in pages for row in _records(page)]
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    shown = [_shown(page) for page in pages if page.adapters]
    typer.echo("\n\n".join(shown))


def _pages(base: str | None) -> Sequence[AdapterCatalogue]:
    if base is None:
        return catalogues()
    page = catalogue_of(base)
    if page is None:
        raise InputError(no_catalogue(base))
    return (page,)


def _chosen(page: AdapterCatalogue, language: str | None, kind: str | None) -> AdapterCatalogue:
    """The page with the adapters that are asked for, and the others left out."""
    languages = [adapter for adapter in page.language_adapters if language in (None, adapter.language)]
    names = {name for adapter in languages for name in adapter.ids}
    tasks = [adapter for adapter in page.task_adapters if language is None or names & set(adapter.stacked_on)]
    return page.model_copy(
        update={
            "language_adapters": languages if kind != "task" else [],
            "task_adapters": tasks if kind != "language" else [],
        }
    )


def _no_such_language(language: str, base: str | None, kind: str | None) -> Problem:
    problem = language_problem(language, "--language")
    if problem is not None:
        return problem
    of_kind = f"{kind} adapter" if kind else "adapter"
    place = f" for {base}" if base else ""
    codes = sorted({code for page in _pages(base) for code in page.languages})
    near = near_codes(language, codes)
    return Problem(
        f'no {of_kind} of "{language}" ({language_name(language)}) is published{place}.',
        (f'Nearest: "{near[0]}". ' if near else "")
        + f"There are language adapters of {len(codes)} languages: {', '.join(codes)}.",
    )


def _records(page: AdapterCatalogue) -> list[dict[str, Json]]:
    return [
        *(
            {
                "kind": "language",
                "base_model": page.base_model,
                "name": language_name(adapter.language),
                **adapter.model_dump(),
            }
            for adapter in page.language_adapters
        ),
        *({"kind": "task", "base_model": page.base_model, **adapter.model_dump()} for adapter in page.task_adapters),
    ]


def _shown(page: AdapterCatalogue) -> str:
    lines = [page.base_model]
    if page.language_adapters:
        lines += _table(_LANGUAGE_HEAD, [_language_row(page, adapter) for adapter in page.language_adapters])
        lines += ["", f"{_count(page.language_adapters)}:", *_variants(page)]
    if page.task_adapters:
        lines += [""] * (len(lines) > 1)
        lines += _table(_TASK_HEAD, [_task_row(page, adapter) for adapter in page.task_adapters])
        lines += ["", _number(len(page.task_adapters), "task adapter")]
    return "\n".join(lines)


def _language_row(page: AdapterCatalogue, adapter: LanguageAdapter) -> tuple[str, ...]:
    return (
        adapter.language,
        language_name(adapter.language),
        adapter.variant,
        str(adapter.reduction_factor),
        _known(adapter.training_steps),
        _known(adapter.invertible_adapter),
        _known(adapter.masked_lm_head),
        page.shortest_id(adapter),
    )


def _task_row(page: AdapterCatalogue, adapter: TaskAdapter) -> tuple[str, ...]:
    return (
        adapter.task,
        page.shortest_id(adapter),
        str(adapter.reduction_factor),
        _known(adapter.prediction_head),
        ", ".join(map(str, adapter.leave_out)) or "-",
        ", ".join(adapter.stacked_on) or "-",
    )


def _known(value: bool | int | None) -> str:
    if value is None:
        return "?"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with aligned columns; numbers to the right."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(cell.isdecimal() or cell in "?-" for cell in column[1:]) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in (head, *rows)
    ]


def _variants(page: AdapterCatalogue) -> list[str]:
    """One line for each variant that is shown: how many, and what it is."""
    numbers = Counter(adapter.variant for adapter in page.language_adapters)
    width = max(map(len, numbers))
    return [
        f"  {variant.name:{width}}  {numbers[variant.name]:>2}  {variant.summary}"
        for variant in page.variants
        if numbers[variant.name]
    ]


def _count(adapters: Sequence[LanguageAdapter]) -> str:
    languages = {adapter.language for adapter in adapters}
    return f"{_number(len(adapters), 'language adapter')} in {_number(len(languages), 'language')}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
