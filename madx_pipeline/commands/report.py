"""`madx report`: the report of a recipe again, or several recipes side by side, from what is in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.errors import InputError
from madx_pipeline.jobs import Plan
from madx_pipeline.store import Store

if TYPE_CHECKING:
    from madx_pipeline.report.results import Results


def report_recipes(names: Sequence[str], home: Path) -> int:
    """Writes the report of each recipe from what is in the store, gaps and all; then, of several, the comparison.

    Raises:
        InputError: If a recipe cannot be used, two of them have one name, or there is no store in `home`.
    """
    plans = [plan_recipe(name, home) for name in names]
    _check_names(plans)
    store = Store(home)
    if not store.root.is_dir():
        raise InputError(f"there is no store in {home}.", f"Run the recipe first: madx run {names[0]} --home {home}")
    store.check_format()
    runs = [write_report_of(plan, store) for plan in plans]
    if len(runs) > 1:
        _compare(plans, runs, store)
    return 0


def write_report_of(plan: Plan, store: Store) -> Results:
    """Writes the report of a plan, says where it is, and gives what is in it."""
    from madx_pipeline.report.write import write_report

    outcome = write_report(plan, store)
    typer.echo(f"report ({outcome.state}): {outcome.folder / 'report.md'}")
    return outcome.results


def _compare(plans: Sequence[Plan], runs: Sequence[Results], store: Store) -> None:
    from madx_pipeline.report.compare_report import write_comparison

    outcome = write_comparison(plans, runs, store)
    typer.echo(f"comparison ({outcome.state}): {outcome.folder / 'report.md'}")


def _check_names(plans: Sequence[Plan]) -> None:
    counts = Counter(plan.recipe.name for plan in plans)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise InputError(
            f'{counts[twice[0]]} of the recipes are called "{twice[0]}": their reports would be one.',
            "Name each recipe once, and give another `name:` to one of two different ones.",
        )
