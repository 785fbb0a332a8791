from __future__ import annotations

import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from journeymap import Identity, Interaction, InteractionError, JourneyMapError, Money, Score

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Interaction("", "a", NOW), "not blank"),
        (lambda: Interaction("c", "a", datetime(2026, 1, 1)), "without a zone"),
        (lambda: Interaction("c", "a", "2026"), "a datetime"),  # type: ignore[arg-type]
        (lambda: Interaction("c", "a", NOW, emotion=1.1), "between -1"),
        (lambda: Interaction("c", "a", NOW, emotion_after=True), "between -1"),
        (lambda: Score("nps", 11), "between 0 and 10"),
        (lambda: Score("csat", 3, 5, 1), "above 'low'"),
        (lambda: Score("happy", 3), "'nps'"),
        (lambda: Money("ten", "EUR"), "a number"),
        (lambda: Money("NaN", "EUR"), "below 900"),
        (lambda: Money("1e999999", "EUR"), "below 900"),
        (lambda: Score("nps", "abc"), "a number"),
        (lambda: Score("nps", None), "a number"),
        (lambda: Money(1, ""), "not blank"),
        (lambda: Identity("email", " "), "not blank"),
    ],
)
def test_a_bad_value_says_what_is_wrong(make: Any, message: str) -> None:
    with pytest.raises(JourneyMapError, match=message):
        make()


def test_scores_know_their_usual_scale() -> None:
    assert (Score("csat", 4).low, Score("csat", 4).high) == (1, 5)
    assert Score("ces", 3, 1, 5).high == 5


def test_money_is_exact_and_never_mixed() -> None:
    assert Money(0.1, "EUR") + Money(0.2, "EUR") == Money("0.3", "EUR")
    assert Money(0.1, "EUR").amount == Decimal("0.1")
    with pytest.raises(InteractionError, match="EUR and USD"):
        Money(1, "EUR") + Money(1, "USD")
    with pytest.raises(TypeError):
        Money(1, "EUR") + 1  # type: ignore[operator]


def test_an_interaction_travels() -> None:
    one = Interaction("c", "a", NOW, value=Money(1, "EUR"), extra={"b": 2, "a": 1})
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301
    assert one.extra == (("a", 1), ("b", 2))
    assert hash(one) == hash(Interaction("c", "a", NOW, value=Money(1, "EUR"),
                                         extra=[("a", 1), ("b", 2)]))  # fmt: skip
