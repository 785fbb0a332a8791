"""By which rules identities are taken to be of one customer: plain data, no code."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import Any, Literal

from attrs import Attribute, field, frozen, validators

from journeymap.exceptions import ElementError
from journeymap.model.rules import closed, each, identifier, names, one_of, positive

__all__ = ["BLOCKED", "IdentityRules", "Namespace"]

BLOCKED = (
    "-", "-1", "0", "00000000-0000-0000-0000-000000000000", "anonymous", "false", "guest", "n/a",
    "na", "nan", "nil", "none", "null", "test", "true", "undefined", "unknown",
)  # fmt: skip
"""Values that say that nobody was known, whatever the namespace; compared in lower case."""

Form = Literal["exact", "folded", "digits"]


def _count(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        message = "a whole number from 1 up is expected"
        raise ElementError(type(instance).__name__, attribute.name, value, message)


@frozen
class Namespace:
    """How far identities of one kind are trusted.

    A customer has at most ``most`` of them (None: any number). A value that was met with more
    than ``shared`` values of one other namespace (or of its own) is no customer's own, and links
    nobody: a shop's tablet, a test address (None: it always links). One that was not met for
    longer than ``window`` may since have passed to somebody else: a phone number, a cookie
    (None: it is for ever). ``blocked`` values are nobody's. Values are compared as they are
    (``exact``), without case, width and space around them (``folded``), or by their ``digits``.
    """

    name: str = field(validator=identifier)
    most: int | None = field(default=None, validator=_count, kw_only=True)
    shared: int | None = field(default=100, validator=_count, kw_only=True)
    window: timedelta | None = field(
        default=None, validator=validators.optional(positive), kw_only=True
    )
    blocked: tuple[str, ...] = field(default=(), converter=closed, validator=names, kw_only=True)
    form: Form = field(default="exact", validator=one_of("exact", "folded", "digits"), kw_only=True)

    def formed(self, value: str) -> str:
        """A value as it is compared; an empty one says nothing."""
        if self.form == "exact":
            return value
        if self.form == "digits":
            return "".join(str(unicodedata.digit(c)) for c in value if c.isdigit())
        return unicodedata.normalize("NFKC", value).casefold().strip()


@frozen
class IdentityRules:
    """Namespaces in the order of their priority, the surest first, and values that are nobody's.

    Evidence whose identities cannot all be one customer's loses the identity of the lowest
    priority, and is tried again. Without ``namespaces`` any is taken, in alphabetical order and
    without limits; with them, an identity of another namespace links nobody. ``secret`` makes
    the ids of customers unguessable from their identities.

    >>> rules = IdentityRules([Namespace("user", most=1), Namespace("email", most=5)])
    >>> rules.namespaces[1].most
    5
    """

    namespaces: tuple[Namespace, ...] = field(
        default=(), converter=closed, validator=each(Namespace)
    )
    blocked: tuple[str, ...] = field(
        default=BLOCKED, converter=closed, validator=names, kw_only=True
    )
    secret: str = field(default="", validator=validators.instance_of(str), kw_only=True, repr=False)

    def __attrs_post_init__(self) -> None:
        known = [one.name for one in self.namespaces]
        twice = next((name for name in known if known.count(name) > 1), None)
        if twice is not None:
            raise ElementError("IdentityRules", "namespaces", twice, "it is named twice")
