"""One customer's journey as a picture: down the page by channel and department, with emotion."""

from __future__ import annotations

from datetime import UTC

from attrs import frozen

from journeymap.model.durations import span_text
from journeymap.model.scores import show_number
from journeymap.profile import Customer
from journeymap.views.flows import COLOURS
from journeymap.views.scene import Box, Dot, Path, Scene, Shape, Words
from journeymap.views.svg import svg
from journeymap.views.text_fit import wrapped

__all__ = ["draw_customer", "timeline_scene"]

MAX_INTERACTIONS = 80
"""Interactions in a picture, the latest: one row each, about three screens."""
MAX_LANES = 8
"""Lanes of channels, and of departments: more leave no room for their names."""
_LANE = 66.0
_ROW = 34.0
_WHEN, _WHAT, _FELT = 128.0, 200.0, 112.0
_HEAD = 96.0
_OTHER = "other"


@frozen
class _Row:
    """One interaction, as it is shown; a stage's name stands over the first in it."""

    when: str
    gap: str
    what: str
    detail: str
    channel: str | None
    department: str | None
    emotion: float | None
    failed: bool
    stage: str


def draw_customer(customer: Customer) -> str:
    """Draw a customer's journey as SVG, without identities and traits; needs no extra.

    The latest 80 interactions are shown; of eight channels and departments each a lane, of more the
    seldom ones together.

    Args:
        customer: The view of the customer.

    Returns:
        The picture as SVG.
    """
    return svg(timeline_scene(customer))


def timeline_scene(customer: Customer) -> Scene:
    """Draw the picture as a scene."""
    rows = _rows(customer)
    channels = _lanes([row.channel for row in rows])
    departments = _lanes([row.department for row in rows])
    left = _WHEN
    middle = left + len(channels) * _LANE + 20
    right = middle + _WHAT
    felt = right + len(departments) * _LANE + 30
    width = felt + _FELT + 20
    shapes: list[Shape] = [*_heading(customer, len(rows), width)]
    shapes.append(Words(12, _HEAD - 24, ("when (UTC)",), "soft", 12))
    shapes += _header(channels, left)
    shapes += _header(departments, right)
    shapes.append(Words(felt + _FELT / 2, _HEAD - 24, ("felt",), "soft", 12, "middle"))
    places, y = [], _HEAD + 18
    for row in rows:
        if row.stage:
            y += 22
            shapes.append(Box(12, y - 30, width - 24, 1, "rule"))
            shapes.append(Words(12, y - 14, wrapped(row.stage, 12, width - 40, 1), "name", 12))
            y += 6
        places.append(y)
        y += _ROW
    if rows:
        shapes += _axis(felt, places)
        shapes += _walk([row.channel for row in rows], channels, left, places)
        shapes += _walk([row.department for row in rows], departments, right, places)
    for row, place in zip(rows, places, strict=True):
        shapes += _shown(row, place, middle)
    shapes += _feelings(rows, places, felt)
    if not rows:
        message = (
            "withheld: no consent to this purpose" if customer.withheld else "nothing happened"
        )
        shapes.append(Words(12, y + 10, (message,), "soft", 13))
        y += 24
    about = f"{len(customer.journey)} interactions by channel and department, with emotion"
    return Scene(width, y + 6, f"Journey of {customer.id}", about, tuple(shapes))


def _rows(customer: Customer) -> list[_Row]:
    journey = customer.journey[-MAX_INTERACTIONS:]
    known = customer.map
    rows: list[_Row] = []
    stage, before = None, None
    for one in journey:
        point = known.touchpoints.get(one.touchpoint) if known is not None else None
        here = point.stage if point is not None else None
        entered = here is not None and here != stage
        stage = here or stage
        facts, at = [one.outcome or ""], one.at.astimezone(UTC)
        if one.score is not None:
            facts.append(f"{one.score.kind.upper()} {show_number(one.score.value)}")
        if one.value is not None:
            facts.append(f"{one.value.amount:,.2f} {one.value.currency}")
        rows.append(_Row(
            f"{at:%d %b %Y, %H:%M}",
            "" if before is None else f"{span_text((at - before).total_seconds())} later",
            point.name if point is not None else one.touchpoint,
            " · ".join(word for word in facts if word),
            one.channel, one.department, one.emotion, one.outcome in ("failed", "abandoned"),
            known.stages[here].name if entered and known is not None and here else "",
        ))  # fmt: skip
        before = at
    return rows


