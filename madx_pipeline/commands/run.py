"""`madx run`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import typer

from madx_pipeline.commands.display import Display
from madx_pipeline.commands.locking import note_what_was_fetched, refuse_other_bytes
from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.commands.report import write_report_of
from madx_pipeline.errors import InputError, JobError, suggestion
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.outcome import Outcome
from madx_pipeline.published.lock import lock_path
from madx_pipeline.recipe_file import find_recipe
from madx_pipeline.runner import Selection, run_plan, select
from madx_pipeline.runners import Choice, make_runner
from madx_pipeline.stage import STAGES
from madx_pipeline.store import Store
from madx_pipeline.trackers import missing_packages

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect it."""


@dataclass(frozen=True)
class RunOptions:
    """What the user asked of `madx run` beside the recipe."""

    only: str | None = None
    until: str | None = None
    language: str | None = None
    runner: Choice = field(default_factory=Choice)
    force: str | None = None
    locked: bool = False


def run_recipe(name: str, home: Path, options: RunOptions) -> int:
    """Runs what is missing and writes the report; 0 if all went well, 1 if a job failed.

    Raises:
        InputError: If the recipe, the options or the store cannot be used; nothing was run then.
        JobError: If what was fetched could not be noted in the lock file.
    """
    plan = plan_recipe(name, home, locked_only=options.locked)
    lock = lock_path(find_recipe(name), home)
    _check_options(plan, options)
    _check_trackers(plan, find_recipe(name).name)
    store = Store(home)
    refuse_other_bytes(plan, store, lock)
    store.open_for_writing()
    for warning in plan.warnings:
        typer.echo(f"warning: {warning}")
    selection = _selection(plan, options)
    runner = make_runner(options.runner, home, _to_do(plan, selection, store), plan.recipe.cluster)
    display = Display(plan, store)
    try:
        with display:
            outcomes = run_plan(plan, selection, store, runner, display)
    except KeyboardInterrupt:
        typer.echo(f"Interrupted. {runner.farewell}", err=True)
        return INTERRUPTED
    finally:
        unnoted = [] if options.locked else note_what_was_fetched(plan, store, lock)
    _summarise(outcomes)
    if any(outcome.state == "queued" for outcome in outcomes.values()):
        typer.echo(runner.farewell)
    elif not _ends_before_report(options):
        write_report_of(plan, store)
    if unnoted:
        raise JobError(unnoted)
    return _exit_code(outcomes, selection)


def _check_options(plan: Plan, options: RunOptions) -> None:
    for flag, stage in (("--only", options.only), ("--until", options.until), ("--force", options.force)):
        if stage is not None and stage not in STAGES:
            raise InputError(f"{flag} {stage}: there is no such stage.", suggestion(stage, STAGES))
    languages = plan.recipe.languages
    if options.language is not None and options.language not in languages:
        raise InputError(
            f'--language "{options.language}" is not in the recipe.', suggestion(options.language, languages)
        )


def _check_trackers(plan: Plan, file: str) -> None:
    """Only where something is to run: a report can be made where nobody keeps logs."""
    problems = missing_packages(plan.recipe.report_to, file)
    if problems:
        raise InputError(problems)


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


def _to_do(plan: Plan, selection: Selection, store: Store) -> list[Job]:
    """Jobs that will have to run, as far as can be told without comparing checksums."""
    jobs = [plan.jobs[fingerprint] for fingerprint in plan.jobs if fingerprint in selection.wanted]
    return [job for job in jobs if job.stage in selection.force or not store.path(job).exists()]


def _ends_before_report(options: RunOptions) -> bool:
    chosen = options.only or options.until
    return chosen is not None and chosen != "report"


def _summarise(outcomes: dict[str, Outcome]) -> None:
    counts = Counter(outcome.state for outcome in outcomes.values())
    parts = [f"{counts[state]} {state}" for state in ("found", "ran", "queued", "failed", "not run") if counts[state]]
    typer.echo(f"{len(outcomes)} jobs: {', '.join(parts)}.")


def _exit_code(outcomes: dict[str, Outcome], selection: Selection) -> int:
    """1 if anything that was asked for is not there."""
    return int(any(outcomes[wanted].state in ("failed", "not run") for wanted in selection.wanted))
