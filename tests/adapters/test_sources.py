"""What the sources read out of real files: known counts, known flattening, known payloads."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from journeymap import (
    DocumentError,
    ElementError,
    Identity,
    Record,
    SourceError,
    UnknownName,
)
from journeymap.adapters.mapping import (
    AppliedMapping,
    RecordRule,
    builtin_mappings,
    columns_mapping,
    load_mapping,
    loads_mapping,
    propose_mapping,
)
from journeymap.adapters.source import RejectedRow, Source
from journeymap.adapters.sources import (
    MessageSource,
    SqlSource,
    csv_source,
    iterable_source,
    json_lines_source,
    json_source,
    ocel_source,
    xes_source,
)
from journeymap.adapters.sources.ocel import read_ocel_rows
from journeymap.analysis import Columns, Handoffs, Log, Transitions, Variants


def all_of(source: Source) -> tuple[list[Record], list[RejectedRow]]:
    batches = list(source.read())
    return (
        [record for batch in batches for record in batch.records],
        [one for batch in batches for one in batch.rejected],
    )


def one(mapping: str, payload: dict[str, Any]) -> list[Record]:
    made = AppliedMapping(load_mapping(mapping)).records(payload, 1)
    assert not isinstance(made, str), made
    return made


def named(record: Record) -> dict[str, str]:
    return {identity.namespace: identity.value for identity in record.identities}


# -- event logs


def test_an_xes_log_is_the_csv_log(data: Path) -> None:
    log = Log.from_source(xes_source(data / "receipt" / "08_receipt.xes.gz"))
    assert (log.customers, log.interactions) == (1434, 8577)
    plain = Log.read(
        data / "receipt" / "receipt.csv",
        Columns(customer="case:concept:name", touchpoint="concept:name", at="time:timestamp",
                department="org:group"),
    )  # fmt: skip
    questions: list[Any] = [Transitions(), Variants(), Handoffs()]
    for question in questions:
        assert {json.dumps(row, default=str) for row in log.ask(question).to_dicts()} == {
            json.dumps(row, default=str) for row in plain.ask(question).to_dicts()
        }


@pytest.mark.parametrize("name", ["DomesticDeclarations", "PrepaidTravelCost", "helpdesk"])
def test_real_xes_logs_have_their_known_sizes(data: Path, name: str) -> None:
    folder = data / ("helpdesk" if name == "helpdesk" else "bpic2020")
    facts = json.loads((folder / "facts.json").read_text())
    known = facts if name == "helpdesk" else next(
        one for key, one in facts.items() if key.startswith(name)
    )  # fmt: skip
    log = Log.from_source(xes_source(folder / f"{name}.xes.gz"))
    assert (log.customers, log.interactions) == (known["n_cases"], known["n_events"])
    assert len(log.ask(Variants(top=None))) == known["n_variants"]


def test_log_read_knows_xes_by_its_suffix(data: Path) -> None:
    log = Log.read(data / "running-example" / "running-example.xes")
    assert (log.customers, log.interactions) == (6, 42)
    columns = Columns(customer="case:concept:name", touchpoint="Activity", at="time:timestamp",
                      department="org:resource")  # fmt: skip
    again = Log.read(data / "running-example" / "running-example.xes", columns)
    assert "department" in again.levels
    assert again.interactions == 42


XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="u"/>
  <global scope="event"><string key="concept:name" value="UNKNOWN"/></global>
  <classifier name="full" keys="concept:name 'lifecycle:transition'"/>
  <trace><string key="concept:name" value="c1"/>
    <event><string key="concept:name" value="paid"><int key="tries" value="2"/></string>
      <string key="lifecycle:transition" value="complete"/>
      <date key="time:timestamp" value="2026-03-01T09:00:00.000+02:00"/>
      <list key="items"><values><string key="sku" value="x"/></values></list>
    </event>
    <string key="case:late" value="after"/>
  </trace>
  <event><string key="concept:name" value="alone"/></event>
</log>"""


