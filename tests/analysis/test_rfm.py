"""RFM: classes of customers beside a count in plain Python."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from journeymap import Interaction, Money
from journeymap.analysis import Breakdown, Columns, Log, Rfm, Where
from journeymap.exceptions import AnswerError, ElementError
from tests.factories import DAY, HOUR, T0


def test_an_online_shop_beside_a_plain_count(data: Path) -> None:
    place = data / "cdnow" / "CDNOW_sample.txt"
    columns = Columns(
        customer="who", touchpoint="units", at="day", at_format="%Y%m%d", timezone="UTC",
        value="usd", currency="USD", rename={"*": "purchase"},
    )  # fmt: skip
    header = ["master", "who", "day", "units", "usd"]
    log = Log.read(place, columns, header=header, delimiter=" ")
    answer = log.ask(Rfm("purchase"))
    days: dict[str, set[date]] = defaultdict(set)
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for line in place.read_text().splitlines():
        _, who, day, _, usd = line.split()
        days[who].add(date.fromisoformat(f"{day[:4]}-{day[4:6]}-{day[6:]}"))
        spent[who] += Decimal(usd)
    end = date(1998, 6, 30)
    ago = {who: (end - max(mine)).days for who, mine in days.items()}
    people = sorted(days)

    def classed(numbers: dict[str, Any]) -> list[int]:
        return [
            1 + 5 * sum(other < numbers[who] for other in numbers.values()) // len(people)
            for who in people
        ]  # fmt: skip

    frame = answer.per_customer()
    assert frame["customer"].to_list() == people
    assert frame["days"].to_list() == [ago[who] for who in people]
    assert frame["purchases"].to_list() == [len(days[who]) for who in people]
    assert frame["spent"].to_list() == pytest.approx([float(spent[who]) for who in people])
    assert frame["recency"].to_list() == classed({who: -ago[who] for who in people})
    assert frame["frequency"].to_list() == classed({who: len(days[who]) for who in people})
    assert frame["monetary"].to_list() == classed(spent)
    assert sum(row.customers for row in answer) == 2357
    assert sum(row.total or 0 for row in answer) == pytest.approx(244091.94)
    best = answer[0]
    found = frame.filter(recency=best.recency, frequency=best.frequency)
    assert answer.customers(best) == tuple(found["customer"])


def test_without_amounts_and_without_purchases() -> None:
    sent = [Interaction(who, "buy", T0 + n * DAY) for n, who in enumerate("aab")]
    log = Log.from_interactions(sent)
    answer = log.ask(Rfm("buy", classes=2))
    assert [(row.spent, row.total) for row in answer] == [(None, None)] * len(answer)
    assert answer.per_customer()["monetary"].to_list() == [None, None]
    assert len(Log.from_interactions([]).ask(Rfm("buy"))) == 0
    by = log.ask(Breakdown(Rfm("buy"), by={"first": Where(customer="a")}))
    assert {row.segment for row in by} == {"first", "(rest)"}
    assert all(len(by.customers(row)) == row.customers for row in by)


def test_what_cannot_be_asked() -> None:
    for classes in (1, 11, True, 2.5):
        with pytest.raises(ElementError, match="from 2 to 10"):
            Rfm("buy", classes=classes)  # type: ignore[arg-type]
    sent = [Interaction("a", "buy", T0 + n * HOUR, value=Money(1, currency))
            for n, currency in enumerate(("EUR", "USD"))]  # fmt: skip
    with pytest.raises(AnswerError, match="never added"):
        Log.from_interactions(sent).ask(Rfm("buy"))
    assert Log.from_interactions(sent).ask(Rfm("buy", currency="USD"))[0].total == 1.0
