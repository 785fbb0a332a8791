"""The journal as `Live` writes and reads it: entries made of interactions, and their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b

from attrs import evolve

from journeymap.adapters.store import JournalEntry, Transaction, micros
from journeymap.exceptions import ElementError, InteractionError
from journeymap.interactions import Identity, Interaction
from journeymap.interactions.codec import (
    decoded,
    encoded,
    floats_in,
    interaction_data,
    read_interaction,
)
from journeymap.live.evidence import encode_identities
from journeymap.model.rules import fault_in_text
from journeymap.tracking.codec import read_time
from journeymap.tracking.fold_state import LONG_AGO, utc

__all__ = [
    "advanced_to",
    "aside_key",
    "check_name",
    "check_storable",
    "check_type",
    "in_order",
    "journal_entry",
    "journal_key",
    "latest_of",
    "note_advance",
    "read_entry",
    "text_with",
]

_ADVANCED = "advanced"


def journal_entry(
    interaction: Interaction, number: int, arrived: int, by: Sequence[Identity] = (),
    key: str | None = None, recorded_as: str | None = None,
) -> JournalEntry:  # fmt: skip
    """Make the journal entry of an interaction; ``by`` are the identities that named its customer.

    They are kept, because the customer they lead to may become another one; and so is the id it was
    recorded as, where that leads to another one today.
    """
    return JournalEntry(
        interaction.customer, number, journal_key(interaction) or key, micros(interaction.at),
        arrived, text_with(interaction, by, recorded_as),
    )  # fmt: skip


def text_with(
    interaction: Interaction, by: Sequence[Identity], recorded_as: str | None = None
) -> str:
    """Write an interaction as JSON, with the identities, or the id, that named its customer."""
    data = interaction_data(interaction)
    if by:
        data["by"] = encode_identities(by)
    elif recorded_as not in (None, interaction.customer):
        data["as"] = recorded_as
    return encoded(data, floats_in(interaction))


def journal_key(interaction: Interaction) -> str | None:
    """Join source and id, by which a second delivery is recognised (None: without an id)."""
    if interaction.id is None:
        return None
    return f"{interaction.source or ''}\x1f{interaction.id}"


def aside_key(interaction: Interaction, by: Sequence[Identity] = ()) -> str:
    """Give the key by which an interaction is recognised among those set aside.

    That of source and id, or else a mark of all that it holds; of a customer known by identities,
    whose id may change, those.
    """
    key = journal_key(interaction)
    if key is not None:
        return key
    text = text_with(evolve(interaction, customer="?") if by else interaction, by)
    return f"\x1e{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def read_entry(entry: JournalEntry) -> Interaction:
    """Read the interaction of a journal entry."""
    return read_interaction(decoded(entry.text))


def in_order(interactions: Iterable[Interaction]) -> list[Interaction]:
    """Sort interactions by time; ties keep the order of arrival.

    Times are compared in UTC: two of one zone would be compared by the clock on the wall, which
    is set back once a year.
    """
    return sorted(interactions, key=lambda one: one.at.astimezone(UTC))


def latest_of(clock: datetime | None, interactions: Iterable[Interaction]) -> datetime:
    """Find the latest of a clock and the times of some interactions."""
    times = [one.at.astimezone(UTC) for one in interactions]
    return max(times if clock is None else [clock, *times], default=LONG_AGO)


def advanced_to(tx: Transaction) -> datetime | None:
    """Read up to when time was last let pass in this store."""
    noted = tx.meta.read().get(_ADVANCED)
    return None if noted is None else read_time(noted)


def note_advance(tx: Transaction, at: datetime) -> None:
    """Write up to when time was let pass: a new version of the map begins there."""
    noted = advanced_to(tx)
    if noted is None or noted < at:
        tx.meta.set(_ADVANCED, at.isoformat())


def check_type(name: str, value: object, kind: type, message: str) -> None:
    """Raise ElementError for an argument of another type."""
    if not isinstance(value, kind):
        raise ElementError("Live", name, value, message)


def check_name(customer: str) -> str:
    """Return the name of a customer; raise an error for one that no interaction may have."""
    check_type("customer", customer, str, "a text is expected")
    fault = fault_in_text(customer)
    if fault is not None:
        raise InteractionError("Live", "customer", customer, fault)
    return customer


def check_storable(interaction: Interaction) -> None:
    """Raise an error for an interaction that some store could not hold."""
    check_type("record", interaction, Interaction, "an Interaction is expected")
    if interaction.at.tzinfo is not UTC:
        utc(interaction.at, "Interaction", "at")