def test_nested_attributes_and_classifiers(tmp_path: Path) -> None:
    file = tmp_path / "a.xes"
    file.write_text(XES)
    from journeymap.adapters.sources.xes import read_xes_rows

    [first, broken] = list(read_xes_rows(file))
    assert not isinstance(first, RejectedRow)
    assert isinstance(broken, RejectedRow)
    line, row = first
    assert line == 7
    assert row["concept:name/tries"] == "2"
    assert row["items/sku"] == "x"
    assert row["classifier:full"] == "paid+complete"
    assert row["case:case:late"] == "after"  # attributes of a trace may come after its events
    assert broken.reason == "an event outside of any trace"
    records, _ = all_of(xes_source(file))
    assert records[0].at == datetime(2026, 3, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize("suffix", ["sqlite", "jsonocel", "xmlocel"])
@pytest.mark.parametrize("kind", ["Invoice", "Purchase Order", "Payment", "Purchase Requisition"])
def test_ocel_is_flattened_as_known(data: Path, suffix: str, kind: str) -> None:
    facts = json.loads((data / "ocel2" / "facts.json").read_text())
    file = data / "ocel2" / f"ocel20_example.{suffix}"
    log = Log.from_source(ocel_source(file, kind))
    known = facts["flattened"][kind]
    assert log.interactions == known["event_occurrences"] == facts["e2o_by_object_type"][kind]
    assert log.customers == known["objects_with_events"]
    variants = {tuple(row.path): row.count for row in log.ask(Variants(top=None))}
    assert len(variants) == known["variants"]
    for row in known["top_variants"]:
        assert variants[tuple(row["sequence"])] == row["count"]
    assert Counter(log.rejected.reasons)[f"an event of no {kind}"] >= 0


def test_ocel_names_the_types_there_are_and_the_ties_that_dangle(
    data: Path, tmp_path: Path
) -> None:
    with pytest.raises(UnknownName, match="did you mean 'Invoice'"):
        list(ocel_source(data / "ocel2" / "ocel20_example.jsonocel", "Invoce").read())
    whole = json.loads((data / "ocel2" / "ocel20_example.jsonocel").read_text())
    whole["events"][0]["relationships"].append({"objectId": "gone", "qualifier": "?"})
    file = tmp_path / "a.json"
    file.write_text(json.dumps(whole))
    rows = list(read_ocel_rows(file, "Invoice"))
    lost = [row for row in rows if isinstance(row, RejectedRow) and "not there" in row.reason]
    assert len(lost) == 1
    more = [
        row
        for row in read_ocel_rows(file, "Payment", follow=True)
        if not isinstance(row, RejectedRow)
    ]
    assert len(more) > 3


def test_an_ocel_object_that_is_tied_to_itself_ends(tmp_path: Path) -> None:
    tied = {"objectId": "o", "qualifier": "part of"}
    event = {"id": "e", "type": "pay", "time": "2026-03-01T09:00:00Z", "attributes": [],
             "relationships": [tied]}  # fmt: skip
    file = tmp_path / "a.json"
    file.write_text(json.dumps({
        "objectTypes": [{"name": "Order", "attributes": []}],
        "eventTypes": [{"name": "pay", "attributes": []}],
        "objects": [{"id": "o", "type": "Order", "attributes": [], "relationships": [tied]}],
        "events": [event],
    }))  # fmt: skip
    assert len(list(read_ocel_rows(file, "Order", follow=True))) == 1


# -- payloads, as vendors send them


def test_all_built_in_mappings_load() -> None:
    names = builtin_mappings()
    assert {"segment", "cloudevents", "ga4", "snowplow", "shopify", "stripe", "survey"} <= set(
        names
    )
    for name in names:
        assert load_mapping(name).records
    with pytest.raises(UnknownName, match="did you mean 'stripe'"):
        load_mapping("stripes")


def test_ga4(data: Path) -> None:
    source = json_lines_source(data / "payloads/ga4_velir/source_json.ndjson", load_mapping("ga4"))
    [record], broken = all_of(source)
    assert not broken
    assert record.at == datetime(2021, 4, 6, 6, 49, 50, 431476, tzinfo=UTC)
    assert named(record) == {"ga_client": "1166526666.1617691776"}
    happened = record.interaction
    assert happened is not None
    assert (happened.touchpoint, happened.channel) == ("first_visit", "web")
    assert dict(happened.extra)["session"] == "1617691775"
    assert dict(record.traits)["country"] == "Vietnam"


def test_shopify(data: Path) -> None:
    folder = data / "payloads" / "shopify_python_api"
    orders, broken = all_of(json_source(folder / "orders.json", load_mapping("shopify")))
    assert not broken
    placed = orders[0]
    assert placed.interaction is not None
    assert placed.interaction.touchpoint == "order placed"
    assert placed.interaction.value is not None
    assert placed.interaction.value.amount == Decimal("598.94")
    assert named(placed)["email"] == "bob.norman@hostmail.com"
    assert named(placed)["shopify_order"] == "450789469"
    assert placed.consents == ()  # the box was not ticked: that takes nothing back
    events, broken = all_of(json_source(folder / "events.json", load_mapping("shopify_events")))
    assert not broken
    told = [record.interaction.touchpoint for record in events if record.interaction]
    assert told == ["order placed", "order confirmed", "order authorization_success"]
    assert {named(record)["shopify_order"] for record in events} == {"450789469"}


def test_stripe(data: Path) -> None:
    resources = json.loads((data / "payloads/stripe_openapi/fixtures3.json").read_text())[
        "resources"
    ]

    def event(kind: str, resource: str, **more: Any) -> dict[str, Any]:
        return {"id": f"evt_{kind}", "type": kind, "created": 1721948530,
                "data": {"object": {**resources[resource], **more}}}  # fmt: skip

    [charge] = one(
        "stripe", event("charge.succeeded", "charge", captured=True, amount_captured=100)
    )
    assert charge.interaction is not None
    assert charge.interaction.value is not None
    amount = Decimal(resources["charge"]["amount"]) / 100
    assert charge.interaction.value.amount == amount
    assert charge.interaction.value.currency == "USD"
    assert charge.interaction.outcome == "succeeded"
    [yen] = one("stripe", event("charge.succeeded", "charge", currency="jpy", captured=True,
                                amount_captured=100))  # fmt: skip
    assert yen.interaction is not None
    assert yen.interaction.value is not None
    assert yen.interaction.value.amount == resources["charge"]["amount"]  # no cents in it
    [failed] = one("stripe", event("charge.failed", "charge"))
    assert failed.interaction is not None
    assert (failed.interaction.outcome, failed.interaction.value) == ("failed", None)
    [invoice] = one("stripe", event("invoice.payment_failed", "invoice"))
    assert invoice.interaction is not None
    assert invoice.interaction.value is None  # money counts once: when it was charged
    assert invoice.interaction.outcome == "failed"
    assert named(invoice)["stripe_customer"] == resources["invoice"]["customer"]
    [customer] = one("stripe", event("customer.created", "customer", email="ada@example.org"))
    assert named(customer) == {"stripe_customer": resources["customer"]["id"],
                               "email": "ada@example.org"}  # fmt: skip
    [session] = one("stripe", event("checkout.session.completed", "checkout.session"))
    assert session.interaction is not None
    assert session.interaction.outcome == "succeeded"
    [subscription] = one("stripe", event("customer.subscription.updated", "subscription"))
    assert named(subscription)["stripe_customer"] == resources["subscription"]["customer"]
    [dispute] = one("stripe", event("charge.dispute.created", "dispute"))
    assert named(dispute)["stripe_charge"] == resources["dispute"]["charge"]
    other = AppliedMapping(load_mapping("stripe")).records(event("plan.created", "plan"), 1)
    assert other == "none of the 8 rules of the mapping applies"


HUBSPOT = [
    ("hubspot_contacts", "contact_data", 7), ("hubspot_emails", "email_event_data", None),
    ("hubspot_tickets", "ticket_data", None), ("hubspot_forms", "contact_form_submission_data", 5),
    ("hubspot_merges", "contact_merge_audit_data", None), ("hubspot_deals", "deal_data", None),
    ("hubspot_ticket_contacts", "ticket_contact_data", None),
    ("hubspot_deal_contacts", "deal_contact_data", None),
]  # fmt: skip


@pytest.mark.parametrize(("mapping", "file", "expected"), HUBSPOT)
def test_hubspot_tables(data: Path, mapping: str, file: str, expected: int | None) -> None:
    place = data / "payloads" / "fivetran_hubspot" / f"{file}.csv"
    with place.open(newline="") as text:
        rows = len(list(csv.DictReader(text)))
    source = csv_source(place, load_mapping(mapping))
    batches = list(source.read())
    assert sum(batch.rows for batch in batches) == rows
    read = {record.row for batch in batches for record in batch.records}
    broken = [one for batch in batches for one in batch.rejected]
    assert len(read) + len(broken) == rows
    # What is set aside lacks a time or a person, or writes a time as nobody should.
    assert {one.reason.split(":")[0] for one in broken} <= {"at", "no time", "nobody is named"}
    assert len(read) > 0.5 * rows
    if mapping == "hubspot_merges":
        first = next(record for batch in batches for record in batch.records)
        assert [one.namespace for one in first.identities] == ["hubspot_contact"] * 2


SEGMENT = {
    "type": "track", "event": "Order Completed", "userId": "u1", "anonymousId": "a1",
    "messageId": "m1", "timestamp": "2026-03-01T09:00:00.000Z",
    "properties": {"revenue": 25.5, "currency": "EUR", "email": "ada@example.org"},
}  # fmt: skip


def test_segment() -> None:
    [track] = one("segment", SEGMENT)
    assert named(track) == {"user": "u1", "email": "ada@example.org", "anonymous": "a1"}
    assert track.interaction is not None
    assert str(track.interaction.value) == "Money(amount=Decimal('25.5'), currency='EUR')"
    [page] = one("segment", {**SEGMENT, "type": "page", "name": "Prices", "properties": {}})
    assert page.interaction is not None
    assert (page.interaction.touchpoint, page.interaction.channel) == ("viewed Prices", "web")
    [screen] = one("segment", {**SEGMENT, "type": "screen", "name": "Home"})
    assert screen.interaction is not None
    assert screen.interaction.channel == "app"
    [identify] = one("segment", {**SEGMENT, "type": "identify",
                                 "traits": {"email": "a@x.org", "plan": "pro"}})  # fmt: skip
    assert identify.interaction is None
    assert dict(identify.traits) == {"plan": "pro"}
    [group] = one("segment", {**SEGMENT, "type": "group", "groupId": "acme"})
    assert dict(group.traits) == {"group": "acme"}
    [alias] = one("segment", {"type": "alias", "userId": "u1", "previousId": "a9",
                              "timestamp": "2026-03-01T09:00:00Z"})  # fmt: skip
    assert named(alias) == {"user": "u1", "anonymous": "a9"}


def test_cloudevents_and_snowplow() -> None:
    [event] = one("cloudevents", {
        "specversion": "1.0", "type": "com.shop.order.paid", "source": "/shop/7", "id": "A-1",
        "time": "2026-03-01T09:00:00Z", "subject": "u7", "data": {"email": "a@x.org"},
    })  # fmt: skip
    assert event.source == "/shop/7"
    assert named(event) == {"email": "a@x.org", "subject": "u7"}
    [pageview] = one("snowplow", {
        "event_id": "e-1", "event": "page_view", "platform": "web", "user_id": None,
        "domain_userid": "d1", "network_userid": "n1",
        "collector_tstamp": "2026-03-01 09:00:00.123", "page_url": "https://x",
    })  # fmt: skip
    assert pageview.at == datetime(2026, 3, 1, 9, 0, 0, 123000, tzinfo=UTC)
    assert named(pageview) == {"domain_user": "d1", "network_user": "n1"}


def test_zendesk_and_salesforce() -> None:
    ticket = {
        "id": 35436, "created_at": "2026-03-01T09:00:00Z", "updated_at": "2026-03-02T10:00:00Z",
        "requester_id": 20978392, "status": "solved", "priority": "high",
        "via": {"channel": "voice", "source": {"from": {}}},
        "satisfaction_rating": {"id": 1, "score": "bad", "comment": "slow"},
    }  # fmt: skip
    ticket["metric_set"] = {"solved_at": "2026-03-02T09:00:00Z"}
    opened, solved, rated = one("zendesk_tickets", ticket)
    assert opened.interaction is not None
    assert opened.interaction.channel == "phone"
    assert solved.interaction is not None
    assert solved.interaction.touchpoint == "ticket solved"
    assert rated.interaction is not None
    assert rated.interaction.score is not None
    assert (rated.interaction.score.value, rated.interaction.score.high) == (0, 1)
    audit = {
        "id": 1, "ticket_id": 35436, "created_at": "2026-03-01T09:30:00Z",
        "via": {"channel": "web"},
        "events": [{"id": 11, "type": "Comment", "public": True, "body": "hello"},
                   {"id": 12, "type": "Change", "field_name": "status", "value": "pending"},
                   {"id": 13, "type": "Notification"}],
    }  # fmt: skip
    answers = [record.interaction for record in one("zendesk_audits", audit)]
    assert [i.touchpoint for i in answers if i] == ["ticket pending", "ticket commented"]
    cases = one("salesforce_cases", {
        "Id": "500A", "ContactId": "003A", "CreatedDate": "2026-03-01T09:00:00.000+0000",
        "ClosedDate": "2026-03-03T09:00:00.000+0000", "Origin": "Phone", "SuppliedEmail": None,
    })  # fmt: skip
    assert [r.interaction.touchpoint for r in cases if r.interaction] == [
        "case opened",
        "case closed",
    ]
    [stage] = one("salesforce_opportunities", {
        "Id": "008A", "OpportunityId": "006A", "StageName": "Closed Won", "Amount": 1200.0,
        "CreatedDate": "2026-03-01T09:00:00.000+0000",
    })  # fmt: skip
    assert stage.interaction is not None
    assert stage.interaction.outcome == "succeeded"


@pytest.mark.parametrize(
    ("survey", "score", "scale"), [("NPS", 9, (0, 10)), ("csat", 4, (1, 5)), ("CES", 2, (1, 7))]
)
def test_surveys(survey: str, score: int, scale: tuple[int, int]) -> None:
    [record] = one("survey", {"email": "a@x.org", "survey": survey, "score": score,
                              "submitted_at": "2026-03-01 09:00:00", "comment": "ok"})  # fmt: skip
    assert record.interaction is not None
    told = record.interaction.score
    assert told is not None
    assert (told.value, told.low, told.high) == (score, *scale)


# -- writing a mapping


OWN = """
id = "till"
timezone = "Europe/Paris"
[[records]]
touchpoint = { path = "$.what", names = { S = "sold", R = "returned" } }
at = { path = "$.when", format = "%d.%m.%Y %H:%M" }
value = "$.sum"
currency = "EUR"
[records.identities]
card = "$.card"
"""


def test_a_mapping_takes_ten_lines() -> None:
    source = iterable_source(
        [{"what": "S", "when": "01.03.2026 10:00", "sum": "9.90", "card": 77}], loads_mapping(OWN)
    )
    [record], _ = all_of(source)
    assert record.at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert record.identities == (Identity("card", "77"),)
    assert record.interaction is not None
    assert record.interaction.touchpoint == "sold"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("touchpoint", "tuchpoint"), "did you mean 'touchpoint'"),
        (('"$.card"', '"$.card["'), "a path such as"),
        (('id = "till"', ""), "'id' is missing"),
        (("Europe/Paris", "Europe/Pari"), "IANA zone"),
        (('currency = "EUR"', ""), "say its currency"),
        (("[records.identities]\ncard", "[records.traits]\ncard"), "'identities' is missing"),
    ],
)
def test_a_wrong_mapping_says_where(change: tuple[str, str], told: str) -> None:
    with pytest.raises(DocumentError, match=told) as caught:
        loads_mapping(OWN.replace(*change))
    assert caught.value.problems[0].line is not None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"when": "tomorrow"}, "no time that can be read"),
        ({"card": None}, "nobody is named: no card"),
        ({"what": ""}, "no touchpoint"),
        ({"sum": "a lot"}, "value: a number"),
        ({"sum": "1e9999"}, "below 900 billion"),
        ({"what": "a\x00b"}, "not allowed"),
        ({"card": "x" * 20_000}, "characters"),
        ({"when": "01.01.0001 00:00"}, "years 1 to 9999"),
    ],
)
def test_what_a_mapping_cannot_read_is_set_aside(row: dict[str, Any], reason: str) -> None:
    good = {"what": "S", "when": "01.03.2026 10:00", "sum": "9.90", "card": 77}
    records, [broken] = all_of(iterable_source([good, {**good, **row}], loads_mapping(OWN)))
    assert len(records) == 1
    assert reason in broken.reason
    assert broken.line == 2


