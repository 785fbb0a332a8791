"""Finding: what reads one value out of a payload, and what tests it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from attrs import field, frozen

from journeymap.adapters.mapping.field_paths import Elements, Getter, element_level, make_getter
from journeymap.adapters.mapping.mapping import Pick, RecordRule, Unit
from journeymap.adapters.reading.numbers import PLAIN, read_decimal, read_length
from journeymap.adapters.reading.time_texts import NO_ISO, count_time, parse_time
from journeymap.adapters.reading.value_texts import is_missing, value_text
from journeymap.model.local_times import ClockChange, place_local_time, start_of_day

__all__ = [
    "Amount",
    "FindAmount",
    "FindText",
    "FindValue",
    "Test",
    "TimeFinder",
    "amount_finder",
    "find_plain_place",
    "is_present",
    "make_tests",
    "read_usual_time",
    "text_finder",
    "value_finder",
]

_NO_ZONE = "a time without a zone is a guess; name the mapping's timezone"
_NO_UNIT = "a number; say what it counts with unit = 's', 'ms' or 'us'"
_LONGEST_DAY = 10
"""Letters of a day without a time."""
FindText: TypeAlias = Callable[[Any, Elements], str | None]
FindValue: TypeAlias = Callable[[Any, Elements], Any]
Test: TypeAlias = Callable[[Any, Elements], bool]
Found = TypeVar("Found")


@frozen
class Amount:
    """A number that was found, with the unit and the currency of its place."""

    number: Decimal
    unit: Unit | None
    currency: str | None


FindAmount: TypeAlias = Callable[[Any, Elements], Amount | None]


def make_tests(rule: RecordRule) -> Iterator[tuple[int, Test]]:
    """Make each condition of a rule: how deep within lists it looks, and the test."""
    for path, values in rule.when.items():
        yield element_level(path), _value_test(path, values)
    for path, values in rule.unless.items():
        yield element_level(path), _value_test(path, values, wanted=False)
    for path in rule.present:
        yield element_level(path), _presence_test(path, wanted=True)
    for path in rule.absent:
        yield element_level(path), _presence_test(path, wanted=False)


def text_finder(pick: Pick) -> FindText:
    """Make a function that finds a value as a text."""
    plain = find_plain_place(pick)
    if plain is not None:
        get, finish = make_getter(plain[0]), plain[1]

        def find_one(payload: Any, elements: Elements) -> str | None:
            found = get(payload, elements)
            text = found.strip() or None if type(found) is str else _as_text(found)
            return None if text is None else finish(text)

        return find_one

    return _first_of([_Place.of(place).text for place in pick.places])


def find_plain_place(pick: Pick) -> tuple[str, Callable[[str], str | None]] | None:
    """Find the path of a value, and how to finish its text, where a pick has one plain place."""
    places = [_Place.of(place) for place in pick.places]
    if len(places) != 1 or not places[0].is_plain:
        return None
    return places[0].pick.path[0], places[0].finish


def value_finder(pick: Pick) -> FindValue:
    """Make a function that finds a value, unchanged."""
    return _first_of([_Place.of(place).value for place in pick.places])


def amount_finder(pick: Pick, role: str) -> FindAmount:
    """Make a function that finds an exact number, negative where it is to be subtracted."""
    places = [_Place.of(place) for place in pick.places]
    read = _Place.length if role == "duration" else _Place.amount

    return lambda payload, elements: _first_readable(
        places, role, lambda place: read(place, payload, elements)
    )


@frozen
class TimeFinder:
    """Finds a time; of several places, the first that has one that can be read."""

    _places: tuple[_Place, ...]
    _zone: ZoneInfo | None
    _clock_change: ClockChange | None
    _usual: Getter | None = field(init=False)  # where a text of ISO 8601 is expected, and no more

    @property
    def usual_path(self) -> str | None:
        """The only path, where a text of ISO 8601 is expected there; otherwise None."""
        return None if self._usual is None else self._places[0].pick.path[0]

    @_usual.default
    def _find_usual(self) -> Getter | None:
        if len(self._places) != 1 or not self._places[0].is_plain:
            return None
        pick = self._places[0].pick
        changed = pick.format or pick.unit or pick.names or pick.prefix or pick.case or pick.only
        return None if changed else self._places[0].gets[0]

    @classmethod
    def of(cls, pick: Pick, zone: ZoneInfo | None, clock_change: ClockChange | None) -> TimeFinder:
        """Make the finder of a pick."""
        return cls(tuple(_Place.of(place) for place in pick.places), zone, clock_change)

    def find(self, payload: Any, elements: Elements) -> datetime | None:
        """Find the time; None where there is none, and ValueError where none can be read."""
        usual = None if self._usual is None else read_usual_time(self._usual(payload, elements))
        if usual is not None:
            return usual

        def read(place: _Place) -> datetime | None:
            found = place.value(payload, elements)
            if found is None:
                return None
            return _instant(_read_time(found, place.pick), self._zone, self._clock_change)

        return _first_readable(self._places, "at", read)

    def finds(self, payload: Any, elements: Elements) -> bool:
        """Check whether there is anything to read a time from."""
        return any(place.value(payload, elements) is not None for place in self._places)


def read_usual_time(text: Any) -> datetime | None:
    """Read a time of ISO 8601 with its zone; None for anything that is to be read with care."""
    if type(text) is not str or len(text) <= _LONGEST_DAY:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            at.astimezone(UTC)  # whether there is such a time
            return at
    except (ValueError, OverflowError):
        return None
    return None


def is_present(value: Any) -> bool:
    """Check whether there is a value: not None, NaN, blank text, or an empty list or mapping."""
    if isinstance(value, str):
        return bool(value) and not value.isspace()
    if isinstance(value, (Mapping, list, tuple)):
        return len(value) > 0
    return not is_missing(value)


@frozen
class _Place:
    """One place of a pick made ready: how to get its parts, when it counts, how it is finished."""

    pick: Pick
    gets: tuple[Getter, ...]
    minus: tuple[Getter, ...]
    tests: tuple[Test, ...]
    finish: Callable[[str], str | None]

    @classmethod
    def of(cls, pick: Pick) -> _Place:
        tests = [_value_test(path, values) for path, values in pick.when.items()]
        tests += [_value_test(path, values, wanted=False) for path, values in pick.unless.items()]
        gets, minus = (tuple(map(make_getter, paths)) for paths in (pick.path, pick.minus))
        return cls(pick, gets, minus, tuple(tests), _finisher(pick))

    @property
    def is_plain(self) -> bool:
        """True if there is one path, and nothing else to ask."""
        return len(self.gets) == 1 and self.pick.default is None and not self.tests

    def text(self, payload: Any, elements: Elements) -> str | None:
        """Find the value as a text."""
        if not all(test(payload, elements) for test in self.tests):
            return None
        if self.pick.join is not None:
            parts = [_as_text(get(payload, elements)) for get in self.gets]
            if None not in parts:
                return self.finish(self.pick.join.join(part or "" for part in parts))
            return self.pick.default
        for get in self.gets:
            text = _as_text(get(payload, elements))
            if text is not None:
                return self.finish(text)
        return self.pick.default

    def amount(self, payload: Any, elements: Elements) -> Amount | None:
        """Find the value as a number, the sum of several that a path with ``[*]`` finds."""
        found = self.value(payload, elements)
        if found is None:
            return None
        number = self._total(found, self.pick.path)
        taken = next((one for get in self.minus if is_present(one := get(payload, elements))), None)
        if taken is not None:
            number -= self._total(taken, self.pick.minus)
        return Amount(
            -abs(number) if self.pick.negative else number, self.pick.unit, self.pick.currency
        )

    def length(self, payload: Any, elements: Elements) -> Amount | None:
        """Find the value as a number, or as a text such as ``01:30:00``, counted in seconds."""
        found = self.value(payload, elements)
        seconds = read_length(found) if isinstance(found, str) else None
        if seconds is None:
            return self.amount(payload, elements)
        return Amount(Decimal(seconds), "s", None)

    def _total(self, found: Any, paths: tuple[str, ...]) -> Decimal:
        if isinstance(found, list) and not any("[*" in path for path in paths):
            raise ValueError("a number is expected")  # a list of them is none
        parts = found if isinstance(found, list) else [found]
        numbers = [one for part in parts if (one := _decimal_of(part, self.pick)) is not None]
        if not numbers:
            raise ValueError("a number is expected")
        return sum(numbers, Decimal(0))

    def value(self, payload: Any, elements: Elements) -> Any:
        """Find the value, unchanged but for a text's names."""
        if not all(test(payload, elements) for test in self.tests):
            return None
        if self.pick.join is not None:
            return self.text(payload, elements)
        for get in self.gets:
            found = get(payload, elements)
            if is_present(found):
                return self.finish(found) if isinstance(found, str) else found
        return self.pick.default


