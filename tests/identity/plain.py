"""Identity resolution as one would write it down: slow, from nothing, in the order of time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from journeymap.identity import IdentityRules, Split
from journeymap.interactions import Evidence, Identity

Key = tuple[str, str]
Node = tuple[Key, datetime | None]


def resolved(
    rules: IdentityRules, evidence: Iterable[Evidence], splits: Iterable[Split] = ()
) -> dict[Node, frozenset[Node]]:
    """Each identity (each spell of it, by its beginning) and those that are the same customer."""
    spaces = {space.name: space for space in rules.namespaces}
    ranks = list(spaces)

    def usable(identities: Iterable[Identity]) -> tuple[Key, ...]:
        found = set()
        for one in identities:
            space = spaces.get(one.namespace)
            if space is None:
                continue
            value = space.normalize(one.value)
            if value and value.casefold() not in rules.blocked and value not in space.blocked:
                found.add((one.namespace, value))
        return tuple(sorted(found, key=lambda key: (ranks.index(key[0]), key[1])))

    pieces = [(e.at, e.source, e.batch or "", usable(e.identities)) for e in evidence]
    pieces = sorted({p for p in pieces if p[3]})
    shared = _shared(pieces, spaces)
    begins = _begins(pieces, spaces)

    def node(key: Key, at: datetime) -> Node:
        if spaces[key[0]].window is None:
            return key, None
        return key, max(begin for begin in begins[key] if begin <= at)

    customers: dict[Node, set[Node]] = {}
    sides = [(set(usable(s.one)), set(usable(s.other))) for s in splits]

    def fits(members: set[Node]) -> bool:
        keys = {key for key, _ in members}
        for space in rules.namespaces:
            number = sum(key[0] == space.name for key, _ in members)
            if space.most is not None and number > space.most:
                return False
        return not any(keys & one and keys & other for one, other in sides)

    for at, _, _, keys in pieces:
        nodes = [node(key, at) for key in keys if key not in shared]
        for one in nodes:
            customers.setdefault(one, {one})
        while nodes:
            union = set().union(*(customers[one] for one in nodes))
            if len({id(customers[one]) for one in nodes}) == 1 or fits(union):
                for one in union:
                    customers[one] = union
                break
            nodes.pop()
    return {one: frozenset(members) for one, members in customers.items()}


def _shared(pieces: list[tuple[datetime, str, str, tuple[Key, ...]]], spaces: dict) -> set[Key]:  # type: ignore[type-arg]
    met: dict[Key, dict[str, set[Key]]] = {}
    for *_, keys in pieces:
        for key in keys:
            for other in keys:
                if other != key:
                    met.setdefault(key, {}).setdefault(other[0], set()).add(other)
    return {
        key
        for key, others in met.items()
        if spaces[key[0]].shared is not None
        and any(len(some) > spaces[key[0]].shared for some in others.values())
    }


def _begins(
    pieces: list[tuple[datetime, str, str, tuple[Key, ...]]],
    spaces: dict,  # type: ignore[type-arg]
) -> dict[Key, list[datetime]]:
    begins: dict[Key, list[datetime]] = {}
    last: dict[Key, datetime] = {}
    for at, *_, keys in pieces:
        for key in keys:
            window: timedelta | None = spaces[key[0]].window
            if window is not None and (key not in last or at - last[key] > window):
                begins.setdefault(key, []).append(at)
            last[key] = at
    return begins
