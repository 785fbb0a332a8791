"""How long it still takes: counted the plain way, found in worlds that are known, asked live."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Interaction, Remaining, RemainingTimes, StateError, Tracker
from journeymap.analysis import Columns, Log, RemainingTime
from journeymap.analysis.questions import remaining_time
from journeymap.exceptions import AnswerError, ElementError, InteractionError, UnknownName
from journeymap.model.remaining_times import TimesLeft
from journeymap.testing import interactions
from tests.analysis import plain
from tests.factories import JOURNEY

T0 = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAY = 86_400
Row = tuple[str, str, float]


def _log(rows: list[Row], *, timezone: str = "UTC") -> Log:
    customers, names, times = zip(*rows, strict=True)
    at = [T0 + timedelta(seconds=time) for time in times]
    return Log.from_frame({"customer": customers, "touchpoint": names, "at": at},
                          Columns(timezone=timezone))  # fmt: skip


@given(st.lists(interactions(), max_size=40), st.sampled_from(["touchpoint", "stage"]))
def test_counts(given_: list[Interaction], by: str) -> None:
    """Of each element: how many came to it, how many went on, and the middle of how long."""
    answer = Log.from_interactions(given_, map=JOURNEY).ask(RemainingTime(by=by, half_life=None))
    found: dict[str, list[float]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for mine in plain.elements(given_, plain.level(JOURNEY, by)).values():
        for place, (name, at, _) in enumerate(mine):
            for key in (name, "(any)"):
                counts[key] += 1
                if place < len(mine) - 1:
                    found[key].append((mine[-1][1] - at) / timedelta(seconds=1))
    assert {row.element: row.n for row in answer} == counts
    for row in answer:
        assert row.share == pytest.approx(len(found[row.element]) / row.n)
        if not found[row.element]:
            assert row.median is None
        else:
            assert row.median is not None
            exact = sorted(found[row.element])
            assert exact[0] <= row.median <= exact[-1]
            assert abs(row.median - statistics.median_low(exact)) <= exact[-1] - exact[0]
    assert RemainingTimes.from_json(answer.table.to_json()) == answer.table


def test_quantiles_by_hand() -> None:
    rows = [row for n in range(1, 101) for row in ((f"c{n}", "x", 0.0), (f"c{n}", "y", n))]
    answer = _log([*rows, ("last", "x", 0.0)]).ask(RemainingTime(half_life=None))
    [x] = [row for row in answer if row.element == "x"]
    assert x.n == 101
    assert x.share == pytest.approx(100 / 101)
    assert (x.low, x.median, x.high) == pytest.approx((10, 50, 90))
    [y] = [row for row in answer if row.element == "y"]
    assert (y.n, y.share, y.median) == (100, 0.0, None)
    waited = answer.table.after(["x"], at=T0, now=T0 + timedelta(seconds=60))
    assert waited is not None
    assert waited.probability == pytest.approx(40 / 41)
    assert waited.median == pytest.approx(20)
    assert waited.n == 41
    for_ever = answer.table.after(["x"], at=T0, now=T0 + timedelta(days=1))
    assert for_ever == Remaining(0.0, None, None, None, 1)


def _world(seed: int, kind: str) -> list[Row]:
    """Three hundred days of 1,500 journeys that end by one rule."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for number in range(1500):
        begun = chance.random() * 300 * DAY
        at = begun + chance.expovariate(1 / 5) * DAY
        rows += [(f"c{number}", "opened", begun), (f"c{number}", "answered", at)]
        match kind:
            case "thirty days after the beginning":
                end = max(at, begun + 30 * DAY)
            case "on the next Monday":
                end = (at // (7 * DAY) + 1) * 7 * DAY
            case "sooner than it was" if begun > 200 * DAY:
                end = at + 2 * DAY
            case "sooner than it was":
                end = at + 9 * DAY
            case _:
                end = at + chance.expovariate(1 / 5) * DAY
        rows.append((f"c{number}", "closed", end + chance.random() * 600))
    return rows


@pytest.mark.parametrize("seed", range(4))
def test_what_decides_is_found(seed: int) -> None:
    """In each world the facts that decide are distinguished."""
    question = RemainingTime(memory=2)
    assert _log(_world(seed, "thirty days after the beginning")).ask(question).table.elapsed
    assert _log(_world(seed, "on the next Monday")).ask(question).table.weekdays
    assert _log(_world(seed, "sooner than it was")).ask(question).half_life is not None


def test_what_does_not_decide_is_left_out() -> None:
    """Ends that come by chance alone: four facts at most are used in twelve worlds."""
    found = 0
    for seed in range(12):
        answer = _log(_world(seed, "by chance")).ask(RemainingTime(memory=2))
        found += answer.table.elapsed + answer.table.weekdays + (answer.half_life is not None)
    assert found <= 4


def test_the_time_is_right_where_it_is_certain() -> None:
    table = _log(_world(1, "thirty days after the beginning")).ask(RemainingTime()).table
    begun, at = T0, T0 + timedelta(days=6)
    found = table.after(["opened", "answered"], begun=begun, at=at, whole=True)
    assert found is not None
    assert found.median is not None
    assert found.median == pytest.approx(24 * DAY, rel=0.06)
    assert found.probability > 0.98
    monday = _log(_world(1, "on the next Monday")).ask(RemainingTime()).table
    friday = monday.after(["opened", "answered"], at=T0 + timedelta(days=4, hours=12))
    assert friday is not None
    assert friday.median == pytest.approx(2.5 * DAY, abs=0.5 * DAY)


def test_the_time_until_an_element() -> None:
    rows: list[Row] = [("a", "x", 0), ("a", "goal", 60), ("a", "x", 100), ("b", "x", 0),
                       ("b", "y", 10), ("b", "goal", 30), ("b", "goal", 90)]  # fmt: skip
    answer = _log(rows).ask(RemainingTime("goal", half_life=None))
    found = {row.element: row for row in answer}
    assert found["x"].n == 3
    assert found["x"].share == pytest.approx(2 / 3)
    assert (found["x"].low, found["x"].high) == (30, 60)
    goal = found["goal"]
    assert goal.share == pytest.approx(1 / 3)
    assert (goal.n, goal.median) == (3, 60)
    with pytest.raises(UnknownName, match=r"'gaol'.*'goal'"):
        _log(rows).ask(RemainingTime("gaol"))


def test_a_state_is_asked() -> None:
    rows = [row for n in range(60) for row in ((f"c{n}", "a", 0.0), (f"c{n}", "b", 3600))]
    table = _log(rows).ask(RemainingTime(half_life=None)).table
    tracker = Tracker(JOURNEY)
    state, _ = tracker.fold(None, Interaction("new", "a", T0))
    found = state.remaining_time(table, now=T0 + timedelta(minutes=30))
    assert found is not None
    assert found.median == 1800
    assert state.remaining_time(table) == table.after(["a"], at=T0, whole=True)
    with pytest.raises(ElementError, match="one by touchpoint, stage"):
        state.remaining_time(RemainingTimes("channel", None, 1))
    with pytest.raises(InteractionError, match="without a zone"):
        state.remaining_time(table, now=datetime(2026, 3, 2))


def test_many_customers_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever parts they came in, the same customers are learned from."""
    rows = _world(3, "by chance")
    monkeypatch.setattr(remaining_time, "MAX_CUSTOMERS", 100)
    log, question = _log(rows), RemainingTime(memory=2)
    answer = log.ask(question)
    assert answer.sampled
    assert "learned from 100 customers" in repr(answer)
    assert {row.element: row.n for row in answer}["opened"] == 100
    for rows_in_a_part in (1, 40, 300):
        pieces = [question.measure(part) for part in log.parts(rows_in_a_part)]
        pieces.reverse()
        assert question.answer(reduce(question.merge, pieces), next(log.parts()).scope) == answer


def test_weekdays_are_of_the_zone() -> None:
    """A Sunday evening in UTC is a Monday in Tokyo."""
    rows = [row for n in range(60) for row in ((f"c{n}", "a", -3600.0), (f"c{n}", "b", 60.0))]
    question = RemainingTime(half_life=None)
    for zone, weekday in (("UTC", 7), ("Asia/Tokyo", 1)):
        log = _log(rows, timezone=zone)
        measured = question.measure(next(log.parts()))
        assert set(measured.weekday[::2]) == {weekday}


def test_bad_input() -> None:
    for memory in (-1, 9, 1.5, True):
        with pytest.raises(ElementError, match="from 0 to 8"):
            RemainingTime(memory=memory)  # type: ignore[arg-type]
    with pytest.raises(ElementError, match="half_life"):
        RemainingTime(half_life="soon")
    with pytest.raises(AnswerError, match="no times"):
        Log.from_frame({"customer": ["a"], "touchpoint": ["x"], "turn": [1]},
                       Columns(at=None, order="turn")).ask(RemainingTime())  # fmt: skip
    empty = Log.from_frame({"customer": [], "touchpoint": [], "at": []}).ask(RemainingTime())
    assert (len(empty), empty.table.after(["a"])) == (0, None)
    table = RemainingTimes(
        "touchpoint", None, 0, situations={((), None, None): TimesLeft(1, 1, (5, 9))}
    )
    with pytest.raises(ElementError, match="with a zone"):
        table.after([], at=datetime(2026, 3, 2))
    with pytest.raises(ElementError, match=r"at\) is needed"):
        table.after([], now=T0)
    with pytest.raises(ElementError, match="before"):
        table.after([], at=T0, now=T0 - timedelta(seconds=1))
    good = table.to_json()
    for text in ("", "[]", good.replace("UTC", "Nowhere"), good.replace("[5, 9]", "[9, 5]"),
                 good.replace("[5, 9]", "[]"), good.replace("1, 1, [", "1, 2, ["),
                 good.replace('"memory": 0', '"memory": -1')):  # fmt: skip
        with pytest.raises(StateError, match="this is not a table of remaining times"):
            RemainingTimes.from_json(text)


def test_a_half_life_so_short_that_old_elements_weigh_nothing() -> None:
    rows: list[Row] = []
    for n in range(1200):
        rows += [(f"c{n}", "old" if n < 10 else "a", n * DAY), (f"c{n}", "b", n * DAY + 60)]
    answer = _log(rows).ask(RemainingTime(half_life="1 day"))
    assert {row.element for row in answer} >= {"a", "b"}


def _goes_on_or_ends(seed: int, count: int) -> list[list[tuple[str, float]]]:
    """Half of the journeys end at once; the others go on with calls every few hours for days."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        mine, day = [("order", 0.0)], 0.0
        while day < dice.uniform(5, 15) if len(mine) > 1 or dice.random() < 0.5 else False:
            day += dice.expovariate(1 / 0.3)
            mine.append(("call", day))
        found.append(mine)
    return found


def test_how_long_nothing_has_come_tells_whether_anything_will() -> None:
    """Whoever goes on does so soon, though the journey then lasts for days."""
    rows = [(f"c{n}", name, day * DAY) for n, mine in enumerate(_goes_on_or_ends(0, 2000))
            for name, day in mine]  # fmt: skip
    table = _log(rows).ask(RemainingTime(half_life=None)).table
    fresh = _goes_on_or_ends(1, 3000)
    for waited in (0.0, 0.25, 0.5, 1.0, 2.0):
        left = [mine for mine in fresh if len(mine) == 1 or mine[1][1] > waited]
        going = [mine[-1][1] - waited for mine in left if len(mine) > 1]
        found = table.after(["order"], at=T0, now=T0 + timedelta(days=waited), whole=True)
        assert found is not None
        assert found.probability == pytest.approx(len(going) / len(left), abs=0.04)
        if len(going) > 200:
            assert found.median == pytest.approx(statistics.median(going) * DAY, rel=0.1)
    assert RemainingTimes.from_json(table.to_json()) == table


def test_silence_may_make_what_is_awaited_more_probable() -> None:
    """Who cancels does so at once; who pays does so after days, and may call meanwhile."""
    dice, rows = random.Random(3), list[Row]()
    for n in range(1000):
        rows.append((f"c{n}", "order", 0.0))
        if n % 2:
            rows.append((f"c{n}", "cancel", dice.uniform(60, 1800)))
        else:
            rows.append((f"c{n}", "pay", DAY * dice.uniform(4, 6)))
    table = _log(rows).ask(RemainingTime("pay", half_life=None)).table
    for days, chance, left in ((0, 0.5, 5.0), (2, 1.0, 3.0), (4.5, 1.0, 0.75)):
        found = table.after(["order"], at=T0, now=T0 + timedelta(days=days))
        assert found is not None
        assert found.probability == pytest.approx(chance, abs=0.01)
        assert found.median == pytest.approx(left * DAY, abs=0.1 * DAY)


def test_a_table_of_an_earlier_version_is_read() -> None:
    text = ('{"by": "touchpoint", "to": null, "memory": 0, "zone": "UTC", "weekdays": false, '
            '"elapsed": false, "situations": [[[], null, null, 4, 2, [0, 60, 120]]]}')  # fmt: skip
    found = RemainingTimes.from_json(text).after(["x"])
    assert found is not None
    assert found.probability == 0.5
    for later in ("[[0, 1, 1, [0, 60]]]", "[[9, 1, 1, [0, 60]], [9, 0, 0, []]]", "[[9, 0]]", "3"):
        with pytest.raises(StateError):
            RemainingTimes.from_json(text.replace("120]]]", f"120], {later}]]"))
