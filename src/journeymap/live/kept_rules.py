"""The rules of a store: those by which its customers were grouped, kept beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from attrs import asdict, fields, filters

from journeymap.adapters.store import Transaction
from journeymap.exceptions import StoreError
from journeymap.identity import IdentityRules, Namespace

__all__ = ["KeptRules", "check_rules_given", "describe_changes", "encode_rules"]

_RULES, _OLDER = "rules", "older rules"  # facts of a store
_CURE = "; open the store with accept_changes=True, and call rebuild()"


def encode_rules(rules: IdentityRules) -> str:
    """Write rules as JSON; of the secret only a mark, by which another one is noticed."""
    own = fields(IdentityRules)
    data = asdict(rules, filter=filters.exclude(own.secret, own.former_secrets))
    for space in data["namespaces"]:
        window = space["window"]
        space["window"] = None if window is None else window.total_seconds()
        for name in ("blocked", "placeholders"):
            space[name] = None if space[name] is None else sorted(space[name])
    data["blocked"] = sorted(data["blocked"])
    data["secret"] = blake2b(rules.secret.encode(), digest_size=8, person=b"journeymap").hexdigest()
    return json.dumps(data, sort_keys=True, ensure_ascii=False)


def describe_changes(older: str, newer: str) -> tuple[str, ...]:
    """Describe what changed from one version of the rules to another."""
    before, after = json.loads(older), json.loads(newer)
    old = {space["name"]: space for space in before["namespaces"]}
    new = {space["name"]: space for space in after["namespaces"]}
    found = [f"namespace {name!r} was added" for name in new if name not in old]
    found += [f"namespace {name!r} was removed" for name in old if name not in new]
    both = [name for name in new if name in old]
    for name in both:
        found += _differences(f"namespace {name!r}", old[name], new[name])
    if [name for name in old if name in new] != both:
        found.append(f"the order of the namespaces is {', '.join(new)}")
    if before["blocked"] != after["blocked"]:
        found.append("the blocked words changed")
    if before["secret"] != after["secret"]:
        found.append("the secret changed (give the one before in former_secrets)")
    return tuple(found)


def _differences(where: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    names = [a.name for a in fields(Namespace) if old.get(a.name) != new.get(a.name)]
    return [f"{where}: {name} changed from {old.get(name)} to {new.get(name)}" for name in names]


class KeptRules:
    """The rules that a store keeps, beside those of this process."""

    def __init__(self, rules: IdentityRules) -> None:
        self._text = encode_rules(rules)
        self.adopting = False

    def introduce(self, tx: Transaction) -> None:
        """Keep these rules in a store that has none."""
        if not tx.meta.read().get(_RULES):
            tx.meta.set(_RULES, self._text)

    def check(self, address: str, facts: Mapping[str, str]) -> None:
        """Raise StoreError where the customers of a store are grouped by other rules."""
        kept = facts.get(_RULES) or self._text
        if kept != self._text:
            changes = "; ".join(describe_changes(kept, self._text))
            raise StoreError(
                address, f"its customers were grouped by other rules: {changes}{_CURE}"
            )
        if facts.get(_OLDER) and not self.adopting:
            message = (
                f"its customers are being grouped by new rules, and not all of them yet{_CURE}"
            )
            raise StoreError(address, message, passing=True)

    def adopt(self, tx: Transaction) -> tuple[str, ...] | None:
        """Make these rules the store's; what changed, or None if nothing is to be done."""
        tx.meta.lock()
        facts = tx.meta.read()
        kept, older = facts.get(_RULES) or self._text, facts.get(_OLDER) or ""
        if kept == self._text and not older:
            return None
        older = older or kept
        tx.meta.set(_RULES, self._text)
        tx.meta.set(_OLDER, older)  # until everyone is grouped anew
        return describe_changes(older, self._text)

    def finish(self, tx: Transaction) -> None:
        """Note that all customers are grouped by these rules."""
        tx.meta.set(_OLDER, "")


def check_rules_given(address: str, facts: Mapping[str, str]) -> None:
    """Raise StoreError for a store whose customers are grouped by rules, where none were given."""
    if facts.get(_RULES):
        known = ", ".join(space["name"] for space in json.loads(facts[_RULES])["namespaces"])
        message = f"its customers are grouped by rules (namespaces: {known or 'any'}): identities=…"
        raise StoreError(address, message)
