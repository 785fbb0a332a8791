"""Mappings proposed for payloads as vendors shape them: written here after their documentation."""

from __future__ import annotations

from typing import Any

import pytest

from journeymap.adapters.mapping import loads_mapping, propose_mapping


def each(count: int, *payloads: dict[str, Any]) -> list[dict[str, Any]]:
    return [payloads[place % len(payloads)] for place in range(count)]


ISO = "2026-03-01T09:00:00Z"
LATER = "2026-03-04T10:30:00Z"
CODE = "0b1f6c2e-6a50-4c11-9a7e-2f0d8f6f3c11"

PAYLOADS: dict[str, tuple[list[Any], str, str]] = {
    "counts how often a path occurs": (
        [{"action": "opened", "created": ISO, "changedAt": LATER, "user_id": "u1"},
         *each(9, {"action": "closed", "created": ISO, "user_id": "u2"})],
        "$.action", "$.created",
    ),
    "chat events in an envelope": (
        each(4, {"type": "event_callback", "api_app_id": "A123", "team_id": "T1",
                 "event_id": "Ev08", "event_time": 1772355600, "event": {
                     "type": "message", "user": "U2147", "ts": "1772355600.000200"}},
             {"type": "event_callback", "api_app_id": "A123", "team_id": "T1", "event_id": "Ev09",
              "event_time": 1772356600, "event": {"type": "reaction_added", "user": "U2148",
                                                  "ts": "1772356600.000200"}}),
        "$.event.type", "$.event_time",
    ),
    "product analytics": (
        each(4, {"event": "$pageview", "distinct_id": "d1", "timestamp": ISO, "uuid": CODE,
                 "properties": {"$current_url": "https://x.org", "time": 1772355600}},
             {"event": "signed up", "distinct_id": "d2", "timestamp": LATER, "uuid": CODE[::-1],
              "properties": {}}),
        "$.event", "$.timestamp",
    ),
    "properties hold the time": (
        each(3, {"event": "Viewed", "properties": {"time": 1772355600, "distinct_id": "d1",
                                                   "$insert_id": "a8"}}),
        "$.event", "$.properties.time",
    ),
    "an upload of many events": (
        [{"api_key": "k", "app_id": 5, "events": [
            {"event_type": "play", "event_time": "2026-03-01 09:00:00.123", "user_id": "u1",
             "device_id": "d1", "app": 5, "session_id": 1772355600000},
            {"event_type": "stop", "event_time": "2026-03-01 09:30:00.123", "user_id": "u1",
             "device_id": "d1", "app": 5, "session_id": 1772355600000}]}],
        "@.event_type", "@.event_time",
    ),
    "a mail service": (
        each(3, {"email": "a@x.org", "timestamp": 1772355600, "event": "delivered",
                 "sg_event_id": "cmFuZG9t", "sg_message_id": "14c5d75ce93", "smtp-id": "<x@y>"},
             {"email": "b@x.org", "timestamp": 1772355601, "event": "bounce",
              "sg_event_id": "sg_event", "sg_message_id": "14c5", "smtp-id": "<z@y>",
              "reason": "500 unknown", "status": "5.0.0"}),
        "$.event", "$.timestamp",
    ),
    "event data beside a signature": (
        each(3, {"signature": {"timestamp": "1772355600", "token": "a8ce0edb2dd8", "signature":
                               "d2271d12299f6592"},
                 "event-data": {"event": "opened", "timestamp": 1772355600.96, "id": "Ase7i2zsRYeD",
                                "recipient": "a@x.org", "user-variables": {}}}),
        '$.event-data.event', '$.event-data.timestamp',
    ),
    "a bounce in a record": (
        each(3, {"RecordType": "Bounce", "MessageID": CODE, "Type": "HardBounce", "TypeCode": 1,
                 "Email": "a@x.org", "BouncedAt": ISO, "Subject": "Welcome", "Inactive": True},
             {"RecordType": "Open", "MessageID": CODE[::-1], "Recipient": "b@x.org",
              "ReceivedAt": ISO, "FirstOpen": True}),
        "$.RecordType", "$.BouncedAt",
    ),
    "a notification with JSON in a text": (
        each(2, {"Type": "Notification", "MessageId": CODE, "TopicArn": "arn:aws:sns:eu:1:ses",
                 "Message": '{"notificationType": "Bounce", "mail": {"timestamp": "' + ISO +
                 '", "messageId": "0102", "destination": ["a@x.org"]}}', "Timestamp": LATER}),
        "$.Message.notificationType", "$.Timestamp",
    ),
    "a conversation tool": (
        each(3, {"type": "notification_event", "app_id": "hfi1bx4l", "id": "notif_1",
                 "topic": "conversation.user.created", "created_at": 1772355600,
                 "data": {"type": "notification_event_data", "item": {
                     "type": "conversation", "id": "1122", "user": {"type": "user", "id": "5310",
                                                                    "email": "a@x.org"}}}}),
        "$.topic", "$.created_at",
    ),
    "a payment service": (
        each(3, {"id": "WH-58D329510W468432D", "event_type": "PAYMENT.CAPTURE.COMPLETED",
                 "create_time": ISO, "resource_type": "capture", "event_version": "1.0",
                 "summary": "Payment completed for $ 30.0 USD", "resource": {
                     "id": "42311647XV020574X", "amount": {"currency_code": "USD", "value": "30"},
                     "payer": {"payer_id": "P9", "email_address": "a@x.org"}, "status": "COMPLETED",
                     "create_time": ISO, "update_time": LATER}}),
        "$.event_type", "$.create_time",
    ),
    "a till": (
        each(3, {"merchant_id": "6SSW7HV8K2ST5", "type": "payment.created", "event_id": CODE,
                 "created_at": ISO, "data": {"type": "payment", "id": "KkAkhdMs", "object": {
                     "payment": {"customer_id": "RDX9Z4XTIZR7", "status": "APPROVED",
                                 "created_at": ISO, "updated_at": LATER,
                                 "amount_money": {"amount": 100, "currency": "USD"}}}}}),
        "$.type", "$.created_at",
    ),
    "subscriptions": (
        each(3, {"id": "ev_16BHbhF4s", "occurred_at": 1772355600, "event_type":
                 "subscription_created", "api_version": "v2", "webhook_status": "scheduled",
                 "content": {"customer": {"id": "c1", "email": "a@x.org", "created_at": 1700000000,
                                          "auto_collection": "on"},
                             "subscription": {"id": "s1", "status": "active",
                                              "current_term_end": 1775000000}}}),
        "$.event_type", "$.occurred_at",
    ),
    "orders of a shop": (
        [{"id": 700 + n, "number": str(n), "status": ("processing", "completed")[n % 2],
          "date_created_gmt": ISO, "date_modified_gmt": LATER, "currency": "EUR", "total": "10.00",
          "customer_id": n, "billing": {"email": "a@x.org", "phone": "+49 30 123456"},
          "line_items": [{"id": 3, "name": "Mug", "product_id": 9}]} for n in range(6)],
        "$.status", "$.date_created_gmt",
    ),
    "a form": (
        each(3, {"event_id": "LtWXD3crgy", "event_type": "form_response", "form_response": {
            "form_id": "lT4Z3j", "token": "a3a12ec6", "submitted_at": ISO, "landed_at": LATER,
            "hidden": {"user_id": "abc123"}, "answers": [
                {"type": "email", "email": "a@x.org", "field": {"id": "SMEUb7VJ", "type": "email"}},
                {"type": "number", "number": 9}]}}),
        "$.event_type", "$.form_response.submitted_at",
    ),
    "bookings": (
        each(3, {"event": "invitee.created", "created_at": ISO, "created_by": "https://x/users/A",
                 "payload": {"email": "a@x.org", "name": "Ada", "status": "active",
                             "timezone": "Europe/Paris", "updated_at": LATER, "scheduled_event":
                             {"start_time": LATER, "end_time": LATER}}}),
        "$.event", "$.created_at",
    ),
    "a campaign tool": (
        each(3, {"event_id": "01E4C4CT6YDC7Y5M7FE1GWWPQJ", "object_type": "email", "metric": "sent",
                 "timestamp": 1772355600, "data": {"customer_id": "c7", "recipient": "a@x.org",
                                                   "subject": "Thanks", "delivery_id": "RPIL"}}),
        "$.metric", "$.timestamp",
    ),
    "installs of an app": (
        each(3, {"app_id": "id123", "event_name": "af_purchase", "event_time":
                 "2026-03-01 09:00:00.000", "event_value": '{"af_revenue": 10}', "platform": "ios",
                 "customer_user_id": "u1", "appsflyer_id": "1415211453000-6513894",
                 "install_time": "2026-01-01 00:00:00.000", "is_retargeting": False}),
        "$.event_name", "$.event_time",
    ),
    "phone calls": (
        each(3, {"resource": "call", "event": "call.created", "timestamp": 1772355600,
                 "token": "45XXYYZZa08", "data": {"id": 812, "status": "initial", "direction":
                 "inbound", "raw_digits": "+33 1 42 68 53 00", "user": {"id": 456, "email":
                 "agent@company.com"}, "contact": {"id": 5, "first_name": "Ada"},
                 "started_at": 1772355600, "ended_at": None}}),
        "$.event", "$.timestamp",
    ),
    "meetings": (
        each(3, {"event": "meeting.participant_joined", "event_ts": 1772355600123, "payload": {
            "account_id": "AAAAAABBBB", "object": {
                "id": "1234567890", "topic": "Demo",
                "participant": {"user_id": "1672", "email": "a@x.org", "join_time": ISO}}}}),
        "$.event", "$.event_ts",
    ),
    "tasks": (
        each(3, {"timestamp": 1772355600123, "webhookEvent": "jira:issue_updated", "issue": {
            "id": "99291", "fields": {"summary": "Broken", "created": ISO, "reporter":
                                      {"emailAddress": "a@x.org"}}},
                 "user": {"accountId": "5b10", "displayName": "Ada"}}),
        "$.webhookEvent", "$.timestamp",
    ),
    "deals": (
        each(3, {"v": 1, "meta": {"action": "updated", "object": "deal", "id": 1, "company_id": 7,
                                  "user_id": 11, "timestamp": 1772355600, "permitted": [1]},
                 "current": {"title": "Fibre", "person_id": 9, "status": "won", "add_time":
                             "2026-03-01 08:00:00", "update_time": "2026-03-01 09:00:00"}}),
        "$.meta.action", "$.meta.timestamp",
    ),
    "a mailing list": (
        each(3, {"type": "subscribe", "fired_at": "2026-03-01 21:35:57", "data": {
            "id": "8a25ff1d98", "list_id": "a6b5da1054", "email": "a@x.org",
            "merges": {"EMAIL": "a@x.org", "FNAME": "Ada"}, "ip_opt": "10.20.10.30"}}),
        "$.type", "$.fired_at",
    ),
    "a survey": (
        each(3, {"event_type": "survey_response.created", "event_id": "b8d4c6", "event_data": {
            "id": "1", "score": 9, "comment": "good", "created_at": 1772355600, "updated_at":
            1772359600, "person": {"id": "2", "email": "a@x.org", "created_at": 1700000000}}}),
        "$.event_type", "$.event_data.created_at",
    ),
    "times as letters have them": (
        each(3, {"What": "signed", "Date": "Sun, 01 Mar 2026 09:00:00 +0000", "customerNumber": 5}),
        "$.What", "$.Date",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAYLOADS)
def test_touchpoint_and_time_are_found(name: str) -> None:
    payloads, touchpoint, at = PAYLOADS[name]
    made = propose_mapping(payloads, "vendor")
    [rule] = loads_mapping(made.text).records
    assert rule.touchpoint is not None, made.text
    assert rule.at is not None
    assert rule.touchpoint.path[0] == touchpoint, made.text
    assert rule.at.path[0] == at, made.text
    assert made.read == len(payloads), made.reasons


def test_identities_are_of_persons() -> None:
    def spaces(payload: dict[str, Any]) -> dict[str, str]:
        made = propose_mapping(each(3, {"event": "seen", "at": ISO, **payload}), "vendor")
        [rule] = loads_mapping(made.text).records
        return {space: pick.path[0] for space, pick in rule.identities.items()}

    assert spaces({"app_id": "a", "client": {"application_id": "b"}, "user_id": "u"}) == {
        "user": "$.user_id"
    }
    assert spaces({"phone": True, "has_mobile": False, "user": {"id": "u"}}) == {
        "user": "$.user.id"
    }
    assert spaces({"phone": "+49 30 1234567", "contact": {"uuid": CODE}}) == {
        "contact": "$.contact.uuid", "phone": "$.phone",
    }  # fmt: skip
    assert spaces({"agent": {"user_id": "x"}, "customer": "c1"}) == {"customer": "$.customer"}


def test_what_is_always_the_same_names_no_customer() -> None:
    always = {"event": "paid", "at": ISO, "user": "admin@shop.org", "agent_no": 1}
    rows = [{**always, "content": {"customer": {"email": f"c{place}@x.org"}}}
            for place in range(5)]  # fmt: skip
    [rule] = loads_mapping(propose_mapping(rows, "vendor").text).records
    assert {space: pick.path for space, pick in rule.identities.items()} == {
        "email": ("$.content.customer.email",)
    }


def test_a_time_that_names_its_zone_is_preferred() -> None:
    rows = each(3, {"status": "done", "date_created": "2026-03-01T10:00:00", "customer_id": 5,
                    "date_created_gmt": "2026-03-01T09:00:00"})  # fmt: skip
    [rule] = loads_mapping(propose_mapping(rows, "vendor").text).records
    assert rule.at is not None
    assert rule.at.path == ("$.date_created_gmt",)
