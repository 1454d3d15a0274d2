"""Stage `report`: collected results in, files for people and programs out.

Unlike the other stages it is no job of the plan: it has no fingerprint before its scores exist.
`report.write` calls it whenever results changed. `Inputs.source` holds the results.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from madx_pipeline import stage
from madx_pipeline.report.document import report_markdown
from madx_pipeline.report.pages import write_pages
from madx_pipeline.report.paper import table_tex
from madx_pipeline.report.results import Results
from madx_pipeline.report.tables import efficiency_csv, results_json, scores_csv, summary_csv
from madx_pipeline.stage import Inputs, Workspace

VERSION = 5


class Params(stage.Params):
    """What one changes about a report."""

    digits: int = Field(ge=0, le=6, description="Digits after the point of scores shown in points (score x 100).")
    confidence: float = Field(gt=0, lt=1, description="Level of every interval, as a fraction.")
    smallest_gain_points: float = Field(
        ge=0, le=100, description="Gain of MAD-X, in points over the better rival, below which it helps too little."
    )
    smallest_gap_closed: float = Field(
        ge=0,
        le=1,
        description="Share of the rival's transfer gap (fraction) that a gain must close, or it helps too little.",
    )


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Writes everything of a report: `results.json`, tables for programs and papers, `report.md`, pages and figures.

    Args:
        inputs: `source` is `Results` as JSON; `home` in its locations is the folder whose store has the examples.
        params: Parameters; the level of intervals was used when the results were collected.
        out: Where the files go.
    """
    results = Results.model_validate(inputs.source)
    files = {
        "results.json": results_json(results),
        "scores.csv": scores_csv(results),
        "summary.csv": summary_csv(results),
        "efficiency.csv": efficiency_csv(results),
        "table.tex": table_tex(results, params.digits),
        "report.md": report_markdown(results, params.digits),
    }
    for name, text in files.items():
        (out.path / name).write_text(text, encoding="utf-8", newline="\n")
    write_pages(results, Path(inputs.locations["home"]), out.path, params.digits)
    out.describe(scores=len(results.scores), gaps=len(results.gaps))