def test_a_mapping_is_proposed(data: Path) -> None:
    folder = data / "payloads"
    rows = json_lines_source(folder / "ga4_velir/source_json.ndjson", load_mapping("ga4")).rows()
    made = propose_mapping(rows, "analytics")
    assert (made.rows, made.read) == (1, 1)
    mapping = loads_mapping(made.text)
    assert mapping.records[0].at is not None
    assert mapping.records[0].at.unit == "us"
    payload = json.loads((folder / "ga4_velir/source_json.ndjson").read_text())
    made_of = AppliedMapping(mapping).records(payload, 1)
    assert not isinstance(made_of, str)
    [record] = made_of
    assert record.interaction is not None
    assert record.interaction.touchpoint == "first_visit"
    assert record.at == datetime(2021, 4, 6, 6, 49, 50, 431476, tzinfo=UTC)
    with pytest.raises(SourceError, match="nothing looks like who"):
        propose_mapping([{"a": "2026-03-01T00:00:00Z"}], "x")


# -- messages


def test_airbyte_from_standard_input() -> None:
    lines = [
        {"type": "LOG", "log": {"level": "INFO", "message": "hello"}},
        {"type": "RECORD", "record": {"stream": "tills", "emitted_at": 1, "data": {
            "what": "S", "when": "01.03.2026 10:00", "sum": "1", "card": "7"}}},
        {"type": "RECORD", "record": {"stream": "other", "emitted_at": 1, "data": {}}},
        {"type": "STATE", "state": {"cursor": "2026-03-01"}},
        {"type": "WHAT"},
        {"type": {"what": 1}},
    ]  # fmt: skip
    text = "".join(json.dumps(one) + "\n" for one in lines) + "{broken\n"
    source = MessageSource("-", {"tills": loads_mapping(OWN)}, input=io.BytesIO(text.encode()))
    [batch] = list(source.read())
    assert len(batch.records) == 1
    assert [one.reason.split(":")[0] for one in batch.rejected] == [
        "no mapping for stream 'other'", "a message of type 'WHAT'",
        'a message of type "{\'what\'', "not JSON",
    ]  # fmt: skip
    assert MessageSource.state_of(batch.cursor) == {"cursor": "2026-03-01"}
    assert source.claims == frozenset({"sets aside"})


