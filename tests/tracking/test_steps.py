"""A map's rules, tested in plain steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from journeymap import ElementError, Interaction, Money, UnknownName
from journeymap.testing import given
from tests.factories import SHOP


def test_steps_read_like_a_sentence() -> None:
    steps = (
        given(SHOP)
        .at("order").expect_stage("choose", lap=1).expect_none()
        .wait("2 days").at("delivery").expect_stage("use")
        .wait("7 days").expect_no("unused")
        .wait(timedelta(seconds=1)).expect("unused")
        .at("call", outcome="failed").expect("failed").expect_no("noted")
        .wait("5 h").expect_signal("moment overdue").expect_none()
        .wait("200 days").expect_signal("went dormant")
        .at("order", emotion=0.5).expect_stage("choose", lap=2)
    )  # fmt: skip
    assert steps.state is not None
    assert steps.state.count == 4
    assert steps.now == datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(
        days=209, hours=5, seconds=1
    )
    assert [one.kind for one in steps.signals] == ["came back", "stage entered", "lap started"]


def test_what_is_not_met_is_explained() -> None:
    steps = given(SHOP).at("call", outcome="succeeded")
    with pytest.raises(AssertionError, match="was not reached") as caught:
        steps.expect("failed")
    assert "no: outcome is 'failed' (it is 'succeeded')" in str(caught.value)
    steps.at("call", outcome="failed")
    with pytest.raises(AssertionError, match="was reached"):
        steps.expect_none()
    with pytest.raises(AssertionError, match="stands in 'use', lap 1"):
        steps.expect_stage("choose")
    with pytest.raises(AssertionError, match="moment reached"):
        steps.expect_signal("went dormant")
    with pytest.raises(AssertionError, match="nowhere"):
        given(SHOP).wait("1 day").expect_stage("use")
    with pytest.raises(AssertionError, match="was not reached"):
        given(SHOP).expect("failed")
    with pytest.raises(AssertionError, match="nothing happened"):
        given(SHOP).explain("failed")


def test_mistakes_of_a_test_are_named() -> None:
    with pytest.raises(UnknownName, match="order"):
        given(SHOP).at("ordr")
    with pytest.raises(UnknownName, match="unused"):
        given(SHOP).expect("unusd")
    with pytest.raises(UnknownName, match="choose"):
        given(SHOP).at("order").expect_stage("chose")
    for wrong in ("soon", timedelta(-1)):
        with pytest.raises((ElementError, ValueError)):
            given(SHOP).wait(wrong)


def test_anything_may_happen() -> None:
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    one = Interaction("ada", "call", begin, value=Money(5, "EUR"), extra={"order": "A1"})
    steps = given(SHOP, begin).happens(one)
    assert steps.state is not None
    assert (steps.state.customer, steps.state.value) == ("customer", (Money(5, "EUR"),))


@pytest.mark.parametrize("day", [(1, 3), (3, 28), (10, 24)])
def test_time_passes_as_it_does_and_not_as_clocks_show_it(day: tuple[int, int]) -> None:
    """Also where they are put forward or back meanwhile."""
    begin = datetime(2026, *day, 9, tzinfo=ZoneInfo("Europe/Paris"))
    given(SHOP, begin).at("delivery").wait("7 days").expect_no("unused")
    given(SHOP, begin).at("delivery").wait("7 days 1 s").expect("unused")


def test_what_is_no_step_is_refused() -> None:
    with pytest.raises(ElementError, match="takes the name of a touchpoint"):
        given(SHOP).happens("order")  # type: ignore[arg-type]
    with pytest.raises(ElementError, match="after the year 9999"):
        given(SHOP).at("order").wait(timedelta(days=4_000_000))
