"""The table of remaining times: learned from a log, consulted wherever a customer stands."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from attrs import field, frozen

from journeymap.exceptions import ElementError, StateError
from journeymap.model.local_times import is_zone
from journeymap.model.next_steps import START, read_count, wait_class

__all__ = ["Remaining", "RemainingTimes", "Situation", "TimesLeft"]

Situation: TypeAlias = tuple[tuple[str, ...], int | None, int | None]
"""The latest elements, the weekday (1 is Monday; None: any) and the class of the time since the
journey began (see `wait_class`; None: any)."""
_MICROSECOND = timedelta(microseconds=1)
_LOW, _MIDDLE, _HIGH = 0.1, 0.5, 0.9


@frozen
class TimesLeft:
    """How long it took from one situation on.

    Attributes:
        n: How many came to the situation.
        reached: Of how many something followed: the end, or the touchpoint that is asked for.
        quantiles: The times until then, in microseconds: the shortest, the longest, and those at
            equal steps between.
        later: The same of those to whom nothing came for some time, in microseconds, the shortest
            time first.
    """

    n: int
    reached: int
    quantiles: tuple[int, ...]
    later: tuple[tuple[int, TimesLeft], ...] = ()


@frozen
class Remaining:
    """The time that remains.

    Attributes:
        probability: How probable it is that anything comes (see `RemainingTimes`), from 0 to 1.
        median: The median time until it comes, if it does, in seconds (None: longer than any).
        low: The time before which it comes in one of ten.
        high: The time before which it comes in nine of ten.
        n: How many interactions that knowledge comes from.
    """

    probability: float
    median: float | None
    low: float | None
    high: float | None
    n: int


@frozen(repr=False)
class RemainingTimes:
    """A table of how long journeys went on from each situation.

    Attributes:
        by: The level of the elements.
        to: The element whose coming is foretold (None: the last of the journey).
        memory: The longest path, in elements.
        zone: The zone of weekdays.
        weekdays: Whether weekdays are distinguished.
        elapsed: Whether the times since the journey began are distinguished.
        situations: How long it took from each situation on.

    Raises:
        StateError: The table is none that `RemainingTime` learns.

    >>> anything = TimesLeft(4, 2, (0, 60_000_000, 120_000_000))
    >>> table = RemainingTimes("touchpoint", None, 1, situations={((), None, None): anything})
    >>> found = table.after(["visit"])
    >>> found.probability, found.median
    (0.5, 60.0)
    """

    by: str
    to: str | None
    memory: int
    zone: str = field(default="UTC", kw_only=True)
    weekdays: bool = field(default=False, kw_only=True)
    elapsed: bool = field(default=False, kw_only=True)
    situations: Mapping[Situation, TimesLeft] = field(factory=dict, repr=False, kw_only=True)

    def after(
        self,
        trail: Sequence[str],
        *,
        begun: datetime | None = None,
        at: datetime | None = None,
        now: datetime | None = None,
        whole: bool = False,
    ) -> Remaining | None:
        """Predict how long it takes until the end, or until the element that the table is for.

        Args:
            trail: The elements so far, the latest at the end.
            begun: When the journey began.
            at: The time of the latest element.
            now: The time of asking (None: that of the latest element).
            whole: Whether the trail is the whole of the journey so far.

        Returns:
            The time from ``now`` on; None where nothing is known.

        Raises:
            ElementError: A time has no zone, or the times are out of order.
        """
        for name, time in (("begun", begun), ("at", at), ("now", now)):
            if time is not None and time.utcoffset() is None:
                raise ElementError("RemainingTimes", name, time, "a time with a zone is expected")
        waited = _between(at, now, "now") if now is not None else 0
        since = None if begun is None or at is None else wait_class(_between(begun, at, "at"))
        day = None if at is None else at.astimezone(ZoneInfo(self.zone)).isoweekday()
        found = self._situation((START, *trail) if whole else tuple(trail), day, since)
        return None if found is None else _remaining(found, waited)

    def _situation(
        self, last: tuple[str, ...], day: int | None, since: int | None
    ) -> TimesLeft | None:
        """Find the most special situation that is known."""
        day, since = day if self.weekdays else None, since if self.elapsed else None
        for length in range(min(self.memory, len(last)), -1, -1):
            path = last[len(last) - length :]
            for situation in ((path, day, since), (path, None, since), (path, day, None)):
                if situation in self.situations:
                    return self.situations[situation]
            if (path, None, None) in self.situations:
                return self.situations[path, None, None]
        return None

    def to_json(self) -> str:
        """Write the table as one line of JSON.

        Returns:
            The text.
        """
        known = [
            [list(path), day, since, one.n, one.reached, list(one.quantiles),
             [[waited, each.n, each.reached, list(each.quantiles)] for waited, each in one.later]]
            for (path, day, since), one in self.situations.items()
        ]  # fmt: skip
        return json.dumps({
            "by": self.by, "to": self.to, "memory": self.memory, "zone": self.zone,
            "weekdays": self.weekdays, "elapsed": self.elapsed, "situations": known,
        })  # fmt: skip

    @classmethod
    def from_json(cls, text: str) -> RemainingTimes:
        """Read a table.

        Args:
            text: What ``to_json`` wrote.

        Returns:
            The table.

        Raises:
            StateError: The text is no table.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            situations = {
                (tuple(map(str, path)), _maybe(day), _maybe(since)): _read_lengths(*lengths)
                for path, day, since, *lengths in data["situations"]
            }
            if not is_zone(data["zone"]):
                raise ValueError("an unknown zone")
            return cls(
                str(data["by"]), None if data["to"] is None else str(data["to"]),
                read_count(data["memory"]), zone=data["zone"], weekdays=bool(data["weekdays"]),
                elapsed=bool(data["elapsed"]), situations=situations,
            )  # fmt: skip
        except (ValueError, TypeError, KeyError, RecursionError):
            raise StateError("this is not a table of remaining times") from None

    def __repr__(self) -> str:
        goal = "the end" if self.to is None else repr(self.to)
        return f"<RemainingTimes by {self.by} to {goal}: {len(self.situations):,} situations>"


