"""Marks of customers who were forgotten and of interactions that were retracted.

A mark is a hash of a name or an identity, keyed with what only this store knows (and with the
secret of the rules for identities). It holds no name; but whoever has the store can try names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from secrets import token_hex

from journeymap.adapters.store import Transaction
from journeymap.identity import IdentityRules
from journeymap.interactions import Identity
from journeymap.live.log_lines import write_log
from journeymap.live.normalizing import Normalizing

__all__ = ["FORGOTTEN", "RETRACTED", "Marks", "latest_of"]

FORGOTTEN = "its customer was forgotten after it happened"
"""Why an interaction is not recorded, and not kept either."""
RETRACTED = 2**62
"""The time of a mark that holds for ever."""
_SALT, _SECRETS = "salt", "secrets of marks"


class Marks:
    """Makes the marks of one store, and finds those that were made with a former secret.

    The store knows by which secrets its marks were made, each by a hash; those made before there
    was any are always found.
    """

    def __init__(self, rules: IdentityRules | None = None) -> None:
        secrets = () if rules is None else (rules.secret, *rules.former_secrets)
        self._secrets = list(dict.fromkeys((*secrets, "")))
        self._normalizing = None if rules is None else Normalizing(rules)
        self._key = b""
        self._former: list[bytes] = []
        self._name = ""
        self._assumed: list[str] = []  # by which secrets marks were made that no one noted

    def introduce(self, tx: Transaction) -> None:
        """Take the store's key, or make one."""
        facts = tx.meta.read()
        salt = facts.get(_SALT)
        fresh = salt is None
        if salt is None:
            salt = token_hex(16)
            tx.meta.set(_SALT, salt)
        keys = [blake2b(one.encode(), key=salt.encode(), digest_size=32).digest()
                for one in self._secrets]  # fmt: skip
        names = [blake2b(key, digest_size=8).hexdigest() for key in keys]
        self._assumed = names[:1] if fresh else names
        used = facts[_SECRETS].split() if _SECRETS in facts else self._assumed
        self._key, self._name = keys[0], names[0]
        self._former = [key for key, name in zip(keys, names, strict=True)
                        if name in used and key != self._key]  # fmt: skip
        if not set(used) <= set(names):
            write_log("warning", "who was forgotten under another secret comes back from sources: "
                      "name it in IdentityRules(former_secrets=…)")  # fmt: skip

    def keep(self, tx: Transaction, marks: Mapping[str, int]) -> None:
        """Keep marks, each with the time up to which it holds."""
        facts = tx.meta.read()
        used = facts[_SECRETS].split() if _SECRETS in facts else self._assumed
        if _SECRETS not in facts or self._name not in used:
            tx.meta.set(_SECRETS, " ".join(dict.fromkeys((*used, self._name))))
        tx.tombstones.set(marks)

    def of_name(self, customer: str) -> str:
        """Make the mark of a customer's name."""
        return _mark(self._key, "name", customer)

    def of_identity(self, identity: Identity) -> str:
        """Make the mark of an identity, normalized."""
        return _mark(self._key, "identity", _text(identity))

    def of_key(self, key: str) -> str:
        """Make the mark of an interaction, by its source and id."""
        return _mark(self._key, "interaction", key)

    def every_of_name(self, customer: str) -> list[str]:
        """List the marks that a customer's name may have."""
        return [_mark(key, "name", customer) for key in (self._key, *self._former)]

    def every_of_identity(self, identity: Identity) -> list[str]:
        """List the marks that an identity may have, normalized."""
        return [_mark(key, "identity", _text(identity)) for key in (self._key, *self._former)]

    def every_of_referrer(self, by: str | Identity) -> list[str]:
        """List the marks that whoever recommended may have: an id, or an identity."""
        if isinstance(by, str):
            return self.every_of_name(by)
        known = None if self._normalizing is None else self._normalizing.normalize(by)
        return [] if known is None else self.every_of_identity(known)

    def every_of_key(self, key: str) -> list[str]:
        """List the marks that an interaction may have, by its source and id."""
        return [_mark(one, "interaction", key) for one in (self._key, *self._former)]


def latest_of(found: Mapping[str, int], marks: Iterable[str]) -> int:
    """Find up to when the latest of some marks holds; before all time, if none was found."""
    return max((found[mark] for mark in marks if mark in found), default=-RETRACTED)


def _text(identity: Identity) -> str:
    return f"{identity.namespace}\x1f{identity.value}"


def _mark(key: bytes, kind: str, what: str) -> str:
    text = f"{kind}\x1e{what}".encode("utf-8", "surrogatepass")
    return blake2b(text, key=key, digest_size=16).hexdigest()
