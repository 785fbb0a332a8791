"""Values that were checked before: the same interactions as those that are checked one by one."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, tzinfo
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Interaction, InteractionError, JourneyMapError, Money, Score
from journeymap.analysis import Columns, Log
from journeymap.interactions import Identity, Record
from journeymap.interactions.records import build_record
from journeymap.interactions.trusted import (
    add_value,
    build_identity,
    build_interaction,
    make_interaction,
)
from journeymap.testing import interactions
from tests.factories import T0, at


@given(interactions(durations=(timedelta(minutes=5),)))
def test_a_trusted_interaction_is_the_checked_one(one: Interaction) -> None:
    made = make_interaction(*attrs.astuple(one, recurse=False))
    assert made == one
    assert hash(made) == hash(one)
    assert repr(made) == repr(one)
    assert copy.copy(made) == pickle.loads(pickle.dumps(made)) == one  # noqa: S301  # our own
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.customer = "other"  # type: ignore[misc]


@given(st.lists(interactions(durations=(timedelta(minutes=5),)), max_size=30))
def test_histories_are_the_history_of_each(happened: list[Interaction]) -> None:
    log = Log.from_interactions(happened)
    found = list(log.histories())
    assert found == [log.history(name) for name in log.customer_ids.to_list()]
    ordered = sorted(happened, key=lambda one: (one.customer, one.at))
    assert sorted((one for history in found for one in history),
                  key=lambda one: (one.customer, one.at)) == ordered  # fmt: skip


def test_amounts_scores_and_extras_come_back_as_they_were() -> None:
    given_ = [
        at("a", 0, value=Money("0.1234567890123", "EUR"), score=Score("ease", 3, 1, 7)),
        at("b", 1, value=Money(-5, "USD"), emotion=-0.25, emotion_after=1, cost=2.5),
        at("c", 2, extra={"b": "2", "a": "1"}, referred_by="ben", score=Score("nps", 0)),
    ]
    [history] = Log.from_interactions(given_).histories()
    assert list(history) == given_


@pytest.mark.parametrize("wrong", [{"customer": "x" * 600}, {"touchpoint": "x" * 600}, {}])
def test_what_no_interaction_may_have_is_refused_alike(wrong: dict[str, str]) -> None:
    frame: dict[str, list[object]] = {
        "customer": ["a"],
        "touchpoint": ["t"],
        "at": [0],
        "cost": ["1"],
    }
    for column, value in wrong.items():
        frame[column] = [value]
    log = Log.from_frame(frame, Columns(at_unit="s", cost="cost"))
    name = str(frame["customer"][0])

    def outcome(read: object) -> object:
        try:
            return list(read())  # type: ignore[operator]
        except InteractionError as error:
            return str(error)

    one = outcome(lambda: log.history(name))
    several = outcome(lambda: [one for history in log.histories() for one in history])
    assert one == several


@given(interactions(), st.decimals(0, 500, places=2))
def test_an_amount_is_added_as_by_evolve(one: Interaction, amount: object) -> None:
    money = Money(amount, "EUR")
    assert add_value(one, money) == attrs.evolve(one, value=money)


def refusal(role: str, name: object) -> str | None:
    """Give the reason why a field may not have a name."""
    values: Any = {"customer": "ada", "touchpoint": "t", role: name}
    try:
        Interaction(at=T0, **values)
    except JourneyMapError as error:
        return str(error).partition(": ")[2]
    return None


@given(st.lists(st.text(max_size=12) | st.sampled_from(["web", "(start)", "a\tb", " ", "\ufeff"])))
def test_a_repeated_name_is_refused_as_any_other(names: list[str]) -> None:
    """Whatever was accepted before, and however often."""
    for name in [*names, *names]:
        assert refusal("channel", name) == refusal("touchpoint", name) == refusal("customer", name)


@pytest.mark.parametrize("wrong", [5, ["web"], b"web", True])
def test_a_name_is_a_text(wrong: object) -> None:
    assert refusal("channel", "web") is None
    for role in ("channel", "touchpoint"):
        assert "a text is expected" in str(refusal(role, wrong))


odd = st.text(max_size=4) | st.sampled_from(
    ["web", " ", "(start)", "(x)", "a\nb", "\ufeff", "\u00a0", "\ud800", "é", "x" * 126, "x" * 600]
)
roles = st.sampled_from(["id", "source", "channel", "department", "process", "product", "outcome"])
numbers = st.none() | st.floats(-2, 2) | st.sampled_from([0, 1, True, "1", float("nan")])
lengths = st.none() | st.timedeltas(timedelta(-1), timedelta(days=40_000))


def result(make: Any, *given_: Any, **named: Any) -> object:
    try:
        return make(*given_, **named)
    except JourneyMapError as error:
        return str(error)


@given(odd, odd, st.dictionaries(roles, st.none() | odd), st.dictionaries(
    st.sampled_from(["emotion", "emotion_after", "cost"]), numbers, max_size=1), lengths,
    st.none() | odd, st.dictionaries(odd, odd, max_size=2))  # fmt: skip
def test_what_comes_from_outside_is_taken_and_refused_alike(
    customer: str, touchpoint: str, names: dict[str, Any], felt: dict[str, Any],
    duration: timedelta | None, by: str | None, extra: dict[str, str],
) -> None:  # fmt: skip
    given_ = {"duration": duration, "referred_by": by, "extra": extra}
    one = result(Interaction, customer, touchpoint, T0, **names, **felt, **given_)
    many = (None, None, duration, by, tuple(extra.items()))
    assert result(build_interaction, customer, touchpoint, T0, {**names, **felt}, *many) == one
    source = names.get("source") or "web"
    who = result(Identity, touchpoint, customer)
    assert result(build_identity, touchpoint, customer) == who
    if isinstance(who, Identity):
        for several in ([who], [who, who], [who, Identity("other", "x")]):
            record = result(Record, several, T0, source, id=names.get("id"))
            assert result(build_record, several, T0, source, names.get("id"), None, 7) == record


class Nowhere(tzinfo):
    """A zone that knows no offset."""

    def utcoffset(self, at: datetime | None) -> None:
        return None

    def dst(self, at: datetime | None) -> None:
        return None

    def tzname(self, at: datetime | None) -> str:
        return "nowhere"


@pytest.mark.parametrize("zone", [None, Nowhere()])
def test_a_time_without_an_offset_is_refused_alike(zone: tzinfo | None) -> None:
    then, who = datetime(2026, 3, 1, tzinfo=zone), [Identity("email", "a@b")]
    one, record = result(Interaction, "ada", "t", then), result(Record, who, then, "web")
    assert result(build_interaction, "ada", "t", then, {}) == one
    assert result(build_record, who, then, "web", None, None, 1) == record
    assert "without a zone" in str(one)
