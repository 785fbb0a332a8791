"""Signals: everything that a log makes true along its map, customer by customer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, ClassVar

import polars as pl
from attrs import Attribute, field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.followed_part import (
    FollowedPart,
    SignalBatch,
    follow_part,
    join_batches,
)
from journeymap.analysis.measuring.key_journey_signals import find_key_journeys
from journeymap.analysis.measuring.moment_signals import find_moments
from journeymap.analysis.measuring.stage_signals import find_handoffs, find_silences, find_stages
from journeymap.analysis.moments_in_time import as_time, check_as_of, last_of
from journeymap.analysis.row_fields import Flag, Instant, Key, NumberKey, Text
from journeymap.analysis.table.part import Part, Scope, require_times
from journeymap.exceptions import AnswerError, ElementError, UnknownName
from journeymap.model.instants import FIRST_MICROS, instant

__all__ = ["SIGNAL_KINDS", "SignalRow", "Signals", "SignalsAnswer"]

Finder = Callable[[FollowedPart], Iterator[SignalBatch]]
_FINDERS: dict[Finder, tuple[str, ...]] = {
    find_stages: ("stage entered", "lap started"),
    find_handoffs: ("handoff",),
    find_silences: ("went dormant", "came back"),
    find_key_journeys: ("deviation", "key journey completed", "key journey given up"),
    find_moments: ("moment reached", "moment overdue"),
}
SIGNAL_KINDS = tuple(kind for kinds in _FINDERS.values() for kind in kinds)
"""The kinds of signals that a log makes true."""

_BEGUN = ("begun", "begun_tie")
_FIELDS: dict[str, tuple[str, ...]] = {
    "stage entered": ("stage", "source", "move"),
    "lap started": ("lap",),
    "handoff": ("source", "target", "back"),
    "went dormant": ("stage",),
    "came back": ("stage",),
    "deviation": ("journey", "deviation", "step", "element", "department", "place", *_BEGUN),
    "key journey completed": ("journey", "succeeded", *_BEGUN),
    "key journey given up": ("journey", "why", *_BEGUN),
    "moment reached": ("moment", "touchpoint", "owner", "action", "due", "answered", "about",
                       *_BEGUN),
    "moment overdue": ("moment", "owner", "reached", "about", *_BEGUN),
}  # fmt: skip


@frozen
class SignalRow:
    """One signal, with the fields that signals of its kind have.

    Attributes:
        customer: The customer.
        at: When it became true.
        tie: The number, from 0, of the interaction among those at the same time.
        kind: The kind, such as ``moment reached``.
        stage: The stage that was entered, or in which the customer was silent.
        source: The stage or department that they came from.
        target: The department that took over.
        move: ``forward``, ``backward`` or ``new lap``.
        back: Whether the department that took over had handed off last.
        lap: The lap that began.
        moment: The moment of truth.
        touchpoint: The touchpoint of the interaction that reached it, or began the wait.
        owner: The department that should act.
        action: What it should do.
        due: By when.
        answered: When it met the customer after that (None: it did not).
        reached: When the moment that is overdue was reached.
        about: The product, order … that the moment is about, empty for none.
        journey: The key journey.
        deviation: ``missing``, ``ad hoc``, ``out of order``, ``failed`` or ``late``.
        step: The step of its plan, from 1.
        element: The touchpoint that departs from it.
        department: The department that took it, or should have.
        place: The place of the interaction in the occurrence, from 0.
        succeeded: Whether the end of the key journey neither failed nor was abandoned.
        why: Why it was given up.
        begun: The time of the interaction that began the moment or the key journey.
        begun_tie: Its tie.
    """

    customer: Key
    at: Instant
    tie: NumberKey
    kind: Key
    stage: Text | None
    source: Text | None
    target: Text | None
    move: Text | None
    back: Flag | None
    lap: NumberKey | None
    moment: Text | None
    touchpoint: Text | None
    owner: Text | None
    action: Text | None
    due: Instant | None
    answered: Instant | None
    reached: Instant | None
    about: Text | None
    journey: Text | None
    deviation: Text | None
    step: NumberKey | None
    element: Text | None
    department: Text | None
    place: NumberKey | None
    succeeded: Flag | None
    why: Text | None
    begun: Instant | None
    begun_tie: NumberKey | None


@frozen(eq=False, repr=False)
class SignalsAnswer(Answer[SignalRow]):
    """Customer by customer, each one's signals in the order in which they became true.

    Of a view of several journeys of a customer, journey by journey.

    Attributes:
        as_of: The time up to which time passed (None: the log is empty).
        kinds: The kinds of signals that were asked for.
        followed: How many customers were followed.
    """

    Row = SignalRow
    as_of: datetime | None = field(default=None, kw_only=True)
    kinds: tuple[str, ...] = field(default=SIGNAL_KINDS, kw_only=True)
    followed: int = field(default=0, kw_only=True)

    def of(self, kind: str) -> pl.DataFrame:
        """Select the signals of one kind, with the fields that they have.

        Args:
            kind: The kind, such as ``moment reached``.

        Returns:
            A Polars frame.

        Raises:
            UnknownName: There is no such kind.
        """
        if kind not in SIGNAL_KINDS:
            raise UnknownName("kind of signal", kind, SIGNAL_KINDS)
        return self.frame.filter(pl.col("kind") == kind).select(
            "customer", "at", "tie", *_FIELDS[kind]
        )

    def notes(self) -> list[str]:
        """Write how many signals of each kind there are.

        Returns:
            One sentence, if there is any.
        """
        kinds = self.frame["kind"].value_counts().sort("count", "kind", descending=[True, False])
        return [", ".join(f"{count:,} × {kind}" for kind, count in kinds.rows())][: len(kinds)]


def _as_kinds(value: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value,)
    given: Any = tuple(value) if isinstance(value, Iterable) else value
    kinds: tuple[str, ...] | None = given  # the validator raises the error
    return kinds


def _known_kinds(
    instance: object, attribute: Attribute[tuple[str, ...] | None], value: Any
) -> None:  # fmt: skip
    if value is None:
        return
    if not isinstance(value, tuple) or not value:
        raise ElementError("Signals", "kinds", value, "the names of kinds are expected, or None")
    for kind in value:
        if kind not in SIGNAL_KINDS:
            raise UnknownName("kind of signal", str(kind), SIGNAL_KINDS)


@frozen
class Signals:
    """Find every signal that a log makes true along its map, as the tracker emits them.

    The signals are those that ``Tracker(map)`` emits of each customer's interactions in order and
    of the time that passed until the log ends, in columns and at once. Of a view of journeys, as
    ``log.sessions(…)``, each journey is followed alone. Where a moment keeps products or orders
    apart the tracker remembers 256 of them, and this all. `Trend` has signals under the period in
    which their journey began.

    Attributes:
        kinds: The kinds of signals to find (None: all); fewer take less time and memory.
        as_of: The time up to which time passes (None: the end of the log, or of a view that has
            one).

    Raises:
        UnknownName: There is no such kind.
        ElementError: No kind is named.
        AnswerError: The time has no zone; or, when asked, the log has no map, or no times.

    >>> from journeymap.model import At, JourneyMap, Moment, Stage, Touchpoint
    >>> from journeymap.analysis import Columns, Log
    >>> shop = JourneyMap("shop", stages=[Stage("use", "own")],
    ...                   touchpoints=[Touchpoint("call", "use")],
    ...                   moments=[Moment("failed", At("outcome", ["failed"]))])
    >>> log = Log.from_frame({"customer": ["ada"], "touchpoint": ["call"], "at": [0],
    ...                       "outcome": ["failed"]}, Columns(at_unit="s", outcome="outcome"),
    ...                      map=shop)
    >>> [(row.kind, row.stage or row.moment) for row in log.ask(Signals())]
    [('stage entered', 'use'), ('moment reached', 'failed')]
    """

    rows_in_a_part: ClassVar[int] = 1 << 19
    kinds: tuple[str, ...] | None = field(default=None, converter=_as_kinds, validator=_known_kinds)
    as_of: datetime | None = field(
        default=None, converter=as_time, validator=check_as_of, kw_only=True
    )

    def measure(self, part: Part) -> _Measured:
        """Find the signals of a part."""
        journey = part.scope.map
        columns = SignalsAnswer.schema()
        if journey is None:
            if part.scope.interactions:
                message = "signals are what the map asks for: read the log with map=…"
                raise AnswerError("Signals", message)
            return _Measured(pl.DataFrame(schema=columns), 0)
        require_times(part.scope, "Signals")
        followed = follow_part(part, journey, self.as_of)
        part = followed.part
        if not len(part):
            return _Measured(pl.DataFrame(schema=columns), 0)
        wanted = SIGNAL_KINDS if self.kinds is None else self.kinds
        batches = (
            batch
            for find, kinds in _FINDERS.items()
            if not set(kinds).isdisjoint(wanted)
            for batch in find(followed)
            if batch.kind in wanted
        )
        return _Measured(join_batches(part, batches, columns), len(distinct(part.owners)))

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Put the rows together."""
        frame = pl.concat([one.frame, other.frame])
        return _Measured(frame, one.customers + other.customers)

    def answer(self, measured: _Measured, scope: Scope) -> SignalsAnswer:
        """Sort the rows by customer; each one's keep their order."""
        frame = measured.frame
        if not frame["customer"].is_sorted():
            frame = frame.sort("customer", maintain_order=True)
        until = scope.seen_until if self.as_of is None else last_of(self.as_of)
        return SignalsAnswer(
            frame,
            as_of=instant(max(until, FIRST_MICROS)) if scope.interactions else None,
            kinds=SIGNAL_KINDS if self.kinds is None else self.kinds,
            followed=measured.customers,
        )


@frozen(eq=False)
class _Measured:
    """The signals of some customers, and how many customers there were."""

    frame: pl.DataFrame
    customers: int
