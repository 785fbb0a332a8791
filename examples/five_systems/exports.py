"""What five systems would have kept of simulated customers, each under names of its own.

The truth is known here and nowhere else: who is who, and what happened. Web analytics knows
cookies, and a user only where somebody logs in; the shop knows customer numbers, e-mail addresses
and phones; the CRM its contacts; the help desk whoever wrote or called, some under another
address; the survey tool an address or a number. One tablet stands in every shop.
"""

from __future__ import annotations

import csv
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

from journeymap import Identity, Interaction
from journeymap.simulation import broadband_customers

HELP = ("support_asked", "problem_solved", "complaint_made", "complaint_settled", "line_failed",
        "technician_came", "line_tested")  # fmt: skip
TABLET = "tablet.in.shop"


class Person:
    """A simulated customer, by every name that anybody knows."""

    def __init__(self, customer: str, dice: random.Random) -> None:
        number = int(customer.removeprefix("customer-"))
        self.number = f"u{number}"
        self.email = f"Person{number}@Example.org"
        self.other = f"p.{number}@work.example" if dice.random() < 0.15 else self.email
        self.phone = f"+49 151 {number:07d}"
        self.contact = str(700_000 + number)
        self.cookies = [f"{dice.getrandbits(32)}.{number}" for _ in range(dice.choice((1, 1, 2)))]

    def identities(self) -> list[Identity]:
        """All of them, as the sources name them."""
        return [
            Identity("user", self.number), Identity("email", self.email.lower()),
            Identity("email", self.other.lower()),
            Identity("phone", "".join(c for c in self.phone if c.isdigit())),
            Identity("hubspot_contact", self.contact),
            *(Identity("ga_client", cookie) for cookie in self.cookies),
        ]  # fmt: skip


def write_exports(folder: Path, customers: int, seed: int = 11) -> dict[str, Person]:
    """Simulate customers, spread what happened over five files; the truth about who is who."""
    dice = random.Random(seed)
    people: dict[str, Person] = {}
    files: dict[str, list[dict[str, Any]]] = defaultdict(list)
    orders: dict[str, dict[str, Any]] = {}
    for one in broadband_customers(customers, seed):
        person = people.setdefault(one.customer, Person(one.customer, dice))
        order = orders.get(one.customer)
        if one.score is not None:
            files["survey"].append(_answer(one, person, dice))
        elif one.touchpoint == "order_placed":
            orders[one.customer] = _order(one, person)
            files["shopify"].append(orders[one.customer])
        elif one.touchpoint == "parcel_sent" and order is not None:
            order["fulfillments"].append({"id": one.id, "created_at": one.at.isoformat(),
                                          "status": "success"})  # fmt: skip
        elif one.touchpoint in HELP:
            files["zendesk"].append(_ticket(one, person, dice))
        elif one.channel in ("web", "app"):
            files["ga4"].append(_event(one, person, dice))
        else:
            files["hubspot"].append(_activity(one, person))
    # The CRM has a contact for everybody; its form knows the number they have in the shop.
    for person in people.values():
        files["hubspot"].insert(0, {"contact": person.contact, "email": person.email,
                                    "number": person.number, "phone": person.phone,
                                    "name": f"Person {person.number}",
                                    "at": "2025-01-01T00:00:00Z"})  # fmt: skip
    for person in people.values():
        for cookie in person.cookies:  # each device logs in once, before anything else
            files["ga4"].insert(0, _login(cookie, person))
    _write(folder, files)
    return people


def _event(one: Interaction, person: Person, dice: random.Random) -> dict[str, Any]:
    on_tablet = one.channel == "web" and dice.random() < 0.05
    return {
        "event_name": one.touchpoint,
        "event_timestamp": str(int(one.at.timestamp() * 1_000_000)),
        "user_id": person.number if on_tablet else None,
        "user_pseudo_id": TABLET if on_tablet else dice.choice(person.cookies),
        "platform": "WEB" if one.channel == "web" else "IOS",
        "ecommerce": {"purchase_revenue": float(one.value.amount)} if one.value else None,
        "event_params": [{"key": "currency", "value": {"string_value": "EUR"}}],
    }


def _login(cookie: str, person: Person) -> dict[str, Any]:
    return {"event_timestamp": 1735689600000000, "user_id": person.number,
            "user_pseudo_id": cookie, "event_name": "login"}  # fmt: skip


def _order(one: Interaction, person: Person) -> dict[str, Any]:
    return {
        "id": one.id, "created_at": one.at.isoformat(), "email": person.email.upper(),
        "phone": person.phone, "customer": {"id": person.number},
        "total_price": str(one.value.amount) if one.value else "0", "currency": "EUR",
        "source_name": {"shop": "pos"}.get(one.channel or "", one.channel),
        "buyer_accepts_marketing": int(person.number[1:]) % 3 > 0, "fulfillments": [],
    }  # fmt: skip


def _ticket(one: Interaction, person: Person, dice: random.Random) -> dict[str, Any]:
    caller, writer = dice.choice(((person.phone, ""), ("anonymous", person.other),
                                  (person.phone, person.other)))  # fmt: skip
    return {
        "ticket": one.id, "what": one.touchpoint, "created": one.at.isoformat(),
        "from": writer, "caller": caller,
        "via": one.channel, "result": one.outcome, "mood": one.emotion,
    }  # fmt: skip


def _answer(one: Interaction, person: Person, dice: random.Random) -> dict[str, Any]:
    assert one.score is not None
    known = {"email": person.email} if dice.random() < 0.7 else {"customer_id": person.number}
    return {"id": one.id, "touchpoint": one.touchpoint, "submitted_at": one.at.isoformat(),
            "survey": one.score.kind.upper(), "score": one.score.value, "channel": one.channel,
            **known}  # fmt: skip


def _activity(one: Interaction, person: Person) -> dict[str, Any]:
    return {"contact": person.contact, "activity": one.touchpoint, "at": one.at.isoformat(),
            "id": one.id, "channel": one.channel,
            "amount": one.value.amount if one.value else ""}  # fmt: skip


def _write(folder: Path, files: dict[str, list[dict[str, Any]]]) -> None:
    for name in ("ga4", "survey"):
        lines = "".join(json.dumps(row) + "\n" for row in files[name])
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    (folder / "shopify.json").write_text(json.dumps({"orders": files["shopify"]}))
    for name in ("hubspot", "zendesk"):
        columns = list(dict.fromkeys(key for row in files[name] for key in row))
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(files[name])