@pytest.mark.parametrize("end", ["torn", "failed"])
def test_blank_lines_do_not_spoil_a_cursor(end: str, tmp_path: Path) -> None:
    """Whatever stands after them: a line that is still being written, or an error."""
    place, taken = tmp_path / "messages.jsonl", []
    first, second = (json.dumps(record_of(card)) for card in ("7", "8"))
    failure = {"type": "TRACE", "trace": {"type": "ERROR", "error": {"message": "gone"}}}
    rest = second[:-10] if end == "torn" else json.dumps(failure) + "\n"
    place.write_text(f"\n{first}\n\n \n{rest}", encoding="utf-8")
    source = MessageSource(place, {"tills": loads_mapping(OWN)})
    with suppress(SourceError):
        for one in source.read():
            taken.append(one)  # what came before the error is kept
    [batch] = taken
    place.write_text(f"\n{first}\n\n \n{second}\n", encoding="utf-8")
    assert sum(one.rows for one in source.read(batch.cursor)) == 1


def message_source(lines: list[dict[str, Any]], *streams: str) -> MessageSource:
    text = "".join(json.dumps(one) + "\n" for one in lines)
    mappings = {name: loads_mapping(OWN) for name in streams or ("tills",)}
    return MessageSource("-", mappings, input=io.BytesIO(text.encode()))


