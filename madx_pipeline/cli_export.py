"""The command `madx export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped recipe.")] = "quickstart",
    *,
    language: Annotated[str | None, typer.Option("--language", help="The language adapter of this language.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="The task adapter of this task.")] = None,
    method: Annotated[str | None, typer.Option("--method", help="Whose task adapter; madx if left out.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of several seeds this one, not the best on source validation data.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", metavar="FOLDER", help="Write it here.")] = None,
    old_format: Annotated[bool, typer.Option("--bin", help="Add .bin files for old readers.")] = False,
    push: Annotated[str | None, typer.Option("--push", metavar="REPO", help="Upload to owner/name.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Only you see the repository.")] = False,
    licence: Annotated[str | None, typer.Option("--licence", help="The adapter's licence, if you state one.")] = None,
    home: Annotated[Path, typer.Option("--home", help="Folder of the store and the reports.")] = Path("madx_runs"),
) -> None:
    """Write a finished adapter as a folder for the Hugging Face Hub, with a model card."""
    from madx_pipeline.commands.export import ExportOptions, export_adapter
    from madx_pipeline.export.choose import Asked

    options = ExportOptions(to, old_format, push, private, licence)
    raise typer.Exit(export_adapter(recipe, home, Asked(language, task, method, seed), options))
