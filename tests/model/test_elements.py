from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from journeymap import (
    DEPARTMENTS,
    Absence,
    All,
    AnyOf,
    At,
    Between,
    Channel,
    Condition,
    Count,
    Department,
    ElementError,
    Investment,
    KeyJourney,
    Metric,
    Moment,
    Not,
    Of,
    Phase,
    Stage,
    Step,
    Touchpoint,
    Wait,
)
from journeymap.model.conditions import leaves
from journeymap.model.durations import duration, duration_text, span_text
from tests.factories import DAY


def deep(levels: int) -> Condition:
    inner: Condition = At("touchpoint", ["a"])
    for _ in range(levels + 1):
        inner = Not(inner)
    return inner


def test_the_eight_departments_come_ready() -> None:
    assert [d.id for d in DEPARTMENTS] == [
        "marketing", "sales", "finance", "distribution", "operations", "services", "support",
        "customer_care",
    ]  # fmt: skip
    assert DEPARTMENTS[-1].name == "Customer care"


def test_the_two_names_of_a_phase_are_one_fact() -> None:
    assert Stage("a", "acquire").phase is Stage("b", "buy").phase is Phase.BUY
    assert Stage("a", Phase.OWN).phase.enterprise == "serve"


@pytest.mark.parametrize(
    ("make", "field", "message"),
    [
        (lambda: Stage("", "buy"), "id", "one line"),
        (lambda: Stage("a\x00b", "buy"), "id", "U+0000"),
        (lambda: Stage("a\nb", "buy"), "id", "one line"),
        (lambda: Stage("(start)", "buy"), "id", "reserved"),
        (lambda: Stage("a", "bye"), "phase", "'buy'"),
        (lambda: Stage("a", "buy", dormant_after=timedelta(0)), "dormant_after", "above zero"),
        (lambda: Stage("a", "buy", dormant_after=7), "dormant_after", "timedelta"),  # type: ignore[arg-type]
        (lambda: Stage("a", "buy", customer_does=7), "customer_does", "a text"),  # type: ignore[arg-type]
        (lambda: Channel("web", kind="digitl"), "kind", "perhaps 'digital'"),  # type: ignore[arg-type]
        (lambda: Touchpoint("a", channels=["w", "w"]), "channels", "twice"),
        (lambda: Touchpoint("a", channels="web"), "value", "not one text"),
        (lambda: Metric("m", Of("stage", "a"), target=float("nan")), "target", "finite"),
        (lambda: Metric("m", Of("stage", "a"), target=True), "target", "number"),
        (lambda: Of("stages", "a"), "kind", "perhaps 'stage'"),  # type: ignore[arg-type]
        (lambda: Investment("training", "x" * 10_001), "what", "10000 at most"),
        (lambda: Step([]), "one_of", "at least one"),
        (lambda: Between("emotion"), "at_least", "needed"),
        (lambda: Between("emotion", 1, 0), "at_most", "below"),
        (lambda: Between("value", 1), "currency", "always"),
        (lambda: Between("emotion", 1, currency="EUR"), "currency", "goes with 'value'"),
        (lambda: Count("a", 0), "at_least", "from 1 up"),
        (lambda: At("touchpoint", []), "values", "at least one"),
        (lambda: All([]), "conditions", "at least one"),
        (lambda: AnyOf([]), "conditions", "at least one"),
        (lambda: Not(5), "condition", "a condition is expected"),
        (lambda: Moment("m", "hello"), "when", "a condition is expected"),  # type: ignore[arg-type]
        (lambda: Department("d", invests=["x"]), "invests", "class Investment"),
        (lambda: KeyJourney("k", "a", "b", steps=[1]), "steps", "class Step"),
        (lambda: Metric("m", ("stage", "a")), "of", "Of('stage', 'use')"),  # type: ignore[arg-type]
        (lambda: deep(12), "condition", "deeper than 12"),
    ],
)
def test_a_bad_value_says_what_is_wrong(make: Any, field: str, message: str) -> None:
    with pytest.raises(ElementError) as caught:
        make()
    assert caught.value.field == field
    assert message in str(caught.value)


def test_a_name_is_made_from_the_id_unless_given() -> None:
    assert Stage("first_use", "own").name == "First use"
    assert Department("sales", name="Verkauf").name == "Verkauf"


def test_steps_are_read_from_names() -> None:
    span = KeyJourney("k", "a", "b", steps=["a", Step(["b", "c"], optional=True)])
    assert span.steps == (Step(("a",)), Step(("b", "c"), optional=True))


def test_conditions_read_like_sentences() -> None:
    told = All(
        [
            At("channel", ["web", "app"]),
            AnyOf([Count("call", 3, 30 * DAY), Wait("order", 5 * DAY)]),
            Not(Between("value", 10, 20, "EUR")),
            Absence("first_use", "delivered", 7 * DAY),
        ]
    )
    assert str(told) == (
        "channel is 'web' or 'app' and ('call' at least 3 times within 30 days or "
        "at least 5 days after 'order') and not (value is at least 10 and at most 20 EUR) and "
        "no 'first_use' within 7 days after 'delivered'"
    )
    assert [type(leaf).__name__ for leaf in leaves(told)] == [
        "At", "Count", "Wait", "Between", "Absence",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7 days", 7 * DAY),
        ("1w", 7 * DAY),
        ("1 h 30 min", timedelta(minutes=90)),
        ("P2W", 14 * DAY),
        ("PT1M2.5S", timedelta(seconds=62.5)),
        ("3 ms 5 us", timedelta(microseconds=3005)),
        ("01:00:00", timedelta(hours=1)),
        ("2 days, 3:04:05.5", timedelta(days=2, hours=3, minutes=4, seconds=5.5)),
        ("0 days 00:00:00.123456789", timedelta(microseconds=123456)),
    ],
)
def test_durations_are_read(text: str, value: timedelta) -> None:
    assert duration(text) == value
    assert duration(duration_text(value)) == value


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("6 months", "say days"),
        ("soon", "write '7 days'"),
        ("", "write '7 days'"),
        ("999999999 weeks", "longer than any calendar"),
        ("P", "write '7 days'"),
        ("1:30", "write '7 days'"),  # hours and minutes, or minutes and seconds
        ("00:75:00", "write '7 days'"),
    ],
)
def test_what_is_no_duration_is_refused(text: str, cure: str) -> None:
    with pytest.raises(ValueError, match=cure):
        duration(text)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59.6, "59.6 s"), (3600, "1 h"), (-7200, "-2 h"), (9e6, "104 d"), (60, "1 min")],
)
def test_spans_are_told_in_two_units(seconds: float, told: str) -> None:
    assert span_text(seconds) == told
