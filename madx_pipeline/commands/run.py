"""`madx run` and `madx report`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import typer

from madx_pipeline.commands.display import Display
from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.errors import InputError, suggestion
from madx_pipeline.execute import Outcome
from madx_pipeline.plan import Plan
from madx_pipeline.runner import Selection, run_plan, select
from madx_pipeline.runners import make_runner
from madx_pipeline.stage import STAGES
from madx_pipeline.store import Store

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect it."""


@dataclass(frozen=True)
class RunOptions:
    """What the user asked of `madx run` beside the recipe."""

    only: str | None = None
    until: str | None = None
    language: str | None = None
    runner: str | None = None
    workers: int | None = None
    force: str | None = None


def run_recipe(name: str, home: Path, options: RunOptions) -> int:
    """Runs what is missing and writes the report; 0 if all went well, 1 if a job failed.

    Raises:
        InputError: If the recipe, the options or the store cannot be used; nothing was run then.
    """
    plan = plan_recipe(name, home)
    _check_options(plan, options)
    store = Store(home)
    store.open_for_writing()
    selection = _selection(plan, options)
    runner = make_runner(options.runner, options.workers, home, plan)
    display = Display(plan, store)
    try:
        with display:
            outcomes = run_plan(plan, selection, store, runner, display)
    except KeyboardInterrupt:
        typer.echo("Interrupted. Run again to resume.", err=True)
        return INTERRUPTED
    _summarise(outcomes)
    code = _exit_code(outcomes, selection)
    return code if _ends_before_report(options) else max(code, _write_report(plan, store))


def report_recipe(name: str, home: Path) -> int:
    """Writes the report of a recipe from what is in the store, gaps and all; 0 if that went well.

    Raises:
        InputError: If the recipe cannot be used, or there is no store in `home`.
    """
    plan = plan_recipe(name, home)
    store = Store(home)
    if not store.root.is_dir():
        raise InputError(f"there is no store in {home}.", f"Run the recipe first: madx run {name} --home {home}")
    store.check_format()
    return _write_report(plan, store)


def _check_options(plan: Plan, options: RunOptions) -> None:
    for flag, stage in (("--only", options.only), ("--until", options.until), ("--force", options.force)):
        if stage is not None and stage not in STAGES:
            raise InputError(f"{flag} {stage}: there is no such stage.", suggestion(stage, STAGES))
    languages = plan.recipe.languages
    if options.language is not None and options.language not in languages:
        raise InputError(
            f'--language "{options.language}" is not in the recipe.', suggestion(options.language, languages)
        )


def _selection(plan: Plan, options: RunOptions) -> Selection:
    """The jobs that the options leave; `report` comes after all of them."""
    if options.only == "report":
        return Selection(set())
    until = None if options.until == "report" else options.until
    wanted = select(plan, only=options.only, until=until, language=options.language)
    if not wanted:
        asked = options.only or options.until
        raise InputError(f"the recipe has no job of the stage {asked}.", "See its jobs: madx plan.")
    return Selection(wanted, frozenset({options.force} if options.force else ()))


def _ends_before_report(options: RunOptions) -> bool:
    chosen = options.only or options.until
    return chosen is not None and chosen != "report"


def _summarise(outcomes: dict[str, Outcome]) -> None:
    counts = Counter(outcome.state for outcome in outcomes.values())
    parts = [f"{counts[state]} {state}" for state in ("found", "ran", "failed", "not run") if counts[state]]
    typer.echo(f"{len(outcomes)} jobs: {', '.join(parts)}.")


def _exit_code(outcomes: dict[str, Outcome], selection: Selection) -> int:
    """1 if anything that was asked for is not there."""
    return int(any(outcomes[wanted].state in ("failed", "not run") for wanted in selection.wanted))


def _write_report(plan: Plan, store: Store) -> int:
    from madx_pipeline.report.write import write_report

    outcome = write_report(plan, store)
    typer.echo(f"report ({outcome.state}): {outcome.folder / 'report.md'}")
    return 0
