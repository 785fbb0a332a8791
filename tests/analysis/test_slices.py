"""Slices of an overview: the same answers as those of Breakdown and Trend."""

from __future__ import annotations

from datetime import timedelta

import pytest

from journeymap import ElementError, UnknownName
from journeymap.analysis import Breakdown, Columns, Log, Overview, Paths, Retention, Trend
from journeymap.analysis.slices import MAX_PERIODS, MAX_SEGMENTS, choose_period
from journeymap.simulation import broadband, broadband_customers
from tests.factories import DAY, T0

LOG = Log.from_interactions(broadband_customers(200), map=broadband())


def test_each_slice_is_what_the_questions_answer() -> None:
    overview = Overview.of(LOG, by="channel", every="quarter")
    assert overview.funnel is not None
    by_segment = LOG.ask(Breakdown(Paths(), "channel"))
    by_period = LOG.ask(Trend(Paths(), "quarter"))
    both = LOG.ask(Breakdown(Trend(Paths(), "quarter"), "channel"))
    cohorts = LOG.ask(Breakdown(Retention(every="quarter"), "channel"))
    seen = set()
    for one in overview.slices:
        seen.add((one.segment is not None, one.period is not None))
        if one.segment is None:
            whole = LOG.ask(Paths()) if one.period is None else by_period.answers[one.period]
        elif one.period is None:
            whole = by_segment.answers[one.segment]
        else:
            whole = both.answers[one.segment].answers[one.period]
        assert one.paths == whole
        if one.period is not None:
            assert one.retention is None
        elif one.segment is not None:
            assert one.retention == cohorts.answers[one.segment]
        else:
            assert one.retention == overview.retention
        assert one.journeys == sum(row.count for row in whole if row.step == 1) > 0
    assert seen == {(False, False), (False, True), (True, False), (True, True)}
    assert sum(one.journeys for one in overview.slices if one.segment and not one.period) == 200


def test_a_page_holds_few_segments_and_periods() -> None:
    frame = {"customer": [f"c{n}" for n in range(400)], "touchpoint": ["x"] * 400,
             "at": list(range(0, 400 * 86_400, 86_400)),
             "team": [f"t{n % 20}" for n in range(400)]}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s", extra=["team"]))
    slices = Overview.of(log, by="team", every="month").slices
    assert len({one.segment for one in slices if one.segment}) == MAX_SEGMENTS
    months = {one.period for one in slices if one.period}
    assert len(months) == MAX_PERIODS
    assert max(months) == "1971-02-01"


def test_without_segments_and_periods_there_are_none() -> None:
    assert Overview.of(LOG).slices == ()
    assert {one.segment for one in Overview.of(LOG, sliced=True).slices} == {None}


def test_what_cannot_be_asked_is_named() -> None:
    with pytest.raises(ElementError, match="one of day, week"):
        Overview.of(LOG, every="decade")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="chanel"):
        Overview.of(LOG, by="chanel")


@pytest.mark.parametrize(("days", "period"), [(3, None), (5, "day"), (40, "week"), (200, "month"),
                                              (900, "quarter"), (3000, "year")])  # fmt: skip
def test_periods_are_chosen_by_the_length_of_the_log(days: int, period: str | None) -> None:
    assert choose_period(T0, T0 + days * DAY) == period
    assert choose_period(None, T0 + timedelta(days=days)) is None