def record_of(card: str, **where: str) -> dict[str, Any]:
    data = {"what": "S", "when": "01.03.2026 10:00", "sum": "1", "card": card}
    return {"type": "RECORD", "record": {"stream": "tills", "emitted_at": 1, "data": data, **where}}


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        (
            {"type": "ERROR", "error": {"message": "the token has expired", "stack_trace": "…"}},
            "line 2: the connector failed: the token has expired",
        ),
        ({"type": "ERROR"}, "the connector failed: without a message"),
        (
            {"type": "STREAM_STATUS", "stream_status": {
                "stream_descriptor": {"name": "tills"}, "status": "INCOMPLETE"}},
            "the stream 'tills' is not complete",
        ),
    ],
)  # fmt: skip
def test_what_a_connector_reports_ends_the_reading(trace: dict[str, Any], message: str) -> None:
    lines = [record_of("7"), {"type": "TRACE", "trace": trace}, record_of("8")]
    read = message_source(lines).read()
    assert len(next(read).records) == 1
    with pytest.raises(SourceError, match=message):
        next(read)
    complete = {"type": "STREAM_STATUS", "stream_status": {"status": "COMPLETE"}}
    [batch] = message_source([record_of("7"), {"type": "TRACE", "trace": complete}]).read()
    assert len(batch.records) == 1


