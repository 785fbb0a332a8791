"""Who is who: identities that are of one customer, why, and how to take it back."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import pairwise
from typing import Any

from attrs import evolve, field, frozen

from journeymap.exceptions import ElementError, IdentityError
from journeymap.identity.graph import Entry, Linker
from journeymap.identity.rules import IdentityRules, Namespace
from journeymap.interactions.interaction import aware
from journeymap.interactions.records import Evidence
from journeymap.interactions.values import Identity
from journeymap.model.rules import closed, each, identifier

__all__ = ["Because", "Identities", "Linked", "Split", "links"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


@frozen
class Because:
    """One link in the chain of evidence about a customer.

    ``source`` said at a time that ``identities`` are of one customer (``weight`` is how probable
    that is, where it was estimated); ``dropped`` are those it also named which could not be, each
    with the reason. ``joined`` says that it made one customer of several; what did not, only
    confirms.
    """

    identities: tuple[Identity, ...]
    at: datetime
    source: str
    batch: str | None
    weight: float | None
    joined: bool
    dropped: tuple[tuple[Identity, str], ...] = ()


@frozen
class Split:
    """A ruling that identities on one side are not the customer of those on the other."""

    one: tuple[Identity, ...] = field(converter=closed, validator=each(Identity))
    other: tuple[Identity, ...] = field(converter=closed, validator=each(Identity))
    at: datetime = field(validator=aware)
    reason: str = field(validator=identifier)


@frozen
class Linked:
    """What came of a list of probable links: how many were taken, and how many were too weak."""

    taken: int
    weak: int


def _first(entry: Entry) -> int:
    return entry.first


def _surer(entry: Entry, weight: float | None) -> bool:
    """Of several estimates of the same, the surest counts."""
    if weight is None or entry.weight is None or weight <= entry.weight:
        return False
    entry.weight = weight
    return True


def links(
    rows: Iterable[Mapping[str, Any]],
    *,
    namespace: str,
    at: datetime,
    source: str,
    left: str = "unique_id_l",
    right: str = "unique_id_r",
    weight: str = "match_probability",
) -> Iterator[Evidence]:
    """Pairs with a probability each, as evidence: Splink's table of predictions, or any other.

    ``left`` and ``right`` name the columns that hold identities of a namespace. Raises
    IdentityError for a row without them, or whose weight is no number from 0 to 1.

    >>> rows = [{"unique_id_l": 1, "unique_id_r": 2, "match_probability": 0.97}]
    >>> [pair] = links(rows, namespace="record", at=datetime.now(UTC), source="splink")
    >>> pair.weight
    0.97
    """
    for place, row in enumerate(rows, 1):
        try:
            pair = (row[left], row[right])
            probable = float(row[weight])
        except KeyError as error:
            message = f"row {place} has no column {error.args[0]!r}"
            raise IdentityError(source, message) from None
        except (TypeError, ValueError):
            raise IdentityError(source, f"row {place}: {weight!r} is no number") from None
        if not 0 <= probable <= 1:
            raise IdentityError(source, f"row {place}: {weight!r} lies between 0 and 1")
        named = [Identity(namespace, str(value)) for value in pair]
        yield Evidence(named, at, source, weight=probable)


def probable(
    pairs: Iterable[Evidence], *, threshold: float, batch: str
) -> tuple[list[Evidence], Linked]:
    """Of estimated links those that are probable enough, as evidence of a batch; how many."""
    if not 0 <= threshold <= 1:
        raise ElementError("Identities", "threshold", threshold, "it lies between 0 and 1")
    strong, weak = [], 0
    for pair in pairs:
        if pair.weight is not None and pair.weight >= threshold:
            strong.append(evolve(pair, batch=batch))
        else:
            weak += 1
    return strong, Linked(len(strong), weak)


class Identities:
    """Which identities are of one customer; it can be explained, and taken back.

    The id of a customer is that of the eldest of its identities (the one first met), so the older
    survives when two are found to be one, and the other's id leads to it ever after. What comes
    out depends on the evidence alone, not on the order in which it arrives: where a limit
    decides, earlier evidence goes before later, by its time (then by source, batch and text).
    A value that turns out to be ``shared`` is taken back from all that it had linked.

    >>> ada, web = Identity("email", "ada@example.org"), Identity("cookie", "x1")
    >>> then = datetime(2026, 3, 1, tzinfo=UTC)
    >>> who = Identities()
    >>> who.learn([Evidence([ada], then, "crm"), Evidence([web, ada], then, "shop")])
    >>> who.customer(web) == who.customer(ada)
    True
    """

    def __init__(self, rules: IdentityRules | None = None) -> None:
        if rules is not None and not isinstance(rules, IdentityRules):
            raise ElementError("Identities", "rules", rules, "IdentityRules are expected")
        self.rules = rules or IdentityRules()
        self._blocked = frozenset(value.casefold() for value in self.rules.blocked)
        self._told: Callable[[str], None] | None = None
        self._splits: list[Split] = []
        self.version = 0
        """Grows with whatever may change an answer."""
        self._begin()

    def _begin(self) -> None:
        self._linker = Linker(self._changed)
        self._ranks: dict[str, int] = {}
        self._nobody: list[set[str]] = []
        self._values: dict[tuple[str, str], int] = {}
        self._known: dict[tuple[tuple[int, ...], str, str | None], list[Entry]] = {}
        self._index: dict[str, int] = {}
        for space in self.rules.namespaces:
            self._space(space)

    # -- learning

    def learn(self, evidence: Evidence | Iterable[Evidence]) -> None:
        """Take in evidence, one piece or many. What is known already changes nothing."""
        for piece in (evidence,) if isinstance(evidence, (Evidence, Identity)) else evidence:
            if not isinstance(piece, Evidence):
                raise ElementError("Identities", "evidence", piece, "Evidence is expected")
            self.version += self._learn(piece)

    def _learn(self, piece: Evidence) -> bool:
        """Whether anything was new."""
        values = self._usable(piece.identities)
        if not values:
            return False
        at = (piece.at - _EPOCH) // _MICRO
        linker = self._linker
        key = (values, piece.source, piece.batch)
        known = self._known.get(key)
        if known is not None:
            window = self._window(values)
            place = bisect_right(known, at, key=_first)
            for entry in known[max(0, place - 1) : place + 1]:
                if window is None or entry.first - window <= at <= entry.last + window:
                    surer = _surer(entry, piece.weight)
                    if at < entry.first:
                        linker.earlier(entry, at)
                    elif at > entry.last and window is not None:
                        linker.later(entry, at)
                    else:
                        return surer
                    return True
        entry = Entry(values, at, piece.source, piece.batch, piece.weight)
        insort(self._known.setdefault(key, []), entry, key=_first)
        linker.add(entry)
        return True

    def link(self, pairs: Iterable[Evidence], *, threshold: float, batch: str) -> Linked:
        """Take in links of an estimate that are at least so probable, under one batch's name.

        See ``links`` for tables of pairs. Raises ElementError for a threshold outside 0 to 1.
        """
        strong, linked = probable(pairs, threshold=threshold, batch=batch)
        self.learn(strong)
        return linked

    # -- asking

    def customer(self, *identities: Identity, at: datetime | None = None) -> str | None:
        """The id of the customer known by one of these, the surest first; None: of nobody known.

        ``at`` matters for identities that pass from one to another (None: as it is last known).
        """
        self._linker.settle()
        found = self._usable(identities, add=False)
        when = None if at is None else (at - _EPOCH) // _MICRO
        for value in found:
            if self._linker.known(value):
                node = self._linker.spell(value, when)
                return self._id(self._linker.eldest[self._linker.find(node)])
        return None

    def current(self, customer: str) -> str:
        """The id of a customer today, by any id they ever had; raises IdentityError."""
        return self._id(self._linker.eldest[self._linker.find(self._node_of(customer))])

    def of(self, customer: str) -> tuple[Identity, ...]:
        """All identities of a customer, the surest first."""
        node = self._node_of(customer)
        linker = self._linker
        values = {linker.value_of[member] for member in linker.members(node)}
        return tuple(self._identity(value) for value in sorted(values, key=self._sure))

    def formed(self, identities: Iterable[Identity]) -> tuple[Identity, ...]:
        """Identities as they are compared; those that are nobody's are left out."""
        return tuple(self._identity(value) for value in self._usable(identities, add=False))

    def knows(self, identity: Identity) -> bool:
        """Whether there is evidence of an identity, also of one that many share."""
        return any(self._linker.entries[v] for v in self._usable([identity], add=False))

    def name_of(self, identity: Identity) -> str:
        """The id that a customer has, or had, when this is the first that was known of them."""
        found = self._usable([identity], add=False)
        if not found:
            raise IdentityError("", f"no such {identity.namespace} was ever met")
        return self._hash(found[0])

    @property
    def customers(self) -> Iterator[str]:
        """The ids of all customers, the eldest identity of each in the order of arrival."""
        linker = self._linker
        linker.settle()
        for value in range(len(linker.text)):
            if value not in linker.shared:
                for node in linker.nodes(value):
                    if linker.met(node) and linker.eldest[linker.find(node)] == node:
                        yield self._id(node)

    def __len__(self) -> int:
        return sum(1 for _ in self.customers)

    @property
    def shared(self) -> tuple[Identity, ...]:
        """Values that were met with too many others to be anybody's own."""
        return tuple(self._identity(value) for value in sorted(self._linker.shared))

    def explain(self, customer: str) -> tuple[Because, ...]:
        """The evidence that makes a customer one, in the order of its time.

        Those with ``joined`` are enough to make them one; the others confirm it.
        """
        linker = self._linker
        node = self._node_of(customer)
        entries = linker.around([linker.value_of[node]])
        joins = linker.joins(entries)
        root = linker.find(node)
        return tuple(
            self._because(entry, joined)
            for entry, joined in zip(entries, joins, strict=True)
            if any(linker.find(n) == root for n in linker.taken(entry))
        )

    def why(self, one: Identity, other: Identity) -> tuple[Because, ...]:
        """The chain of evidence that leads from one identity to another of the same customer.

        Empty where they are not of one customer.
        """
        mine, theirs = self.customer(one), self.customer(other)
        if mine is None or mine != theirs:
            return ()
        chain = [link for link in self.explain(mine) if link.joined]
        begin, end = (
            self._identity(value) for each in (one, other)
            for value in self._usable([each], add=False)
        )  # fmt: skip
        came: dict[Identity, tuple[Identity, Because] | None] = {begin: None}
        open_ = [begin]
        while open_:
            here = open_.pop(0)
            for link in chain:
                if here in link.identities:
                    for there in link.identities:
                        if there not in came:
                            came[there] = (here, link)
                            open_.append(there)
        path = []
        step = came.get(end)
        while step is not None:
            path.append(step[1])
            step = came[step[0]]
        return tuple(path[::-1])

    # -- taking back

    def split(
        self, customer: str, identities: Iterable[Identity], *, at: datetime, reason: str
    ) -> Split:
        """Rule that some identities of a customer are somebody else's, whatever evidence comes.

        Raises IdentityError when they are not of this customer, or are all that it has.
        """
        mine = self.of(customer)
        given = tuple(identities)
        away = self.formed(given)
        strange = [one for one in given if not set(self.formed([one])) & set(mine)]
        if strange or not away:
            told = f"{len(strange)} of the identities are not this customer's"
            raise IdentityError(customer, told if strange else "no identity to split off")
        left = tuple(one for one in mine if one not in away)
        if not left:
            raise IdentityError(customer, "nothing would be left of this customer")
        ruling = Split(away, left, at, reason)
        self.rule(ruling)
        return ruling

    def rule(self, ruling: Split) -> None:
        """Take in a ruling that was made elsewhere."""
        if ruling in self._splits:
            return
        self.version += 1
        self._splits.append(ruling)
        self._keep_apart(len(self._splits), ruling)

    def withdraw(self, batch: str) -> int:
        """Take back all evidence of a batch; answers how many pieces. It is as if never learned."""
        return self._without(lambda entry: () if entry.batch == batch else entry.values)

    def unsplit(self, ruling: Split) -> None:
        """Take back a ruling."""
        if ruling not in self._splits:
            raise IdentityError("", "there is no such ruling")
        self._splits.remove(ruling)
        self._without(lambda entry: entry.values)

    def forget(self, customer: str) -> tuple[Identity, ...]:
        """Remove the identities of a customer from all evidence and rulings; answers them.

        What the evidence says of others stays, also of those to whom an identity has passed.
        """
        gone = self.of(customer)
        linker, root = self._linker, self._linker.find(self._node_of(customer))
        rulings = (self._left(ruling, gone) for ruling in self._splits)
        self._splits = [ruling for ruling in rulings if ruling is not None]

        def left(entry: Entry) -> Sequence[int]:
            """What is somebody else's: a value may have passed from one to another."""
            return [value for value in entry.values
                    if value in linker.shared
                    or linker.find(linker.spell(value, entry.first)) != root]  # fmt: skip

        self._without(left)
        return gone

    @staticmethod
    def _left(ruling: Split, gone: Sequence[Identity]) -> Split | None:
        """A ruling without some identities; None where one of its sides is empty then."""
        one, other = (
            [identity for identity in side if identity not in gone]
            for side in (ruling.one, ruling.other)
        )
        return Split(one, other, ruling.at, ruling.reason) if one and other else None

    # -- as data

    @property
    def evidence(self) -> Iterator[Evidence]:
        """All evidence that is kept: learning it gives the same again."""
        for entries in self._known.values():
            for entry in entries:
                for at in self._times(entry):
                    yield self._evidence(entry.values, entry, at)

    @property
    def splits(self) -> tuple[Split, ...]:
        """All rulings that are kept."""
        return tuple(self._splits)

    def watched(self, told: Callable[[str], None] | None) -> None:
        """Have ``told`` called with each id whose customer is not the same any more."""
        self._told = told

    def settle(self) -> None:
        """Do now what the next question would need: fold again what late evidence put in doubt."""
        self._linker.settle()

    def __repr__(self) -> str:
        kept = sum(map(len, self._known.values()))
        return f"<Identities: {len(self._values):,} identities, {kept:,} pieces of evidence>"

    # -- within

    def _without(self, left: Callable[[Entry], Sequence[int]]) -> int:
        """Learn everything anew, of each piece only the values that are left; how many lost any."""
        self._linker.settle()
        before = self.ids() if self._told is not None else {}
        kept, number = [], 0
        for entries in self._known.values():
            for entry in entries:
                values = left(entry)
                number += len(values) < len(entry.values)
                if values:
                    kept += [self._evidence(values, entry, at) for at in self._times(entry)]
        told, self._told = self._told, None
        self.version += 1
        self._begin()
        self.learn(sorted(kept, key=lambda piece: piece.at))
        for place, ruling in enumerate(self._splits, 1):
            self._keep_apart(place, ruling)
        self._linker.settle()
        self._told = told
        if told is not None:
            after = self.ids()
            for key in dict.fromkeys(old for value, old in before.items()
                                     if after.get(value) != old):  # fmt: skip
                told(key)
        return number

    def _times(self, entry: Entry) -> list[int]:
        """When a piece was met, as far as it matters: never further apart than its window."""
        window = self._window(entry.values)
        if window is None or entry.last == entry.first:
            return [entry.first]
        return [*range(entry.first, entry.last, window), entry.last]

    def ids(self) -> dict[tuple[str, str, int], str]:
        """The id of the customer of every identity, by namespace, value and since when."""
        linker = self._linker
        linker.settle()
        return {
            (*key, linker.seen[node]): self._id(linker.eldest[linker.find(node)])
            for key, value in self._values.items()
            for node in linker.nodes(value)
            if value not in linker.shared
        }

    def _keep_apart(self, number: int, ruling: Split) -> None:
        sides = (self._usable(ruling.one), self._usable(ruling.other))
        self._linker.keep_apart(number, *sides)

    def _space(self, space: Namespace) -> int:
        rank = self._ranks[space.name] = len(self._ranks)
        order = (rank, "") if self.rules.namespaces else (0, space.name)
        self._linker.add_space(space, order)
        self._nobody.append({one for word in space.blocked for one in (word, space.formed(word))})
        return rank

    def _usable(self, identities: Iterable[Identity], *, add: bool = True) -> tuple[int, ...]:
        """The values of identities that may say something, the surest first."""
        found: list[int] = []
        for one in identities:
            key = (one.namespace, one.value)
            value = self._values.get(key)
            if value is None:
                value = self._value(one, add=add)
                if value is None:
                    continue
            if value not in found:
                found.append(value)
        order = self._linker.rank
        if len(found) > 1 and (
            not self.rules.namespaces or any(order[a] >= order[b] for a, b in pairwise(found))
        ):
            found.sort(key=self._sure)
        return tuple(found)

    def _value(self, one: Identity, *, add: bool) -> int | None:
        rank = self._ranks.get(one.namespace)
        if rank is None:
            if self.rules.namespaces or not add:
                return None
            rank = self._space(Namespace(one.namespace, shared=None))
        space = self._linker.spaces[rank]
        text, raw = space.formed(one.value), one.value.strip().casefold()
        if not text or raw in self._blocked or text in self._nobody[rank]:
            return None
        key = (one.namespace, text)
        value = self._values.get(key)
        if value is None and add:
            value = self._values[key] = self._linker.add_value(rank, text)
        return value

    def _sure(self, value: int) -> tuple[tuple[int, str], str]:
        linker = self._linker
        return linker.order[linker.rank[value]], linker.text[value]

    def _window(self, values: tuple[int, ...]) -> int | None:
        """How long evidence of these lasts: as long as the shortest of their windows."""
        linker = self._linker
        found = [linker.spaces[linker.rank[value]].window for value in values]
        bound = [window for window in found if window is not None]
        return min(bound) // _MICRO if bound else None

    def _identity(self, value: int) -> Identity:
        linker = self._linker
        return Identity(linker.spaces[linker.rank[value]].name, linker.text[value])

    def _evidence(self, values: Iterable[int], entry: Entry, at: int) -> Evidence:
        identities = [self._identity(value) for value in values]
        when = _EPOCH + at * _MICRO
        return Evidence(identities, when, entry.source, entry.batch, entry.weight)

    def _because(self, entry: Entry, joined: bool) -> Because:
        linker = self._linker
        gone = dict(entry.dropped)
        gone |= {v: "it is shared by many" for v in entry.values if v in linker.shared}
        return Because(
            tuple(self._identity(value) for value in entry.values if value not in gone),
            _EPOCH + entry.first * _MICRO, entry.source, entry.batch, entry.weight, joined,
            tuple((self._identity(value), reason) for value, reason in gone.items()),
        )  # fmt: skip

    def _id(self, node: int) -> str:
        return self._named(node, self._linker.seen[node])

    def _named(self, node: int, seen: int) -> str:
        value = self._linker.value_of[node]
        name = self._hash(value)
        windowed = self._linker.spaces[self._linker.rank[value]].window is not None
        return f"{name}-{seen}" if windowed else name

    def _hash(self, value: int) -> str:
        one = self._identity(value)
        text = f"{one.namespace}\x1f{one.value}".encode()
        key = blake2b(self.rules.secret.encode(), digest_size=32).digest()
        return "c-" + blake2b(text, key=key, digest_size=10).hexdigest()

    def _changed(self, node: int, seen: int) -> None:
        if self._told is not None:
            self._told(self._named(node, seen))

    def _node_of(self, customer: str) -> int:
        linker = self._linker
        linker.settle()
        for value in range(len(self._index), len(linker.text)):
            self._index[self._hash(value)] = value
        name, _, seen = str(customer).removeprefix("c-").partition("-")
        found = self._index.get(f"c-{name}")
        if (
            found is None
            or not linker.entries[found]
            or not (seen.lstrip("-").isdigit() or not seen)
        ):
            raise IdentityError(customer, "there is no customer of this id")
        if found in linker.shared:
            message = "what this customer was known by turned out to be shared by many"
            raise IdentityError(customer, message)
        return linker.spell(found, int(seen) if seen else None)
