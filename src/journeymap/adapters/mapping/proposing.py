"""Proposals: a first mapping for unknown payloads, guessed from a sample of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from attrs import frozen

from journeymap.adapters.mapping.applying import AppliedMapping
from journeymap.adapters.mapping.documents import loads_mapping
from journeymap.adapters.mapping.payload_survey import Place, survey_payloads
from journeymap.adapters.source import RejectedRow
from journeymap.exceptions import SourceError
from journeymap.model.scores import SCORE_KINDS

__all__ = ["Proposal", "propose_mapping"]

MAX_SAMPLE = 500
"""Payloads of a sample that are looked at: more change no proposal, and cost time."""
_TOUCHPOINTS = {
    "event_name": 100, "event": 98, "webhook_event": 97, "event_type": 96, "event_code": 95,
    "activity_type": 92, "activity_kind": 92, "activity": 91, "activity_name": 92, "topic": 90,
    "trigger": 88, "notification_type": 88, "record_type": 84, "subscription_type": 86,
    "message_name": 84, "metric": 82, "touchpoint": 99, "interaction": 80, "interaction_type": 86,
    "interaction_name": 88, "action": 80, "action_type": 82, "verb": 79, "alert_type": 78,
    "operation": 70, "trigger_event": 92, "hook_event": 90, "message_status": 74, "call_status": 74,
    "sms_status": 73, "message_type": 68, "type": 72, "kind": 64, "step": 60, "stage": 60,
    "stage_name": 62, "status": 56, "state": 50, "name": 45, "category": 40, "result": 36,
    "subject": 24, "title": 24, "label": 34, "concept_name": 95,
}  # fmt: skip
"""How likely the last key of a path names what happened, from 0 to 100."""
_GENERAL = frozenset({
    "event", "events", "event_callback", "notification", "notification_event", "webhook", "track",
    "message", "object", "record", "list", "app", "api", "default", "true", "false", "user",
    "contact", "customer", "page", "json", "test", "active", "notification.event",
})  # fmt: skip
"""Words that say of everything what it is: that something happened."""
_TIMES = {
    "event_time": 100, "occurred_at": 100, "event_timestamp": 99, "occurred": 99, "timestamp": 98,
    "event_date": 96, "event_datetime": 96, "event_at": 98, "happened_at": 98, "ts": 92,
    "event_ts": 93, "time": 92, "date_time": 92, "datetime": 92, "at": 92, "fired_at": 92,
    "triggered_at": 92, "submitted_at": 90, "completed_at": 72, "answered_at": 80,
    "bounced_at": 88, "delivered_at": 82, "opened_at": 82, "clicked_at": 82, "logged_at": 84,
    "created_at": 86, "created": 85, "create_time": 85, "created_time": 85, "date_created": 85,
    "created_on": 85, "created_date": 85, "creation_date": 84, "create_date": 84,
    "created_datetime": 86, "generated_date_time": 82, "operation_created_on": 86,
    "action_time": 90, "sent_at": 80, "sent": 78, "date": 80, "when": 88, "start_time": 66,
    "started_at": 68, "recorded_at": 76, "received_at": 62, "ingested_at": 40, "processed_at": 60,
    "time_stamp": 98, "unix_timestamp": 94, "original_timestamp": 88, "client_event_time": 90,
    "server_timestamp": 70, "published_at": 70, "request_time": 60, "updated_at": 30,
    "modified": 28, "modified_at": 28, "last_modified": 28, "update_time": 30, "changed_at": 30,
}  # fmt: skip
"""How likely the last key of a path names when it happened, from 0 to 100."""
_OTHER_TIMES = frozenset({
    "expires", "expiry", "expire", "expiration", "due", "birth", "birthday", "dob", "born", "until",
    "end", "ends", "ended", "next", "trial", "valid", "scheduled", "estimated", "renewal",
    "deadline", "period", "synced", "sync", "fivetran", "last", "first", "signup", "registered",
    "ttl", "duration", "offset", "zone", "timezone", "token",
})  # fmt: skip
"""Words of times of something else."""
_PERSONS = frozenset({
    "user", "customer", "contact", "client", "member", "subscriber", "person", "profile", "lead",
    "recipient", "respondent", "visitor", "patient", "guest", "buyer", "payer", "shopper",
    "shopperreference", "participant", "requester", "caller", "distinct", "anonymous", "actor",
    "invitee", "attendee", "party", "individual", "consumer", "sender", "passenger", "student",
})  # fmt: skip
_DEVICES = frozenset({"anonymous", "cookie", "device", "visitor", "session", "distinct", "client"})
_NO_PERSONS = frozenset({
    "app", "application", "api", "workspace", "team", "tenant", "shop", "store", "site", "merchant",
    "bot", "agent", "assignee", "owner", "employee", "seller", "campaign", "project",
    "organization", "org", "portal", "list", "template", "webhook", "subscription", "integration",
    "property", "server", "service", "operator", "staff", "initiator", "admin",
})  # fmt: skip
"""Words of what is no customer, whoever it is the user or the client of."""
_NAMING = frozenset(
    {"id", "ids", "number", "no", "key", "uuid", "guid", "reference", "ref", "external"}
)
_OTHER_WORDS = frozenset({
    "name", "city", "country", "language", "locale", "currency", "version", "source", "env", "user",
    "environment", "zone", "timezone", "gender", "os", "browser", "company", "plan", "segment",
    "channel", "platform", "device", "department", "team", "product", "outcome", "score", "email",
    "phone", "address", "region", "state", "comment", "customer",
})  # fmt: skip
"""Words of texts that describe somebody or something, and do not name what happened."""
_LISTS = frozenset({
    "event", "events", "items", "notifications", "notification", "records", "entries", "entry",
    "hits", "data", "results", "messages", "activities", "interactions", "rows", "batch",
})  # fmt: skip
_ROLES: dict[str, tuple[tuple[str, ...], ...]] = {
    "id": (("event", "id"), ("message", "id"), ("insert", "id"), ("notification", "id"), ("id",),
           ("uuid",), ("guid",), ("key",)),
    "channel": (("channel",), ("platform",), ("device", "type"), ("medium",), ("origin",)),
    "outcome": (("outcome",), ("result",), ("status",), ("state",)),
    "product": (("product",), ("sku",), ("plan",), ("item",)),
    "value": (("amount",), ("revenue",), ("total",), ("price",), ("value",)),
    "currency": (("currency",),),
    "score": (("score",), ("rating",), *((kind,) for kind in SCORE_KINDS)),
    "department": (("department",), ("team",), ("group",)),
}  # fmt: skip
_TRAITS = ("name", "city", "country", "language", "plan", "company", "title", "segment")


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

    What occurs in more of the payloads counts for more; what happened in elements of a list is
    found there.

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
    text = _Guess(*survey_payloads(sample)).document(source)
    mapped = AppliedMapping(loads_mapping(text))
    reasons: dict[str, int] = {}
    read = 0
    for number, row in enumerate(sample, 1):
        made = mapped.apply(row, number)
        for one in made.rejected:
            reasons[one.reason] = reasons.get(one.reason, 0) + 1
        read += bool(made.records)
    return Proposal(text, len(sample), read, reasons)


def _payloads(rows: Iterable[Any]) -> Iterator[Any]:
    for row in rows:
        if not isinstance(row, RejectedRow):
            yield row[1] if isinstance(row, tuple) else row


class _Guess:
    """The roles that places of payloads seem to have."""

    def __init__(self, sizes: dict[str, int], places: list[Place]) -> None:
        self.payloads = sizes[""]
        self._sizes = sizes
        scopes = {within: [one for one in places if one.within == within] for within in sizes}
        self.within = self._choose_scope(scopes)
        self.inner = scopes[self.within]
        begin = f"{self.within}[0]"
        self.outer = [one for one in scopes[""] if self.within and not one.path.startswith(begin)]
        self.touchpoints = self._rank(self.inner, _touchpoint_score) or self._rank(
            self.outer, _touchpoint_score
        )
        beside = _around(self.touchpoints[0]) if self.touchpoints else None

        def timed(place: Place) -> float:
            score = _time_score(place)
            return score + 6 if score and beside == _around(place) else score

        self.times = self._rank(self.inner, timed) or self._rank(self.outer, timed)

    def document(self, source: str) -> str:
        """Write the mapping."""
        identities = _find_identities([*self.inner, *self.outer])
        if not self.payloads or not identities or not self.times:
            missing = "rows" if not self.payloads else "a time" if identities else "who it is about"
            raise SourceError(source, f"no mapping can be proposed: nothing looks like {missing}")
        about = f"proposed from a sample of {self.payloads} payloads"
        lines = [f"id = {_quoted(source)}", f'about = "{about}"']
        if any(one.time is not None and one.time.zoneless for one in self.times):
            lines.append('timezone = "UTC"  # times name no zone: say which it is')
        lines += ["", "[[records]]"]
        if self.within:
            lines.append(f"each = {_quoted(self.within)}")
        if self.touchpoints:
            lines.append(f"touchpoint = {_listed([_quoted(p.path) for p in self.touchpoints])}")
        else:
            lines.append(
                '# touchpoint = "…"  # nothing looks like one: without it, nothing happens'
            )
        lines.append(f"at = {_listed([_time_pick(one) for one in self.times])}")
        taken = {path for paths in identities.values() for path in paths}
        taken |= {one.path for one in (*self.touchpoints, *self.times)}
        found = {role: self._find_role(role, taken) for role in _ROLES}
        lines += _role_lines(found)
        lines.append("[records.identities]")
        lines += [
            f"{_key(space)} = {_listed([_quoted(path) for path in paths])}"
            for space, paths in identities.items()
        ]
        traits = self._find_traits({*taken, *(path for path in found.values() if path)})
        if traits:
            lines.append("[records.traits]")
            lines += [f"{_key(name)} = {_quoted(path)}" for name, path in traits.items()]
        return "\n".join(lines) + "\n"

    def _choose_scope(self, scopes: dict[str, list[Place]]) -> str:
        """Choose between whole payloads and the elements of a list in which something happened."""
        best, chosen = 0.0, ""
        for within in scopes:
            name = re.split(r"[.$]", within)[-1].lower()
            if not within or name not in _LISTS:
                continue
            outside = [one for one in scopes[""] if not one.path.startswith(f"{within}[0]")]
            worth = self._worth(scopes[within])
            if worth > max(best, 30, self._worth(outside)):
                best, chosen = worth, within
        return chosen

    def _worth(self, places: list[Place]) -> float:
        """Judge how well places name what happened, and when: the weaker of the two counts."""
        named, timed = self._rank(places, _touchpoint_score), self._rank(places, _time_score)
        if not named or not timed:
            return 0
        return min(_touchpoint_score(named[0]), _time_score(timed[0]))

    def _rank(self, places: list[Place], score: Any) -> list[Place]:
        """List the places of a role, the likeliest first, until together they cover nearly all."""
        scored = [
            (score(one) * one.payloads / max(self._sizes[one.within], 1) - 2 * one.depth, one)
            for one in places
            if score(one) > 0
        ]
        ordered = [one for worth, one in sorted(scored, key=lambda s: -s[0]) if worth > 0]
        if not ordered:
            return []
        first = ordered[0]
        covered = first.payloads / max(self._sizes[first.within], 1)
        others = [one for one in ordered[1:] if score(one) >= 0.6 * score(first)]
        return [first, *others[:2]] if covered < 0.95 else [first]

    def _find_role(self, role: str, taken: set[str]) -> str | None:
        for words in _ROLES[role]:
            fitting = [
                one for one in (*self.inner, *self.outer)
                if set(words) <= one.words and one.path not in taken and _fits(one, role)
            ]  # fmt: skip
            if fitting:
                best = min(
                    fitting,
                    key=lambda p: (-p.payloads, len(p.words) - len(words), p.depth, p.path),
                )
                return best.path
        return None

    def _find_traits(self, taken: set[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for one in sorted(self.inner, key=lambda one: (one.depth, one.path)):
            if one.path in taken or not one.texts or "[" in one.path:
                continue
            if one.keys and one.keys[-1][-1] in _TRAITS:
                found.setdefault(one.key, one.path)
        return dict(list(found.items())[:12])


def _around(place: Place) -> str:
    """Return the path of what holds a place."""
    return place.path.rpartition(".")[0]


def _touchpoint_score(place: Place) -> float:
    """Judge how likely a place names what happened."""
    words = place.words
    if not place.texts or words & {"id", "uuid", "guid", "token", "url", "uri", "hash", "version"}:
        return 0
    if place.codes > 0.2 or place.emails > 0 or place.time is not None:
        return 0
    if any(len(text) > 80 for text in place.texts):
        return 0
    known = _TOUCHPOINTS.get(place.key)
    if known is None and place.keys[-1] and place.keys[-1][-1] in ("event", "action", "activity"):
        known = 58
    if known is None:
        spoken = place.distinct <= max(3, len(place.texts) / 2) and not words & _OTHER_WORDS
        known = 9 if spoken and place.depth == 1 else 0
    around = place.keys[-2] if len(place.keys) > 1 else ()
    if place.key in ("type", "name", "action", "kind") and {"event", "meta", "activity"} & set(
        around
    ):
        known = max(known, 94)
    if place.key == "type" and around and set(around) & {"user", "contact", "source", "device"}:
        known -= 40
    if {text.lower() for text in place.texts} <= _GENERAL:
        known -= 45
    if place.distinct > 5 and place.distinct > 0.9 * len(place.texts):
        known -= 40
    return max(known, 1) if known else 0


def _time_score(place: Place) -> float:
    """Judge how likely a place holds the time of what happened."""
    if place.time is None or not place.keys:
        return 0
    named = [word for word in place.keys[-1] if word not in ("gmt", "utc")]
    known = _TIMES.get("_".join(named), 0)
    if known and len(named) < len(place.keys[-1]):
        known += 8  # it names its zone
    if not known:
        if place.words & _OTHER_TIMES:
            return 4
        if place.time.unit is not None:
            return 20 if place.words & {"time", "timestamp", "date", "ts"} else 0
        known = 55 if place.words & {"time", "timestamp", "date", "at", "created", "on"} else 12
    if place.parents & {"subscription", "trial", "expires", "birth", "fulfillments"}:
        known -= 20
    return max(known * place.time.share, 1)


def _find_identities(places: list[Place]) -> dict[str, list[str]]:
    """Namespaces, the surest first: users and customers, e-mail, phone, then what a device is.

    Of each, the likeliest path, and others that are as likely where it is missing.
    """
    found: dict[str, list[tuple[int, int, int, str]]] = {}

    def offer(space: str, rank: int, place: Place) -> None:
        constant = place.distinct == 1 and len(place.texts) > 2
        key = (rank + 10 * constant, -place.payloads, place.depth, place.path)
        found.setdefault(space, []).append(key)

    for place in places:
        if not place.texts or not place.keys:
            continue
        words, around = place.words, place.parents
        inner = set(place.keys[-2]) if len(place.keys) > 1 else set()
        foreign = bool(words & _NO_PERSONS) or bool(inner & _NO_PERSONS)
        named = [word for word in place.keys[-1] if word in _PERSONS]
        near = [
            word for word in (place.keys[-2] if len(place.keys) > 1 else ()) if word in _PERSONS
        ]
        if place.emails > 0.5:
            offer("email", 2 if foreign else 1, place)
        elif foreign or place.time is not None or any(len(text) > 200 for text in place.texts):
            continue
        elif words & {"phone", "mobile", "msisdn", "tel", "telephone"} or (
            words & {"from", "to", "caller", "called", "digits"} and place.phones > 0.5
        ):
            if place.phones > 0.5:
                offer("phone", 2 if words & {"from", "phone", "caller"} else 3, place)
        elif named and (words & _NAMING or words == {named[0]}) and _is_name(place):
            offer(named[0], 3 if words & _DEVICES and "user" not in words else 0, place)
        elif near and words <= _NAMING and _is_name(place):
            offer(near[0], 3 if near[0] in _DEVICES else 0, place)
        elif words & _DEVICES and words & _NAMING:
            offer(place.keys[-1][0], 4, place)
        elif words & {"account"} and words & _NAMING and not around & _NO_PERSONS:
            offer("account", 5, place)
    ordered = sorted((sorted(keys), space) for space, keys in found.items())
    if any(keys[0][0] < 10 for keys, _ in ordered):  # what is always the same names no customer
        ordered = [(keys, space) for keys, space in ordered if keys[0][0] < 10]
    most = max((one.payloads for one in places), default=0)
    made: dict[str, list[str]] = {}
    for keys, space in ordered:
        alike = [path for rank, _, _, path in keys if rank == keys[0][0]]
        made[space] = alike[:1] if -keys[0][1] >= 0.95 * most else alike[:3]
    return made


def _is_name(place: Place) -> bool:
    """Check whether the values could name customers: they are short, and one word each."""
    return all(len(text) <= 128 and " " not in text for text in place.texts)


def _fits(place: Place, role: str) -> bool:
    texts = place.texts
    if not texts or any(len(text) > 200 for text in texts) or place.time is not None:
        return False
    if role == "id":
        return place.distinct == len(texts) and place.depth <= 2 and "[" not in place.path
    if role in ("value", "score"):
        return place.numbers == 1
    if role == "currency":
        return all(len(text) == 3 and text.isalpha() for text in texts)
    few = place.distinct <= max(30, len(texts) / 2)
    return few and place.numbers == 0 and place.emails == 0 and place.codes == 0


def _time_pick(place: Place) -> str:
    read, path = place.time, _quoted(place.path)
    if read is not None and read.unit is not None:
        return f"{{ path = {path}, unit = {_quoted(read.unit)} }}"
    if read is not None and read.format is not None:
        return f"{{ path = {path}, format = {_quoted(read.format)} }}"
    return path


def _role_lines(found: dict[str, str | None]) -> Iterator[str]:
    for role in ("id", "channel", "outcome", "product", "department"):
        if (path := found[role]) is not None:
            yield f"{role} = {_quoted(path)}"
    if found["value"] and found["currency"]:
        yield "# of which touchpoints does it count? see when, negative"
        yield f"# value = {_quoted(found['value'])}"
        yield f"# currency = {_quoted(found['currency'])}"
    if found["score"]:
        kind = next((one for one in SCORE_KINDS if one in found["score"].lower()), "nps")
        yield f"score = {_quoted(found['score'])}"
        yield f'score_kind = "{kind}"  # is it?'


def _listed(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)