def test_namespaces_are_kept_apart() -> None:
    lines = [record_of("7", namespace="eu"), record_of("8", namespace="us"), record_of("9")]
    [batch] = message_source(lines, "eu.tills", "us.tills").read()
    assert len(batch.records) == 2
    assert [one.reason for one in batch.rejected] == ["no mapping for stream 'tills'"]
    [batch] = message_source(lines[:2]).read()
    assert cards(list(batch.records)) == ["7"]
    assert "in the namespaces 'eu' and 'us'" in batch.rejected[0].reason


def test_namespaces_are_kept_apart_also_when_reading_goes_on(tmp_path: Path) -> None:
    place = tmp_path / "messages.jsonl"
    lines = [json.dumps(record_of(card, namespace=space)) + "\n"
             for card, space in (("7", "eu"), ("8", "us"), ("9", "eu"))]  # fmt: skip
    place.write_text(lines[0])
    source = MessageSource(place, {"tills": loads_mapping(OWN)})
    [first] = source.read()
    place.write_text("".join(lines))
    [rest] = source.read(first.cursor)
    assert cards(list(rest.records)) == ["9"]
    assert "in the namespaces 'eu' and 'us'" in rest.rejected[0].reason
    assert MessageSource.state_of(rest.cursor) is None


def test_arrow_batches_are_rows() -> None:
    pa = pytest.importorskip("pyarrow")
    rows = [{"what": "S", "when": "01.03.2026 10:00", "sum": "1", "card": "7"}] * 3
    table = pa.Table.from_pylist(rows)
    items: list[Any] = [table.to_batches()[0], rows, rows[0], table]
    records, broken = all_of(iterable_source(items, loads_mapping(OWN)))
    assert (len(records), broken) == (10, [])


