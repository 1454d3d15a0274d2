"""`madx plan`: every job, whether it is there, and if not, what changed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import typer

from madx_pipeline.changes import Reasons
from madx_pipeline.commands.fetches import fetches
from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.jobs import Job, Plan, fingerprint_of
from madx_pipeline.store import Store


def show_plan(name: str, home: Path, *, as_json: bool) -> None:
    """Prints the plan of a recipe against the store in `home`."""
    plan = plan_recipe(name, home)
    store = Store(home)
    store.check_format()
    rows = plan_rows(plan, store)
    wanted = fetches(plan, store)
    if as_json:
        fetched = [fetch.as_row() for fetch in wanted]
        found = {"recipe": plan.recipe.name, "jobs": rows, "fetches": fetched, "warnings": plan.warnings}
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for row in rows:
        why = f"  ({row['why']})" if row["why"] else ""
        typer.echo(f"{row['state']:7} {row['fingerprint'][:12]} {row['name']}{why}")
    for fetch in wanted:
        typer.echo(f"fetch   {fetch}")
    for warning in plan.warnings:
        typer.echo(f"warning: {warning}")
    counts = Counter(row["state"] for row in rows)
    typer.echo(f"{len(rows)} jobs: {counts['found']} found, {counts['to run']} to run.")


def plan_rows(plan: Plan, store: Store) -> list[dict[str, str]]:
    """One row a job: name, stage, fingerprint, state (`found` or `to run`), why; the report last."""
    reasons = Reasons(plan, store)
    rows = [_row(job, store, reasons) for job in plan.jobs.values()]
    return [*rows, _report_row(plan, store, rows)]


def _row(job: Job, store: Store, reasons: Reasons) -> dict[str, str]:
    found = store.find(job) is not None
    return {
        "name": job.name,
        "stage": job.stage,
        "fingerprint": job.fingerprint,
        "state": "found" if found else "to run",
        "why": "" if found else reasons.why(job),
    }


def _report_row(plan: Plan, store: Store, rows: list[dict[str, str]]) -> dict[str, str]:
    """The report: to be made while anything before it is missing, and when what it shows has changed."""
    missing = sum(row["state"] != "found" for row in rows)
    state, why = "to run", f"{missing} jobs come before it"
    if not missing:
        state = _report_state(plan, store)
        why = "" if state == "found" else "what it shows changed"
    content = {"stage": "report", "recipe": plan.recipe.name, "inputs": sorted(plan.jobs)}
    return {"name": "report", "stage": "report", "fingerprint": fingerprint_of(content), "state": state, "why": why}


def _report_state(plan: Plan, store: Store) -> str:
    from madx_pipeline.report.write import report_state

    return report_state(plan, store)
