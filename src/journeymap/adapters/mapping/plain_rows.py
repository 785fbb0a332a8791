"""Rows read place by place: each place of a mapping is read for many payloads at once.

Most payloads are plain: texts of their own names, a time with its zone. They become records here
without asking each of them what only a few need; what is not plain in the least is left to the rule
itself, so that both ways give the same records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen

from journeymap.adapters.mapping.field_paths import Column, make_column
from journeymap.adapters.mapping.finding import (
    TimeFinder,
    find_plain_place,
    read_usual_time,
)
from journeymap.adapters.mapping.mapping import Pick, RecordRule
from journeymap.exceptions import JourneyMapError
from journeymap.interactions import Identity, Money, Record
from journeymap.interactions.records import make_record
from journeymap.interactions.trusted import build_identity, make_interaction
from journeymap.model.rules import is_plain_name, is_repeated_name

__all__ = ["PlainRows"]

_LEFT: Any = object()
"""Stands for a value that is left to the rule."""
_NEW: Any = object()
_MOST_KEPT = 50_000
_FAULTS = (JourneyMapError, ValueError, ArithmeticError, RecursionError)
_NAMES = ("channel", "department", "process", "product", "outcome")


@frozen
class _Texts:
    """Texts of which hardly one comes again."""

    column: Column
    finish: Callable[[str], str | None]

    def read(self, payloads: Sequence[Any]) -> list[Any]:
        """Read one text of each payload; None where there is none."""
        return [self._text(one) for one in self.column(payloads)]

    def _text(self, found: Any) -> Any:
        if found is None:
            return None
        if type(found) is not str:
            return _LEFT
        text = found.strip()
        name = self.finish(text) if text else None
        return name if name is None or is_plain_name(name) else _LEFT


@define
class _Names:
    """Texts of which the same few come again and again."""

    column: Column
    finish: Callable[[str], str | None]
    known: dict[str, Any] = field(factory=dict, init=False)

    def read(self, payloads: Sequence[Any]) -> list[Any]:
        """Read one name of each payload; None where there is none."""
        found = self.column(payloads)
        known = self.known
        names = [
            known.get(one, _NEW) if type(one) is str else None if one is None else _LEFT
            for one in found
        ]
        for place, name in enumerate(names):
            if name is _NEW:
                names[place] = self._learn(found[place])
        return names

    def _learn(self, found: str) -> Any:
        text = found.strip()
        if not text.isprintable():  # such as one of several lines
            return _LEFT
        name = self.finish(text) if text else None
        if len(self.known) >= _MOST_KEPT:
            self.known.clear()
        self.known[found] = kept = name if name is None or is_repeated_name(name) else _LEFT
        return kept


@define
class _Identities:
    """Identities of one namespace, of which each customer has one on many rows."""

    namespace: str
    texts: _Texts
    known: dict[str, Identity] = field(factory=dict, init=False)

    def read(self, payloads: Sequence[Any]) -> list[Any]:
        """Read one identity of each payload; None where there is none."""
        return [
            text if text is None or text is _LEFT else self.known.get(text) or self._learn(text)
            for text in self.texts.read(payloads)
        ]

    def _learn(self, text: str) -> Identity:
        if len(self.known) >= _MOST_KEPT:
            self.known.clear()
        self.known[text] = made = build_identity(self.namespace, text)
        return made


@frozen
class _Times:
    """Times, most of them texts of ISO 8601 with their zone."""

    finder: TimeFinder
    column: Column

    def read(self, payloads: Sequence[Any]) -> list[Any]:
        """Read the time of each payload."""
        return list(map(self._time, payloads, self.column(payloads)))

    def _time(self, payload: Any, found: Any) -> Any:
        usual = read_usual_time(found)
        if usual is not None:
            return usual
        try:
            return self.finder.find(payload, ()) or _LEFT
        except _FAULTS:
            return _LEFT


@frozen
class _Amounts:
    """Amounts of money; one without a currency is left to the rule."""

    worth: Callable[[Any], Money | Decimal | None]

    def read(self, payloads: Sequence[Any]) -> list[Any]:
        """Read the amount of each payload."""
        return [self._amount(one) for one in payloads]

    def _amount(self, payload: Any) -> Any:
        try:
            found = self.worth(payload)
        except _FAULTS:
            return _LEFT
        return _LEFT if isinstance(found, Decimal) else found


@frozen
class PlainRows:
    """The plain places of a rule."""

    source: str
    times: _Times
    identities: tuple[_Identities, ...]
    touchpoints: _Names
    ids: _Texts | None
    names: tuple[_Names | None, ...]
    amounts: _Amounts | None

    @classmethod
    def of(
        cls, rule: RecordRule, source: str, times: TimeFinder, resolve: Callable[[str], str],
        worth: Callable[[Any], Money | Decimal | None] | None,
    ) -> PlainRows | None:  # fmt: skip
        """Find the plain places of a rule.

        Args:
            rule: The rule.
            source: The source of its records.
            times: Its finder of times.
            resolve: Finds the touchpoint that is meant by a name.
            worth: Finds the amount of a payload, if the rule asks for one.

        Returns:
            The places; None if the rule asks for something that is not plain.
        """
        spaces = (*rule.identities.items(), *rule.aliases.items())
        usual = times.usual_path
        people = [(space, _plain(pick)) for space, pick in spaces]
        met, known = (_plain(pick) for pick in (rule.touchpoint, rule.id))
        picks = [getattr(rule, name) for name in _NAMES]
        named = [_plain(pick) for pick in picks]
        lost = any(pick is not None and one is None for pick, one in zip(picks, named, strict=True))
        if usual is None or met is None or lost or (rule.id is not None and known is None):
            return None
        made = tuple(_Identities(space, _Texts(*one)) for space, one in people if one is not None)
        if len(made) < len(people) or not is_repeated_name(source):
            return None
        column, finish = met

        def meant(text: str) -> str | None:
            name = finish(text)
            return None if name is None else resolve(name)

        return cls(
            source, _Times(times, make_column(usual)), made, _Names(column, meant),
            None if known is None else _Texts(*known),
            tuple(None if one is None else _Names(*one) for one in named),
            None if worth is None else _Amounts(worth),
        )  # fmt: skip

    def read(self, rows: Sequence[tuple[int, Any]]) -> list[Record | None]:
        """Make the records of rows.

        Args:
            rows: Lines, and payloads that are dicts.

        Returns:
            The record of each row; None where the row is left to the rule.
        """
        payloads = [payload for _, payload in rows]
        nothing: list[Any] = [None] * len(rows)
        people = [one.read(payloads) for one in self.identities]
        touchpoints, times = self.touchpoints.read(payloads), self.times.read(payloads)
        ids = nothing if self.ids is None else self.ids.read(payloads)
        names = [nothing if one is None else one.read(payloads) for one in self.names]
        amounts = nothing if self.amounts is None else self.amounts.read(payloads)
        left = _rows_left((*people, touchpoints, times, ids, amounts, *names))
        made: list[Record | None] = []
        columns = zip(
            rows, zip(*people, strict=True), touchpoints, times, ids, amounts, *names, strict=True
        )
        for place, ((line, _), who, met, at, name, amount, *others) in enumerate(columns):
            known = who if len(who) == 1 else tuple(one for one in dict.fromkeys(who) if one)
            if met is None or not known or known[0] is None or place in left:
                made.append(None)
                continue
            channel, department, process, product, outcome = others
            happened = make_interaction(
                known[0].value, met, at, name, self.source, channel, department, process, product,
                outcome, None, None, None, amount, None, None, None, (),
            )  # fmt: skip
            made.append(make_record(known, at, self.source, name, happened, line))
        return made


def _plain(pick: Pick | None) -> tuple[Column, Callable[[str], str | None]] | None:
    """Find the only place of a pick, or its only text, as a column and what finishes a text."""
    if pick is None:
        return None
    text = pick.default
    if text and len(pick.places) == 1 and not (pick.path or pick.when or pick.unless):
        return (lambda payloads: [text] * len(payloads)), (lambda _: text)
    found = find_plain_place(pick)
    return None if found is None else (make_column(found[0]), found[1])


def _rows_left(columns: Iterable[list[Any]]) -> set[int]:
    """List the rows of which something is left to the rule."""
    return {
        place
        for column in columns
        if _LEFT in column
        for place, value in enumerate(column)
        if value is _LEFT
    }
