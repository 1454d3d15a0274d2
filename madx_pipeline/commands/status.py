"""`madx status`: where the jobs of a recipe stand, who works on them, and how long the rest will take."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from madx_pipeline.commands.live_table import clock
from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.errors import JobError
from madx_pipeline.execute import COUNTS_STEPS
from madx_pipeline.forecast import Forecast, forecast
from madx_pipeline.records import Json
from madx_pipeline.slurm.queue import in_queue
from madx_pipeline.standing import STANDINGS, InSlurm, Stands, standing_of
from madx_pipeline.store import Store

_MOST_LINES = 30
"""Jobs of one state that are listed for people."""


def show_status(name: str, home: Path, *, as_json: bool) -> None:
    """Prints where the jobs of a recipe stand.

    Raises:
        InputError: If the recipe or the store cannot be used.
    """
    plan = plan_recipe(name, home)
    store = Store(home)
    store.check_format()
    standing = standing_of(plan, store, _in_slurm(home))
    left = forecast(standing)
    if as_json:
        found = {"recipe": plan.recipe.name, "jobs": [_row(one) for one in standing], "left": _left(left)}
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for line in _lines(standing, left):
        typer.echo(line)


def _in_slurm(home: Path) -> dict[str, InSlurm]:
    """What is in Slurm's queue; where Slurm does not answer the rest is shown all the same."""
    try:
        return in_queue(home)
    except JobError as error:
        typer.echo(f"warning: {error.problems[0].message}", err=True)
        return {}


def _row(stands: Stands) -> dict[str, Json]:
    """One job for programs."""
    slurm = None
    if stands.slurm is not None:
        place, seen = stands.slurm
        slurm = {"id": place.id, "state": seen.state, "reason": seen.reason, "nodes": seen.nodes, "log": place.log}
    return {
        "name": stands.job.name,
        "stage": stands.job.stage,
        "fingerprint": stands.job.fingerprint,
        "state": stands.state,
        "seconds": stands.seconds,
        "progress": stands.progress,
        "place": stands.place,
        "slurm": slurm,
        "why": stands.why,
        "log": stands.log,
    }


def _left(left: Forecast) -> dict[str, Json]:
    return {
        "critical_path": left.path,
        "critical_path_seconds": left.path_seconds,
        "work_seconds": left.work_seconds,
        "side_by_side": left.side_by_side,
        "seconds": left.seconds,
    }


def _lines(standing: Sequence[Stands], left: Forecast) -> Iterable[str]:
    for state in ("failed", "interrupted", "queued", "running"):
        found = [one for one in standing if one.state == state]
        for one in found[:_MOST_LINES]:
            yield f"{state:11} {one.job.name}{_more(one)}"
        if len(found) > _MOST_LINES:
            yield f"{state:11} and {len(found) - _MOST_LINES} more (all: --json)"
    counts = Counter(one.state for one in standing)
    yield f"{len(standing)} jobs: {', '.join(f'{counts[state]} {state}' for state in STANDINGS if counts[state])}."
    if left.path:
        about = f", about {clock(left.path_seconds)}" if left.path_seconds is not None else ""
        yield f"longest chain: {' -> '.join(left.path)}{about}"
    if left.path and left.seconds is not None:
        yield f"left: about {clock(left.seconds)} with {left.side_by_side} side by side, by what was recorded"


def _more(stands: Stands) -> str:
    parts = [_far(stands), _by(stands), _slurm(stands), stands.why, f"Log: {stands.log}" if stands.log else ""]
    told = [part for part in parts if part]
    return f"  {'; '.join(told)}" if told else ""


def _far(stands: Stands) -> str:
    if stands.fraction is None or stands.progress is None:
        return ""
    steps = f"{stands.progress['done']}/{stands.progress['total']} steps"
    return steps if stands.job.stage in COUNTS_STEPS else f"{math.floor(stands.fraction * 100)}%"


def _by(stands: Stands) -> str:
    if stands.place is None:
        return ""
    engine = f", {stands.place['engine']}" if stands.place.get("engine") else ""
    return f"on {stands.place['host']}, process {stands.place['pid']}{engine}, for {clock(stands.seconds or 0.0)}"


def _slurm(stands: Stands) -> str:
    if stands.slurm is None:
        return ""
    place, seen = stands.slurm
    reason = f" ({seen.reason})" if seen.reason not in ("", "None") else ""
    return f"Slurm: {place.id} {seen.state}{reason}, prints to {place.log}"
