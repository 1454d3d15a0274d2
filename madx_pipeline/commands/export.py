"""`madx export`: a finished adapter as a folder for the Hugging Face Hub, and its upload."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.export.card import Edition, model_card
from madx_pipeline.export.choose import Asked, Shelf, choose
from madx_pipeline.export.described import Described, describe
from madx_pipeline.export.folder import Texts, check_target, published_recipe, write_folder
from madx_pipeline.recipe_file import find_recipe
from madx_pipeline.store import Store


@dataclass(frozen=True)
class ExportOptions:
    """Where an export goes and what is in it.

    Attributes:
        to: The folder; None is a folder of its own under `<home>/exports`.
        old_format: Whether `.bin` files for old readers are written as well.
        push: Repository to upload to, if any.
        private: Whether that repository is private.
        licence: The adapter's licence, if somebody states one.
    """

    to: Path | None = None
    old_format: bool = False
    push: str | None = None
    private: bool = False
    licence: str | None = None


def export_adapter(recipe: str, home: Path, asked: Asked, options: ExportOptions) -> int:
    """Writes the folder and uploads it if that was asked for; 0.

    Raises:
        InputError: If the adapter is not there, or the folder or repository cannot be used; nothing is written then.
        JobError: If the upload fails; the folder is there then.
    """
    plan = plan_recipe(recipe, home)
    store = Store(home)
    store.check_format()
    shelf = Shelf(plan, store, recipe)
    described = describe(shelf, choose(shelf, asked))
    folder = _folder(described, home, options.to)
    check_target(folder, store.root.resolve())
    if options.push is not None:
        _check_push(options.push)
    on_hub = options.push is not None
    edition = Edition(options.push or folder.name, on_hub, options.old_format, options.licence)
    text = find_recipe(recipe).read_text(encoding="utf-8")
    texts = Texts(model_card(described, edition), published_recipe(text, plan.recipe.model_dump(mode="json")))
    write_folder(folder, described, texts, old_format=options.old_format)
    typer.echo(f"{described.adapter.record.name}: {described.choice.why}")
    typer.echo(f"wrote {folder}")
    if options.push is not None:
        _push(folder, options.push, described, private=options.private)
    return 0


def _folder(described: Described, home: Path, to: Path | None) -> Path:
    """Where the export goes, absolute."""
    chosen = to if to is not None else home / "exports" / described.plan.recipe.name / described.default_name
    return chosen.expanduser().resolve()


def _push(folder: Path, repository: str, described: Described, *, private: bool) -> None:
    from madx_pipeline.export.push import push

    message = f"{described.adapter.record.name} of {described.plan.recipe.name}"
    typer.echo(f"uploaded {push(folder, repository, private=private, message=message)}")


def _check_push(repository: str) -> None:
    from madx_pipeline.export.push import check_push

    check_push(repository)
