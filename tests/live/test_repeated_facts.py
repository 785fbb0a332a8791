"""Facts that sources repeat do not grow without end, and no view of the customer changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Customer, Customers, Identity, IdentityRules, Live, Record
from tests.factories import HOUR, SHOP, T0, ids

RULES = IdentityRules()
NOW = T0 + timedelta(days=900)


def fact(source: str, hours: float, consent: bool | None = None, **traits: Any) -> Record:
    consents = {} if consent is None else {"marketing": consent}
    return Record(ids("u17"), T0 + hours * HOUR, source, traits=traits, consents=consents)


def test_the_same_fact_every_day_is_kept_twice(store: str) -> None:
    with Live(SHOP, store, identities=RULES, clock=lambda: NOW) as live:
        live.take([fact("crm", 0, plan="fibre")])
        for day in range(1, 40):
            live.take([fact("crm", 24 * day, plan="fibre"), fact("web", 1, True)])
        live.take(fact("crm", 24 * day, plan="fibre") for day in range(40, 80))
        assert live.stats().evidence <= 6
        name = live.identities and live.identities.customer(Identity("u", "17"))
        view = Customer.of(str(name), live)
        assert [(one.value, one.at) for one in view.traits] == [("fibre", T0 + 79 * 24 * HOUR)]


def test_what_comes_late_between_repeats_is_seen_as_ever(store: str) -> None:
    with Live(SHOP, store, identities=RULES, clock=lambda: NOW) as live:
        for day in range(6):
            live.take([fact("crm", 24 * day, plan="fibre")])
        live.take([fact("web", 24 * 2 + 1, plan="copper")])
        name = str(live.identities and live.identities.customer(Identity("u", "17")))
        views = [
            Customer.of(name, live, as_of=T0 + hours * HOUR).traits[0].value
            for hours in (24 * 2, 24 * 2 + 2, 24 * 3, 24 * 5)
        ]
        assert views == ["fibre", "copper", "fibre", "fibre"]


FACTS = st.builds(
    lambda source, hours, consent, traits: fact(source, hours, consent, **traits),
    st.sampled_from(["crm", "web"]), st.integers(0, 30), st.sampled_from([None, None, True, False]),
    st.sampled_from([{"plan": "a"}, {"plan": "b"}, {"plan": "a", "town": "x"}, {"town": "y"}, {}]),
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(st.lists(FACTS, min_size=1, max_size=5), max_size=12))
def test_no_view_changes_at_any_time(batches: list[list[Record]]) -> None:
    """What a live store shows as of any hour is what all records together show."""
    whole = Customers(RULES)
    with Live(SHOP, identities=RULES, clock=lambda: NOW) as live:
        for batch in batches:
            live.take(batch)
            whole.take(batch)
        if not batches:
            return
        name = str(whole.identities.customer(Identity("u", "17")))

        def seen(recorded: Any, as_of: datetime | None) -> Any:
            view = Customer.of(name, recorded, as_of=as_of)
            return (
                {(one.name, one.value, one.source) for one in view.traits},
                {(one.purpose, one.given) for one in view.consents},
            )

        for hour in (*range(32), None):
            as_of = None if hour is None else T0 + hour * HOUR
            assert seen(live, as_of) == seen(whole, as_of)