def _lanes(names: list[str | None]) -> list[str]:
    """List the lanes in the order of their first use; the seldom ones share the last."""
    counts: dict[str, int] = {}
    for name in names:
        if name is not None:
            counts[name] = counts.get(name, 0) + 1
    if len(counts) <= MAX_LANES:
        return list(counts)
    kept = set(sorted(counts, key=lambda name: -counts[name])[: MAX_LANES - 1])
    return [*(name for name in counts if name in kept), _OTHER]


def _lane(name: str | None, lanes: list[str], left: float) -> float | None:
    if name is None or not lanes:
        return None
    place = lanes.index(name) if name in lanes else len(lanes) - 1
    return left + (place + 0.5) * _LANE


def _heading(customer: Customer, rows: int, width: float) -> list[Shape]:
    here = customer.position
    facts = []
    if here is not None:
        stage = here.stage
        if stage is not None and customer.map is not None and stage in customer.map.stages:
            stage = customer.map.stages[stage].name
        facts.append(f"now in {stage or 'no stage'}, lap {here.lap}")
        if here.dormant:
            facts.append("dormant")
    facts += [f"{one.kind.upper()} {show_number(one.value)}" for one in customer.scores]
    facts += [f"{one.amount:,.2f} {one.currency}" for one in customer.value]
    facts += [f"open: {one.moment}" for one in customer.moments]
    if len(customer.journey) > rows:
        facts.append(f"the latest {rows} of {len(customer.journey):,} interactions")
    return [
        Words(12, 26, wrapped(f"Customer {customer.id}", 17, width - 24, 1), "name", 17),
        Words(12, 46, wrapped(" · ".join(facts), 12.5, width - 24, 1), "soft", 12.5),
    ]


def _header(lanes: list[str], left: float) -> list[Shape]:
    shapes: list[Shape] = []
    for place, name in enumerate(lanes):
        lines = wrapped(name.replace("_", " "), 10, _LANE - 8, 2)
        middle = left + (place + 0.5) * _LANE
        shapes.append(Words(middle, _HEAD - 24, lines, "soft", 10, "middle"))
    return shapes


def _walk(
    names: list[str | None], lanes: list[str], left: float, places: list[float]
) -> list[Shape]:
    """Draw the lanes, and the customer's way from one to the other."""
    shapes: list[Shape] = [
        Path(((left + (n + 0.5) * _LANE, places[0]), (left + (n + 0.5) * _LANE, places[-1])),
             "track", 2)
        for n in range(len(lanes))
    ]  # fmt: skip
    way = [
        (x, y, name or "") for name, y in zip(names, places, strict=True)
        if (x := _lane(name, lanes, left)) is not None
    ]  # fmt: skip
    if len(way) > 1:
        shapes.append(Path(tuple((x, y) for x, y, _ in way), "chord", 2))
    shapes += [Dot(x, y, 5.5, "node own", tip=name) for x, y, name in way]
    return shapes


def _shown(row: _Row, y: float, middle: float) -> list[Shape]:
    shapes: list[Shape] = [Words(12, y + 1, (row.when,), "soft", 11)]
    if row.gap:
        shapes.append(Words(12, y + 14, wrapped(row.gap, 10, _WHEN - 20, 1), "soft", 10))
    role = "loss" if row.failed else "name"
    lines = wrapped(row.what, 12.5, _WHAT - 24, 1)
    shapes.append(Words(middle, y + (1 if row.detail else 5), lines, role, 12.5))
    if row.detail:
        detail = wrapped(row.detail, 10.5, _WHAT - 24, 1)
        shapes.append(Words(middle, y + 15, detail, "soft", 10.5))
    return shapes


def _axis(felt: float, places: list[float]) -> list[Shape]:
    top, bottom = places[0], places[-1]
    middle = felt + _FELT / 2
    return [
        Path(((middle, top), (middle, bottom)), "track", 2),
        Words(felt, _HEAD - 6, ("bad",), "soft", 10.5),
        Words(felt + _FELT, _HEAD - 6, ("good",), "soft", 10.5, "end"),
    ]


def _feelings(rows: list[_Row], places: list[float], felt: float) -> list[Shape]:
    lines = [
        (felt + (row.emotion + 1) / 2 * _FELT, y, row.emotion)
        for row, y in zip(rows, places, strict=True)
        if row.emotion is not None
    ]
    shapes: list[Shape] = []
    if len(lines) > 1:
        shapes.append(Path(tuple((x, y) for x, y, _ in lines), "chord", 1.5))
    for x, y, emotion in lines:
        colour = COLOURS[min(4, int((1 - emotion) / 2 * 5))]
        shapes.append(Dot(x, y, 6, "felt", colour, tip=f"{emotion:+.2f}"))
    return shapes