def _first_of(
    reads: Sequence[Callable[[Any, Elements], Found | None]],
) -> Callable[[Any, Elements], Found | None]:
    """Make a function that returns what the first of several finds."""
    if len(reads) == 1:
        return reads[0]

    def find(payload: Any, elements: Elements) -> Found | None:
        for read in reads:
            found = read(payload, elements)
            if found is not None:
                return found
        return None

    return find


def _first_readable(
    places: Iterable[_Place], role: str, read: Callable[[_Place], Found | None]
) -> Found | None:
    """Read the first place that can be read; where none can, raise the first one's fault."""
    fault = None
    for place in places:
        try:
            found = read(place)
        except ValueError as error:
            fault = fault or ValueError(f"{role}: {error}")
            continue
        if found is not None:
            return found
    if fault is not None:
        raise fault
    return None


def _decimal_of(value: Any, pick: Pick) -> Decimal | None:
    """Read a number exactly; what is no text has no decimal mark."""
    text = _as_text(value)
    if text is None:
        return None
    return read_decimal(text, pick.decimal if isinstance(value, str) else None)


def _presence_test(path: str, *, wanted: bool) -> Test:
    get = make_getter(path)
    return lambda payload, elements: is_present(get(payload, elements)) is wanted


def _value_test(path: str, values: tuple[str, ...], *, wanted: bool = True) -> Test:
    """Make a test of a value against several; ``charge.*`` is any that begins so."""
    get = make_getter(path)
    whole = frozenset(value for value in values if not value.endswith("*"))
    begins = tuple(value[:-1] for value in values if value.endswith("*"))

    def test(payload: Any, elements: Elements) -> bool:
        text = _as_text(get(payload, elements))
        if text is None:
            return not wanted
        return (text in whole or (bool(begins) and text.startswith(begins))) is wanted

    return test


