"""One customer's interactions, read back out of a log's columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from journeymap.analysis.table.checking import NONE, SCALE
from journeymap.exceptions import AnswerError
from journeymap.interactions import Interaction, Money, Score

if TYPE_CHECKING:
    from journeymap.analysis.log import Log

__all__ = ["history"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = ("source", "channel", "department", "process", "product", "outcome")


def history(log: Log, customer: str) -> tuple[Interaction, ...]:
    """The interactions of a customer, in order; see `Log.history`."""
    if log._views:
        message = "a history is read from the whole log, not from a part that where() shows"
        raise AnswerError("history", message)
    if not isinstance(customer, str):
        raise AnswerError("history", f"a customer's name is a text, not {customer!r}")
    found = log._ids.index_of(customer)
    if found is None:
        return ()
    begin, end = int(log._offsets[found]), int(log._offsets[found + 1])
    return tuple(_interaction(log, customer, place) for place in range(begin, end))


def _interaction(log: Log, customer: str, place: int) -> Interaction:
    touchpoint = log._levels["touchpoint"].names[int(log._touchpoints[place])]
    numbers = {name: _number(log, name, place) for name in log._numbers}
    told: dict[str, Any] = {name: _name(log, name, place) for name in _NAMES}
    for name in ("emotion", "emotion_after"):
        if numbers.get(name) is not None:
            told[name] = numbers[name]
    score, value, seconds = (numbers.get(name) for name in ("score", "value", "duration"))
    if score is not None:
        kind = _name(log, "score_kind", place) or ""
        told["score"] = Score(kind, score, *log._scope.scales[kind])  # type: ignore[arg-type]
    if value is not None:
        told["value"] = Money(value, _name(log, "currency", place) or "")
    if seconds is not None:
        told["duration"] = timedelta(seconds=seconds)
    at = _EPOCH + int(log._at[place]) * timedelta(microseconds=1)
    return Interaction(customer, str(touchpoint), at, **told)


def _name(log: Log, level: str, place: int) -> str | None:
    found = log._levels.get(level)
    if found is None:
        return None
    if found.codes is not None:
        return found.names[int(found.codes[place])]
    if found.table is not None:
        return found.names[int(found.table[log._touchpoints[place]])]
    return None


def _number(log: Log, role: str, place: int) -> float | None:
    column = log._numbers[role]
    found = int(column[place])
    missing = -(2 ** (8 * column.dtype.itemsize - 1))
    return None if found in (missing, NONE) else found / SCALE
