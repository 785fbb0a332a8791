"""Columns that are guessed by their names, where none are named: those of known exports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from attrs import evolve

from journeymap.analysis.table.columns import Columns

__all__ = ["ColumnGuess", "Guessed", "describe_guess", "guess_columns", "list_guessed"]

Guessed: TypeAlias = tuple[tuple[str, str], ...]
"""What a column was guessed to be, and its name."""

_CUSTOMER = (
    "customer", "customer_id", "user_id", "userid", "distinct_id", "user_pseudo_id",
    "domain_userid", "visitor_id", "client_id", "case:concept:name", "case_id", "case id", "caseid",
    "_case_key", "case", "anonymous_id", "anonymousid",
)  # fmt: skip
_TOUCHPOINT = (
    "touchpoint", "event_name", "event", "event_type", "concept:name", "activity", "activity_en",
    "activity_name", "action",
)  # fmt: skip
_AT = (
    "at", "timestamp", "time:timestamp", "event_time", "event_timestamp", "eventtime",
    "collector_tstamp", "complete timestamp", "datetime", "occurred_at", "created_at", "time",
    "date",
)  # fmt: skip
_DEPARTMENT = ("org:group",)
_UNITS: dict[tuple[str, str], Literal["s", "us"]] = {
    ("distinct_id", "time"): "s",  # Mixpanel
    ("user_pseudo_id", "event_timestamp"): "us",  # Google Analytics
}
"""Well-known names of columns, of several the first that is there; capitals do not matter."""


def guess_columns(there: Iterable[str]) -> Columns:
    """Guess which column is which by their names; the plain names where no guess is possible.

    >>> guess_columns(["user_id", "event", "timestamp", "platform"]).at
    'timestamp'
    >>> guess_columns(["who", "what", "when"]).at
    'at'
    """
    folded: dict[str, str] = {}
    for name in there:
        folded.setdefault(name.casefold(), name)
    customer, touchpoint, at, department = (
        next((folded[name] for name in known if name in folded), None)
        for known in (_CUSTOMER, _TOUCHPOINT, _AT, _DEPARTMENT)
    )
    if customer is None or touchpoint is None or at is None:
        return Columns()
    unit = _UNITS.get((customer.casefold(), at.casefold()))
    return Columns(
        customer=customer, touchpoint=touchpoint, at=at, at_unit=unit, department=department
    )


class ColumnGuess:
    """Columns that were named, or are guessed when it is known which there are.

    Of a format whose names are known, the ``department`` alone may be left to guess.
    """

    def __init__(self, named: Columns | None, *, department: bool = False) -> None:
        self._named, self._department = named, department
        self.columns = named or Columns()

    def wanted(self, there: Sequence[str]) -> Sequence[str]:
        """List the columns to read, guessed if none were named."""
        if self._named is None:
            self.columns = guess_columns(there)
        elif self._department and _DEPARTMENT[0] in there:
            self.columns = evolve(self._named, department=_DEPARTMENT[0])
        return self.columns.wanted(there)


def list_guessed(columns: Columns) -> Guessed:
    """List what was guessed, but for columns that have their plain names."""
    named = (
        (role, getattr(columns, role))
        for role in ("customer", "touchpoint", "at", "at_unit", "department")
    )
    return tuple((role, str(name)) for role, name in named if name not in (role, None))


def describe_guess(guessed: Guessed) -> str:
    """Write which columns were guessed, as the end of a line; nothing if none were."""
    read = ", ".join(f"{role}={name!r}" for role, name in guessed)
    return f"; columns guessed: {read}" if read else ""
