"""Checkpoints of customers: all that a tracker carries of each of them, found by columns.

A checkpoint lies after an interaction after which no moment waits for anything; later interactions
have to be followed one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
from attrs import frozen

from journeymap.analysis.history import read_journeys, read_scores
from journeymap.analysis.measuring.busy_rows import mark_busy
from journeymap.analysis.measuring.dormancy import mark_ends
from journeymap.analysis.measuring.followed_part import FollowedPart, cut_up, read_times
from journeymap.analysis.measuring.last_known import (
    find_last_emotions,
    find_last_names,
    find_stages_reached,
)
from journeymap.analysis.measuring.moment_signals import split_apart
from journeymap.analysis.measuring.open_occurrences import find_open
from journeymap.analysis.measuring.part_conditions import rows_at
from journeymap.analysis.measuring.sequences import expand_spans
from journeymap.analysis.table.exact_amounts import FRACTION, NO_NUMBER, SCALE, Amounts
from journeymap.analysis.table.part import Ints, Part
from journeymap.interactions import Interaction, Score
from journeymap.interactions.checkpoint import (
    CheckpointRules,
    CustomerCheckpoint,
    ProductCheckpoint,
)
from journeymap.model.instants import FIRST_MICROS, instant, micros_in

__all__ = ["find_checkpoints"]


def find_checkpoints(
    followed: FollowedPart, rules: CheckpointRules
) -> Iterator[CustomerCheckpoint]:
    """Find the last checkpoint of each journey, and read what came since."""
    part = followed.part
    if not len(part):
        return
    cut = _cut(followed, rules)
    recent = _read_recent(part, cut)
    begun = np.flatnonzero(cut > part.offsets[:-1])
    known = iter(_Head.of(followed, cut, begun).checkpoints(rules) if len(begun) else ())
    opened = iter(find_open(followed, cut[begun] - 1))
    until = instant(max(followed.until, FIRST_MICROS))
    counts = (cut - part.offsets[:-1]).tolist()
    for name, count, since in zip(part.ids.to_list(), counts, recent, strict=True):
        if count:
            yield _made(CustomerCheckpoint, (name, count, *next(known), next(opened), since, until))
        else:
            yield _made(CustomerCheckpoint, (name, *_NOTHING, since, until))


_made = tuple.__new__
_NONE: Any = {}
_NOTHING = (0, None, 0, None, None, 1, *[None] * 7, (), (), _NONE, _NONE, _NONE, ())


def _cut(followed: FollowedPart, rules: CheckpointRules) -> Ints:
    """Find where what is followed one by one begins in each journey."""
    part = followed.part
    begins, ends = part.offsets[:-1], part.offsets[1:]
    if rules.horizon is None:
        return begins.copy()
    cut = ends.copy()
    if rules.horizon:
        young = part.at >= np.minimum(
            followed.until - micros_in(rules.horizon), part.at[ends - 1]
        )[part.journey]  # fmt: skip
        first = np.full(part.journeys, len(part))
        np.minimum.at(first, part.journey[young], np.flatnonzero(young))
        cut = np.maximum(first - 1, begins)  # a timer may have fired after the one before
    rows = np.arange(len(part))
    busy = mark_busy(followed, np.maximum(cut, begins + 1) - 1)
    free = np.maximum.accumulate(np.where(busy, -1, rows))
    cut = np.where(cut > begins, np.maximum(free[cut - 1] + 1, begins), begins)
    return np.where(_count_products(part) > rules.products, begins, cut)


def _count_products(part: Part) -> Ints:
    """Count the products of each journey; what is about none counts as one."""
    if not part.records("product"):
        return np.zeros(part.journeys, dtype=np.int64)
    size = len(part.names("product"))
    pairs = np.unique(part.journey * size + part.codes("product"))
    return np.bincount(pairs // size, minlength=part.journeys)


def _read_recent(part: Part, cut: Ints) -> Iterator[tuple[Interaction, ...]]:
    """Read the interactions of each journey from some place on."""
    lengths = part.offsets[1:] - cut
    some = np.flatnonzero(lengths)
    offsets = np.append(0, np.cumsum(lengths[some]))
    rows = expand_spans(cut[some], lengths[some])
    read = read_journeys(part.select_rows(rows, offsets, part.owners[some])) if len(some) else ()
    found = iter(read)
    for length in lengths.tolist():
        yield next(found) if length else ()


@frozen(eq=False)
class _Head:
    """The first interactions of some journeys, up to their checkpoints."""

    followed: FollowedPart

    @classmethod
    def of(cls, followed: FollowedPart, cut: Ints, journeys: Ints) -> _Head:
        """Select the interactions of some journeys before some places."""
        part = followed.part
        begins = part.offsets[:-1][journeys]
        lengths = cut[journeys] - begins
        if int(lengths.sum()) == len(part):
            return cls(followed)
        rows = expand_spans(begins, lengths)
        offsets = np.append(0, np.cumsum(lengths))
        head = part.select_rows(rows, offsets, part.owners[journeys])
        return cls(FollowedPart(head, followed.map))

    def checkpoints(self, rules: CheckpointRules) -> Iterator[tuple[Any, ...]]:
        """Give the fields of the checkpoint of each journey, from its time on."""
        part, last = self.followed.part, self.followed.part.offsets[1:] - 1
        stage, since, lap = find_stages_reached(part)
        touchpoints = pl.Series(part.names("touchpoint"), dtype=pl.String)
        return zip(
            read_times(part.at[last]), self.followed.tie[last].tolist(), stage.to_list(),
            read_times(since), lap.tolist(),
            touchpoints.gather(part.touchpoints[last].astype(np.uint32)).to_list(),
            find_last_names(part, "channel").to_list(),
            self.followed.names("department", self._departments()).to_list(),
            self.followed.names("department", self._handed_by()).to_list(),
            find_last_emotions(part).to_list(),
            self._names_of("outcome", last), self._names_of("process", last),
            self._products(), self._trails(rules.trail), self._values(), self._scores(),
            self._seen(rules.remembered), strict=True,
        )  # fmt: skip

    def _names_of(self, level: str, rows: Ints) -> list[str | None]:
        part = self.followed.part
        codes = part.codes(level)[rows].astype(np.int64) if part.knows(level) else rows * 0
        return self.followed.names(level, codes).to_list()

    def _departments(self) -> Ints:
        """Find the department that took each customer last."""
        part, found = self.followed.part, np.zeros(self.followed.part.journeys, dtype=np.int64)
        taken = np.flatnonzero(self.followed.department)
        found[part.journey[taken]] = self.followed.department[taken]
        return found

    def _handed_by(self) -> Ints:
        """Find the department that handed each customer over last."""
        part, found = self.followed.part, np.zeros(self.followed.part.journeys, dtype=np.int64)
        taken = np.flatnonzero(self.followed.department)
        code, journey = self.followed.department[taken], part.journey[taken]
        places = 1 + np.flatnonzero((code[1:] != code[:-1]) & (journey[1:] == journey[:-1]))
        found[journey[places]] = code[places - 1]
        return found

    def _trails(self, most: int) -> list[tuple[str, ...]]:
        """List the last touchpoints of each journey."""
        part = self.followed.part
        ends = part.offsets[1:]
        lengths = np.minimum(np.diff(part.offsets), most)
        rows = expand_spans(ends - lengths, lengths)
        names = part.names("touchpoint")
        return cut_up([names[code] for code in part.touchpoints[rows].tolist()], lengths)

    def _products(self) -> list[tuple[ProductCheckpoint, ...]]:
        """Find where the journeys with each product stand, product by product."""
        part = self.followed.part
        if not part.records("product"):
            return [()] * part.journeys
        apart, rows, about = split_apart(part, "product")
        last = apart.offsets[1:] - 1
        stages, since, laps = find_stages_reached(apart)
        names = part.names("product")
        code, mine = about[rows[last]], part.journey[rows[last]]
        order = np.lexsort((pl.Series(names).rank("ordinal").fill_null(0).to_numpy()[code], mine))
        order = order[code[order] > 0]
        columns = (
            [names[one] for one in code[order].tolist()], stages[order].to_list(),
            read_times(since[order]), laps[order].tolist(), read_times(apart.at[last][order]),
            mark_ends(apart)[last][order].tolist(),
        )  # fmt: skip
        made = [_made(ProductCheckpoint, row) for row in zip(*columns, strict=True)]
        return cut_up(made, np.bincount(mine[order], minlength=part.journeys))

    def _values(self) -> list[dict[str, Decimal]]:
        """Sum the values of each journey by currency, the first currency first."""
        part = self.followed.part
        found: list[dict[str, Decimal]] = [_NONE] * part.journeys
        amounts = part.number("value")
        if amounts is None:
            return found
        rows = np.flatnonzero(amounts != NO_NUMBER)
        names, codes = part.names("currency"), part.codes("currency").astype(np.int64)
        pairs, first, group = np.unique(
            part.journey[rows] * len(names) + codes[rows], return_index=True, return_inverse=True
        )
        kept = Amounts(amounts, part.number("value_fraction")).select(rows)
        totals = kept.sums_by(group, len(pairs)).totals()
        for place in np.argsort(first).tolist():
            journey, code = divmod(int(pairs[place]), len(names))
            total = Decimal(totals[place]) / (SCALE * FRACTION)
            found[journey] = {**found[journey], names[code] or "": total}
        return found

    def _scores(self) -> list[dict[str, Score]]:
        """Find the last answer of each kind of each journey."""
        part = self.followed.part
        found: list[dict[str, Score]] = [_NONE] * part.journeys
        answered = part.number("score")
        if answered is None:
            return found
        rows = np.flatnonzero(answered != np.iinfo(answered.dtype).min)
        journeys = part.journey[rows]
        chosen = part.select_rows(rows, np.array([0, len(rows)]), part.owners[:1])
        for journey, score in zip(journeys.tolist(), read_scores(chosen), strict=True):
            if score is not None:
                found[journey] = {**found[journey], score.kind: score}
        return found

    def _seen(self, remembered: Any) -> list[dict[str, tuple[datetime, ...]]]:
        """Find the last times of each journey at touchpoints that conditions look back to."""
        part = self.followed.part
        found: list[dict[str, tuple[datetime, ...]]] = [_NONE] * part.journeys
        pieces: list[tuple[int, int, str, tuple[datetime, ...]]] = []
        for name, most in remembered.items():
            rows = rows_at(part, name)
            if not len(rows):
                continue
            journeys = part.journey[rows]
            begins = np.flatnonzero(np.append(True, journeys[1:] != journeys[:-1]))
            lengths = np.diff(np.append(begins, len(rows)))
            kept = np.minimum(lengths, most)
            last = expand_spans(begins + lengths - kept, kept)
            times: list[tuple[datetime, ...]] = cut_up(read_times(part.at[rows[last]]), kept)
            firsts, mine = rows[begins].tolist(), journeys[begins].tolist()
            pieces += zip(firsts, mine, [name] * len(mine), times, strict=True)
        for _, journey, name, when in sorted(pieces):
            found[journey] = {**found[journey], name: when}
        return found
