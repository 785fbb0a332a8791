"""Identities in the form in which they are compared, by the rules of a store."""

from __future__ import annotations

from journeymap.identity import IdentityRules, Namespace
from journeymap.identity.rules import ValueReader
from journeymap.interactions import Identity

__all__ = ["Normalizing"]


class Normalizing:
    """Brings identities into the form in which they are compared."""

    def __init__(self, rules: IdentityRules) -> None:
        self._rules = rules
        self._readers: dict[str, ValueReader] = {}

    def normalize(self, identity: Identity) -> Identity | None:
        """Normalize an identity; None for one that is blocked, or of a namespace without a rule."""
        name = identity.namespace
        spaces = self._rules.namespaces
        if spaces and all(space.name != name for space in spaces):
            return None
        reader = self._readers.get(name)
        if reader is None:
            space = next((one for one in spaces if one.name == name), Namespace(name))
            reader = self._readers[name] = self._rules.reader(space)
        value = reader.read(identity.value)
        return Identity(name, value) if value else None
