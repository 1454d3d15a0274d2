"""`index.html`: the answer first, then what it rests on."""

from __future__ import annotations

from madx_pipeline.report import cost_tables
from madx_pipeline.report.pages import index_view as view
from madx_pipeline.report.pages.figures import Drawings
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.render import render
from madx_pipeline.report.pages.verdict_words import counted, in_a_sentence
from madx_pipeline.report.results import Results
from madx_pipeline.report.verdicts import RIVALS
from madx_pipeline.report.wording import shows_majority


def index_page(lookup: Lookup, drawings: Drawings, digits: int) -> str:
    """The index as HTML.

    Args:
        lookup: The run.
        drawings: Its figures.
        digits: Digits after the point of scores in points.
    """
    results = lookup.results
    rows = view.verdict_rows(lookup)
    adapters = view.adapter_rows(lookup)
    listed, more = view.causes(results.gaps, results)
    return render(
        "index.html.j2",
        results=results,
        digits=digits,
        confidence=f"{results.confidence * 100:g}%",
        answer=in_a_sentence(results.verdicts),
        counts=counted(results.verdicts),
        how_judged=_how_judged(results),
        verdicts=rows,
        methods=view.method_rows(results),
        has_intervals=any(row.verdict.low is not None for row in rows),
        axis=view.verdict_axis(rows),
        heats=[view.heat_map(lookup, task) for task in results.tasks],
        drawings=drawings,
        adapters=adapters,
        has_curves=any(row.curve for row in adapters),
        costs=cost_tables if cost_tables.has_costs(results) else None,
        shows_majority=shows_majority(results),
        wanted=view.scores_wanted(results),
        causes=listed,
        more_causes=more,
        checks=view.checks_by_name(results.checks),
        failed=[check for check in results.checks if not check.passed],
        listed_at_most=view.LISTED_AT_MOST,
        stages=view.stage_rows(results),
        changed=view.changed_parameters(results),
    )


def _how_judged(results: Results) -> str:
    """What the table of answers compares and calls a help."""
    rivals = [rival for rival in RIVALS if rival in results.methods]
    if not rivals:
        return f"There is no gain to speak of: neither {' nor '.join(RIVALS)} was part of the run."
    against = f"the better of {' and '.join(rivals)}" if len(rivals) > 1 else "".join(rivals)
    kinds = sorted({verdict.interval for verdict in results.verdicts if verdict.interval})
    counted = f", with {results.confidence * 100:g}% intervals over {' or '.join(kinds)}" if kinds else ""
    params = results.parameters["report"]
    return (
        f"Gain: madx minus {against}, in points, averaged over tasks{counted}. Helps or hurts: p below "
        f"{1 - results.confidence:.6g} after Holm's correction over languages. Too little: a gain of less than "
        f"{params['smallest_gain_points']:g} points, one that closes less than "
        f"{params['smallest_gap_closed'] * 100:g}% of the transfer gap, or a score no higher than the majority class."
    )
