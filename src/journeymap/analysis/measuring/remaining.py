"""Times that remained, of a sample of journeys, and which facts foretell them best."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from attrs import evolve, field, frozen

from journeymap.analysis.table.part import Flags, Ints
from journeymap.model.next_steps import START, wait_class
from journeymap.model.remaining_times import Situation, TimesLeft

__all__ = ["NO_NEXT", "QUANTILES", "Predictors", "Sampled", "Situations"]

_LEAST, _LEAST_OF_FEW = 50.0, 4.0  # by effective number, from which a situation is known
QUANTILES = 20
"""Steps between the shortest and the longest time."""
Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

NO_NEXT = 2**62
"""The pause after which nothing came."""
_WAITED = (0.25, 0.5, 0.75, 0.875, 0.9375, 0.97, 1.0)  # of those to whom anything came, sooner
_LULL = 1.25  # times as long as others waited, until anything comes to the next
_ASKED = 0.2  # of the journeys, the latest
_FEWEST = 30  # journeys asked
_HALVINGS = (None, 0.5, 0.25, 0.125)  # half-lives, as shares of the time in which journeys began
_NOISE = 1.0  # standard errors within which an error is no worse than another
_CLASSES = 256  # more than there are classes of waits


@frozen
class Predictors:
    """Predictors that are distinguished, and the half-life of journeys in microseconds."""

    memory: int
    weekdays: bool
    elapsed: bool
    half_life: float | None


@frozen(eq=False)
class Sampled:
    """Some journeys, each prefix of which is a situation.

    Attributes:
        names: The names of elements.
        offsets: Where each journey begins, and the end.
        codes: The element of each interaction.
        at: Its time.
        weekday: Its weekday.
        begun: When its journey began.
        left: The time until what is asked for; below zero where it did not come.
        pause: The time until anything came; a long one where nothing did.
    """

    names: tuple[str, ...]
    offsets: Ints
    codes: Ints
    at: Ints
    weekday: Ints
    begun: Ints
    left: Ints
    pause: Ints


@frozen(eq=False)
class Situations:
    """The prefixes of sampled journeys, numbered by what is known of them.

    Attributes:
        sample: The journeys.
        paths: For each length of path, a number for each prefix; −1 where it is not so long.
    """

    sample: Sampled
    paths: list[Ints]
    _since: Ints
    _order: Ints
    _place: Ints
    _cache: dict[Any, tuple[Floats, Floats]] = field(factory=dict)

    @classmethod
    def of(cls, sample: Sampled, memory: int) -> Situations:
        """Give each prefix the numbers of its paths."""
        size = len(sample.codes)
        place = np.arange(size) - np.repeat(sample.offsets[:-1], np.diff(sample.offsets))
        kinds = len(sample.names) + 1
        number = np.zeros(size, dtype=np.int64)
        paths = [number]
        for length in range(1, memory + 1):
            # The element that lies so far back; one before the first is the beginning.
            back = np.arange(size) - length + 1
            code = np.where(place >= length - 1, sample.codes[np.maximum(back, 0)], kinds - 1)
            known = (place >= length - 2) & (number >= 0)
            _, fresh = np.unique(number[known] * kinds + code[known], return_inverse=True)
            number = np.full(size, -1, dtype=np.int64)
            number[known] = fresh
            paths.append(number)
        took, inverse = np.unique(sample.at - sample.begun, return_inverse=True)
        since = np.array([wait_class(one) for one in took.tolist()], dtype=np.int64)[inverse]
        return cls(sample, paths, since, np.argsort(sample.left, kind="stable"), place)

    def choose(self, memory: int) -> Predictors:
        """Choose the facts that foretell the latest fifth of journeys best, from those before.

        The error is the mean absolute one of the median. Of all that are not worse than the best
        by more than a standard error of the difference, the simplest is chosen (the rule of one
        standard error of Breiman, Friedman, Olshen and Stone 1984).
        """
        sample = self.sample
        begins = sample.begun[sample.offsets[:-1]] if len(sample.codes) else sample.begun
        plain = Predictors(memory, weekdays=False, elapsed=False, half_life=None)
        if len(begins) < _FEWEST / _ASKED:
            return plain
        cut = int(np.quantile(begins, 1 - _ASKED))
        later = sample.begun > cut
        asked = np.flatnonzero(later & (sample.left >= 0))
        if not len(asked) or (begins > cut).sum() < _FEWEST:
            return plain
        span = float(begins.max() - begins.min())
        journey = np.repeat(np.arange(len(begins)), np.diff(sample.offsets))[asked]
        choices = [
            Predictors(length, weekdays, elapsed, None if share is None else span * share)
            for length in range(1 if memory else 0, memory + 1)
            for weekdays in (False, True) for elapsed in (False, True) for share in _HALVINGS
        ]  # fmt: skip
        errors: dict[Predictors, Floats] = {}
        for facts in choices:
            error = np.abs(self._medians(facts, ~later)[asked] - sample.left[asked])
            summed = np.bincount(journey, error, minlength=len(begins)).astype(np.float64)
            errors[facts] = summed[begins > cut]
        best = min(choices, key=lambda facts: float(errors[facts].sum()))
        kept = [facts for facts in choices if _no_worse(errors[facts], errors[best])]
        return min(kept, key=_simplicity)

    @property
    def least(self) -> float:
        """How often a situation was met, effectively, from where on it is known."""
        journeys = len(self.sample.offsets) - 1
        return min(_LEAST, max(_LEAST_OF_FEW, journeys / 5))

    def learn(self, facts: Predictors, *, least: float | None = None) -> dict[Situation, TimesLeft]:
        """Learn the lengths of all situations that enough journeys came to."""
        sample, found = self.sample, {}
        weights = self._weights(facts.half_life, np.ones(len(sample.codes), dtype=bool))
        for length in range(facts.memory + 1):
            for day, since in _distinctions(facts):
                kinds, number = np.unique(self._numbers(length, day, since), return_inverse=True)
                wanted = self.least if least is None else least
                needed = wanted if length or day or since else 0.0
                met = np.bincount(number, weights, minlength=len(kinds)) > 0
                enough = met & (kinds >= 0)
                enough &= _effective(number, weights, len(kinds)) >= needed
                known = np.flatnonzero(enough[number])
                order = known[np.argsort(number[known], kind="stable")]
                begins = np.flatnonzero(np.diff(number[order], prepend=-1))
                for rows in np.split(order, begins[1:]) if len(order) else ():
                    row = int(rows[0])
                    path = self._path(row, length)
                    key = (path, int(sample.weekday[row]) if day else None,
                           int(self._since[row]) if since else None)  # fmt: skip
                    found[key] = _lengths(sample.left[rows], sample.pause[rows], weights[rows])
        return found

    def _path(self, row: int, length: int) -> tuple[str, ...]:
        begin = max(row - length + 1, row - int(self._place[row]))
        names = tuple(self.sample.names[code] for code in
                      self.sample.codes[begin : row + 1].tolist()) if length else ()  # fmt: skip
        return (START, *names) if len(names) < length else names

    def _numbers(self, length: int, day: bool, since: bool) -> Ints:
        number = self.paths[length]
        if day:
            number = np.where(number >= 0, number * 8 + self.sample.weekday, -1)
        if since:
            number = np.where(number >= 0, number * _CLASSES + self._since, -1)
        return number

    def _weights(self, half_life: float | None, learned: Flags) -> Floats:
        begun = self.sample.begun
        if half_life is None:
            return learned.astype(np.float64)
        last = begun[learned].max() if learned.any() else 0
        return np.where(learned, np.exp2(np.minimum(0, begun - last) / half_life), 0.0)

    def _medians(self, facts: Predictors, learned: Flags) -> Floats:
        """Foretell each prefix by the most special situation that is known from some of them."""
        found = np.zeros(len(self.sample.codes))
        for length in range(facts.memory + 1):
            for day, since in reversed(_distinctions(facts)):
                median, number = self._median(length, day, since, facts.half_life, learned)
                better = number >= (self.least if length or day or since else 0.0)
                found = np.where(better, median, found)
        return found

    def _median(
        self, length: int, day: bool, since: bool, half_life: float | None,
        learned: Flags,
    ) -> tuple[Floats, Floats]:  # fmt: skip
        """Compute, for each prefix, the weighted median of its situation, and how many came to it.

        Only of those that what is asked for came to.
        """
        key = (length, day, since, half_life)
        if key in self._cache:
            return self._cache[key]
        number = self._numbers(length, day, since)
        kinds, number = np.unique(number, return_inverse=True)
        weights = self._weights(half_life, learned & (self.sample.left >= 0))
        order = self._order[weights[self._order] > 0]
        order = order[np.argsort(number[order], kind="stable")]
        total = np.bincount(number, weights, minlength=len(kinds))
        effective = _effective(number, weights, len(kinds))
        median = np.zeros(len(kinds))
        if len(order):
            sums = np.cumsum(weights[order])
            begins = np.flatnonzero(np.diff(number[order], prepend=-1))
            there = number[order][begins]
            before = np.append(0.0, sums)[begins]
            spot = np.searchsorted(sums, before + total[there] / 2)
            ends = np.append(begins[1:], len(order)) - 1
            median[there] = self.sample.left[order[np.minimum(spot, ends)]]
        effective[kinds < 0] = -1.0
        self._cache[key] = median[number], effective[number]
        return self._cache[key]


def _distinctions(facts: Predictors) -> list[tuple[bool, bool]]:
    """List which facts are distinguished, the most special first."""
    days, since = facts.weekdays, facts.elapsed
    all_ = [(True, True), (False, True), (True, False), (False, False)]
    return [(a, b) for a, b in all_ if a <= days and b <= since]


def _simplicity(facts: Predictors) -> tuple[int, int, float]:
    return facts.weekdays + facts.elapsed, facts.memory, -(facts.half_life or math.inf)


def _no_worse(error: Floats, best: Floats) -> bool:
    gap = error - best
    return bool(gap.mean() <= _NOISE * gap.std() / math.sqrt(len(gap)))


def _effective(number: Ints, weights: Floats, kinds: int) -> Floats:
    """Compute how many equally weighted prefixes would be as sure, for each situation (Kish)."""
    total = np.bincount(number, weights, minlength=kinds)
    squares = np.bincount(number, np.square(weights), minlength=kinds)
    found: Floats = np.square(total) / np.maximum(squares, 1e-300)
    return found


def _lengths(left: Ints, pause: Ints, weights: Floats) -> TimesLeft:
    """Compute the quantiles of the times that came, of all and of those who waited, weighted."""
    every = _times_left(left, weights, QUANTILES)
    some = pause[pause < NO_NEXT]
    if len(some) < _LEAST_OF_FEW:
        return every
    stages = []
    for waited in _choose_waits(some):
        on = pause > waited
        if weights[on].sum() > 0:
            stages.append((waited, _times_left(left[on], weights[on], QUANTILES // 2)))
        else:  # whoever waits longer than anyone did is at the end
            stages.append((waited, TimesLeft(0, 0, ())))
    return evolve(every, later=tuple(stages))


def _choose_waits(pause: Ints) -> list[int]:
    """Choose lengths of waiting: by which round shares came, and where for long nothing does."""
    known = np.unique(pause)
    places = np.unique(np.searchsorted(known, np.quantile(pause, _WAITED, method="lower")))
    found = [int(known[0]) - 1]
    for place in places.tolist():
        found.append(int(known[place]))
        following = int(known[min(place + 1, len(known) - 1)])
        if following > _LULL * found[-1]:
            found.append(following - 1)
    return [one for one in found if one > 0]


def _times_left(left: Ints, weights: Floats, steps: int) -> TimesLeft:
    arrived = left >= 0
    n = len(left)
    reached = round(n * float(weights[arrived].sum()) / float(weights.sum()))
    if not arrived.any() or not reached:
        return TimesLeft(n, 0, ())
    order = np.argsort(left[arrived], kind="stable")
    times, sums = left[arrived][order], np.cumsum(weights[arrived][order])
    shares = np.linspace(0, 1, steps + 1) * sums[-1] * (1 - 1e-12)
    spots = np.minimum(np.searchsorted(sums, shares), len(times) - 1)
    return TimesLeft(n, reached, tuple(times[spots].tolist()))
