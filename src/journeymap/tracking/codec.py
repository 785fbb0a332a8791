"""States and signals as JSON text and back: what a store keeps of them.

Only where the customer stood before the interactions within the horizon is written, and those
interactions; the rest follows by folding them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from attrs import fields

from journeymap.exceptions import StateError
from journeymap.interactions import Score
from journeymap.interactions.codec import encoded, interaction_data, read_interaction
from journeymap.model.conditions import leaves
from journeymap.tracking.compiled_map import Read
from journeymap.tracking.fold_state import (
    FAR,
    LONG_AGO,
    Awaited,
    Occurrence,
    Owned,
    Pending,
    Place,
    Rest,
    Standing,
    after,
)
from journeymap.tracking.signals import Signal, Withdrawn
from journeymap.tracking.state import State

__all__ = [
    "VERSION",
    "position_in",
    "read_signal",
    "read_time",
    "recent_of",
    "signal_text",
    "standing_of",
    "state_data",
    "state_text",
]

VERSION = 1
_KINDS: dict[str, type[Signal]] = {kind.kind: kind for kind in Signal.__subclasses__()}


def state_text(state: State) -> str:
    """A state as one line of JSON."""
    here = state.standing
    base = state.recent[0][1] if state.recent else here
    data = {
        "v": VERSION,
        "customer": state.customer,
        "clock": _time(state.clock),
        "here": [here.stage.id if here.stage else None, here.lap],
        "base": _standing_data(base),
        "recent": [interaction_data(entry[0]) for entry in state.recent],
    }
    return encoded(data)


def state_data(text: str) -> dict[str, Any]:
    """The JSON of a state, its version checked; raises StateError."""
    try:
        data = json.loads(text)
        version = data["v"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise StateError("this is not a state that journeymap has written") from None
    if version != VERSION:
        raise StateError(f"a state of version {version!r}; this journeymap knows {VERSION}")
    found: dict[str, Any] = data
    return found


def _standing_data(here: Standing) -> dict[str, Any]:
    """What is not as it was in the beginning."""
    rest = here.rest
    data: dict[str, Any] = {"at": here.at.isoformat(), "folded": here.folded, "trail": here.trail}
    for name in _PLAIN:
        value = getattr(here, name)
        if value:
            data[name] = value
    if here.lap != 1:
        data["lap"] = here.lap
    if here.emotion is not None:
        data["emotion"] = here.emotion
    if here.stage is not None:
        data["stage"] = here.stage.id
    if here.since is not None:
        data["since"] = here.since.isoformat()
    if here.fired is not None:
        data["fired"] = here.fired.isoformat()
    if here.owned:
        data["owned"] = {
            name: [one.stage.id if one.stage else None, _time(one.since), one.lap,
                   one.at.isoformat()]
            for name, one in here.owned
        }  # fmt: skip
    if rest is not _NOTHING:
        data |= _rest_data(rest)
    return data


_PLAIN = ("tie", "touchpoint", "channel", "department", "handed_by", "outcome", "process",
          "dormant")  # fmt: skip
_NOTHING = Standing().rest


def _rest_data(rest: Rest) -> dict[str, Any]:
    data: dict[str, Any] = {
        "values": {name: str(total) for name, total in rest.values.items()},
        "scores": {s.kind: [s.value, s.low, s.high] for s in rest.scores.values()},
        "seen": {name: [at.isoformat() for at in times] for name, times in rest.seen.items()},
        "open": [[o.journey, _time(o.begun), o.tie, o.path, o.late] for o in rest.open],
        "pending": [[p.moment, p.touchpoint, _time(p.at), p.tie, p.truths] for p in rest.pending],
        "awaited": [
            [w.moment, _time(w.reached), w.tie, _time(w.due), _time(w.begun), w.begun_tie]
            for w in rest.awaited
        ],
        "timer": rest.timer.isoformat() if rest.timer != FAR else None,
    }
    return {name: value for name, value in data.items() if value}


def standing_of(data: Mapping[str, Any], read: Read) -> Standing:
    """The standing again; raises StateError where the map has no such stage or key journey."""
    try:
        return _standing(data, read)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, ArithmeticError) as error:
        message = f"this state does not fit the map {read.map.id!r}: {error!r}"
        raise StateError(message) from None


def _standing(data: Mapping[str, Any], read: Read) -> Standing:
    def place(name: str | None) -> Place | None:
        return None if name is None else read.places[name]

    open_ = tuple(
        Occurrence(read.spans[name].of.id, read_time(begun), tie, tuple(path), late)
        for name, begun, tie, path, late in data.get("open", ())
    )
    pending = tuple(
        Pending(moment, point, read_time(at), tie, _truths(read, moment, truths))
        for moment, point, at, tie, truths in data.get("pending", ())
    )
    awaited = tuple(
        Awaited(
            read.map.moments[moment].id,
            read_time(at),
            tie,
            read_time(due),
            read_time(begun),
            begun_tie,
        )
        for moment, at, tie, due, begun, begun_tie in data.get("awaited", ())
    )
    rest = Rest(
        bool(open_ or pending or awaited),
        read_time(data["timer"]) if "timer" in data else FAR,
        {name: Decimal(total) for name, total in data.get("values", {}).items()},
        {kind: Score(kind, *told) for kind, told in data.get("scores", {}).items()},
        {name: tuple(map(read_time, times)) for name, times in data.get("seen", {}).items()},
        open_, pending, awaited,
    )  # fmt: skip
    at, stage = read_time(data["at"]), place(data.get("stage"))
    limit = None if data.get("dormant") or stage is None else stage.limit
    return Standing(
        at, _whole(data.get("tie", 0)), _whole(data["folded"]), stage, _maybe(data.get("since")),
        _whole(data.get("lap", 1)), data.get("touchpoint"), data.get("channel"),
        data.get("department"),
        data.get("handed_by"), data.get("emotion"), data.get("outcome"), data.get("process"),
        data.get("dormant", False), after(at, limit), _maybe(data.get("fired")),
        tuple(
            (name, Owned(place(stage), _maybe(since), lap, read_time(at)))
            for name, (stage, since, lap, at) in data.get("owned", {}).items()
        ),
        tuple(data["trail"]), rest,
    )  # fmt: skip


def _truths(read: Read, moment: str, told: list[Any]) -> tuple[bool | None, ...]:
    if len(told) != sum(1 for _ in leaves(read.map.moments[moment].when)):
        raise ValueError(f"moment {moment!r} is made of other conditions")
    if not all(one is None or isinstance(one, bool) for one in told):
        raise TypeError("a condition holds, or does not, or is not known")
    return tuple(told)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("a whole number is expected")
    return value


def signal_text(signal: Signal) -> str:
    """A signal as one line of JSON.

    >>> from datetime import UTC
    >>> from journeymap.tracking.signals import LapStarted
    >>> lap = LapStarted("ada", datetime(2026, 3, 1, tzinfo=UTC), 0, 2)
    >>> read_signal(signal_text(lap)) == lap
    True
    """
    return encoded(_told(signal))


def _told(signal: Signal) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": signal.kind}
    for a in fields(type(signal)):
        value = getattr(signal, a.name)
        if isinstance(value, Signal):
            value = _told(value)
        data[a.name] = _time(value) if isinstance(value, datetime) else value
    return data


def read_signal(text: str) -> Signal:
    """The signal that ``signal_text`` wrote down; raises StateError for anything else."""
    try:
        return _signal(json.loads(text))
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise StateError("this is not a signal that journeymap has written") from None


_TIMES = ("at", "begun", "due", "reached")


def _signal(data: Mapping[str, Any]) -> Signal:
    kind = _KINDS[data["kind"]]
    values = {a.name: data[a.name] for a in fields(kind)}
    for name in _TIMES:
        if values.get(name) is not None:
            values[name] = read_time(values[name])
    if kind is Withdrawn:
        values["signal"] = _signal(values["signal"])
    made: Signal = kind(**values)
    return made


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def read_time(text: str) -> datetime:
    """A time with its zone; the two ends of time stay the same objects."""
    at = datetime.fromisoformat(text).astimezone(UTC) if text[-6:-5] in ("+", "-") else None
    if at is None:
        raise ValueError("a time without a zone")
    return FAR if at == FAR else LONG_AGO if at == LONG_AGO else at


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else read_time(text)


def position_in(text: str) -> tuple[str | None, int]:
    """The stage and the lap in the text of a state, whatever map it was told along."""
    stage, lap = state_data(text)["here"]
    return stage, lap


def recent_of(data: Mapping[str, Any]) -> list[Any]:
    """The interactions within the horizon."""
    return [read_interaction(one) for one in data["recent"]]
