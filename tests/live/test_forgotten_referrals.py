"""Forgetting takes a customer out of what others hold, in every store and wherever it is kept."""

from __future__ import annotations

from journeymap import Interaction, Live
from journeymap.analysis import Log
from tests.factories import DAY, HOUR, JOURNEY, T0

ANN = "ann@example.org"


def test_no_one_names_them_any_more(store: str) -> None:
    """In the journal, its archive, what is set aside and states; others and journeys stay."""
    now = [T0 + 10 * DAY]
    with Live(JOURNEY, store, clock=lambda: now[0]) as live:
        live.record(Interaction(ANN, "a", T0))
        bobs = [
            Interaction("bob", "a", T0 + DAY, id="1", source="w", referred_by=ANN),
            Interaction("bob", "b", T0 + 2 * DAY, id="2", source="w", referred_by="dan"),
            Interaction("bob", "a", T0 + 8 * DAY, id="3", source="w", referred_by=ANN),
        ]
        live.record_many(bobs)
        live.archive(T0 + 5 * DAY)
        ahead = Interaction("cyd", "a", T0 + 11 * DAY, id="4", source="w", referred_by=ANN)
        assert live.record(ahead).set_aside is not None
        live.correct(Interaction("bob", "c", T0 + 8 * DAY, id="3", source="w", referred_by=ANN))
        live.forget(ANN)
        found = Log.from_store(live.store, map=JOURNEY).history("bob")
        assert [one.referred_by for one in found] == [None, "dan", None]
        assert ANN not in repr(live.export("bob"))
        now[0] = T0 + 12 * DAY
        live.advance(now[0])
        late = Interaction("bob", "b", T0 + DAY + HOUR, id="5", source="w")
        live.record(late)
        assert ANN not in repr(live.export("cyd"))
        assert ANN not in repr(live.state("bob"))
        state = live.state("bob")
        assert state is not None
        assert state.count == 4
    with Live(JOURNEY, "memory", clock=lambda: now[0]) as fresh:  # as if they had never been named
        fresh.record_many([bobs[0], late, bobs[1]])
        fresh.record(Interaction("bob", "c", T0 + 8 * DAY, id="3", source="w"))
        fresh.advance(now[0])
        same = fresh.state("bob")
        assert same is not None
        assert (state.position, state.trail) == (same.position, same.trail)
