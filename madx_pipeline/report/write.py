"""Writes the report of a recipe under `<home>/reports/<recipe>/`, unless the same one is there.

Whether it is the same is told from what it is made from (`collect.gather`), before the statistics, which are
a function of it: looking is cheap however many scores there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from madx_pipeline import __version__
from madx_pipeline.jobs import Plan, fingerprint_of
from madx_pipeline.report.collect import Gathered, concluded, gather, report_params
from madx_pipeline.report.folder import ReportFolder
from madx_pipeline.report.results import Results
from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.stages import report as report_stage
from madx_pipeline.store import Store


@dataclass(frozen=True)
class ReportOutcome:
    """Where a report is and whether it had to be written.

    Attributes:
        folder: The report's folder.
        state: `found` when it was there, whole and made from the same artifacts; `ran` when it was written.
        results: What is in it.
    """

    folder: Path
    state: Literal["found", "ran"]
    results: Results = field(repr=False)


def write_report(plan: Plan, store: Store) -> ReportOutcome:
    """Writes the report of a plan from what the store has, unless the same one is there.

    Raises:
        InputError: If the folder cannot be written.
    """
    folder = _report_folder(plan, store)
    with folder.locked():
        gathered = gather(plan, store)  # under the lock, so that no older results replace newer ones
        fingerprint = _fingerprint(plan, gathered)
        folder.recover()
        if folder.holds(fingerprint):
            return ReportOutcome(folder.path, "found", read_results(folder.path))
        results = concluded(gathered, store)

        def make(partial: Path) -> None:
            workspace = Workspace(partial, partial)  # it takes no checkpoints
            inputs = Inputs({}, results.model_dump(mode="json"), {"home": str(store.home)}, {})
            report_stage.run(inputs, report_params(plan.recipe), workspace)

        folder.put(fingerprint, make)
    return ReportOutcome(folder.path, "ran", results)


def report_state(plan: Plan, store: Store) -> Literal["found", "to run"]:
    """Whether the report that would be written now is there; writes nothing."""
    fingerprint = _fingerprint(plan, gather(plan, store))
    return "found" if _report_folder(plan, store).holds(fingerprint) else "to run"


def read_results(folder: Path) -> Results:
    """The results of a report that is in place."""
    return Results.model_validate_json((folder / "results.json").read_text(encoding="utf-8"))


def _report_folder(plan: Plan, store: Store) -> ReportFolder:
    return ReportFolder(store.home / "reports" / plan.recipe.name)


def _fingerprint(plan: Plan, gathered: Gathered) -> str:
    """sha256 (hex) over everything the report is made from: results before statistics, and the test examples."""
    return fingerprint_of(
        {
            "version": [report_stage.VERSION, __version__],
            "params": report_params(plan.recipe).model_dump(mode="json"),
            "results": gathered.results.model_dump(mode="json"),
            "files": gathered.files,
        }
    )
