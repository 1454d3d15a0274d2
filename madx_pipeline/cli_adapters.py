"""The commands `madx adapters list`, `check` and `fetch`: published adapters, before and without a recipe."""

from __future__ import annotations

from typing import Annotated

import typer

adapters = typer.Typer(help="Published adapters: what exists, is this one sound, bring it.", no_args_is_help=True)

_BASE = "Base model, under any of its names."
_ID = "en/wiki@ukp, @ukp/xlm-roberta-base-en-wiki_pfeiffer or a repository"
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@adapters.command(name="list")
def list_(
    base: Annotated[str | None, typer.Option("--base", metavar="MODEL", help=_BASE)] = None,
    language: Annotated[str | None, typer.Option("--language", help="Only adapters of this language.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="language or task; both if left out.")] = None,
    json: JsonOption = False,
) -> None:
    """List what is published, from the catalogue: one line an adapter."""
    from madx_pipeline.commands.adapters import list_adapters

    list_adapters(base, language, kind, as_json=json)


@adapters.command()
def check(
    adapter: Annotated[str, typer.Argument(metavar="ID|FOLDER", help=f"{_ID}, or a folder.")],
    base: Annotated[str, typer.Option("--base", metavar="MODEL", help="Base model: a name or a folder.")],
    json: JsonOption = False,
) -> None:
    """Inspect an adapter without loading it: every check with its value; ends with 1 if one says no."""
    from madx_pipeline.commands.adapters_check import check_adapter

    raise typer.Exit(check_adapter(adapter, base, as_json=json))


@adapters.command()
def fetch(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help=f"{_ID}.")],
    base: Annotated[str | None, typer.Option("--base", metavar="MODEL", help=_BASE)] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="Commit, tag or branch.")] = None,
) -> None:
    """Bring config and weights into the cache, for a machine without a network."""
    from madx_pipeline.commands.adapters_fetch import fetch_adapters

    raise typer.Exit(fetch_adapters(ids, base, revision))
