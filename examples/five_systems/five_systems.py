"""One view of each customer out of five systems, of which none knows the others' names.

python five_systems.py [customers] [folder]
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from attrs import evolve
from exports import TABLET, Person, write_exports

import journeymap as jm
from journeymap.adapters.mapping import load_mapping
from journeymap.adapters.source import Source
from journeymap.adapters.sources import csv_source, json_lines_source, json_source
from journeymap.analysis import Handoffs, Log, Satisfaction
from journeymap.simulation import broadband, broadband_customers
from journeymap.views import customer_page

HERE = Path(__file__).parent

RULES = jm.IdentityRules([
    jm.Namespace("user", most=1),
    jm.Namespace("email", most=3, form="folded"),
    jm.Namespace("phone", most=2, form="digits"),
    jm.Namespace("hubspot_contact", most=1),
    jm.Namespace("shopify_order"),
    jm.Namespace("ga_client", shared=5),
])  # fmt: skip
PROFILE = jm.ProfileRules(
    [jm.TraitRule("name", "trusted", trusted=["hubspot"])],
    purposes=[jm.Purpose("marketing"), jm.Purpose("service", needs_consent=False)],
)


def five_sources(folder: Path) -> list[Source]:
    """Three mappings come with journeymap; two are ten lines each."""
    shop = load_mapping("shopify").with_touchpoints(
        {"order placed": "order_placed", "order shipped": "parcel_sent"}
    )
    # The shop's customer number is the user that the others know.
    renamed = [
        evolve(rule, identities={{"shopify_customer": "user"}.get(n, n): p
                                 for n, p in rule.identities.items()})
        for rule in shop.records
    ]  # fmt: skip
    shop = evolve(shop, records=renamed)
    return [
        json_lines_source(folder / "ga4.jsonl", load_mapping("ga4")),
        csv_source(folder / "hubspot.csv", load_mapping(HERE / "hubspot.toml")),
        json_source(folder / "shopify.json", shop),
        csv_source(folder / "zendesk.csv", load_mapping(HERE / "zendesk.toml")),
        json_lines_source(folder / "survey.jsonl", load_mapping("survey")),
    ]


def main(number: int, folder: Path) -> None:
    """Read, resolve, ask, follow live, and look at one of them."""
    people = write_exports(folder, number)
    customers = jm.Customers(RULES)
    for source in five_sources(folder):
        print(f"{source.name:8} {customers.read(source)}")

    # Who is who, against the truth.
    right, wrong, missed = who_is_who(customers, people)
    print(f"{len(customers):,} customers of {number:,}; precision {right / (right + wrong):.4f}, "
          f"recall {right / (right + missed):.4f}")  # fmt: skip
    print("shared by many:", *(one.namespace for one in customers.identities.shared))

    # Asked in batch: the planted trouble between Distribution and Services.
    journey = broadband()
    happened = [one for one in customers.interactions() if one.touchpoint != "login"]
    log = Log.from_interactions(happened, map=journey)
    worst = max(log.ask(Handoffs()), key=lambda row: (row.wait_mean or 0) * row.count)
    print(f"most waiting: {worst.source} → {worst.target}")
    truth = Log.from_interactions(broadband_customers(number, 11), map=journey)
    for asked in (log, truth):
        nps = [row for row in asked.ask(Satisfaction(by="stage")) if row.kind == "nps"]
        print("NPS by stage:", {row.element: round(row.score, 4) for row in nps},
              f"of {asked.interactions:,} interactions")  # fmt: skip

    # Followed live, record by record, in whatever order the files come.
    end = max(one.at for one in happened)
    with jm.Live(journey, identities=RULES) as live:
        for source in five_sources(folder):
            for batch in source.read():
                live.take(batch.records)
        same = Counter(
            jm.Customer.of(name, live, as_of=end).position
            == jm.Customer.of(name, customers, map=journey, as_of=end).position
            for name in list(customers)[:500]
        )
    print(f"live and in batch, the same position: {same[True]} of {same.total()}")

    # One of them: explained, and seen for a purpose.
    name = customers.identities.customer(jm.Identity("user", "u7")) or ""
    for link in customers.identities.explain(name):
        if link.joined:
            known = " + ".join(one.namespace for one in link.identities)
            print(f"  {link.source} said {known} are one, on {link.at:%Y-%m-%d}")
    seen = jm.Customer.of(name, customers, map=journey, rules=PROFILE, purpose="service")
    print(seen)
    (folder / "customer.html").write_text(customer_page(seen), encoding="utf-8")
    refused = customers.identities.customer(jm.Identity("user", "u6")) or ""
    print(jm.Customer.of(refused, customers, rules=PROFILE, purpose="marketing"))


def who_is_who(customers: jm.Customers, people: dict[str, Person]) -> tuple[int, int, int]:
    """Pairs of identities put together rightly, wrongly, and not put together.

    Of identities that occur in the exports: of others nobody can know.
    """
    owner = {identity: name for name, person in people.items() for identity in person.identities()}
    found: Counter[tuple[str, str]] = Counter()
    for identity, name in owner.items():
        customer = customers.identities.customer(identity)
        if customer is not None:
            found[customer, name] += 1

    def pairs(count: int) -> int:
        return count * (count - 1) // 2

    right = sum(pairs(count) for count in found.values())
    by_customer: Counter[str] = Counter()
    for (customer, _), count in found.items():
        by_customer[customer] += count
    together = sum(pairs(count) for count in by_customer.values())
    met: Counter[str] = Counter()
    for (_, name), count in found.items():
        met[name] += count
    true = sum(pairs(count) for count in met.values())
    assert customers.identities.customer(jm.Identity("ga_client", TABLET)) is None
    return right, together - right, true - right


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as made:
        main(count, Path(sys.argv[2]) if len(sys.argv) > 2 else Path(made))
