"""Views of a log: subsets, journeys per product, sessions; each against a plain twin."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Absence, Interaction, KeyJourney, Tracker
from journeymap.analysis import Columns, Funnel, Log, Loops, Transitions, Variants, Where
from journeymap.analysis.grouping import Sessions
from journeymap.exceptions import AnswerError, ColumnsError, ElementError, UnknownName
from journeymap.testing import interactions
from tests.analysis import plain
from tests.factories import DAY, MAP, T0

many = st.lists(interactions(), max_size=30)
names = st.sampled_from(["a", "b", "c", "nowhere"])
some = st.none() | st.lists(names, min_size=1, max_size=2, unique=True)


def paths(log: Log, by: str = "touchpoint") -> dict[tuple[str, ...], int]:
    return {row.path: row.count for row in log.ask(Variants(by, top=None))}


def counted(found: list[list[Interaction]]) -> dict[tuple[str, ...], int]:
    counts: dict[tuple[str, ...], int] = {}
    for mine in found:
        path = tuple(one.touchpoint for one in mine)
        if path:
            counts[path] = counts.get(path, 0) + 1
    return counts


@given(many, some, some, some, some)
def test_journeys_that_contain_start_end_avoid(
    given_: list[Interaction],
    contain: list[str] | None,
    start: list[str] | None,
    end: list[str] | None,
    avoid: list[str] | None,
) -> None:
    log = Log.from_interactions(given_).where(contain=contain, start=start, end=end, avoid=avoid)
    kept = []
    for mine in plain.journeys(given_).values():
        met = [one.touchpoint for one in mine]
        if (
            (contain is None or set(contain) <= set(met))
            and (start is None or met[0] in start)
            and (end is None or met[-1] in end)
            and (avoid is None or not set(avoid) & set(met))
        ):
            kept.append(mine)
    assert paths(log) == counted(kept)
    assert (log.customers, log.journeys) == (len(kept), len(kept))
    assert log.interactions == sum(map(len, kept))
    assert sorted(log.customer_ids) == sorted(mine[0].customer for mine in kept)


@given(many, st.integers(1, 200))
def test_sessions_are_cut_at_silence(given_: list[Interaction], hours: int) -> None:
    gap = timedelta(hours=hours)
    cut: list[list[Interaction]] = []
    for mine in plain.journeys(given_).values():
        for place, one in enumerate(mine):
            if place == 0 or one.at - mine[place - 1].at > gap:
                cut.append([])
            cut[-1].append(one)
    log = Log.from_interactions(given_).sessions(gap)
    assert paths(log) == counted(cut)
    assert log.journeys == len(cut)
    assert log.customers == len({one.customer for one in given_})


@given(many)
def test_a_journey_per_customer_and_product(given_: list[Interaction]) -> None:
    split: dict[Any, list[Interaction]] = {}
    for mine in plain.journeys(given_).values():
        for one in mine:
            if one.product is not None:
                split.setdefault((one.customer, one.product), []).append(one)
    if given_ and not split:
        return  # a log without products has no such journeys to tell
    log = Log.from_interactions(given_).per("product")
    assert paths(log) == counted(list(split.values()))
    assert (log.journeys, log.interactions) == (len(split), sum(map(len, split.values())))
    assert log.customers == len({customer for customer, _ in split})


@given(many, st.integers(1, 200))
def test_a_subset_answers_like_a_log_of_its_interactions_alone(
    given_: list[Interaction], hours: int
) -> None:
    until = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    view = Log.from_interactions(given_, map=MAP).where(channel="web", until=until)
    mine = [one for one in given_ if plain.level(MAP, "channel")(one) == "web" and one.at < until]
    alone = Log.from_interactions(mine, map=MAP)
    assert view.ask(Transitions(), Loops()) == alone.ask(Transitions(), Loops())
    assert (view.first, view.last, view.interactions) == (alone.first, alone.last, len(mine))
    assert view.unmapped == alone.unmapped


def test_views_upon_views() -> None:
    frame = {
        "customer": ["a"] * 6,
        "touchpoint": list("xyxyzx"),
        "at": [0, 1, 50, 51, 52, 99],
        "line": ["f", "m", "f", "f", None, "m"],
    }
    log = Log.from_frame(frame, Columns(at_unit="s", product="line"))
    assert paths(log.per("product")) == {("x", "x", "y"): 1, ("y", "x"): 1}
    ten = timedelta(seconds=10)
    assert paths(log.per("product").sessions(ten)) == {("x",): 2, ("x", "y"): 1, ("y",): 1}
    assert paths(log.sessions(ten).where(contain="z")) == {("x", "y", "z"): 1}
    assert paths(log.where(product="f").sessions(ten).where(start="x", end="y")) == {("x", "y"): 1}
    assert paths(log.per("product").where(touchpoint="x").per("touchpoint")) == {
        ("x", "x"): 1, ("x",): 1,
    }  # fmt: skip
    subset = Where(columns={"product": "f"})
    assert paths(log.where(subset)) == {("x", "x", "y"): 1}


def test_a_view_shares_the_columns_of_its_log() -> None:
    log = Log.from_frame({"customer": ["a"], "touchpoint": ["x"], "at": [1]}, Columns(at_unit="s"))
    view = log.where(touchpoint="x").sessions(timedelta(hours=1))
    assert view.table is log.table


def test_the_sessions_of_a_shop(ecom: Path) -> None:
    columns = Columns(customer="user_id", touchpoint="event", at="timestamp", timezone="UTC",
                      channel="acquisition_channel", extra=("platform",))  # fmt: skip
    log = Log.read(ecom, columns)
    assert log.interactions == 31_106
    assert log.sessions(timedelta(minutes=30)).journeys == 3_605
    mobile = log.where(columns={"platform": ["mobile"]})
    assert mobile.interactions == log.where(columns={"platform": "mobile"}).interactions
    assert 0 < mobile.interactions < log.interactions


def test_bounds_in_time_may_be_told_in_any_zone() -> None:
    """Also in summer, when the clocks of Paris are two hours ahead and not one."""
    paris = ZoneInfo("Europe/Paris")
    at = [datetime(2026, 7, 1, 0, 30, tzinfo=paris), datetime(2026, 6, 30, 23, 30, tzinfo=paris)]
    log = Log.from_interactions([Interaction("ada", "a", one) for one in at])
    for zone in (paris, UTC, ZoneInfo("America/New_York")):
        midnight = datetime(2026, 7, 1, tzinfo=paris).astimezone(zone)
        assert log.where(since=midnight).first == at[0]
        assert log.where(until=midnight).last == at[1]


def test_what_makes_no_view() -> None:
    log = Log.from_frame({"customer": ["a"], "touchpoint": ["x"], "at": [1]}, Columns(at_unit="s"))
    with pytest.raises(UnknownName, match="did you mean 'touchpoint'"):
        log.per("touchpoin")
    with pytest.raises(UnknownName, match="plan"):
        log.where(columns={"plan": "gold"}).ask(Variants())
    with pytest.raises(UnknownName):
        log.where(contain="x", by="chanel").ask(Variants())
    with pytest.raises(ColumnsError, match="not both"):
        log.where(Where(channel="web"), touchpoint="x")
    with pytest.raises(ColumnsError, match="columns: names by column"):
        log.where(columns={"plan": 5})  # type: ignore[dict-item]
    for wrong in ("plan", ["plan"]):
        with pytest.raises(ColumnsError, match="columns: names by column"):
            log.where(columns=wrong)  # type: ignore[arg-type]
    with pytest.raises(ColumnsError, match="a Where or its words"):
        log.where("web")  # type: ignore[arg-type]
    for nothing in (Variants, "variants"):
        with pytest.raises(AnswerError, match=r"such as Variants\(\)"):
            log.ask(nothing)  # type: ignore[call-overload]
    for gap in (timedelta(0), 30):
        with pytest.raises(ElementError, match="gap"):
            log.sessions(gap)  # type: ignore[arg-type]


@given(st.lists(interactions(), max_size=30), st.dictionaries(
    st.sampled_from(["ada", "ben", "cyd"]), st.sampled_from(["one", "two"])))  # fmt: skip
def test_customers_under_other_names(taken: list[Interaction], names: dict[str, str]) -> None:
    """Several who turn out to be one have one journey, as if it had been recorded so."""
    apart = list({one.at: one for one in taken}.values())  # ties keep the order of their old names
    renamed = [
        evolve(one, customer=names.get(one.customer, one.customer),
               referred_by=names.get(str(one.referred_by), one.referred_by))
        for one in apart
    ]  # fmt: skip
    log = Log.from_interactions(apart).known_as(names)
    expected = Log.from_interactions(renamed)
    assert log.ask(Variants(top=None)) == expected.ask(Variants(top=None))
    assert log.ask(Transitions()) == expected.ask(Transitions())
    for name in {one.customer for one in renamed}:
        assert log.history(name) == expected.history(name)
    again = log.known_as(lambda name: None)
    assert again.ask(Transitions()) == log.ask(Transitions())


@given(many, st.integers(0, 60), st.integers(0, 60), st.integers(0, 200), st.integers(0, 200))
def test_whole_journeys_by_when_they_start_end_and_how_long_they_last(
    given_: list[Interaction], start: int, end: int, least: int, most: int
) -> None:
    begin, stop = T0 + start * DAY / 10, T0 + end * DAY / 10
    lasted = (timedelta(hours=least), timedelta(hours=most))
    kept = {"started": [], "ended": [], "lasted": []}  # type: ignore[var-annotated]
    for mine in plain.journeys(given_).values():
        first, last = mine[0].at, mine[-1].at
        if begin <= first < stop:
            kept["started"].append(mine)
        if begin <= last < stop:
            kept["ended"].append(mine)
        if lasted[0] <= last - first <= lasted[1]:
            kept["lasted"].append(mine)
    log = Log.from_interactions(given_)
    assert paths(log.where(started=(begin, stop))) == counted(kept["started"])
    assert paths(log.where(ended=(begin, stop))) == counted(kept["ended"])
    assert paths(log.where(lasted=lasted)) == counted(kept["lasted"])


def test_days_are_those_of_the_zone_of_the_log() -> None:
    frame = {"customer": ["a", "b", "c"], "touchpoint": ["x"] * 3,
             "at": ["2026-06-30T23:30", "2026-07-01T00:30", "2026-07-02T00:30"]}  # fmt: skip
    log = Log.from_frame(frame, Columns(timezone="Europe/Paris"))
    assert list(log.where(since="2026-07-01").customer_ids) == ["b", "c"]
    assert list(log.where(until=date(2026, 7, 1)).customer_ids) == ["a"]
    assert list(log.where(started=("2026-07-01", "2026-07-01")).customer_ids) == ["b"]
    assert list(log.where(ended=(None, "2026-07-01")).customer_ids) == ["a", "b"]
    assert list(log.where(since="2026-06-30T22:00:00Z").customer_ids) == ["b", "c"]
    assert log.where(lasted=("1 min", None)).customers == 0
    assert log.where(lasted=(None, "1 min")).customers == 3


def test_a_column_of_ones_own_is_a_word() -> None:
    frame = {"customer": ["a", "b"], "touchpoint": ["x", "x"], "at": [1, 2],
             "platform": ["desktop", "mobile"]}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s", extra=["platform"]))
    assert list(log.where(platform="desktop").customer_ids) == ["a"]
    assert log.where(platform=["desktop", "mobile"]).customers == 2
    with pytest.raises(UnknownName, match="did you mean 'desktop'"):
        log.where(platform="dektop").ask(Variants())
    with pytest.raises(UnknownName, match="did you mean 'platform'"):
        log.where(plattform="desktop").ask(Variants())
    with pytest.raises(ColumnsError, match="'platform' is given twice"):
        log.where(columns={"platform": "mobile"}, platform="desktop")
    assert log.where(platform="television").customers == 0
    numbered = Log.from_frame(frame | {"platform": ["p1", "p2"]},
                              Columns(at_unit="s", extra=["platform"]))  # fmt: skip
    assert numbered.where(platform="p10").customers == 0


def test_lengths_of_time_are_texts() -> None:
    assert Sessions("30 min").gap == timedelta(minutes=30)
    assert Absence("x", "y", "1 day 2 h").within == timedelta(hours=26)
    assert KeyJourney("k", "x", "y", within="P2D").within == timedelta(days=2)
    assert Funnel(["x", "y"], within="1:30:00").within == timedelta(minutes=90)
    assert Tracker(MAP, "2 h").horizon == timedelta(hours=2)
    with pytest.raises(ElementError, match="no length of time; write '7 days'"):
        Absence("x", "y", "soon")
    with pytest.raises(ElementError, match="months and years vary"):
        KeyJourney("k", "x", "y", within="2 months")
