"""Columns: which column of a file or frame is which, and how it is to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import polars as pl
from attrs import Attribute, evolve, field, fields, frozen, validators

from journeymap.adapters.reading.numbers import DecimalMark
from journeymap.adapters.reading.time_texts import readable_formats
from journeymap.exceptions import ColumnsError
from journeymap.interactions import SCALES
from journeymap.model.local_times import ClockChange, is_zone
from journeymap.model.rules import as_tuple, each, of_type
from journeymap.model.scores import SCORE_KINDS

__all__ = ["XES_COLUMNS", "Columns", "complete_xes", "lacks_times"]

_WORDS: tuple[Literal["score_kind"], Literal["currency"]] = ("score_kind", "currency")
_NUMBERS = ("emotion", "emotion_after", "score", "value", "duration", "cost")
_LEVELS = ("touchpoint", "stage", "phase", "source", "channel", "department", "process",
           "product", "outcome", "score_kind", "currency", "referred_by")  # fmt: skip
_UNITS = ("s", "ms", "us", "ns", "excel")


def _named(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require the name of a column."""
    of_type(str)(instance, attribute, value)
    if not value:
        raise ColumnsError(f"{attribute.name}: the name of a column is expected, not {value!r}")


_name = validators.optional(_named)


def _scales(
    given: Mapping[str, tuple[float, float]] | tuple[tuple[str, float, float], ...] | None,
) -> tuple[tuple[str, float, float], ...]:
    if isinstance(given, tuple):  # made already, as when columns are evolved
        given = {kind: (low, high) for kind, low, high in given}
    known: dict[str, tuple[float, float]] = {**SCALES, **(given or {})}
    return tuple((kind, float(low), float(high)) for kind, (low, high) in sorted(known.items()))


def _pairs(given: Any) -> tuple[tuple[str, str], ...]:
    try:
        pairs = tuple(dict(given).items())
    except (TypeError, ValueError):
        raise ColumnsError(f"rename: a mapping of names is expected, not {given!r}") from None
    for name in (name for pair in pairs for name in pair):
        if not isinstance(name, str) or not name.strip():
            raise ColumnsError(f"rename: names are expected, not {name!r}")
    return pairs


def _at(given: str | Sequence[str] | None) -> Any:
    return tuple(given) if isinstance(given, (list, tuple)) else given


def _day_and_clock(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(one, str) for one in value):
        return
    of_type(str)(instance, attribute, value)


