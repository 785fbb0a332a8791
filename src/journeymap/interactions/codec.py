"""Interactions as plain data and back: what a journal keeps of them.

>>> from datetime import UTC
>>> one = Interaction("ada", "paid", datetime(2026, 3, 1, tzinfo=UTC), value=Money(9, "EUR"))
>>> interaction_data(one)["at"], interaction_data(one)["value"]
('2026-03-01T00:00:00+00:00', ['9', 'EUR'])
>>> read_interaction(interaction_data(one)) == one
True
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from journeymap.exceptions import InteractionError
from journeymap.interactions.interaction import Interaction
from journeymap.interactions.trusted import build_interaction
from journeymap.interactions.values import Identity, Money, Score
from journeymap.model.instants import MICROSECOND
from journeymap.model.rules import fault_in_text

__all__ = [
    "decoded",
    "encoded",
    "floats_in",
    "floats_of",
    "interaction_data",
    "interaction_text",
    "is_plain",
    "read_interaction",
]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@cache
def _fast_encoder() -> Callable[[Any], bytes] | None:
    """Find the encoder of the extra ``fast``, if it is installed."""
    try:
        from msgspec.json import Encoder
    except ImportError:
        return None
    return Encoder().encode


@cache
def _fast_decoder() -> Callable[[str], Any] | None:
    """Find the decoder of the extra ``fast``, if it is installed."""
    try:
        from msgspec.json import decode
    except ImportError:
        return None
    return decode


def encoded(data: Any, floats: Iterable[float | None] | None = None) -> str:
    """Write plain data as one line of JSON.

    Args:
        data: The data.
        floats: All floating-point numbers that the data holds (None: not known). Where they are
            known, and none of them is very large or very small, msgspec writes the same, ten times
            as fast, if it is installed.

    Returns:
        The line.
    """
    encode = _fast_encoder()
    if encode is None or floats is None or not all(map(_is_written_alike, floats)):
        return _encode(data)
    try:
        return encode(data).decode()
    except (TypeError, ValueError):  # what only the standard library writes: halves of characters
        return _encode(data)


def _is_written_alike(number: float | None) -> bool:
    """Check whether msgspec and the standard library write a number in the same way."""
    return number is None or 1e-4 <= abs(number) < 1e16 or number == 0


def decoded(text: str) -> Any:
    """Read one line of JSON; by msgspec, which is three times as fast, where it is installed."""
    decode = _fast_decoder()
    if decode is None:
        return json.loads(text)
    try:
        return decode(text)
    except ValueError:  # what only the standard library reads, as halves of characters, or errors
        return json.loads(text)


_PLAIN = ("id", "source", "channel", "department", "process", "product", "outcome", "emotion",
          "emotion_after", "cost")  # fmt: skip


def interaction_data(one: Interaction) -> dict[str, Any]:
    """Convert an interaction to a mapping that JSON can hold; open fields are left out.

    Raises InteractionError where ``extra`` holds something that JSON cannot.
    """
    data: dict[str, Any] = {
        "customer": one.customer, "touchpoint": one.touchpoint, "at": one.at.isoformat(),
    }  # fmt: skip
    for name in _PLAIN:
        value = getattr(one, name)
        if value is not None:
            data[name] = value
    if one.score is not None:
        data["score"] = [one.score.kind, one.score.value, one.score.low, one.score.high]
    if one.value is not None:
        data["value"] = [str(one.value.amount), one.value.currency]
    if one.duration is not None:
        data["duration"] = one.duration // MICROSECOND
    if one.referred_by is not None:
        by = one.referred_by
        data["referred_by"] = [by.namespace, by.value] if isinstance(by, Identity) else by
    if one.extra:
        _plain(one.extra)
        data["extra"] = [list(pair) for pair in one.extra]
    return data


def floats_in(one: Interaction) -> tuple[float | None, ...] | None:
    """List the floating-point numbers of an interaction; None where they are not known."""
    if one.extra:
        return None
    numbers = (one.emotion, one.emotion_after, one.cost)
    return numbers if one.score is None else (*numbers, *floats_of(one.score))


def floats_of(score: Score) -> tuple[float | None, ...]:
    """List the floating-point numbers of a score."""
    return score.value, score.low, score.high


def interaction_text(one: Interaction) -> str:
    """Write an interaction as one line of JSON."""
    return encoded(interaction_data(one), floats_in(one))


def read_interaction(data: Mapping[str, Any]) -> Interaction:
    """Read the interaction that ``interaction_data`` wrote."""
    score, value, duration = data.get("score"), data.get("value"), data.get("duration")
    by = data.get("referred_by")
    return build_interaction(
        data["customer"], data["touchpoint"], datetime.fromisoformat(data["at"]), data,
        None if score is None else Score(*score), None if value is None else Money(*value),
        None if duration is None else timedelta(microseconds=duration),
        Identity(*by) if isinstance(by, list) else by,
        [tuple(pair) for pair in data["extra"]] if "extra" in data else (),
    )  # fmt: skip


def _plain(extra: tuple[tuple[Any, Any], ...]) -> None:
    for name, value in extra:
        if not isinstance(name, str) or not is_plain(name) or not is_plain(value):
            message = f"{name!r} is kept in a journal, so it must be what JSON can hold"
            raise InteractionError("Interaction", "extra", value, message)


MAX_JSON_DEPTH = 20
"""Levels of nested values in JSON: far below where Python's own reader fails."""


def is_plain(value: Any, depth: int = 0) -> bool:
    """Check whether JSON can hold a value, and gives it back."""
    if depth > MAX_JSON_DEPTH:
        return False
    if isinstance(value, list):
        return all(is_plain(one, depth + 1) for one in value)
    if isinstance(value, dict):
        return all(
            isinstance(k, str) and is_plain(k) and is_plain(v, depth + 1) for k, v in value.items()
        )
    if isinstance(value, float):
        return value - value == 0
    if isinstance(value, str):
        return fault_in_text(value) is None
    return value is None or (isinstance(value, int) and abs(value) < 2**63)
