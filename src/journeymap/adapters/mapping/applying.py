"""Applied mappings: payloads become records, or are set aside with the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, overload
from zoneinfo import ZoneInfo

from attrs import evolve, frozen

from journeymap.adapters.mapping.field_paths import Elements, make_getter
from journeymap.adapters.mapping.finding import (
    FindText,
    TimeFinder,
    amount_finder,
    is_present,
    make_tests,
    text_finder,
    value_finder,
)
from journeymap.adapters.mapping.mapping import PayloadMapping, Pick, RecordRule
from journeymap.adapters.mapping.plain_rows import PlainRows
from journeymap.adapters.reading.text_rows import NotJson, decode_json
from journeymap.adapters.source import NO_CURRENCY, DroppedValue, RejectedRow
from journeymap.exceptions import JourneyMapError
from journeymap.interactions import Identity, Interaction, Money, Record, Score
from journeymap.interactions.records import ALWAYS, build_record
from journeymap.interactions.trusted import (
    add_value,
    build_identity,
    build_interaction,
)
from journeymap.interactions.values import read_amount
from journeymap.model.instants import MICROSECOND
from journeymap.model.recorded_names import RecordedNames
from journeymap.model.rules import LINE_ENDS, RESERVED, fault_in_text
from journeymap.model.scores import SCORE_KINDS

__all__ = ["AppliedMapping", "MappedPayload", "row_text"]

_UNITS = {
    "s": timedelta(seconds=1), "ms": timedelta(milliseconds=1), "us": MICROSECOND,
    "minutes": timedelta(minutes=1), "hours": timedelta(hours=1), "days": timedelta(days=1),
    "excel": timedelta(days=1),
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
_NAMES = ("channel", "department", "process", "product", "outcome")


_ENDS = re.compile(LINE_ENDS)
_FAULTS = (JourneyMapError, ValueError, ArithmeticError, RecursionError)


@frozen
class MappedPayload:
    """The records that a mapping makes of one payload, with the rest of it.

    Attributes:
        records: The records.
        rejected: The payload, or single elements of it, that gave none, each with the reason.
        dropped: Values that were left out of the records, each with the reason.
    """

    records: tuple[Record, ...] = ()
    rejected: tuple[RejectedRow, ...] = ()
    dropped: tuple[DroppedValue, ...] = ()


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

    def apply_all(self, rows: Sequence[tuple[int, Any]]) -> list[Record | MappedPayload]:
        """Make the records of many payloads; the same as of each of them alone.

        Args:
            rows: The place of each payload in the source, from 1, and the payload.

        Returns:
            For each payload its only record, or what `apply` makes of it.
        """
        plain = self._rules[0].plain if len(self._rules) == 1 else None
        if plain is None or not all(type(payload) is dict for _, payload in rows):
            return [self.apply(payload, row) for row, payload in rows]
        return [
            self.apply(payload, row) if made is None else made
            for (row, payload), made in zip(rows, plain.read(rows), strict=True)
        ]

    def records(self, payload: Any, row: int) -> list[Record] | str:
        """Make the records of a payload.

        Args:
            payload: The payload.
            row: Its place in the source, from 1.

        Returns:
            The records, or the reason why there are none.
        """
        made = self.apply(payload, row)
        return list(made.records) or made.rejected[0].reason

    def apply(self, payload: Any, row: int) -> MappedPayload:
        """Make the records of a payload, with what cannot be used of it.

        A fault breaks the whole payload; one in an element of a list (``each``), that element.

        Args:
            payload: The payload.
            row: Its place in the source, from 1.

        Returns:
            The records, and what gave none.
        """
        if not isinstance(payload, Mapping):
            return _broken(row, "not a mapping of names to values", payload)
        records: list[Record] = []
        rejected: list[RejectedRow] = []
        dropped: list[DroppedValue] = []
        applied = False
        try:
            for rule in self._rules:
                if rule.applies(payload):
                    applied = True
                    for elements, part in rule.walk(payload):
                        try:
                            records.append(rule.record(payload, elements, row, dropped))
                        except _FAULTS as error:
                            if not part:
                                raise
                            reason = str(error) or type(error).__name__
                            held = row_text(elements[0])
                            rejected.append(RejectedRow(row, reason, held, part=part))
            if len(records) > 1:
                records = list(_number_siblings(records))
        except _FAULTS as error:
            return _broken(row, str(error) or type(error).__name__, payload)
        if not applied:
            reason = f"none of the {len(self._rules)} rules of the mapping applies"
            return _broken(row, reason, payload)
        if not records and not rejected:
            return _broken(row, "a list of things that happened is empty", payload)
        return MappedPayload(tuple(records), tuple(rejected), tuple(dropped))


def _broken(row: int, reason: str, payload: Any) -> MappedPayload:
    return MappedPayload(rejected=(RejectedRow(row, reason, row_text(payload)),))


def _number_siblings(records: list[Record]) -> Iterator[Record]:
    """Give records of one payload that have one id each its own, for stores to know them by."""
    met: dict[tuple[str, str], int] = {}
    for one in records:
        if one.id is not None:
            often = met[one.source, one.id] = met.get((one.source, one.id), 0) + 1
            if often > 1:
                name = f"{one.id} #{often}"
                happened = one.interaction
                if happened is not None:
                    happened = evolve(happened, id=name)
                one = evolve(one, id=name, interaction=happened)
        yield one


def row_text(row: Any) -> str:
    """Keep the beginning of a row that is set aside, as text."""
    try:
        text = json.dumps(row, ensure_ascii=False, default=str)
    except (ValueError, TypeError, RecursionError):
        text = repr(row)
    return text[:2000].encode("utf-8", "backslashreplace").decode()


class _Rule:
    """One rule made ready."""

    def __init__(self, rule: RecordRule, mapping: PayloadMapping, zone: ZoneInfo | None) -> None:
        self.rule, self.source, self.zone = rule, mapping.source, zone
        self._renamed = RecordedNames.of(mapping.touchpoints)
        self._usual_currency = mapping.currency
        self._source = _maybe_finder(rule.source)
        tests = list(make_tests(rule))
        self._whole = [test for level, test in tests if not level]
        self._single = [test for level, test in tests if level]
        self._each = [make_getter(path) for path in rule.each]
        self._at = None if rule.at is None else TimeFinder.of(rule.at, zone, mapping.clock_change)
        named = (*rule.identities.items(), *rule.aliases.items())
        self._identities = [(space, text_finder(pick)) for space, pick in named]
        self._end = (
            None if rule.end is None else TimeFinder.of(rule.end, zone, mapping.clock_change)
        )
        self._touchpoint = _maybe_finder(rule.touchpoint)
        self._id = _maybe_finder(rule.id)
        self._names = [
            (name, text_finder(pick))
            for name in _NAMES
            if (pick := getattr(rule, name)) is not None
        ]
        self._feelings = [
            (name, amount_finder(pick, name)) for name in ("emotion", "emotion_after")
            if (pick := getattr(rule, name)) is not None
        ]  # fmt: skip
        self._value = None if rule.value is None else amount_finder(rule.value, "value")
        self._currency = _maybe_finder(rule.currency)
        self._score = None if rule.score is None else amount_finder(rule.score, "score")
        self._kind = _maybe_finder(rule.score_kind)
        self._scale = [
            None if pick is None else amount_finder(pick, "scale") for pick in (rule.low, rule.high)
        ]
        self._duration = None if rule.duration is None else amount_finder(rule.duration, "duration")
        self._referred_by = [(name, text_finder(pick)) for name, pick in rule.referred_by.items()]
        self._extra = [(name, text_finder(pick)) for name, pick in rule.extra.items()]
        self._traits = [(name, value_finder(pick)) for name, pick in rule.traits.items()]
        self._consents = [(name, text_finder(pick)) for name, pick in rule.consents.items()]
        # What most mappings do without is not asked for each payload.
        self._is_flat = not (rule.each or rule.optional or self._single)
        self._has_facts = bool(self._traits or self._consents)
        self._is_short = not (
            self._feelings or self._extra or self._score or self._duration or self._end
            or self._referred_by
        )  # fmt: skip
        self.plain = self._find_plain_places()

    def _find_plain_places(self) -> PlainRows | None:
        asks = self._whole or self._has_facts or self._source
        if self._at is None or asks or not (self._is_flat and self._is_short):
            return None
        worth = None if self._value is None else lambda payload: self._worth(payload, ())
        return PlainRows.of(self.rule, self.source, self._at, self._renamed.resolve, worth)

    def applies(self, payload: Mapping[str, Any]) -> bool:
        return all(test(payload, ()) for test in self._whole)

    def walk(self, payload: Mapping[str, Any]) -> Iterator[tuple[Elements, str]]:
        """Give the elements of the lists that are walked through, each with its place."""
        if self._is_flat:
            yield (), ""
            return
        for elements, part in self._descend(payload, (), "", 0):
            timed = not self.rule.optional or (
                self._at is not None and self._at.finds(payload, elements)
            )
            if timed and all(test(payload, elements) for test in self._single):
                yield elements, part

    def _descend(
        self, payload: Any, around: Elements, part: str, level: int
    ) -> Iterator[tuple[Elements, str]]:
        if level == len(self._each):
            yield around, part
            return
        found = self._each[level](payload, around)
        if isinstance(found, str):
            decoded = decode_json(found)
            found = None if isinstance(decoded, NotJson) else decoded
        if not isinstance(found, (list, tuple)):
            return
        name = self.rule.each[level].lstrip("$@").lstrip(".")
        for place, one in enumerate(found):
            yield from self._descend(
                payload, (one, *around), f"{part}{'.' if part else ''}{name}[{place}]", level + 1
            )

    def record(
        self, payload: Any, elements: Elements, row: int, dropped: list[DroppedValue]
    ) -> Record:
        identities = [
            build_identity(space, _one_line(value))
            for space, find in self._identities
            if (value := find(payload, elements)) is not None
        ]
        if not identities:
            spaces = ", ".join(dict.fromkeys(space for space, _ in self._identities))
            raise ValueError(f"nobody is named: no {spaces}")
        at = self._time(payload, elements)
        name = None if self._id is None else _one_line(self._id(payload, elements))
        source = None if self._source is None else self._source(payload, elements)
        source = source or self.source
        happened = None
        left_out: list[DroppedValue] = []
        if self._touchpoint is not None:
            happened = self._interaction(payload, elements, identities[0].value, at, source, name)
            money = None if self._value is None else self._worth(payload, elements)
            if isinstance(money, Decimal):
                left_out.append(DroppedValue(row, "value", NO_CURRENCY, str(money)))
            elif money is not None:
                happened = add_value(happened, money)
        if not self._has_facts:
            made = build_record(identities, at, source, name, happened, row)
            dropped += left_out
            return made
        traits = [(n, v) for n, find in self._traits if is_present(v := find(payload, elements))]
        for _, value in traits:
            _check_text(value)
        consents = list(self._read_consents(payload, elements))
        made = Record(identities, at, source, id=name, interaction=happened, traits=traits,
                      consents=consents, row=row)  # fmt: skip
        dropped += left_out
        return made

    def _recommender(self, payload: Any, elements: Elements) -> Identity | None:
        """Find the first identity of who recommended the company."""
        for space, find in self._referred_by:
            value = _one_line(find(payload, elements))
            if value is not None:
                return Identity(space, value)
        return None

    def _time(self, payload: Any, elements: Elements) -> datetime:
        at = None if self._at is None else self._at.find(payload, elements)
        if at is None and self._touchpoint is not None:
            raise ValueError("no time")
        return at or ALWAYS

    def _interaction(
        self, payload: Any, elements: Elements, customer: str, at: datetime, source: str,
        name: str | None,
    ) -> Interaction:  # fmt: skip
        assert self._touchpoint is not None  # noqa: S101  # asked before
        touchpoint = _one_line(self._touchpoint(payload, elements))
        if touchpoint is None:
            raise ValueError("no touchpoint")
        touchpoint = self._renamed.resolve(touchpoint)
        values: dict[str, Any] = {
            role: _one_line(find(payload, elements)) for role, find in self._names
        }
        if self._is_short:
            values["id"], values["source"] = name, source
            return build_interaction(customer, touchpoint, at, values)
        for role, measure in self._feelings:
            felt = measure(payload, elements)
            values[role] = None if felt is None else float(felt.number)
        extra = [(n, v) for n, find in self._extra
                 if (v := _one_line(find(payload, elements))) is not None]  # fmt: skip
        for role, text in extra:
            _check_text(text)
            if text in RESERVED:
                raise ValueError(f"{role}: this name is reserved for where journeys begin")
        return Interaction(
            customer, touchpoint, at, id=name, source=source,
            score=self._scored(payload, elements), duration=self._length(payload, elements, at),
            referred_by=self._recommender(payload, elements), extra=extra, **values,
        )  # fmt: skip

    def _worth(self, payload: Any, elements: Elements) -> Money | Decimal | None:
        """Find the amount; a number alone lacks its currency."""
        found = None if self._value is None else self._value(payload, elements)
        if found is None or self._currency is None:
            return None
        number = found.number
        currency = found.currency or self._currency(payload, elements) or self._usual_currency
        if currency is None:
            return read_amount(number)
        currency = currency.upper()
        if self.rule.minor and currency not in _WHOLE:
            number = number / (1000 if currency in _THOUSANDTHS else 100)
        return Money(number, currency)

    def _scored(self, payload: Any, elements: Elements) -> Score | None:
        found = None if self._score is None else self._score(payload, elements)
        if found is None:
            return None
        kind = None if self._kind is None else self._kind(payload, elements)
        if kind is None:
            raise ValueError("a score of no kind")
        kind = kind.lower() if kind.lower() in SCORE_KINDS else kind
        usual = Score(kind, 5, 0, 10)  # the kind is examined
        ends = [None if find is None else find(payload, elements) for find in self._scale]
        if ends == [None, None]:
            return Score(usual.kind, float(found.number))
        low, high = ends
        if low is None or high is None:
            raise ValueError("a scale has a lowest and a highest answer")
        return Score(usual.kind, float(found.number), float(low.number), float(high.number))

    def _length(self, payload: Any, elements: Elements, at: datetime) -> timedelta | None:
        if self._end is not None:
            end = self._end.find(payload, elements)
            if end is not None and end < at:
                raise ValueError("end: it ends before it begins")
            return None if end is None else end.astimezone(UTC) - at.astimezone(UTC)
        found = None if self._duration is None else self._duration(payload, elements)
        if found is None:
            return None
        number, unit = found.number, found.unit
        if unit == "ns":
            number, unit = number / 1000, "us"
        try:
            return float(number) * _UNITS[unit or "s"]
        except OverflowError:
            raise ValueError("duration: a length of time that there is is expected") from None

    def _read_consents(self, payload: Any, elements: Elements) -> Iterator[tuple[str, bool]]:
        for purpose, find in self._consents:
            answer = find(payload, elements)
            word = "unset" if answer is None else answer.strip().lower()
            if word in _UNSAID:
                continue
            if word not in _YES and word not in _NO:
                raise ValueError(f"consent to {purpose}: neither yes nor no")
            yield purpose, word in _YES


def _maybe_finder(pick: Pick | None) -> FindText | None:
    return None if pick is None else text_finder(pick)


@overload
def _one_line(name: str) -> str: ...
@overload
def _one_line(name: None) -> None: ...
@overload
def _one_line(name: str | None) -> str | None: ...
def _one_line(name: str | None) -> str | None:
    """Write a name on one line; its ends of lines become blanks."""
    if name is None or not ("\n" in name or "\t" in name or "\r" in name):
        return name
    return _ENDS.sub(" ", name)


def _check_text(value: Any) -> None:
    """Refuse what no text of ours may hold; what is not a text is judged as it is written."""
    wrong = fault_in_text(value if isinstance(value, str) else repr(value))
    if wrong is not None:
        raise ValueError(wrong)
