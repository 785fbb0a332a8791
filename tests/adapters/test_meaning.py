"""What vendors' payloads are taken to mean: money, outcomes, consents, and who it is about."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from journeymap import Customers
from journeymap.adapters.mapping import builtin_mappings, load_mapping
from journeymap.adapters.source import Batch
from journeymap.adapters.sources import iterable_source
from journeymap.interactions import Interaction, Record
from journeymap.profile import ProfileRules

WHEN = "2026-03-01T09:00:00Z"


def read(mapping: str, *payloads: dict[str, Any], currency: str | None = None) -> Batch:
    made = load_mapping(mapping)
    if currency is not None:
        made = made.with_currency(currency)
    [batch] = iterable_source(payloads, made).read()
    return batch


def happened(batch: Batch) -> list[Interaction]:
    return [one.interaction for one in batch.records if one.interaction is not None]


def money(batch: Batch) -> dict[str, Decimal]:
    """Add what counts, each interaction of an id once, by currency."""
    known: dict[Any, Interaction] = {}
    for place, one in enumerate(happened(batch)):
        known.setdefault(one.id or place, one)
    sums: dict[str, Decimal] = {}
    for one in known.values():
        if one.value is not None:
            sums[one.value.currency] = sums.get(one.value.currency, Decimal(0)) + one.value.amount
    return sums


# -- money counts once, where it is earned


def ga4(name: str, value: float, currency: str | None = "EUR", **more: Any) -> dict[str, Any]:
    params = [{"key": "value", "value": {"double_value": value}}]
    if currency is not None:
        params.append({"key": "currency", "value": {"string_value": currency}})
    return {"event_name": name, "event_timestamp": 1772355600000000, "user_pseudo_id": "1.2",
            "event_params": params, **more}  # fmt: skip


def test_ga4_counts_what_was_bought() -> None:
    steps = ("view_item", "add_to_cart", "begin_checkout", "purchase", "refund")
    batch = read("ga4", *(ga4(name, 100) for name in steps))
    assert [one.value and one.value.amount for one in happened(batch)] == [
        None, None, None, 100, -100,
    ]  # fmt: skip
    assert money(batch) == {"EUR": 0}
    assert money(read("ga4", ga4("web_vitals", 0.12), ga4("web_vitals", 0.12, None))) == {}


def test_ga4_guesses_no_currency() -> None:
    dollars = {"purchase_revenue": 1500, "purchase_revenue_in_usd": 10}
    assert money(read("ga4", ga4("purchase", 1500, None, ecommerce=dollars))) == {"USD": 10}
    batch = read("ga4", ga4("purchase", 1500, None))
    assert (len(batch.records), batch.rejected, money(batch)) == (1, (), {})
    [dropped] = batch.dropped
    assert (dropped.line, dropped.role, dropped.held) == (1, "value", "1500")
    assert "currency" in dropped.reason
    assert money(read("ga4", ga4("purchase", 1500, None), currency="EUR")) == {"EUR": 1500}
    refund = {"refund_value": 1500, "refund_value_in_usd": 10}
    assert money(read("ga4", ga4("refund", 1500, None, ecommerce=refund))) == {"USD": -10}


def test_ga4_knows_a_purchase_that_was_sent_twice() -> None:
    twice = [ga4("purchase", 100, ecommerce={"transaction_id": "T1"})] * 2
    assert money(read("ga4", *twice)) == {"EUR": 100}
    unset = [ga4("purchase", 100, ecommerce={"transaction_id": "(not set)"})] * 2
    assert money(read("ga4", *unset)) == {"EUR": 200}


def test_ga4_counts_what_was_bought_in_apps_in_dollars() -> None:
    bought = ga4("in_app_purchase", 4990000, "EUR", event_value_in_usd=5.4)
    assert money(read("ga4", bought)) == {"USD": Decimal("5.4")}


def segment(event: str, number: int = 0, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": "u1", "messageId": f"m {event} {number}",
            "timestamp": WHEN, "properties": properties}  # fmt: skip


@pytest.mark.parametrize("undone", ["Order Refunded", "Order Cancelled"])
def test_segment_counts_completed_orders(undone: str) -> None:
    events = ("Product Viewed", "Checkout Started", "Order Completed", undone)
    batch = read("segment", *(segment(name, revenue=25, currency="EUR") for name in events))
    assert [one.value and one.value.amount for one in happened(batch)] == [None, None, 25, -25]
    assert len(read("segment", segment("Order Completed", revenue=25)).dropped) == 1


def test_snowplow_counts_transactions() -> None:
    row = {"event_id": "e", "domain_userid": "d", "collector_tstamp": WHEN, "tr_total": 30}
    assert money(read("snowplow", {**row, "event": "page_view", "tr_currency": "EUR"})) == {}
    paid = {**row, "event": "transaction"}
    assert money(read("snowplow", {**paid, "tr_currency": "EUR"})) == {"EUR": 30}
    base = {**paid, "tr_total_base": 33, "base_currency": "USD"}
    assert money(read("snowplow", base)) == {"USD": 33}
    assert len(read("snowplow", paid).dropped) == 1


def stage(name: str, place: int, amount: float = 1200) -> dict[str, Any]:
    at = f"2026-03-0{place}T09:00:00.000+0000"
    return {"Id": f"008{place}", "OpportunityId": "006A", "StageName": name, "Amount": amount,
            "CurrencyIsoCode": "EUR", "CreatedDate": at}  # fmt: skip


def test_salesforce_counts_what_was_won_once() -> None:
    names = ["Prospecting", "Qualification", "Proposal", "Negotiation"]
    lost = read("salesforce_opportunities", *(stage(n, i) for i, n in
                                              enumerate([*names, "Closed Lost"], 1)))  # fmt: skip
    assert money(lost) == {}
    assert happened(lost)[-1].outcome == "failed"
    won = read("salesforce_opportunities", *(stage(n, i) for i, n in enumerate(
        [*names, "Closed Won", "Closed Won"], 1)))  # fmt: skip
    assert money(won) == {"EUR": 1200}


def test_hubspot_counts_deals_that_were_won() -> None:
    deal = {"deal_id": "1", "property_createdate": WHEN, "property_closedate": WHEN,
            "property_amount": "500", "property_deal_currency_code": "EUR",
            "property_hs_is_closed": "true"}  # fmt: skip
    won = read("hubspot_deals", {**deal, "property_hs_is_closed_won": "true"})
    assert money(won) == {"EUR": 500}
    assert [one.outcome for one in happened(won)] == [None, "succeeded"]
    lost = read("hubspot_deals", {**deal, "property_hs_is_closed_won": "false"})
    assert money(lost) == {}
    assert [one.outcome for one in happened(lost)] == [None, "failed"]
    by_stage = read("hubspot_deals", {**deal, "deal_pipeline_stage_id": "closedlost"})
    assert happened(by_stage)[1].outcome == "failed"
    assert money(by_stage) == {}


def stripe(kind: str, before: dict[str, Any] | None = None, **charge: Any) -> dict[str, Any]:
    whole = {"id": "ch_1", "amount": 2500, "currency": "eur", "captured": True,
             "payment_intent": "pi_1", **charge}  # fmt: skip
    return {"id": f"evt {kind} {charge}", "type": kind, "created": 1772355600,
            "data": {"object": whole, "previous_attributes": before or {}}}  # fmt: skip


def test_stripe_counts_what_was_captured() -> None:
    authorized = stripe("charge.succeeded", captured=False, amount_captured=0)
    expired = stripe("charge.expired", captured=False, amount_captured=0)
    assert money(read("stripe", authorized, expired)) == {}
    part = stripe("charge.captured", amount_captured=2000)
    assert money(read("stripe", authorized, part)) == {"EUR": 20}


def test_stripe_subtracts_each_refund_once() -> None:
    first = stripe("charge.refunded", {"amount_refunded": 0}, amount_refunded=1000)
    second = stripe("charge.refunded", {"amount_refunded": 1000}, amount_refunded=2500)
    paid = stripe("charge.succeeded")
    assert money(read("stripe", paid, first)) == {"EUR": 15}
    assert money(read("stripe", paid, first, second)) == {"EUR": 0}
    withdrawn = stripe("charge.dispute.funds_withdrawn", charge="ch_1", id="dp_1")
    back = stripe("charge.dispute.funds_reinstated", charge="ch_1", id="dp_1")
    assert money(read("stripe", paid, withdrawn)) == {"EUR": 0}
    assert money(read("stripe", paid, withdrawn, back)) == {"EUR": 25}


def test_guests_of_one_payment_are_one_customer() -> None:
    intent = stripe("payment_intent.created", id="pi_1", object="payment_intent")
    failed = stripe("charge.failed", id="ch_1")
    paid = stripe("charge.succeeded", id="ch_2")
    disputed = stripe("charge.dispute.created", id="dp_1", charge="ch_2")
    customers = Customers()
    customers.take(read("stripe", intent, failed, paid, disputed).records)
    assert len(customers) == 1


ORDER: dict[str, Any] = {
    "id": 1, "order_number": 1001, "created_at": "2026-01-10T09:00:00Z", "email": "a@x.org",
    "total_price": "100.00", "currency": "EUR", "test": False, "refunds": [],
    "customer": {"id": 7},
}  # fmt: skip


def test_shopify_subtracts_refunds_and_cancellations() -> None:
    assert money(read("shopify", ORDER)) == {"EUR": 100}
    moved = [{"kind": "refund", "status": "success", "amount": "30.00"},
             {"kind": "refund", "status": "success", "amount": "10.00"},
             {"kind": "refund", "status": "failure", "amount": "99.00"}]  # fmt: skip
    refund = {"id": 5, "created_at": WHEN, "transactions": moved}
    assert money(read("shopify", {**ORDER, "refunds": [refund]})) == {"EUR": 60}
    cancelled = {**ORDER, "cancelled_at": WHEN}
    assert money(read("shopify", cancelled)) == {"EUR": 0}
    everything = {"id": 5, "created_at": WHEN, "transactions": [{**moved[0], "amount": "100.00"}]}
    assert money(read("shopify", {**cancelled, "refunds": [everything]})) == {"EUR": 0}


def test_shopify_takes_no_test_and_no_checkout_for_an_order() -> None:
    tested = read("shopify", {**ORDER, "test": True})
    assert happened(tested) == []
    assert len(tested.rejected) == 1
    checkout = {**ORDER, "abandoned_checkout_url": "https://x", "completed_at": None}
    [left] = happened(read("shopify", checkout))
    assert (left.touchpoint, left.outcome, left.value) == ("checkout started", "abandoned", None)
    [done] = happened(read("shopify", {**checkout, "completed_at": WHEN}))
    assert done.outcome == "succeeded"
    draft = {**ORDER, "invoice_url": "https://x", "status": "open"}
    assert happened(read("shopify", draft)) == []


@pytest.mark.parametrize(
    ("box", "state", "updated", "given"),
    [
        (True, "unsubscribed", "2026-02-01T09:00:00Z", False),
        (True, "not_subscribed", None, False),
        (False, "subscribed", "2026-02-01T09:00:00Z", True),
        (True, "unsubscribed", "2025-02-01T09:00:00Z", True),  # the box of January is later
        (True, "pending", "2026-02-01T09:00:00Z", True),
        (False, "not_subscribed", None, False),
        (False, "of a kind to come", "2026-02-01T09:00:00Z", None),
    ],
)
def test_shopify_consent_is_the_latest(
    box: bool, state: str, updated: str | None, given: bool | None
) -> None:
    consent = {"state": state, "consent_updated_at": updated}
    customer = {"id": 7, "email": "a@x.org", "email_marketing_consent": consent}
    order = {**ORDER, "buyer_accepts_marketing": box, "customer": customer}
    batch = read("shopify", order)
    assert not batch.rejected
    consents = [one for record in batch.records for one in record.dated_consents]
    latest = ProfileRules().latest_consents(consents)
    assert [one.given for one in latest] == ([] if given is None else [given])


def test_every_mapping_names_its_currency_by_the_payload() -> None:
    for name in builtin_mappings():
        for rule in load_mapping(name).records:
            assert rule.currency is None or rule.currency.default is None


# -- outcomes and times


def test_a_zendesk_user_is_no_ticket() -> None:
    user = {"id": 20, "name": "Ada", "email": "a@x.org", "role": "end-user", "created_at": WHEN}
    [record] = read("zendesk_tickets", user).records
    assert record.interaction is None
    assert [one.namespace for one in record.identities] == ["zendesk_user", "email"]


def test_a_ticket_is_solved_when_it_was_solved() -> None:
    ticket = {"id": 1, "requester_id": 20, "status": "closed", "created_at": WHEN,
              "updated_at": "2026-04-01T09:00:00Z"}  # fmt: skip
    assert [one.touchpoint for one in happened(read("zendesk_tickets", ticket))] == [
        "ticket opened"
    ]
    solved = {**ticket, "metric_set": {"solved_at": "2026-03-02T09:00:00Z"}}
    found = {one.touchpoint: one.at.day for one in happened(read("zendesk_tickets", solved))}
    assert found == {"ticket opened": 1, "ticket solved": 2}


def test_an_account_is_no_case() -> None:
    account = {"attributes": {"type": "Account"}, "Id": "001", "CreatedDate": WHEN}
    assert read("salesforce_cases", account).records == ()


# -- the many things that one payload holds


def test_records_keep_their_text(tmp_path: Any) -> None:
    """Whatever a mapping makes can be kept: JSON holds what is set aside and what is dropped."""
    batch = read("ga4", ga4("purchase", 1500, None))
    assert json.dumps([one.held for one in batch.dropped])
    assert all(isinstance(one, Record) for one in batch.records)


def test_what_never_counted_is_not_subtracted() -> None:
    voided: dict[str, Any] = {"captured": False, "amount_captured": 0}
    authorized = stripe("charge.succeeded", **voided)
    undone = stripe("charge.refunded", {"amount_refunded": 0}, amount_refunded=2500, **voided)
    assert money(read("stripe", authorized, undone)) == {}
    bought = segment("Order Completed", total=27.5, revenue=25, currency="USD")
    back = segment("Order Refunded", total=27.5, currency="USD")
    assert money(read("segment", bought, back)) == {"USD": 0}


@pytest.mark.parametrize("field", ["deal_pipeline_stage_id", "property_dealstage"])
def test_a_deal_closes_by_its_stage(field: str) -> None:
    deal = {"deal_id": "1", "property_createdate": WHEN, "property_closedate": WHEN,
            "property_amount": "500", "property_deal_currency_code": "EUR"}  # fmt: skip
    won = read("hubspot_deals", {**deal, field: "closedwon"})
    assert money(won) == {"EUR": 500}
    assert [one.outcome for one in happened(won)] == [None, "succeeded"]
    lost = read("hubspot_deals", {**deal, field: "closedlost"})
    assert (money(lost), happened(lost)[-1].outcome) == ({}, "failed")
    assert len(happened(read("hubspot_deals", {**deal, field: "presentation"}))) == 1


def test_an_organization_is_no_ticket() -> None:
    company = {"id": 360, "name": "ACME", "created_at": WHEN, "domain_names": ["x.org"]}
    assert read("zendesk_tickets", company).records == ()
