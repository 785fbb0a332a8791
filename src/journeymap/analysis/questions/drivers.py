"""Drivers: what goes with an outcome, of all that was known before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import numpy as np
import polars as pl
from attrs import field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.candidates import (
    NEVER,
    Candidate,
    find_candidates,
    first_rows,
)
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.dormancy import find_dormancies
from journeymap.analysis.measuring.occurrences import mark_failed
from journeymap.analysis.measuring.resampling import hash_customers
from journeymap.analysis.measuring.risks import RiskRatio, Risks, critical_chance
from journeymap.analysis.questions.deviations import Deviations
from journeymap.analysis.row_fields import Chance, Count, Field, Key, Mean, N, Text
from journeymap.analysis.table.part import Flags, Ints, Part, Scope, require_times
from journeymap.analysis.where import mark_outcome
from journeymap.exceptions import AnswerError, ElementError
from journeymap.model import Condition
from journeymap.model.conditions import is_condition
from journeymap.model.instants import MICROSECOND, micros_in
from journeymap.model.measures import Dormancy
from journeymap.model.rules import maybe_length, positive_duration

__all__ = ["Driver", "Drivers", "DriversAnswer"]

MAX_CUSTOMERS = 20_000
"""Customers that are compared; of more, those whose hashed names are lowest."""
_EXACT = 12  # interactions after each of which journeys are looked at; later, at every seventh
_LEAST = 20  # customers of whom a candidate is true, and of whom it is not
_MOST = 12  # drivers that are found at most
_OF_VISITS = ("wait", "repeat", "failure", "emotion")  # which are facts of a visit to a touchpoint
_SURE = 0.01  # the chance below which they are more than that journeys came to it
K = TypeVar("K")
_Bound = Annotated[float, Field("bound", of="ratio")]


@frozen
class Driver:
    """A fact that goes with the outcome.

    Attributes:
        driver: The fact, in words.
        kind: ``touchpoint``, ``repeat``, ``wait``, ``channel``, ``department``, ``handoff``,
            ``failure``, ``emotion``, ``deviation`` or ``column``.
        element: The element, or the column, that it is about.
        ratio: How many times as likely the outcome is, where the fact becomes known, adjusted
            for the other drivers.
        low: Lower bound of its 95 % interval.
        high: Upper bound of it.
        chance: The chance of such an effect, were there none.
        customers: The customers of whom it was known before the outcome.
        outcomes: How many of them had the outcome later.
        n: All customers that were compared.
    """

    driver: Key
    kind: Text
    element: Text
    ratio: Mean
    low: _Bound
    high: _Bound
    chance: Chance
    customers: Count
    outcomes: Count
    n: N


@frozen(eq=False, repr=False)
class DriversAnswer(Answer[Driver]):
    """The drivers, the surest first.

    Attributes:
        outcome: The outcome, in words.
        examined: How many facts were examined.
        outcomes: How many customers had the outcome.
        n: How many customers were compared.
        at_once: How many more had the outcome before anything was known of them.
        sampled: Whether customers were left out, because there are too many.
    """

    Row = Driver
    outcome: str = field(default="", kw_only=True)
    examined: int = field(default=0, kw_only=True)
    outcomes: int = field(default=0, kw_only=True)
    n: int = field(default=0, kw_only=True)
    at_once: int = field(default=0, kw_only=True)
    sampled: bool = field(default=False, kw_only=True)

    def notes(self) -> list[str]:
        """Write the drivers in words, and how they were found.

        Returns:
            The sentences.
        """
        found = [
            f"{row.driver}: {_times(row.ratio)} times as likely to {self.outcome} "
            f"({_times(row.low)}–{_times(row.high)}), {row.customers:,} customers"
            for row in list(self)[:5]
        ]
        found.append(
            f"{self.examined:,} facts were examined, with at most 5 % of false discoveries; "
            f"{self.outcomes:,} of {self.n:,} customers did {self.outcome}"
        )
        found.append(
            "known before the outcome; compared at the same point of journeys, and adjusted for "
            "the other drivers; what goes with an outcome need not cause it"
        )
        if self.at_once:
            found.append(f"{self.at_once:,} more had the outcome before anything else")
        if self.sampled:
            found.append(f"learned from {MAX_CUSTOMERS:,} customers")
        return found


def _times(ratio: float) -> str:
    """Write how many times as likely something is, in two figures and without a power of ten."""
    if ratio >= 10_000:
        return "over 10,000"
    if ratio >= 99.5:
        return f"{float(f'{ratio:.2g}'):,.0f}"
    return f"{ratio:.2g}" if ratio >= 0.001 else "under 0.001"


@frozen(eq=False)
class _Measured:
    """Journeys after their interactions, in order of the customers' hashes.

    ``left`` is for how long each is followed from there on, and ``wait`` how long the outcome takes
    (−1: it does not come), in microseconds. ``known`` has, for each candidate, the places of the
    rows by which it is known, and ``here`` those of the rows at each touchpoint; ``everyone`` and
    ``met`` are the hashes of all customers, and of those with an outcome.
    """

    hashes: Any
    step: Ints
    left: Ints
    wait: Ints
    known: dict[Candidate, Ints]
    here: dict[str, Ints]
    everyone: Any
    met: Any
    sampled: bool

    @property
    def outcome(self) -> Flags:
        """Mark the rows after which the outcome comes."""
        return self.wait >= 0


_CLASSES, _WIDER = 16, 1.25  # of how long journeys are followed, and each so much wider


def _grid() -> Ints:
    steps = list(range(_EXACT + 1))
    while steps[-1] < 1_000_000:
        steps.append(steps[-1] + max(1, steps[-1] // 7))
    return np.array(steps, dtype=np.int64)


_GRID = _grid()


def _outcome(instance: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, (str, Dormancy)):
        is_condition(instance, attribute, value)


@frozen
class Drivers:
    """Find what goes with an outcome, of all that was known before it.

    Touchpoints, repeats, waits, failures, bad emotions, channels, departments, handoffs, deviations
    from key journeys, and the values of columns where journeys begin (of a column of numbers, which
    of some thresholds they are over). A repeat, a wait, a failure or an emotion at a touchpoint has
    to differ among journeys that are there, too: else coming there is the driver.

    Each journey is looked at after its interactions (the first thirteen, and then every seventh
    part further) until its first outcome. Where a fact becomes known, the journey is compared with
    those that have come as far, are followed for about as long from there on (who came last had no
    time for an outcome yet), and do not know it: what share came to the outcome later, had they
    never come to know it (those that do count up to then, and others for them). The effect is a
    ratio of these risks by a Poisson regression with the other drivers, with errors from the
    spread between customers (Zou 2004). Drivers are added one by one, the surest first by its
    score test, while the rule of Benjamini and Yekutieli (2001) holds that at most 5 % are false
    discoveries: it asks nothing of how tests depend on one another, and facts of a journey all do.
    A fact counts if it is known of at least twenty customers, and not of as many.

    Attributes:
        outcome: The touchpoint, or a condition, that is the outcome (a low score, an amount …); or
            ``Dormancy()``: silence for longer than the map allows.
        silent: How long a silence makes a customer dormant, instead of what the map allows.
        lead: How long before the outcome journeys are looked at for the last time, so that what
            belongs to the outcome is no driver of it; those without one so long before their end.

    Raises:
        ElementError: A field has a value that it may not have.
        AnswerError: The log does not know what the outcome needs.

    >>> from journeymap.simulation import broadband, broadband_customers
    >>> from journeymap.analysis import Log
    >>> log = Log.from_interactions(broadband_customers(500), map=broadband())
    >>> answer = log.ask(Drivers("complaint_made"))
    >>> answer.examined > 20
    True
    """

    outcome: str | Condition | Dormancy = field(validator=_outcome)
    silent: timedelta | None = field(
        default=None, converter=maybe_length, validator=validators.optional(positive_duration),
        kw_only=True,
    )  # fmt: skip
    lead: timedelta | None = field(
        default=None, converter=maybe_length, validator=validators.optional(positive_duration),
        kw_only=True,
    )  # fmt: skip

    @silent.validator
    def _check_silent(self, attribute: Any, value: Any) -> None:
        if value is not None and not isinstance(self.outcome, Dormancy):
            message = "only with Dormancy() as the outcome"
            raise ElementError("Drivers", "silent", value, message)

    def measure(self, part: Part) -> _Measured:
        """Look at journeys after their interactions, and find what was known by then."""
        part, sampled = _chosen(part)
        none = np.zeros(0, dtype=np.int64)
        if not len(part):
            return _Measured(
                np.zeros(0, dtype=np.uint64), none, none, none, {}, {}, none, none, sampled
            )  # fmt: skip
        hashes = hash_customers(part)
        rows, step, wait, marked = self._rows(part)
        order = np.argsort(hashes[part.journey[rows]], kind="stable")
        rows, step, wait = rows[order], step[order], wait[order]
        left = part.scope.seen_until - part.at[rows] if part.scope.timed else rows * 0
        journey = part.journey[rows]
        known: dict[Candidate, Ints] = {}
        for candidate, first in self._candidates(part, marked):
            places = np.flatnonzero(first[journey] <= rows)
            if len(places):
                mine = known.get(candidate)
                known[candidate] = places if mine is None else np.union1d(mine, places)
        met = np.unique(hashes[part.journey[marked]])
        names, codes = part.names("touchpoint"), part.touchpoints[rows]
        here = {
            str(names[code]): np.flatnonzero(codes == code) for code in distinct(codes).tolist()
        }
        return _Measured(
            hashes[journey], step, left, wait, known, here, np.unique(hashes), met, sampled
        )

    def _rows(self, part: Part) -> tuple[Ints, Ints, Ints, Flags]:
        """Find the interactions to look at, how far they are, and when an outcome comes later.

        All before a journey's first outcome, by the lead; or before its end, where none comes, by
        the same. Of many, the same of each journey. Where no outcome comes, the time is −1.
        """
        number, silence = np.arange(len(part)), np.zeros(len(part), dtype=np.int64)
        if isinstance(self.outcome, Dormancy):
            marked = np.zeros(len(part), dtype=bool)
            silent, silence = self._silences(part)
            until = first_rows(part, np.flatnonzero(silent))
            # Of who came last, no silence can be seen yet: they are not without one.
            eligible = (number <= until[part.journey]) & (
                part.scope.seen_until - part.at >= silence
            )
        else:
            marked = mark_outcome(part, self.outcome)
            until = first_rows(part, np.flatnonzero(marked))
            eligible = number < until[part.journey]
        met = until < NEVER
        if self.lead is not None:
            require_times(part.scope, "Drivers(lead=…)")
            end = np.where(met, until, part.offsets[1:] - 1)
            eligible &= part.at <= (part.at[end] - micros_in(self.lead))[part.journey]
        step = number - part.offsets[:-1][part.journey]
        place = np.searchsorted(_GRID, step)
        rows = np.flatnonzero(eligible & (_GRID[np.minimum(place, len(_GRID) - 1)] == step))
        ends = until[part.journey[rows]]
        last = np.where(ends < NEVER, ends, 0)
        wait = part.at[last] + silence[last] - part.at[rows] if part.scope.timed else 0
        return rows, place[rows], np.where(ends < NEVER, wait, -1), marked

    def _silences(self, part: Part) -> tuple[Flags, Ints]:
        """Mark the interactions after which the customer was silent; and how long that takes.

        0 where the map allows several silences: who is at a stage with a short one is no sooner
        silent for that, so the time until then is that to the last interaction.
        """
        require_times(part.scope, "Drivers(Dormancy())")
        if self.silent is None:
            if part.scope.map is None or not any(part.scope.map.tables.dormant_after):
                message = "no map has a dormant_after; name a silence, as in silent='60 days'"
                raise AnswerError("Drivers(Dormancy())", message)
            found, _ = find_dormancies(part)
            limits = {limit for limit in part.scope.map.tables.dormant_after if limit is not None}
            length = micros_in(limits.pop() * MICROSECOND) if len(limits) == 1 else 0
            return found, np.full(len(part), length, dtype=np.int64)
        last = np.append(part.first[1:], True)
        over = np.where(last, part.scope.seen_until, np.append(part.at[1:], 0))
        length = micros_in(self.silent)
        return over - part.at >= length, np.full(len(part), length, dtype=np.int64)

    def _candidates(self, part: Part, marked: Flags) -> Iterator[tuple[Candidate, Ints]]:
        yield from find_candidates(part, marked, mark_failed(part))
        if part.scope.map is not None and part.scope.map.key_journeys:
            for (journey, kind, element), rows in Deviations().find_rows(part):
                words = f"{kind} in {journey}: {element}"
                yield ("deviation", element, words), first_rows(part, rows)

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Keep the customers whose hashed names are lowest of two measurements."""
        size = len(one.hashes)
        known, here = (_shifted(mine, theirs, size) for mine, theirs in
                       ((one.known, other.known), (one.here, other.here)))  # fmt: skip
        both = _Measured(
            np.concatenate([one.hashes, other.hashes]), np.concatenate([one.step, other.step]),
            np.concatenate([one.left, other.left]), np.concatenate([one.wait, other.wait]), known,
            here, np.union1d(one.everyone, other.everyone), np.union1d(one.met, other.met),
            one.sampled or other.sampled,
        )  # fmt: skip
        return _lowest(both)

    def answer(self, measured: _Measured, scope: Scope) -> DriversAnswer:
        """Select drivers, and estimate their effects together."""
        _, customer = np.unique(measured.hashes, return_inverse=True)
        n = int(customer.max()) + 1 if len(customer) else 0
        outcomes = len(distinct(customer[measured.outcome]))
        words = "go silent" if isinstance(self.outcome, Dormancy) else (
            f"come to {self.outcome}" if isinstance(self.outcome, str) else "come to the outcome"
        )  # fmt: skip
        candidates = _examined(measured, customer)
        columns = np.zeros((len(customer), len(candidates)), dtype=bool)
        for place, candidate in enumerate(candidates):
            columns[measured.known[candidate], place] = True
        rows = []
        if 0 < outcomes < n and candidates:
            happened = measured.outcome.astype(np.float64)
            followed = _class_followed(measured.left, measured.wait)
            risks = Risks(happened, measured.step, customer, measured.step == 0, followed)
            for place, effect in _select(risks, columns, _Plain.of(candidates, measured)):
                kind, element, driver = candidates[place]
                people = distinct(customer[columns[:, place]])
                met = distinct(customer[(measured.outcome) & columns[:, place]])
                rows.append((driver, kind, element, effect.ratio, effect.low, effect.high,
                             effect.chance, len(people), len(met), n))  # fmt: skip
        frame = pl.DataFrame(rows, schema=DriversAnswer.schema(), orient="row")
        return DriversAnswer(frame, outcome=words, examined=len(candidates), outcomes=outcomes, n=n,
                             at_once=max(0, len(measured.met) - outcomes),
                             sampled=measured.sampled)  # fmt: skip

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of whom a fact was known, also those who were not compared."""
        if not len(part):
            return np.zeros(0, dtype=np.int64)
        rows, _, wait, marked = self._rows(part)
        known = np.full(len(rows), number == "n")
        for (_, _, driver), first in self._candidates(part, marked):
            if driver == row["driver"]:
                known |= first[part.journey[rows]] <= rows
        return part.customer[rows[known & (wait >= 0) if number == "outcomes" else known]]


@frozen(eq=False)
class _Plain:
    """Compares facts of a touchpoint with merely coming to it.

    Attributes:
        coming: For each candidate that is more than coming to a touchpoint, the place of the one
            that is just that (−1: it is not examined).
        here: Marks the rows at the touchpoint of each of them.
    """

    coming: dict[int, int]
    here: dict[int, Flags]

    @classmethod
    def of(cls, candidates: list[Candidate], measured: _Measured) -> _Plain:
        """Find them among the candidates."""
        places = {(kind, element): place for place, (kind, element, _) in enumerate(candidates)}
        coming, here = {}, {}
        for place, (kind, element, _) in enumerate(candidates):
            if kind in _OF_VISITS:
                coming[place] = places.get(("touchpoint", element), -1)
                here[place] = np.zeros(len(measured.step), dtype=bool)
                here[place][measured.here.get(element, [])] = True
        return cls(coming, here)

    def simplify(self, risks: Risks, columns: Any, chosen: list[int], best: int) -> int | None:
        """Give what a candidate comes to; None where it is nothing.

        It has to be sure among journeys at that touchpoint, too: else it stands for being there.
        """
        if best not in self.coming:
            return best
        before = columns[:, chosen]
        [chance] = risks.test(columns[:, [best]], before, self.here[best])
        if chance <= _SURE:
            return best
        plain = self.coming[best]
        return None if plain < 0 or plain in chosen else plain


def _select(risks: Risks, columns: Any, plain: _Plain) -> list[tuple[int, RiskRatio]]:
    """Add the surest candidate, beside those chosen, while false discoveries are controlled."""
    chosen: list[int] = []
    left = np.arange(columns.shape[1])
    while len(left) and len(chosen) < _MOST:
        chances = risks.test(columns[:, left], columns[:, chosen])
        best = int(np.argmin(chances))
        critical = critical_chance(len(chosen) + 1, columns.shape[1], 0.05)
        if chances[best] > critical:
            break
        found = plain.simplify(risks, columns, chosen, int(left[best]))
        there = np.flatnonzero(left == found)
        if found is None or not len(there) or chances[there[0]] > critical:
            left = np.delete(left, best)
            continue
        best = int(there[0])
        if not _is_sure(risks.effect(columns, [*chosen, found], found)):
            left = np.delete(left, best)  # as what all come to who stay: its opposite may be
            continue
        chosen.append(found)
        if len(chosen) == 1:  # what goes with the outcome in no way alone is not tried again
            left, best = left[chances <= 0.1], int((chances[:best] <= 0.1).sum())
        left = np.delete(left, best)
    effects = [(place, risks.effect(columns, chosen, place)) for place in chosen]
    # Beside those that were found later, some are sure no more.
    sure = [(place, one) for place, one in effects if _is_sure(one)]
    return sorted(sure, key=lambda one: (one[1].chance, one[0]))


def _is_sure(one: RiskRatio) -> bool:
    return one.chance < 0.05 and (one.low > 1 or one.high < 1)


def _class_followed(left: Ints, wait: Ints) -> Ints:
    """Give a number to rows that are followed for about as long.

    Beyond the time in which nearly all outcomes have come, it makes no difference.
    """
    known = wait[wait >= 0]
    if not len(known) or not left.any():
        return np.zeros(len(left), dtype=np.int64)
    longest = max(float(np.quantile(known, 0.98)), 1.0)
    edges = longest / _WIDER ** np.arange(_CLASSES)[::-1]
    return np.searchsorted(edges, left, side="right")


def _examined(measured: _Measured, customer: Ints) -> list[Candidate]:
    """List the candidates that are known of enough customers, and of no more than others are."""
    found: dict[bytes, Candidate] = {}
    # Of facts that are the same, the plainest: that journeys come to a touchpoint.
    for candidate in sorted(measured.known, key=lambda one: (one[0] in _OF_VISITS, one)):
        places = measured.known[candidate]
        with_ = len(distinct(customer[places]))
        without = np.ones(len(customer), dtype=bool)
        without[places] = False
        if with_ >= _LEAST and len(distinct(customer[without])) >= _LEAST:
            same = places.astype(np.int64).tobytes(), np.flatnonzero(without).tobytes()
            found.setdefault(min(same), candidate)  # of a fact and its opposite, one
    return list(found.values())


def _shifted(mine: dict[K, Ints], theirs: dict[K, Ints], size: int) -> dict[K, Ints]:
    """Join the places of facts, those of the other rows after so many."""
    found = dict(mine)
    for fact, places in theirs.items():
        had = found.get(fact)
        found[fact] = places + size if had is None else np.concatenate([had, places + size])
    return found


def _chosen(part: Part) -> tuple[Part, bool]:
    """Choose the customers whose hashed names are lowest."""
    if part.journeys <= MAX_CUSTOMERS:
        return part, False
    hashes = hash_customers(part)
    names = np.unique(hashes)
    if len(names) <= MAX_CUSTOMERS:
        return part, False
    kept = hashes <= names[MAX_CUSTOMERS - 1]
    lengths = np.diff(part.offsets)
    rows = np.flatnonzero(np.repeat(kept, lengths))
    offsets = np.append(0, np.cumsum(lengths[kept]))
    return part.select_rows(rows, offsets, part.owners[kept]), True


def _lowest(measured: _Measured) -> _Measured:
    """Keep the rows of as many customers as are compared, in order of their hashes."""
    order = np.argsort(measured.hashes, kind="stable")
    hashes = measured.hashes[order]
    kept = order[np.isin(hashes, measured.everyone[:MAX_CUSTOMERS])]
    place = np.full(len(order), -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))

    def moved(facts: dict[K, Ints]) -> dict[K, Ints]:
        found = {fact: np.sort(place[places][place[places] >= 0])
                 for fact, places in facts.items()}  # fmt: skip
        return {fact: places for fact, places in found.items() if len(places)}

    everyone = measured.everyone[:MAX_CUSTOMERS]
    return _Measured(
        measured.hashes[kept], measured.step[kept], measured.left[kept], measured.wait[kept],
        moved(measured.known), moved(measured.here), everyone,
        measured.met[np.isin(measured.met, everyone)],
        measured.sampled or len(everyone) < len(measured.everyone),
    )  # fmt: skip
