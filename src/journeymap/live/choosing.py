"""Choosing: the best offer for a customer, and the contact with it, in one transaction."""

from __future__ import annotations

from secrets import token_hex

from journeymap.adapters.store import Transaction
from journeymap.exceptions import ElementError
from journeymap.interactions import Interaction
from journeymap.live.evidence import read_facts
from journeymap.live.recording import Naming, Receipt, Recording, Settings
from journeymap.live.states import States, Versioned
from journeymap.profile import Choice, NextBest
from journeymap.tracking.compiled_map import compile_map

__all__ = ["Choosing"]

SOURCE = "journeymap"
"""The source of the contacts that are recorded here."""


class Choosing:
    """A choice on its way into the store; ``write`` may run again when others were in the way."""

    def __init__(
        self, states: States, settings: Settings, offers: NextBest, customer: str,
        channel: str | None,
    ) -> None:  # fmt: skip
        self._states, self._settings, self._offers = states, settings, offers
        self._customer, self._channel = customer, channel
        self.written: Versioned = {}
        self.recorded: list[tuple[Interaction, Receipt]] = []
        self._check_reach()

    def _check_reach(self) -> None:
        """Raise ElementError where the offers look further back than states of this map do."""
        kept = compile_map(self._states.tracker.map).remembered
        for name, count in compile_map(self._offers.map).remembered.items():
            if count > kept.get(name, 0):
                message = (
                    f"these offers look back to {count} times at it, and states of this map keep "
                    f"{kept.get(name, 0)}: open the store with the map of the offers"
                )
                raise ElementError("Live", "choose", name, message)

    def write(self, tx: Transaction, named: Naming | None = None) -> Choice:
        """Choose, and record the contact."""
        now = self._states.now()
        self.written, self.recorded = {}, []
        contact = Interaction(self._customer, "?", now, source=SOURCE, channel=self._channel)
        if named is not None:
            [contact] = named(tx, (contact,))
        state = self._states.one(tx, contact.customer)  # its row is held from here on
        if state is None:
            message = "there is no such customer: record an interaction first"
            raise ElementError("Live", "customer", self._customer, message)
        asked = any(offer.asks_facts for offer in self._offers.map.offers.values())
        rows = tx.evidence.read_customer(contact.customer) if asked else []
        facts = [fact for row in rows for fact in read_facts(row)]
        choice = self._offers.choose(state, now, facts)
        if choice.best is None or choice.best.touchpoint is None:
            return choice
        made = Interaction(
            contact.customer, choice.best.touchpoint, now, source=SOURCE, id=token_hex(12),
            channel=self._channel,
        )  # fmt: skip
        reason = self._settings.refusal(made, now)
        if reason:
            raise ElementError("Live", "choose", choice.best.id, reason)
        recording = Recording(self._states, self._settings, now, (made,))
        self.recorded = list(zip((made,), recording.write(tx), strict=True))
        self.written = recording.written
        return choice
