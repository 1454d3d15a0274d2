"""`madx list`, `madx show` and `madx init`: what is shipped, readable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import typer
import yaml

from madx_pipeline.cards import card_names, corpus_card, task_card
from madx_pipeline.commands.language_pages import language_page, language_rows
from madx_pipeline.data.card_models import CorpusCard, TaskCard
from madx_pipeline.data.reach import reach
from madx_pipeline.errors import InputError, nearest, suggestion
from madx_pipeline.language_names import language_problem
from madx_pipeline.languages import is_language
from madx_pipeline.published.catalogue import catalogue_of
from madx_pipeline.recipe_file import recipe_names
from madx_pipeline.shipped import recipes_folder, shipped_folder
from madx_pipeline.stage import STAGES, stage_page

Row = dict[str, str]


def list_things(what: str, *, as_json: bool) -> None:
    """Prints one line per stage, card, recipe or language.

    Raises:
        InputError: If `what` is none of these.
    """
    lists: dict[str, Callable[[], list[Row]]] = {
        "stages": _stages,
        "cards": _cards,
        "recipes": _recipes,
        "languages": language_rows,
    }
    if what not in lists:
        raise InputError(f"there is no list of {what!r}. Possible: {', '.join(lists)}.", suggestion(what, lists))
    rows = lists[what]()
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        typer.echo(f"{row['name']:{width}}  {row['summary']}")


def show_thing(name: str) -> None:
    """Prints the page of a stage, a card or a recipe as it is written, or what is known of a language.

    Raises:
        InputError: If nothing has that name.
    """
    path = _pages().get(name)
    if path is not None:
        typer.echo(path.read_text(encoding="utf-8").rstrip())
        card = _card(name)
        if card is not None:
            typer.echo(f"# Where it is: {reach(card)}.")
        return
    if is_language(name):
        typer.echo(language_page(name))
        return
    problem = None if nearest(name, _pages()) else language_problem(name, name)
    raise InputError(f"nothing is called {name!r}.", problem.hint if problem else suggestion(name, _pages()))


def copy_recipe(name: str) -> None:
    """Copies a shipped recipe into the current folder.

    Raises:
        InputError: If there is no such recipe, or the file is there already.
    """
    if name not in recipe_names():
        raise InputError(f"there is no shipped recipe {name!r}.", suggestion(name, recipe_names()))
    target = Path(f"{name}.yaml")
    if target.exists():
        raise InputError(f"{target} is already there.", "Rename it, or work in another folder.")
    target.write_text((recipes_folder() / f"{name}.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    typer.echo(f"wrote {target}. Run it: madx run {target}")


def _stages() -> list[Row]:
    return [{"name": name, "summary": stage_page(name).summary} for name in STAGES]


def _cards() -> list[Row]:
    corpora = [_card_row(corpus_card(name)) for name in card_names("corpora")]
    tasks = [_card_row(task_card(name)) for name in card_names("tasks")]
    return corpora + tasks + [_catalogue_row(path.stem) for path in _catalogue_pages()]


def _card(name: str) -> CorpusCard | TaskCard | None:
    if name in card_names("corpora"):
        return corpus_card(name)
    return task_card(name) if name in card_names("tasks") else None


def _card_row(card: CorpusCard | TaskCard) -> Row:
    reached = reach(card)
    return {"name": card.name, "kind": card.kind, "reach": reached, "summary": f"{card.summary} [{reached}]"}


def _catalogue_pages() -> list[Path]:
    """The pages of published adapters, one a base model."""
    return sorted((shipped_folder("data_cards") / "adapters").glob("*.yaml"))


def _catalogue_row(name: str) -> Row:
    catalogue = catalogue_of(name)
    assert catalogue is not None, name
    summary = f"Published adapters for {catalogue.base_model}: {len(catalogue.language_adapters)} language adapters."
    return {"name": name, "kind": "adapters", "summary": f"{summary} See madx adapters list."}


def _recipes() -> list[Row]:
    rows = []
    for name in recipe_names():
        raw = yaml.safe_load((recipes_folder() / f"{name}.yaml").read_text(encoding="utf-8"))
        rows.append({"name": name, "summary": str(raw.get("summary", ""))})
    return rows


def _pages() -> dict[str, Path]:
    """Everything that has a page, by name."""
    cards = shipped_folder("data_cards")
    found = {name: shipped_folder("stages") / f"{name}.yaml" for name in STAGES}
    found |= {name: cards / "corpora" / f"{name}.yaml" for name in card_names("corpora")}
    found |= {name: cards / "tasks" / f"{name}.yaml" for name in card_names("tasks")}
    found |= {path.stem: path for path in _catalogue_pages()}
    return found | {name: recipes_folder() / f"{name}.yaml" for name in recipe_names()}
