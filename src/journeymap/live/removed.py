"""Marks of customers who were forgotten and of interactions that were retracted.

A mark is a hash of a name or an identity, keyed with what only this store knows (and with the
secret of the rules for identities). It holds no name; but whoever has the store can try names.
"""

from __future__ import annotations

from hashlib import blake2b
from secrets import token_hex

from journeymap.adapters.store import Transaction
from journeymap.interactions import Identity

__all__ = ["FORGOTTEN", "RETRACTED", "Marks"]

FORGOTTEN = "its customer was forgotten after it happened"
"""Why an interaction is not recorded, and not kept either."""
RETRACTED = 2**62
"""The time of a mark that holds for ever."""
_SALT = "salt"


class Marks:
    """Makes the marks of one store."""

    def __init__(self, secret: str = "") -> None:
        self._secret = secret.encode()
        self._key = b""

    def introduce(self, tx: Transaction) -> None:
        """Take the store's key, or make one."""
        salt = tx.meta.read().get(_SALT)
        if salt is None:
            salt = token_hex(16)
            tx.meta.set(_SALT, salt)
        self._key = blake2b(self._secret, key=salt.encode(), digest_size=32).digest()

    def of_name(self, customer: str) -> str:
        """Make the mark of a customer's name."""
        return self._mark("name", customer)

    def of_identity(self, identity: Identity) -> str:
        """Make the mark of an identity, normalized."""
        return self._mark("identity", f"{identity.namespace}\x1f{identity.value}")

    def of_key(self, key: str) -> str:
        """Make the mark of an interaction, by its source and id."""
        return self._mark("interaction", key)

    def _mark(self, kind: str, what: str) -> str:
        text = f"{kind}\x1e{what}".encode("utf-8", "surrogatepass")
        return blake2b(text, key=self._key, digest_size=16).hexdigest()
