"""States and signals as JSON text and back, for stores.

Of a state, only where the customer stood before the interactions within the horizon is written,
and those interactions; the rest follows by folding them again. Each field of a signal is written
by its type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from attrs import fields

from journeymap.exceptions import StateError
from journeymap.interactions import Interaction, Score
from journeymap.interactions.codec import (
    decoded,
    encoded,
    floats_in,
    floats_of,
    interaction_data,
    read_interaction,
)
from journeymap.model.conditions import leaves
from journeymap.tracking.compiled_map import CompiledMap
from journeymap.tracking.fold_state import (
    FAR,
    LONG_AGO,
    AwaitedResponse,
    CoolingMoment,
    FoldState,
    Occurrence,
    PendingMoment,
    ProductState,
    SlowState,
    StageRules,
    after,
)
from journeymap.tracking.signals import Signal
from journeymap.tracking.state import Given, State

__all__ = [
    "VERSION",
    "assigned_in",
    "fold_state_text",
    "given_in",
    "owed_in",
    "position_in",
    "read_fold_state",
    "read_recent",
    "read_signal",
    "read_time",
    "signal_text",
    "state_data",
    "state_text",
]

VERSION = 1


def state_text(state: State) -> str:
    """Write a state as one line of JSON."""
    here = state.fold_state
    base = state.recent[0][1] if state.recent else here
    data = {
        "v": VERSION,
        "customer": state.customer,
        "clock": state.clock.isoformat(),
        "here": [here.stage.id if here.stage else None, here.lap],
        "base": _fold_state_data(base),
        "recent": [interaction_data(entry[0]) for entry in state.recent],
    }
    if state.assigned_id is not None:
        data["assigned"] = state.assigned_id
    if state.owed:
        data["owed"] = [_signal_data(one) for one in state.owed]
    if state.given:
        data["given"] = [[kind, name, at.isoformat(), tie] for kind, name, at, tie in state.given]
    return encoded(data, _floats_in(state, base))


def _floats_in(state: State, base: FoldState) -> list[float | None] | None:
    """List the floating-point numbers in the data of a state; None where they are not known."""
    found = [base.emotion, *chain.from_iterable(map(floats_of, base.slow.scores.values()))]
    for one, _ in state.recent:
        held = floats_in(one)
        if held is None:
            return None
        found += held
    return found


def state_data(text: str) -> dict[str, Any]:
    """Read the JSON of a state and check its version; raise StateError for anything else."""
    try:
        data = decoded(text)
        version = data["v"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise StateError("this is not a state that journeymap has written") from None
    if version != VERSION:
        raise StateError(f"a state of version {version!r}; this journeymap knows {VERSION}")
    found: dict[str, Any] = data
    return found


def fold_state_text(state: FoldState) -> str:
    """Write what the fold carries as one line of JSON."""
    return encoded(_fold_state_data(state))


def _fold_state_data(here: FoldState) -> dict[str, Any]:
    """Encode the fields that differ from an initial state."""
    slow = here.slow
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
    if here.products:
        data["owned"] = {
            name: [one.stage.id if one.stage else None, _time_text(one.since), one.lap,
                   one.at.isoformat(), *([True] if one.ended else [])]
            for name, one in here.products
        }  # fmt: skip
    if slow is not _NOTHING:
        data |= _slow_data(slow)
    return data


_PLAIN = ("tie", "touchpoint", "channel", "department", "handed_by", "outcome", "process",
          "dormant")  # fmt: skip
_NOTHING = FoldState().slow


def _slow_data(slow: SlowState) -> dict[str, Any]:
    data: dict[str, Any] = {
        "values": {name: str(total) for name, total in slow.values.items()},
        "scores": {s.kind: [s.value, s.low, s.high] for s in slow.scores.values()},
        "seen": {name: [at.isoformat() for at in times] for name, times in slow.seen.items()},
        "open": [[o.journey, o.begun.isoformat(), o.tie, o.path, o.late] for o in slow.open],
        "pending": [
            [p.moment, p.touchpoint, p.at.isoformat(), p.tie, p.truths, *_about(p.about)]
            for p in slow.pending
        ],
        "awaited": [
            [w.moment, w.reached.isoformat(), w.tie, w.due.isoformat(), w.begun.isoformat(),
             w.begun_tie, *_about(w.about)]
            for w in slow.awaited
        ],
        "cooling": [[c.moment, c.until.isoformat(), *_about(c.about)] for c in slow.cooling],
        "timer": slow.timer.isoformat() if slow.timer != FAR else None,
    }  # fmt: skip
    return {name: value for name, value in data.items() if value}


def _about(about: str | None) -> tuple[str, ...]:
    return () if about is None else (about,)


def read_fold_state(data: Mapping[str, Any], compiled: CompiledMap) -> FoldState:
    """Read a fold state; raise StateError where the map has no such stage or key journey."""
    try:
        return _read_fold_state(data, compiled)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, ArithmeticError) as error:
        message = f"this state does not fit the map {compiled.map.id!r}: {error!r}"
        raise StateError(message) from None


def _read_fold_state(data: Mapping[str, Any], compiled: CompiledMap) -> FoldState:
    def stage_of(name: str | None) -> StageRules | None:
        return None if name is None else compiled.stages[name]

    at, stage = read_time(data["at"]), stage_of(data.get("stage"))
    limit = None if data.get("dormant") or stage is None else stage.limit
    if data.get("touchpoint") in compiled.map.tables.ends and not data.get("open"):
        limit = None
    products = tuple(
        (name, ProductState(stage_of(inner), _maybe_time(since), lap, read_time(when), *ended))
        for name, (inner, since, lap, when, *ended) in sorted(data.get("owned", {}).items())
    )
    return FoldState(
        at, _whole(data.get("tie", 0)), _whole(data["folded"]), stage,
        _maybe_time(data.get("since")), _whole(data.get("lap", 1)), data.get("touchpoint"),
        data.get("channel"), data.get("department"), data.get("handed_by"), data.get("emotion"),
        data.get("outcome"), data.get("process"), data.get("dormant", False), after(at, limit),
        _maybe_time(data.get("fired")), products, tuple(data["trail"]), _read_slow(data, compiled),
    )  # fmt: skip


def _read_slow(data: Mapping[str, Any], compiled: CompiledMap) -> SlowState:
    open_ = tuple(
        Occurrence(compiled.key_journeys[name].journey.id, read_time(begun), tie, tuple(path), late)
        for name, begun, tie, path, late in data.get("open", ())
    )
    pending = tuple(
        PendingMoment(
            moment, name, read_time(at), tie, _read_truths(compiled, moment, truths), *about
        )
        for moment, name, at, tie, truths, *about in data.get("pending", ())
    )
    awaited = tuple(
        AwaitedResponse(
            compiled.map.moments[moment].id, read_time(at), tie, read_time(due), read_time(begun),
            begun_tie, *about,
        )
        for moment, at, tie, due, begun, begun_tie, *about in data.get("awaited", ())
    )  # fmt: skip
    return SlowState(
        bool(open_ or pending or awaited),
        read_time(data["timer"]) if "timer" in data else FAR,
        {name: Decimal(total) for name, total in data.get("values", {}).items()},
        {kind: Score(kind, *scale) for kind, scale in data.get("scores", {}).items()},
        {name: tuple(map(read_time, times)) for name, times in data.get("seen", {}).items()},
        open_, pending, awaited,
        tuple(
            CoolingMoment(
                compiled.map.moments[moment].id, about[0] if about else None, read_time(until)
            )
            for moment, until, *about in data.get("cooling", ())
        ),
    )  # fmt: skip


def _read_truths(compiled: CompiledMap, moment: str, truths: list[Any]) -> tuple[bool | None, ...]:
    if len(truths) != sum(1 for _ in leaves(compiled.map.moments[moment].when)):
        raise ValueError(f"moment {moment!r} is made of other conditions")
    if not all(one is None or isinstance(one, bool) for one in truths):
        raise TypeError("a condition holds, or does not, or is not known")
    return tuple(truths)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("a whole number is expected")
    return value


def position_in(text: str) -> tuple[str | None, int]:
    """Read the stage and the lap from the text of a state, whatever map it was folded along."""
    stage, lap = state_data(text)["here"]
    return stage, lap


def assigned_in(text: str) -> str | None:
    """Read the id by which hold-outs are decided from the text of a state (None: its own)."""
    found: str | None = state_data(text).get("assigned") if '"assigned":' in text else None
    return found


def owed_in(text: str) -> tuple[Signal, ...]:
    """Read what is owed to a customer from the text of a state."""
    if '"owed":' not in text:
        return ()
    return tuple(map(_read_signal_data, state_data(text).get("owed", ())))


def given_in(text: str) -> tuple[Given, ...]:
    """Read what former versions of the map have given from the text of a state."""
    if '"given":' not in text:
        return ()
    found = state_data(text).get("given", ())
    return tuple((kind, name, read_time(at), tie) for kind, name, at, tie in found)


def read_recent(data: Mapping[str, Any]) -> list[Interaction]:
    """Read the interactions within the horizon from the data of a state."""
    return [read_interaction(one) for one in data["recent"]]


# -- signals


def signal_text(signal: Signal) -> str:
    """Write a signal as one line of JSON.

    >>> from datetime import UTC
    >>> from journeymap.tracking.signals import LapStarted
    >>> lap = LapStarted("ada", datetime(2026, 3, 1, tzinfo=UTC), 0, 2)
    >>> read_signal(signal_text(lap)) == lap
    True
    """
    return encoded(_signal_data(signal))


def read_signal(text: str) -> Signal:
    """Read the signal that ``signal_text`` wrote; raise StateError for anything else."""
    try:
        return _read_signal_data(decoded(text))
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise StateError("this is not a signal that journeymap has written") from None


def _signal_data(signal: Signal) -> dict[str, Any]:
    kind: Any = type(signal)
    data: dict[str, Any] = {"kind": signal.kind}
    for name, (write, _) in _signal_fields(kind).items():
        value = getattr(signal, name)
        if name != "handed_id" or value is not None:
            data[name] = value if value is None else write(value)
    return data


def _read_signal_data(data: Mapping[str, Any]) -> Signal:
    kind: Any = _signal_kinds()[data["kind"]]
    values = {
        name: None if (value := _held(data, name)) is None else read(value)
        for name, (_, read) in _signal_fields(kind).items()
    }
    made: Signal = kind(**values)
    return made


def _held(data: Mapping[str, Any], name: str) -> Any:
    return data.get(name) if name in ("about", "handed_id") else data[name]  # often there is none


def _signal_kinds() -> dict[str, type[Signal]]:
    return {kind.kind: kind for kind in Signal.__subclasses__()}


Pair = tuple[Callable[[Any], Any], Callable[[Any], Any]]


@cache
def _signal_fields(kind: Any) -> dict[str, Pair]:
    """Find how each field of a kind of signal is written and read, by its type."""
    hints = get_type_hints(kind)
    return {a.name: _pair(hints[a.name]) for a in fields(kind)}


def _pair(hint: Any) -> Pair:
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    options = {part for part in parts if part is not type(None)}
    if options == {datetime}:
        return datetime.isoformat, read_time
    if options == {Signal}:
        return _signal_data, _read_signal_data
    if hint == tuple[str, ...]:
        return list, tuple
    if _is_plain(hint):
        return _unchanged, _unchanged
    raise TypeError(f"a signal's field of type {hint} has no form as text; give it one here")


def _is_plain(hint: Any) -> bool:
    """Check whether JSON writes values of a type, and reads them back, as they are."""
    if isinstance(hint, str):  # one word of a Literal
        return True
    if get_origin(hint) in (Literal, Union, UnionType):
        return all(map(_is_plain, get_args(hint)))
    return hint in (str, int, float, bool, type(None))


def _unchanged(value: Any) -> Any:
    return value


# -- times


def read_time(text: str) -> datetime:
    """Read a time with its zone; the two ends of time stay the same objects."""
    at = datetime.fromisoformat(text).astimezone(UTC) if text[-6:-5] in ("+", "-") else None
    if at is None:
        raise ValueError("a time without a zone")
    return FAR if at == FAR else LONG_AGO if at == LONG_AGO else at


def _time_text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _maybe_time(text: str | None) -> datetime | None:
    return None if text is None else read_time(text)
