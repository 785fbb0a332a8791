"""Proposals: a first mapping for unknown payloads, guessed from a sample of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from attrs import define, field, frozen

from journeymap.adapters.mapping.applying import AppliedMapping
from journeymap.adapters.mapping.documents import loads_mapping
from journeymap.adapters.source import RejectedRow
from journeymap.exceptions import SourceError
from journeymap.model.scores import SCORE_KINDS

__all__ = ["Proposal", "propose_mapping"]

MAX_SAMPLE = 500
"""Payloads of a sample that are looked at: more change no proposal, and cost time."""
MAX_DEPTH = 5
"""Levels of nested values that are looked at: vendors nest what matters less deeply."""
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s]{2,24}")
_WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]+(?![a-z])|[a-z]+|\d+")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_:-]*")
_WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "touchpoint": (("event", "name"), ("event", "type"), ("event",), ("activity",), ("action",),
                   ("touchpoint",), ("verb",), ("type",), ("name",), ("status",)),
    "id": (("event", "id"), ("message", "id"), ("id",), ("uuid",), ("key",)),
    "channel": (("channel",), ("platform",), ("device",), ("medium",), ("origin",)),
    "outcome": (("outcome",), ("result",), ("status",), ("state",)),
    "product": (("product",), ("sku",), ("plan",), ("item",)),
    "value": (("amount",), ("revenue",), ("total",), ("price",), ("value",)),
    "currency": (("currency",),),
    "score": (("score",), ("rating",), *((kind,) for kind in SCORE_KINDS)),
    "department": (("department",), ("team",), ("group",)),
}  # fmt: skip
_TRAITS = ("name", "city", "country", "language", "plan", "company", "title", "segment")
_UNITS = ((1e14, "us"), (1e11, "ms"), (1e8, "s"))


@define
class _Seen:
    """A place in the payloads, and what was found there."""

    path: str
    words: tuple[str, ...]
    depth: int
    values: list[Any] = field(factory=list)

    def texts(self) -> list[str]:
        return [str(one).strip() for one in self.values if one not in (None, "")]


@frozen
class Proposal:
    """A mapping proposed for a sample, as a document to edit.

    Attributes:
        text: The document, in TOML.
        rows: How many payloads were looked at.
        read: How many of them give records by it.
        reasons: How many others do not, by reason.
    """

    text: str
    rows: int
    read: int
    reasons: dict[str, int]


def propose_mapping(rows: Iterable[Any], source: str) -> Proposal:
    """Guess where in payloads the customer, the touchpoint, the time and the rest lie.

    Args:
        rows: Payloads, or the rows of a source's feed; the first 500 are looked at.
        source: The source that records name.

    Returns:
        A mapping to edit.

    Raises:
        SourceError: Nothing looks like a customer, or like a time.

    >>> rows = [{"at": "2026-03-01T09:00:00Z", "email": "ada@example.org", "event": "paid"}]
    >>> print(propose_mapping(rows, "shop").text.split("[[records]]")[1].strip())
    touchpoint = "$.event"
    at = "$.at"
    [records.identities]
    email = "$.email"
    """
    sample = [row for row in islice(_payloads(rows), MAX_SAMPLE) if isinstance(row, Mapping)]
    seen: dict[str, _Seen] = {}
    for row in sample:
        _look(row, "$", (), seen)
    places = list(seen.values())
    text = _document(places, source, len(sample))
    mapped = AppliedMapping(loads_mapping(text))
    reasons: dict[str, int] = {}
    read = 0
    for number, row in enumerate(sample, 1):
        made = mapped.records(row, number)
        if isinstance(made, str):
            reasons[made] = reasons.get(made, 0) + 1
        else:
            read += 1
    return Proposal(text, len(sample), read, reasons)


def _payloads(rows: Iterable[Any]) -> Iterator[Any]:
    for row in rows:
        if not isinstance(row, RejectedRow):
            yield row[1] if isinstance(row, tuple) else row


def _look(value: Any, path: str, words: tuple[str, ...], seen: dict[str, _Seen]) -> None:
    depth = path.count(".") + path.count("[")
    if isinstance(value, Mapping):
        for key, inner in value.items() if depth < MAX_DEPTH else ():
            if isinstance(key, str) and '"' not in key:
                step = f".{key}" if _PLAIN.fullmatch(key) else f'["{key}"]'
                words = tuple(word.lower() for word in _WORD.findall(key))
                _look(inner, path + step, words, seen)
    elif not isinstance(value, (list, tuple)):
        place = seen.get(path)
        if place is None:
            place = seen[path] = _Seen(path, words, depth)
        place.values.append(value)


def _document(places: list[_Seen], source: str, rows: int) -> str:
    identities = _identities(places)
    at = _time(places)
    if not rows or not identities or at is None:
        missing = "rows" if not rows else "who it is about" if not identities else "a time"
        raise SourceError(source, f"no mapping can be proposed: nothing looks like {missing}")
    taken = {at[0].path, *identities.values()}
    lines = [f"id = {_quoted(source)}", f'about = "proposed from a sample of {rows} payloads"']
    if at[2]:
        lines.append('timezone = "UTC"  # times name no zone: say which it is')
    lines += ["", "[[records]]"]
    found = {role: _find_role(places, role, taken) for role in _WORDS}
    if found["touchpoint"]:
        lines.append(f"touchpoint = {_quoted(found['touchpoint'])}")
    else:
        lines.append('# touchpoint = "…"  # nothing looks like one: without it, nothing happens')
    unit = at[1]
    when = _quoted(at[0].path)
    lines.append(f"at = {{ path = {when}, unit = {_quoted(unit)} }}" if unit else f"at = {when}")
    for role in ("id", "channel", "outcome", "product", "department"):
        if (path := found[role]) is not None and path != found["touchpoint"]:
            lines.append(f"{role} = {_quoted(path)}")
    if found["value"] and found["currency"]:
        lines += [f"value = {_quoted(found['value'])}", f"currency = {_quoted(found['currency'])}"]
    if found["score"]:
        kind = next((one for one in SCORE_KINDS if one in found["score"].lower()), "nps")
        lines += [f"score = {_quoted(found['score'])}", f'score_kind = "{kind}"  # is it?']
    lines.append("[records.identities]")
    lines += [f"{_key(space)} = {_quoted(path)}" for space, path in identities.items()]
    traits = _traits(places, {*taken, *(path for path in found.values() if path)})
    if traits:
        lines.append("[records.traits]")
        lines += [f"{_key(name)} = {_quoted(path)}" for name, path in traits.items()]
    return "\n".join(lines) + "\n"


def _identities(places: list[_Seen]) -> dict[str, str]:
    """Namespaces, the surest first: users and customers, e-mail, phone, then what a device is."""
    found: dict[str, tuple[int, int, str]] = {}

    def offer(space: str, rank: int, place: _Seen) -> None:
        if space not in found or (rank, place.depth, place.path) < found[space]:
            found[space] = (rank, place.depth, place.path)

    for place in places:
        texts = place.texts()
        if not texts:
            continue
        words = set(place.words)
        if sum(bool(_EMAIL.fullmatch(text)) for text in texts) > len(texts) / 2:
            offer("email", 1, place)
        elif words & {"user", "customer", "contact", "client", "member"} and words & {
            "id", "number", "no", "key", "uuid"
        }:  # fmt: skip
            named = next(word for word in place.words if word not in ("id", "number", "no"))
            offer(named, 0, place)
        elif words & {"phone", "mobile", "msisdn", "tel"}:
            offer("phone", 2, place)
        elif words & {"anonymous", "cookie", "device", "visitor", "session"} and "id" in words:
            offer(place.words[0], 3, place)
    ordered = sorted(found.items(), key=lambda item: item[1])
    return {space: path for space, (_, _, path) in ordered}


def _time(places: list[_Seen]) -> tuple[_Seen, str | None, bool] | None:
    """Find the place of the time, the unit of its numbers, and whether its texts lack a zone."""
    best: tuple[tuple[int, int, str], tuple[_Seen, str | None, bool]] | None = None
    for place in places:
        read = _read_as_time(place)
        if read is None:
            continue
        words = set(place.words)
        likely = 0 if words & {"timestamp", "occurred", "time", "at"} else 1 if words & {
            "created", "date", "updated", "received"} else 2  # fmt: skip
        if likely == 2 and read[0] is not None:
            continue  # a number that could be a time, and is not called one
        rank = (likely + (1 if words & {"updated", "received", "synced"} else 0),
                place.depth, place.path)  # fmt: skip
        if best is None or rank < best[0]:
            best = (rank, (place, *read))
    return None if best is None else best[1]


def _read_as_time(place: _Seen) -> tuple[str | None, bool] | None:
    texts = place.texts()
    good = zoneless = 0
    unit = None
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            try:
                at = datetime.fromisoformat(text.removesuffix(" UTC"))
            except ValueError:
                continue
            good += 1
            zoneless += at.tzinfo is None and not text.endswith(" UTC")
            continue
        found = next((name for least, name in _UNITS if least <= number < least * 1000), None)
        if found is not None:
            good, unit = good + 1, found
    if not texts or good < 0.8 * len(texts):
        return None
    return unit, zoneless > 0


def _find_role(places: list[_Seen], role: str, taken: set[str]) -> str | None:
    for words in _WORDS[role]:
        fitting = [
            place for place in places
            if set(words) <= set(place.words) and place.path not in taken and _fits(place, role)
        ]  # fmt: skip
        if fitting:
            best = min(fitting, key=lambda p: (len(p.words) - len(words), p.depth, p.path))
            return best.path
    return None


def _fits(place: _Seen, role: str) -> bool:
    texts = place.texts()
    if not texts or any(len(text) > 200 for text in texts):
        return False
    distinct = len(set(texts))
    if role == "id":
        return distinct == len(texts) and place.depth <= 1
    if role in ("value", "score"):
        return all(_is_number(text) for text in texts)
    if role == "currency":
        return all(len(text) == 3 and text.isalpha() for text in texts)
    few = distinct <= max(30, len(texts) / 2)
    return few and not any(_is_number(text) or _EMAIL.fullmatch(text) for text in texts)


def _traits(places: list[_Seen], taken: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for place in sorted(places, key=lambda one: (one.depth, one.path)):
        if place.path in taken or not place.texts() or place.words[-1:] == ("id",):
            continue
        if place.words and place.words[-1] in _TRAITS:
            found.setdefault("_".join(place.words), place.path)
    return dict(list(found.items())[:12])


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < 1e15
    except ValueError:
        return False


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)