def _as_text(value: Any) -> str | None:
    """Convert a value to text; one that is missing, empty or no single value gives None."""
    if isinstance(value, float) and math.isinf(value):
        return None  # no name is infinite
    text = value_text(value)
    return None if text is None else text.strip() or None


def _finisher(pick: Pick) -> Callable[[str], str | None]:
    names, prefix, case, only = pick.names, pick.prefix, pick.case, pick.only
    if not (names or prefix or case or only):
        return lambda text: text

    def finish(text: str) -> str | None:
        if case is not None:
            text = text.lower() if case == "lower" else text.upper()
        if only and text not in names:
            return None
        named = names.get(text, text)
        return prefix + named if named.strip() else None

    return finish


def _read_time(found: Any, pick: Pick) -> datetime | date:
    """Read a time; numbers count from 1970 in the pick's unit."""
    if isinstance(found, (datetime, date)):
        return found
    unit = pick.unit
    if unit == "minutes" or unit == "hours":
        raise ValueError(f"a time is not counted in {unit}")
    number = None
    if unit is not None:
        try:
            number = _decimal_of(found, pick)
        except ValueError:
            if not isinstance(found, str):
                raise
    if unit is not None and number is not None:
        try:
            return count_time(number, unit)
        except OverflowError:
            raise ValueError("a time beyond the years 1 to 9999") from None
    if isinstance(found, (int, float, Decimal)) and pick.format:
        found = _as_text(found)
    if not isinstance(found, str):
        raise ValueError(_NO_UNIT if isinstance(found, (int, float, Decimal)) else NO_ISO)
    try:
        return parse_time(found, pick.format)
    except ValueError:
        if not pick.format and PLAIN.fullmatch(found.strip()):
            raise ValueError(_NO_UNIT) from None
        raise


def _instant(
    read: datetime | date, zone: ZoneInfo | None, clock_change: ClockChange | None
) -> datetime:
    """Give a time its zone."""
    try:
        if not isinstance(read, datetime) or read.tzinfo is None:
            if zone is None:
                raise ValueError(_NO_ZONE)
            if isinstance(read, datetime):
                read = place_local_time(read, zone, clock_change)
            else:
                read = start_of_day(read, zone)
        read.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time beyond the years 1 to 9999") from None
    return read
