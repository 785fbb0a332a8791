"""The five layers of a map, stage by stage.

They are what the customer does, what the company does, who does it, by which process, and what is
measured.
"""

from __future__ import annotations

from attrs import frozen

from journeymap.model import JourneyMap, Metric, Stage
from journeymap.views.scene import Box, Shape, Words
from journeymap.views.text_fit import wrapped

__all__ = ["LAYERS", "StageLayers", "layer_shapes", "layers_of"]

LAYERS = ("Customer does", "Company does", "Departments", "Processes", "Metrics")
_MARGIN, _HEAD = 24.0, 112.0
_BOLD = 1.15  # how much wider bold letters are


@frozen
class StageLayers:
    """One stage of a map, read through the five layers."""

    stage: Stage
    number: int
    cells: tuple[tuple[str, ...], ...]


def layers_of(journey: JourneyMap) -> tuple[StageLayers, ...]:
    """Collect the contents of each layer for each stage, in the order of the loop."""
    made = []
    for number, stage in enumerate(journey.stages.values(), 1):
        points = [p for p in journey.touchpoints.values() if p.stage == stage.id]
        departments = dict.fromkeys(p.department for p in points if p.department)
        processes = dict.fromkeys(p.process for p in points if p.process)
        inside = {p.id for p in points}
        metrics = [
            metric
            for metric in journey.metrics.values()
            if (metric.of.kind, metric.of.id) == ("stage", stage.id)
            or (metric.of.kind == "touchpoint" and metric.of.id in inside)
        ]
        measures = [_measured(metric) for metric in metrics]
        made.append(
            StageLayers(
                stage,
                number,
                (
                    (stage.customer_does,) if stage.customer_does else (),
                    (stage.company_does,) if stage.company_does else (),
                    tuple(journey.departments[d].name for d in departments),
                    tuple(journey.processes[p].name for p in processes),
                    tuple(measures),
                ),
            )
        )
    return tuple(made)


def _measured(metric: Metric) -> str:
    if metric.target is None:
        return metric.name
    sign = "≥" if metric.direction == "up" else "≤"
    return f"{metric.name} ({sign} {metric.target:,g} {metric.unit}".rstrip() + ")"


def layer_shapes(journey: JourneyMap, top: float, width: float) -> tuple[list[Shape], float]:
    """Draw the layers as a grid under the loop, a block for each half; also where it ends."""
    shapes: list[Shape] = []
    for phase in ("buy", "own"):
        half = [layers for layers in layers_of(journey) if layers.stage.phase == phase]
        if half:
            made, top = _block(half, top, width)
            shapes += made
            top += 14
    return shapes, top


def _block(half: list[StageLayers], top: float, width: float) -> tuple[list[Shape], float]:
    column = (width - 2 * _MARGIN - _HEAD) / len(half)
    room, size = column - 14, 11.5
    shapes: list[Shape] = []
    titles = [wrapped(f"{one.number}  {one.stage.name}", _BOLD * 13, room, 3) for one in half]
    high = max(len(lines) for lines in titles) * 17 + 10
    for place, (one, lines) in enumerate(zip(half, titles, strict=True)):
        x = _MARGIN + _HEAD + place * column
        shapes.append(Words(x + 6, top + 18, lines, f"name {one.stage.phase.customer}", 13))
    y = top + high
    for row, layer in enumerate(LAYERS):
        cells = [wrapped(", ".join(one.cells[row]) or "–", size, room, 5) for one in half]
        tall = max(len(lines) for lines in cells) * size * 1.25 + 12
        shapes.append(Box(_MARGIN, y, width - 2 * _MARGIN, 1, "rule"))
        shapes.append(Words(_MARGIN, y + 17, (layer,), "soft name", size))
        for place, lines in enumerate(cells):
            x = _MARGIN + _HEAD + place * column
            shapes.append(Words(x + 6, y + 17, lines, "cell", size))
        y += tall
    return shapes, y
