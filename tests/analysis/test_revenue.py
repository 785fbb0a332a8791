"""Revenue: exact sums beside plain ones, refunds apart, currencies never together."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Interaction, Money
from journeymap.analysis import Breakdown, Columns, Compare, Log, Revenue, Where
from journeymap.exceptions import AnswerError, UnknownName
from journeymap.testing import interactions
from tests.factories import DAY, JOURNEY, T0


@given(st.lists(interactions(), max_size=40))
def test_sums(given_: list[Interaction]) -> None:
    log = Log.from_interactions(given_, map=JOURNEY)
    answer = log.ask(Revenue())
    amounts: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
    for one in given_:
        if one.value is not None:
            amounts[one.touchpoint].append((one.customer, one.value.amount))
    assert {row.element for row in answer} == set(amounts)
    for row in answer:
        paid = [amount for _, amount in amounts[row.element] if amount > 0]
        assert row.revenue == float(sum(paid))
        assert row.purchases == len(paid)
        people = {who for who, amount in amounts[row.element] if amount > 0}
        assert row.customers == len(people)
        if people:
            assert (
                set(Log.from_interactions(given_, map=JOURNEY).ask(Revenue()).customers(row))
                == people
            )


def test_refunds_are_given_back() -> None:
    rows = [("a", "buy", "30.10"), ("a", "return", "-10.05"), ("b", "buy", "0.0000000001"),
            ("b", "look", None)]  # fmt: skip
    log = Log.from_interactions(
        [Interaction(who, point, T0 + n * DAY, channel="web" if n else None,
                     value=None if amount is None else Money(amount, "EUR"))
         for n, (who, point, amount) in enumerate(rows)]
    )  # fmt: skip
    buy, back = log.ask(Revenue())
    assert (buy.element, buy.revenue, buy.given_back, buy.purchases) == ("buy", 30.1000000001, 0, 2)
    assert (back.net, back.given_back, back.mean, back.per_customer) == (-10.05, 10.05, None, None)
    assert buy.share is not None
    assert back.share is not None
    assert buy.share + back.share == pytest.approx(1)
    [whole] = log.ask(Revenue(None))
    assert whole.element == "(all)"
    assert whole.net == pytest.approx(20.0500000001)
    assert [row.element for row in log.ask(Revenue("channel"))] == ["(none)", "web"]
    assert log.ask(Revenue()).currency == "EUR"
    split = log.ask(Breakdown(Revenue(), "channel"))
    assert split
    assert log.ask(Compare(Revenue(None), Where(touchpoint="buy"), Where(touchpoint="return")))


def test_bad_input() -> None:
    data = {"customer": ["a", "b"], "touchpoint": ["x", "x"], "at": [T0, T0], "paid": [1, 2],
            "money": ["EUR", "USD"]}  # fmt: skip
    two = Log.from_frame(data, Columns(value="paid", currency="money"))
    with pytest.raises(AnswerError, match="never added"):
        two.ask(Revenue())
    assert two.ask(Revenue(currency="USD"))[0].net == 2
    with pytest.raises(UnknownName):
        two.ask(Revenue(currency="GBP"))
    with pytest.raises(UnknownName):
        two.ask(Revenue("chanel", currency="USD"))
    none = Log.from_frame({"customer": ["a"], "touchpoint": ["x"], "at": [T0]}).ask(Revenue())
    assert "no amounts" in repr(none)


def test_a_name_like_that_of_nothing_keeps_its_amounts() -> None:
    frame = {"customer": list("abca"), "touchpoint": ["buy"] * 4, "at": [0, 1, 2, 3],
             "via": ["(none)", None, "web", None], "v": [1, 10, 100, 1000]}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s", channel="via", value="v", currency="EUR"))
    question = Revenue("channel")
    parts = reduce(question.merge, [question.measure(part) for part in log.parts(1)])
    for answer in (log.ask(question), question.answer(parts, log.scope)):
        assert [(row.element, row.net, row.customers) for row in answer] == [
            ("(none)", 1011.0, 2), ("web", 100.0, 1)
        ]  # fmt: skip
        assert sum(row.net for row in answer) == log.ask(Revenue(None))[0].net
