"""Moments of truth: what happens, who answers for it, what should be done, and by when."""

from __future__ import annotations

from datetime import timedelta

from attrs import Attribute, field, frozen, validators

from journeymap.exceptions import ElementError
from journeymap.model.conditions import (
    Condition,
    Consented,
    HasTrait,
    Sequence,
    all_leaves,
    is_condition,
)
from journeymap.model.elements import Named
from journeymap.model.rules import (
    maybe_length,
    optional_identifier,
    positive_duration,
    text,
)

__all__ = ["FIELDS_APART", "Moment"]


FIELDS_APART = ("product", "channel", "department", "process", "source")
"""What a moment keeps apart that is a field of an interaction; anything else is carried beside."""


@frozen
class Moment(Named):
    """A moment of truth: a condition, and what it should set off.

    Attributes:
        when: The condition.
        owner: The department that should act.
        action: What it should do.
        deadline: How soon, in the owner's working time (None: any time).
        metric: The metric that it should move.
        per: What of an interaction keeps its occurrences apart: ``product``, or a name in ``extra``
            such as ``order``. Absences, counts and waits are then of the same one only (None: all
            that the customer does belongs together).
        cool_down: For how long it is not reached again, after it was (by each product or order, if
            they are kept apart; None: it always is).

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.model.conditions import At
    >>> Moment("failed_call", At("outcome", ("failed",)), owner="support").name
    'Failed call'
    """

    when: Condition = field()
    owner: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    action: str = field(default="", validator=text, kw_only=True)
    deadline: timedelta | None = field(
        default=None,
        converter=maybe_length,
        validator=validators.optional(positive_duration),
        kw_only=True,
    )
    metric: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    per: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    cool_down: timedelta | None = field(
        default=None,
        converter=maybe_length,
        validator=validators.optional(positive_duration),
        kw_only=True,
    )

    @when.validator
    def _check(self, attribute: Attribute[Condition], value: Condition) -> None:
        is_condition(self, attribute, value)
        for leaf in all_leaves(value):
            if isinstance(leaf, Sequence):
                _check_followed(leaf)
            if isinstance(leaf, (Consented, HasTrait)):
                message = (
                    "it is asked of a customer, in an offer; a moment is asked of interactions"
                )
                raise ElementError("Moment", "when", str(leaf), message)


def _check_followed(sequence: Sequence) -> None:
    """Require a sequence that its last step completes, whatever comes later."""
    message = ""
    if sequence.gaps[-1]:
        message = "a moment is reached by something that comes: write an absence beside it"
    elif sequence.occurrence == "last":
        message = "which occurrence is the last is known only when a journey is over"
    if message:
        raise ElementError("Moment", "when", str(sequence), message)