def _between(begin: datetime | None, end: datetime, name: str) -> int:
    if begin is None:
        message = "the time of the latest element (at) is needed, too"
        raise ElementError("RemainingTimes", name, end, message)
    if end < begin:
        raise ElementError("RemainingTimes", name, end, f"it lies before {begin.isoformat()}")
    return (end - begin) // _MICROSECOND


def _remaining(known: TimesLeft, waited: int) -> Remaining:
    """Count those alone to whom nothing had come for as long: what came sooner counts no more.

    Between two lengths of waiting that are known, it changes evenly.
    """
    stages = [(0, known), *known.later]
    place = bisect_right(stages, waited, key=lambda stage: stage[0]) - 1
    begin, one = stages[place]
    end, other = stages[min(place + 1, len(stages) - 1)]
    part = (waited - begin) / (end - begin) if end > begin else 0.0
    (passed, left), (also_passed, _) = _left(one, waited), _left(other, waited)
    others = one.n - one.reached + part * (other.n - other.reached - one.n + one.reached)
    reached = min(one.reached + part * (other.reached - one.reached), left)
    n = round(reached + others)
    if reached <= 0:
        return Remaining(0.0, None, None, None, n)
    # What came sooner, though what is asked for did not, is left out of the times of the one.
    rest = (left - reached) / max(one.reached - other.reached, 1) if other.reached else 0.0
    shares = [(1 - rest, one, passed), (rest, other, also_passed)]

    def quantile(share: float) -> float:
        found = sum(
            weight * _quantile(each, over + (1 - over) * share)
            for weight, each, over in shares if weight > 0
        )  # fmt: skip
        return max(0.0, (found - waited) / 1e6)

    chance = reached / (reached + others)
    return Remaining(chance, quantile(_MIDDLE), quantile(_LOW), quantile(_HIGH), n)


def _left(known: TimesLeft, waited: int) -> tuple[float, float]:
    """Find the share of times that are over after some waiting, and how many are not."""
    steps = len(known.quantiles) - 1
    if not known.reached:
        return 1.0, 0.0
    place = bisect_right(known.quantiles, waited) if waited else 0
    passed = 0.0
    if place > steps:
        passed = 1.0
    elif place:
        low, high = known.quantiles[place - 1], known.quantiles[place]
        passed = (place - 1 + (waited - low) / (high - low)) / steps
    return passed, known.reached * (1 - passed)


def _quantile(known: TimesLeft, share: float) -> float:
    """Find the time before which a share of them lies."""
    steps = len(known.quantiles) - 1
    spot = share * steps
    first = min(int(spot), steps - 1)
    low, high = known.quantiles[first], known.quantiles[first + 1]
    return low + (spot - first) * (high - low)


def _read_lengths(n: Any, reached: Any, times: list[Any], later: Any = ()) -> TimesLeft:
    quantiles = tuple(read_count(one) for one in times)
    if read_count(reached) > read_count(n) or list(quantiles) != sorted(quantiles):
        raise ValueError("no lengths of time")
    if reached and len(quantiles) < 2:
        raise ValueError("no quantiles")
    stages = tuple((read_count(waited, 1), _read_lengths(*each)) for waited, *each in later)
    if [waited for waited, _ in stages] != sorted({waited for waited, _ in stages}):
        raise ValueError("no lengths of waiting")
    return TimesLeft(n, reached, quantiles, stages)


def _maybe(value: Any) -> int | None:
    return None if value is None else read_count(value)
