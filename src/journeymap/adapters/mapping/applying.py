"""Applied mappings: payloads become records, or are set aside with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from journeymap.adapters.mapping.field_paths import Getter, make_getter
from journeymap.adapters.mapping.mapping import PayloadMapping, Pick, RecordRule
from journeymap.exceptions import JourneyMapError
from journeymap.interactions import Identity, Interaction, Money, Record, Score
from journeymap.model.instants import EPOCH, MICROSECOND
from journeymap.model.rules import fault_in_text

__all__ = ["AppliedMapping"]

Find: TypeAlias = Callable[[Any, Any], Any]
Test: TypeAlias = Callable[[Any, Any], bool]
_UNITS = {
    "s": timedelta(seconds=1), "ms": timedelta(milliseconds=1), "us": MICROSECOND,
    "days": timedelta(days=1),
}  # fmt: skip
_YES = frozenset({"true", "yes", "1", "granted", "given", "subscribed", "opted_in", "opt-in", "y"})
_NO = frozenset({"false", "no", "0", "denied", "withdrawn", "unsubscribed", "opted_out",
                 "not_subscribed", "opt-out", "n"})  # fmt: skip
_UNSAID = frozenset({"unset", "unknown", "not_set", "(not set)", "pending"})
_WHOLE = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
     "XOF", "XPF")
)  # fmt: skip  # as payment services count them: of ISK and UGX they write hundredths
_THOUSANDTHS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
_SHORT = re.compile(r"^(\d{4}-\d\d-\d\d[ T])(\d:)")  # what spreadsheets make of an hour
_NAMES = ("channel", "department", "process", "product", "outcome")


class AppliedMapping:
    """A payload mapping made ready to be applied."""

    def __init__(self, mapping: PayloadMapping) -> None:
        """Make a mapping ready.

        Args:
            mapping: The mapping.
        """
        zone = None if mapping.timezone is None else ZoneInfo(mapping.timezone)
        self.mapping = mapping
        self._rules = [_Rule(rule, mapping, zone) for rule in mapping.records]

    def records(self, payload: Any, row: int) -> list[Record] | str:
        """Make the records of a payload; one fault breaks the whole payload.

        Args:
            payload: The payload.
            row: Its place in the source, from 1.

        Returns:
            The records, or the reason why there are none.
        """
        if not isinstance(payload, Mapping):
            return "not a mapping of names to values"
        found: list[Record] = []
        applied = False
        try:
            for rule in self._rules:
                if rule.applies(payload):
                    applied = True
                    found += rule.records(payload, row)
        except (JourneyMapError, ValueError, ArithmeticError, RecursionError) as error:
            return str(error) or type(error).__name__
        if not applied:
            return f"none of the {len(self._rules)} rules of the mapping applies"
        return found or "a list of things that happened is empty"


class _Rule:
    """One rule made ready."""

    def __init__(self, rule: RecordRule, mapping: PayloadMapping, zone: ZoneInfo | None) -> None:
        self.rule, self.source, self.zone = rule, mapping.source, zone
        self._touchpoint_names = mapping.touchpoints
        self._source = _maybe_finder(rule.source)
        self._whole, self._single = (
            [test for path, test in _tests(rule) if path.startswith(begin)] for begin in "$@"
        )
        self._each = None if rule.each is None else make_getter(rule.each)
        self._at = [make_getter(path) for path in rule.at.path]
        named = (*rule.identities.items(), *rule.aliases.items())
        self._identities = [(space, _text_finder(pick)) for space, pick in named]
        self._touchpoint = _maybe_finder(rule.touchpoint)
        self._id = _maybe_finder(rule.id)
        self._names = [
            (name, _text_finder(pick))
            for name in _NAMES
            if (pick := getattr(rule, name)) is not None
        ]
        self._feelings = [
            (name, _text_finder(pick)) for name in ("emotion", "emotion_after")
            if (pick := getattr(rule, name)) is not None
        ]  # fmt: skip
        self._value, self._currency = _maybe_finder(rule.value), _maybe_finder(rule.currency)
        self._score = _maybe_finder(rule.score)
        self._scale = [_maybe_finder(pick) for pick in (rule.score_kind, rule.low, rule.high)]
        self._duration = _maybe_finder(rule.duration)
        self._extra = [(name, _text_finder(pick)) for name, pick in rule.extra.items()]
        self._traits = [(name, _value_finder(pick)) for name, pick in rule.traits.items()]
        self._consents = [(name, _text_finder(pick)) for name, pick in rule.consents.items()]

    def applies(self, payload: Mapping[str, Any]) -> bool:
        return all(test(payload, None) for test in self._whole)

    def records(self, payload: Mapping[str, Any], row: int) -> list[Record]:
        if self._each is None:
            return [self._record(payload, None, row)]
        found = self._each(payload, None)
        if not isinstance(found, (list, tuple)):
            return []
        return [
            self._record(payload, one, row)
            for one in found
            if all(test(payload, one) for test in self._single)
        ]

    def _record(self, payload: Any, element: Any, row: int) -> Record:
        identities = [
            Identity(space, value)
            for space, find in self._identities
            if (value := find(payload, element)) is not None
        ]
        if not identities:
            spaces = ", ".join(space for space, _ in self._identities)
            raise ValueError(f"nobody is named: no {spaces}")
        at = self._read_at(payload, element)
        name = None if self._id is None else self._id(payload, element)
        happened = None
        source = None if self._source is None else self._source(payload, element)
        source = source or self.source
        if self._touchpoint is not None:
            customer = identities[0].value
            happened = self._interaction(payload, element, customer, at, source, name)
        traits = [(n, v) for n, find in self._traits if _is_present(v := find(payload, element))]
        for _, value in traits:
            _check_text(value)
        consents = list(self._read_consents(payload, element))
        return Record(identities, at, source, id=name, interaction=happened, traits=traits,
                      consents=consents, row=row)  # fmt: skip

    def _interaction(
        self, payload: Any, element: Any, customer: str, at: datetime, source: str, name: str | None
    ) -> Interaction:
        assert self._touchpoint is not None  # noqa: S101  # asked before
        touchpoint = self._touchpoint(payload, element)
        if touchpoint is None:
            raise ValueError("no touchpoint")
        touchpoint = self._touchpoint_names.get(touchpoint, touchpoint)
        values: dict[str, Any] = {role: find(payload, element) for role, find in self._names}
        for role, find in self._feelings:
            text = find(payload, element)
            values[role] = None if text is None else _number(text, role)
        extra = [(n, v) for n, find in self._extra if (v := find(payload, element)) is not None]
        for _, text in extra:
            _check_text(text)
        return Interaction(
            customer, touchpoint, at, id=name, source=source,
            score=self._scored(payload, element), value=self._worth(payload, element),
            duration=self._length(payload, element), extra=extra, **values,
        )  # fmt: skip

    def _read_at(self, payload: Any, element: Any) -> datetime:
        for get in self._at:
            found = get(payload, element)
            if _is_present(found):
                return _read_time(found, self.rule.at, self.zone)
        raise ValueError("no time")

    def _worth(self, payload: Any, element: Any) -> Money | None:
        amount = None if self._value is None else self._value(payload, element)
        if amount is None or self._currency is None:
            return None
        currency = self._currency(payload, element)
        if currency is None:
            raise ValueError("a value without a currency")
        currency = currency.upper()
        try:
            number = Decimal(amount)
        except InvalidOperation:
            raise ValueError("value: a number is expected") from None
        if self.rule.minor and currency not in _WHOLE:
            number = number / (1000 if currency in _THOUSANDTHS else 100)
        return Money(number, currency)

    def _scored(self, payload: Any, element: Any) -> Score | None:
        found = None if self._score is None else self._score(payload, element)
        if found is None:
            return None
        kind, low, high = (None if find is None else find(payload, element) for find in self._scale)
        if kind is None:
            raise ValueError("a score of no kind")
        usual = Score(kind.lower(), 5, 0, 10)  # the kind is examined
        bounds = [None if one is None else _number(one, "scale") for one in (low, high)]
        value = _number(found, "score")
        if bounds == [None, None]:
            return Score(usual.kind, value)
        if None in bounds:
            raise ValueError("a scale has a lowest and a highest answer")
        return Score(usual.kind, value, *bounds)

    def _length(self, payload: Any, element: Any) -> timedelta | None:
        found = None if self._duration is None else self._duration(payload, element)
        if found is None or self.rule.duration is None:
            return None
        return _number(found, "duration") * _UNITS[self.rule.duration.unit or "s"]

    def _read_consents(self, payload: Any, element: Any) -> Iterator[tuple[str, bool]]:
        for purpose, find in self._consents:
            answer = find(payload, element)
            word = "unset" if answer is None else answer.strip().lower()
            if word in _UNSAID:
                continue
            if word not in _YES and word not in _NO:
                raise ValueError(f"consent to {purpose}: neither yes nor no")
            yield purpose, word in _YES


def _tests(rule: RecordRule) -> Iterator[tuple[str, Test]]:
    """Return each condition of a rule: its path, and what asks it of a payload and an element."""
    for path, values in rule.when.items():
        yield path, _make_test(make_getter(path), _accepts(values))
    for path in rule.present:
        yield path, _make_test(make_getter(path), lambda text: text is not None)
    for path in rule.absent:
        yield path, _make_test(make_getter(path), lambda text: text is None)


def _make_test(get: Getter, accepts: Callable[[str | None], bool]) -> Test:
    return lambda payload, element: accepts(_as_text(get(payload, element)))


def _accepts(values: tuple[str, ...]) -> Callable[[str | None], bool]:
    """Make a test of a text against values; ``charge.*`` is any that begins so."""
    whole = frozenset(value for value in values if not value.endswith("*"))
    begins = tuple(value[:-1] for value in values if value.endswith("*"))

    def accepts(text: str | None) -> bool:
        return text is not None and (text in whole or (bool(begins) and text.startswith(begins)))

    return accepts


def _is_present(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value)
    return value is not None and _is_itself(value)


def _is_itself(value: Any) -> bool:
    """Check whether a value equals itself: NaN and NaT do not, and NA raises."""
    try:
        return bool(value == value)
    except (TypeError, ValueError):
        return False


def _as_text(value: Any) -> str | None:
    """Convert a value to text; one that is missing, empty or no single value gives None."""
    if isinstance(value, str):
        return value.strip() or None
    if value is None or isinstance(value, (Mapping, list, tuple, bytes)) or not _is_itself(value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _value_finder(pick: Pick) -> Find:
    """Make a function that finds a value, unchanged."""
    gets = [make_getter(path) for path in pick.path]
    finish = _finish(pick)

    def find(payload: Any, element: Any) -> Any:
        for get in gets:
            found = get(payload, element)
            if _is_present(found):
                return finish(found) if isinstance(found, str) else found
        return pick.default

    return find


def _text_finder(pick: Pick) -> Callable[[Any, Any], str | None]:
    """Make a function that finds a value as a text."""
    gets: list[Getter] = [make_getter(path) for path in pick.path]
    finish, default = _finish(pick), pick.default
    if len(gets) == 1 and default is None:
        [only] = gets

        def find_one(payload: Any, element: Any) -> str | None:
            text = _as_text(only(payload, element))
            return None if text is None else finish(text)

        return find_one

    def find(payload: Any, element: Any) -> str | None:
        for get in gets:
            text = _as_text(get(payload, element))
            if text is not None:
                return finish(text)
        return default

    return find


def _maybe_finder(pick: Pick | None) -> Callable[[Any, Any], str | None] | None:
    return None if pick is None else _text_finder(pick)


def _finish(pick: Pick) -> Callable[[str], str | None]:
    names, prefix, case, only = pick.names, pick.prefix, pick.case, pick.only
    if not (names or prefix or case or only):
        return lambda text: text

    def finish(text: str) -> str | None:
        if case is not None:
            text = text.lower() if case == "lower" else text.upper()
        if only and text not in names:
            return None
        return prefix + names.get(text, text)

    return finish


def _check_text(value: Any) -> None:
    """Refuse what no text of ours may hold; what is not a text is judged as it is written."""
    wrong = fault_in_text(value if isinstance(value, str) else repr(value))
    if wrong is not None:
        raise ValueError(wrong)


def _number(text: str, role: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{role}: a number is expected") from None


def _read_time(found: Any, pick: Pick, zone: ZoneInfo | None) -> datetime:
    """Read a time with its zone; numbers count from 1970 in the pick's unit."""
    if isinstance(found, datetime):
        at = found
    elif isinstance(found, date):
        at = datetime(found.year, found.month, found.day)  # midnight, in the mapping's zone
    elif pick.unit is not None:
        try:
            count = Decimal(str(found))
            at = EPOCH + int(count) * _UNITS[pick.unit]
            at += float(count % 1) * _UNITS[pick.unit]
        except (ArithmeticError, ValueError):
            raise ValueError("at: a number is expected, of a time that there is") from None
    elif not isinstance(found, str):
        message = "at: a time is expected; of a number, say its unit: 's', 'ms' or 'us'"
        raise ValueError(message)
    else:
        at = _parse_time(found.strip(), pick.format)
    if at.tzinfo is None:
        if zone is None:
            raise ValueError("at: a time without a zone is a guess; name the mapping's timezone")
        at = at.replace(tzinfo=zone)
    try:
        at.astimezone(UTC)
    except OverflowError:
        raise ValueError("at: a time beyond the years 1 to 9999") from None
    return at


def _parse_time(text: str, format_: str | None) -> datetime:
    try:
        if format_ is not None:
            return datetime.strptime(text, format_)
        at = datetime.fromisoformat(_SHORT.sub(r"\g<1>0\2", text.removesuffix(" UTC")))
        named = text.endswith(" UTC") and at.tzinfo is None
        return at.replace(tzinfo=UTC) if named else at
    except ValueError:
        raise ValueError("at: no time that can be read") from None
