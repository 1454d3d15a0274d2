"""Learning curves of language adapters: held-out loss by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from madx_pipeline.report.pages.axis import Axis
from madx_pipeline.report.provenance import LanguageAdapterFacts

Losses = list[tuple[int, float]]
"""Steps and the held-out loss (nats per masked token) after each."""


def losses_of(adapter: LanguageAdapterFacts | None) -> Losses:
    """Held-out loss by step; empty where it was not measured."""
    curve = (adapter.curve if adapter else None) or []
    return [(int(point["step"]), float(point["loss"])) for point in curve]


def losses_from_start(adapter: LanguageAdapterFacts | None) -> Losses:
    """The same, with the loss of the base model without the adapter as step 0."""
    losses = losses_of(adapter)
    if adapter is None or adapter.heldout_loss_before is None or not losses:
        return losses
    return [(0, adapter.heldout_loss_before), *losses]


@dataclass(frozen=True)
class Curve:
    """A learning curve as a drawing of `width` by `height`, its start without the adapter included.

    Attributes:
        points: `x,y` pairs for an SVG polyline.
        marks: The same as pairs.
        ticks: Losses written at the left, with their y.
        last_step: The step at the right end.
        best: The point of the step that was kept.
    """

    points: str
    marks: list[tuple[float, float]]
    ticks: list[tuple[str, float]]
    last_step: int
    best: tuple[float, float]


def curve_of(losses: Sequence[tuple[int, float]], width: float, height: float) -> Curve | None:
    """The drawing of losses by step; None for fewer than two points."""
    if len(losses) < 2:
        return None
    across = Axis(0.0, float(max(step for step, _ in losses)) or 1.0)
    down = Axis.over(loss for _, loss in losses)
    marks = [
        (round(across.place(step) / 100 * width, 1), round((1 - down.place(loss) / 100) * height, 1))
        for step, loss in losses
    ]
    best = min(range(len(losses)), key=lambda index: losses[index][1])
    extremes = sorted({losses[best][1], max(loss for _, loss in losses)})
    return Curve(
        points=" ".join(f"{x:g},{y:g}" for x, y in marks),
        marks=marks,
        ticks=[(f"{loss:.2f}", round((1 - down.place(loss) / 100) * height, 1)) for loss in extremes],
        last_step=max(step for step, _ in losses),
        best=marks[best],
    )