# -- cursors


def lines_of(*names: str) -> str:
    return "".join(
        json.dumps({"what": "S", "when": "01.03.2026 10:00", "sum": "1", "card": name}) + "\n"
        for name in names
    )


def cards(records: list[Record]) -> list[str]:
    return [record.identities[0].value for record in records]


def test_a_file_that_grew_is_read_on_and_another_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(lines_of("a"))
    source = json_lines_source(file, loads_mapping(OWN))
    [batch] = source.read()
    file.write_text(lines_of("a", "b"))
    [more] = source.read(batch.cursor)
    assert cards(list(more.records)) == ["b"]
    file.write_text(lines_of("x", "y", "z"))  # another day's export under the same name
    for cursor in (batch.cursor, more.cursor):
        with pytest.raises(SourceError, match="not there any more"):
            list(source.read(cursor))
    file.write_text("")
    with pytest.raises(SourceError, match="0 rows; 1 of it were read before"):
        list(source.read(batch.cursor))


def test_a_last_line_that_is_being_written_is_read_when_it_is_done(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    whole = lines_of("a", "b")
    file.write_text(whole[:-20])
    sources: list[Any] = [json_lines_source(file, loads_mapping(OWN))]
    [batch] = sources[0].read()
    assert [one.reason.split(":")[0] for one in batch.rejected] == ["not JSON"]
    file.write_text(whole + lines_of("c"))
    [more] = sources[0].read(batch.cursor)
    assert cards(list(more.records)) == ["b", "c"]


def test_times_are_of_the_zone_that_is_named() -> None:
    mapping = columns_mapping("s", at="at", identities={"u": "u"}, timezone="America/New_York")
    times = ("2026-01-01 9:59", "2026-01-01 10:01", "2026-01-01 9:59 UTC", date(2026, 1, 1))
    records, _ = all_of(iterable_source([{"at": at, "u": "1"} for at in times], mapping))
    assert [record.at.utcoffset() for record in records] == [
        timedelta(hours=-5), timedelta(hours=-5), timedelta(0), timedelta(hours=-5),
    ]  # fmt: skip


def test_states_of_several_streams_are_kept_together() -> None:
    def state(name: str, value: int) -> dict[str, Any]:
        return {"type": "STATE", "state": {"type": "STREAM", "stream": {
            "stream_descriptor": {"name": name}, "stream_state": {"at": value}}}}  # fmt: skip

    lines = [state("a", 1), state("b", 2), state("a", 3), {"type": "BATCH", "stream": "a"}]
    text = "".join(json.dumps(one) + "\n" for one in lines)
    source = MessageSource("-", {"s": loads_mapping(OWN)}, input=io.BytesIO(text.encode()))
    [batch] = list(source.read())
    told = [(one["stream"]["stream_descriptor"]["name"], one["stream"]["stream_state"]["at"])
            for one in MessageSource.state_of(batch.cursor)]  # fmt: skip
    assert told == [("b", 2), ("a", 3)]
    assert batch.rejected[0].reason == "a message of type 'BATCH'"


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (lambda: RecordRule("$.at", {"email": "email"}), "looked for at a path"),
        (lambda: RecordRule("created", {"email": "$.email"}), "looked for at a path"),
        (lambda: RecordRule("$.at", {"u": "$.u"}, when={"@.k": ["a"]}), "'each' names"),
    ],
)
def test_rules_that_would_quietly_do_something_else(rule: Any, told: str) -> None:
    with pytest.raises(ElementError, match=told):
        rule()
    assert RecordRule("$.at", {"u": "$.u"}, when={"$.k": "track"}).when == {"$.k": ("track",)}


