"""Moments of truth: what happens, who answers for it, what should be done, and by when."""

from __future__ import annotations

from datetime import timedelta

from attrs import field, frozen, validators

from journeymap.model.conditions import Condition, is_condition
from journeymap.model.elements import Named
from journeymap.model.rules import identifier, positive_duration, text

__all__ = ["Moment"]


@frozen
class Moment(Named):
    """A moment of truth.

    ``when`` is the condition that makes it, ``owner`` the department that answers for it,
    ``action`` what should be done, ``deadline`` how soon (in working time when the owner has a
    calendar), ``metric`` the id of the metric it should move.

    >>> from journeymap.model.conditions import At
    >>> Moment("failed_call", At("outcome", ("failed",)), owner="support").name
    'Failed call'
    """

    when: Condition = field(validator=is_condition)
    owner: str | None = field(default=None, validator=validators.optional(identifier), kw_only=True)
    action: str = field(default="", validator=text, kw_only=True)
    deadline: timedelta | None = field(
        default=None, validator=validators.optional(positive_duration), kw_only=True
    )
    metric: str | None = field(
        default=None, validator=validators.optional(identifier), kw_only=True
    )