def _texts(given: str | Sequence[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else as_tuple(given)


def _check_zone(attribute: Attribute[str], value: str | None) -> None:
    if value is not None and not is_zone(value):
        raise ColumnsError(f"{attribute.name}: {value!r} is no IANA zone such as 'Europe/Paris'")


def _check_choice(attribute: Attribute[str], value: Any, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        expected = ", ".join(map(repr, choices))
        raise ColumnsError(f"{attribute.name}: one of {expected} is expected, not {value!r}")


@frozen(kw_only=True)
class Columns:
    """The columns of a file or frame, and how to read them.

    A column named here overrides what the map has of a touchpoint.

    Attributes:
        customer: The customer's name.
        touchpoint: The touchpoint.
        at: The time; or the column of the day and that of the time of day; None where only the
            order of interactions is known: that of ``order``, or of the rows.
        id: By which, with the source, duplicates are recognised.
        source: The system that recorded it.
        channel: The channel.
        department: The department.
        process: The process.
        product: The product.
        outcome: The outcome.
        emotion: The emotion during it, from −1 to +1.
        emotion_after: The emotion after it.
        score: An answer to a survey question.
        score_kind: Its kind: a column, or one of nps, csat, ces.
        value: The amount.
        currency: Its currency: a column, or a code such as ``EUR``.
        duration: How long it took, in seconds or as ``01:30:00``, ``PT90M``, ``90 min``; waits then
            run from its end.
        end: The time at which it ended, instead of a duration.
        cost: What it cost the company, in its own currency.
        referred_by: The customer who recommended the company to this one, by the same name as in
            the column of customers.
        extra: Columns to keep, each a level at which questions can be read.
        rename: Our names of touchpoints, by name or by pattern (``/m/*``: any text behind it); a
            touchpoint of the map can have such names too (``recorded_as``).
        timezone: The zone of times that name none (None: such rows are set aside).
        calendar_zone: The zone of calendar periods in answers (None: ``timezone``, or UTC).
        clock_change: Which instant is meant by a time that the clocks of ``timezone`` show twice
            or never, ``earlier`` or ``later`` (None: such rows are set aside).
        at_unit: What times that are numbers count: ``s``, ``ms``, ``us`` or ``ns`` since 1970, or
            ``excel``, the days of a spreadsheet.
        at_format: The format of times, or several, as ``strptime`` has them (none: ISO 8601).
        order: A column of numbers or times by which interactions of a customer at the same time
            are ordered (None: their order of arrival).
        decimal: What stands before the decimals of numbers in texts, ``.`` or ``,``, with groups of
            three digits (None: they are written plainly).
        scales: The lowest and highest answer of each kind of score.

    Raises:
        ColumnsError: A zone, unit or scale is none, or a score or value lacks its kind or currency.

    >>> Columns(customer="case", touchpoint="activity", at="time").named()
    ('case', 'activity', 'time')
    """

    customer: str = field(default="customer", validator=_named)
    touchpoint: str = field(default="touchpoint", validator=_named)
    at: str | tuple[str, ...] | None = field(default="at", converter=_at, validator=_day_and_clock)
    id: str | None = field(default=None, validator=_name)
    source: str | None = field(default=None, validator=_name)
    channel: str | None = field(default=None, validator=_name)
    department: str | None = field(default=None, validator=_name)
    process: str | None = field(default=None, validator=_name)
    product: str | None = field(default=None, validator=_name)
    outcome: str | None = field(default=None, validator=_name)
    emotion: str | None = field(default=None, validator=_name)
    emotion_after: str | None = field(default=None, validator=_name)
    score: str | None = field(default=None, validator=_name)
    score_kind: str | None = field(default=None, validator=_name)
    value: str | None = field(default=None, validator=_name)
    currency: str | None = field(default=None, validator=_name)
    duration: str | None = field(default=None, validator=_name)
    end: str | None = field(default=None, validator=_name)
    cost: str | None = field(default=None, validator=_name)
    referred_by: str | None = field(default=None, validator=_name)
    extra: tuple[str, ...] = field(default=(), converter=as_tuple)
    timezone: str | None = field(default=None)
    at_unit: Literal["s", "ms", "us", "ns", "excel"] | None = field(default=None)
    rename: tuple[tuple[str, str], ...] = field(default=(), converter=_pairs)
    scales: tuple[tuple[str, float, float], ...] = field(default=None, converter=_scales)

    at_format: tuple[str, ...] = field(
        default=(), converter=_texts, validator=[each(str), readable_formats]
    )
    calendar_zone: str | None = field(default=None)
    clock_change: ClockChange | None = field(default=None)
    order: str | None = field(default=None, validator=_name)
    decimal: DecimalMark | None = field(default=None)

    @timezone.validator
    def _check_timezone(self, attribute: Attribute[str], value: str | None) -> None:
        _check_zone(attribute, value)

    @calendar_zone.validator
    def _check_calendar_zone(self, attribute: Attribute[str], value: str | None) -> None:
        _check_zone(attribute, value)

    @at_unit.validator
    def _check_unit(self, attribute: Attribute[str], value: str | None) -> None:
        _check_choice(attribute, value, _UNITS)

    @clock_change.validator
    def _check_clock_change(self, attribute: Attribute[str], value: str | None) -> None:
        _check_choice(attribute, value, ("earlier", "later"))

    @decimal.validator
    def _check_decimal(self, attribute: Attribute[str], value: str | None) -> None:
        _check_choice(attribute, value, (".", ","))

    def __attrs_post_init__(self) -> None:
        if self.score is not None and self.score_kind is None:
            raise ColumnsError("score: say its kind: score_kind='nps', 'csat', 'ces' or a column")
        if self.end is not None and self.at is None:
            raise ColumnsError("end: an end needs a beginning: name the column of times (at=…)")
        if self.end is not None and self.duration is not None:
            raise ColumnsError("end: name the time of the end or the duration, not both")
        if self.value is not None and self.currency is None:
            raise ColumnsError("value: say its currency: a column, or a code such as 'EUR'")

        for kind, low, high in self.scales:
            if not low < high:
                raise ColumnsError(f"scales: {kind} needs a lowest answer below its highest")
            known = SCORE_KINDS.get(kind)
            if known and known.fixed and (low, high) != (known.low, known.high):
                scale = f"from {known.low:g} to {known.high:g}"
                raise ColumnsError(f"scales: {kind} is asked {scale}; name another kind of score")
            if kind in ("emotion", "emotion_after"):
                raise ColumnsError(f"scales: {kind!r} is a column of its own; name another kind")
        clash = next((name for name in self.extra if name in _LEVELS), None)
        if clash is not None:
            message = f"extra: {clash!r} is a level of its own; rename the column to keep both"
            raise ColumnsError(message)

    @property
    def zone(self) -> str:
        """The zone of calendar periods."""
        return self.calendar_zone or self.timezone or "UTC"

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The lowest and highest answer of each kind of score."""
        return {kind: (low, high) for kind, low, high in self.scales}

    def constant(self, role: Literal["score_kind", "currency"], there: Any) -> str | None:
        """Find the word meant for every row, where a name is a word and no column.

        Args:
            role: ``score_kind`` or ``currency``.
            there: The columns there are.

        Returns:
            The word; None where a column is meant.
        """
        word: str | None = getattr(self, role)
        if word is None or word in there:
            return None
        if role == "score_kind" and word in SCALES:
            return word
        if role == "currency" and len(word) == 3 and word.isascii() and word.isupper():
            return word
        return None

    def named(self) -> tuple[str, ...]:
        """List every column named, once, words that stand for a whole column included.

        Returns:
            The names.
        """
        roles = [a.name for a in fields(Columns)]
        roles = roles[: roles.index("extra")]
        found: list[str] = []
        for role in (*roles, "order"):
            name = getattr(self, role)
            found += name if isinstance(name, tuple) else [name] if name else []
        return tuple(dict.fromkeys([*found, *self.extra]))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of numbers: a list or a mapping among them is refused, and not missing."""
        found = (getattr(self, role) for role in _NUMBERS)
        return tuple(name for name in found if name is not None)

    def wanted(self, there: Any) -> tuple[str, ...]:
        """List the columns to read.

        Args:
            there: The columns there are.

        Returns:
            The names, without words that stand for a whole column.
        """
        words = {getattr(self, role) for role in _WORDS if self.constant(role, there) is not None}
        return tuple(name for name in self.named() if name not in words)


XES_COLUMNS = Columns(
    customer="case:concept:name", touchpoint="concept:name", at="time:timestamp", end="time:end"
)
"""Where the standard extensions of XES have them."""


def lacks_times(frame: pl.DataFrame, columns: Columns) -> bool:
    """Check whether rows are read at XES's column of times, and none of them has one."""
    if columns.at != XES_COLUMNS.at or not len(frame):
        return False
    return bool((frame[str(columns.at)].fill_null("").str.strip_chars() == "").all())


def complete_xes(columns: Columns | None) -> Columns:
    """Take the columns of XES's standard extensions where none are named."""
    if columns is None:
        return XES_COLUMNS
    plain = Columns()
    left = {
        role: getattr(XES_COLUMNS, role)
        for role in ("customer", "touchpoint", "at", "end")
        if getattr(columns, role) == getattr(plain, role)
    }
    if columns.duration is not None or columns.at is None:
        left.pop("end", None)
    completed: Any = evolve(columns, **left)
    return cast("Columns", completed)