def test_sql_reads_on_without_losing_or_doubling(tmp_path: Path) -> None:
    from sqlalchemy import create_engine, text

    url = f"sqlite:///{tmp_path}/a.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (c TEXT COLLATE NOCASE, at, u)"))
        for name in ("b", "A", "a", "B", None):
            values = {"c": name, "at": "2026-03-01T00:00Z", "u": "1"}
            connection.execute(text("INSERT INTO t VALUES (:c, :at, :u)"), values)
    engine.dispose()
    mapping = columns_mapping("s", at="at", identities={"u": "u"})
    for table in ("t", " -- all\n SELECT\t* FROM t WHERE u NOT LIKE '%:y';", "(select * from t)"):
        source = SqlSource(url, table, mapping, cursor="c", batch=1)
        batches = list(source.read())
        # The one without a cursor comes first; rows of equal cursors are never parted.
        assert [batch.rows for batch in batches] == [1, 2, 2]
        assert sum(batch.rows for batch in source.read(batches[0].cursor)) == 4
        assert sum(batch.rows for batch in source.read(batches[1].cursor)) == 2
    with pytest.raises(SourceError, match="no such file"):
        list(SqlSource(f"sqlite:///{tmp_path}/none.db", "t", mapping, cursor="c").read())
    with pytest.raises(SourceError, match="no cursor of such a source"):
        list(source.read('{"after": ["decimal", "x"], "rows": Infinity}'))


def test_a_frame_by_itself_is_its_rows() -> None:
    import polars as pl

    frame = pl.DataFrame({"at": ["2026-03-01T00:00Z"] * 3, "u": ["1", "2", None]})
    mapping = columns_mapping("s", at="at", identities={"u": "u"})
    records, broken = all_of(iterable_source(frame, mapping))
    assert (len(records), len(broken)) == (2, 1)
    records, _ = all_of(iterable_source({"at": "2026-03-01T00:00Z", "u": "1"}, mapping))
    assert records[0].identities[0].value == "1"


@pytest.mark.parametrize(("state", "given_back"), [
    ({"type": "GLOBAL", "global": {"shared_state": {"lsn": 1}, "stream_states": []}}, "list"),
    ({"type": "LEGACY", "data": {"s": {"cursor": 5}}}, {"s": {"cursor": 5}}),
    ({"data": {"s": {"cursor": 5}}}, {"data": {"s": {"cursor": 5}}}),
])  # fmt: skip
def test_a_state_is_given_back_as_a_connector_reads_it(state: Any, given_back: Any) -> None:
    """Airbyte's: a list of messages, or what an old one holds."""
    sent = [{"type": "RECORD", "record": {"stream": "tills", "data": {}}},
            {"type": "STATE", "state": state}]  # fmt: skip
    [*_, batch] = message_source(sent, "tills").read()
    expected = [state] if given_back == "list" else given_back
    assert MessageSource.state_of(batch.cursor) == expected
