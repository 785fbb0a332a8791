"""What a mapping can say of a payload, one example for each means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeymap import Customers, Live
from journeymap.adapters.mapping import PayloadMapping, Pick, RecordRule, loads_mapping
from journeymap.adapters.source import Batch
from journeymap.adapters.sources import iterable_source
from journeymap.analysis import Columns, Log
from journeymap.exceptions import ElementError
from journeymap.identity import IdentityRules, Namespace
from journeymap.interactions.records import ALWAYS
from tests.factories import SHOP

WHEN = "2026-03-01T09:00:00Z"
HEAD = 'id = "m"\n[[records]]\n'
WHO = 'identities = { user = "$.user" }\n'


def read(text: str, *payloads: Any) -> Batch:
    [batch] = iterable_source(payloads, loads_mapping(text)).read()
    return batch


def first(text: str, payload: Any) -> Any:
    batch = read(text, payload)
    assert batch.rejected == ()
    return batch.records[0]


PLAIN = HEAD + 'at = "$.at"\ntouchpoint = "$.what"\n' + WHO
PAYLOAD = {"at": WHEN, "what": "paid", "user": "u1"}


def test_a_value_of_several_fields() -> None:
    text = PLAIN.replace('"$.what"', '{ path = ["$.what", "$.how"], join = " " }')
    assert first(text, {**PAYLOAD, "what": "email", "how": "bounced"}).interaction.touchpoint == (
        "email bounced"
    )
    [broken] = read(text, PAYLOAD).rejected  # a part is missing, so the whole is
    assert broken.reason == "no touchpoint"
    text = PLAIN + 'id = [{ path = ["$.r", "$.q"], join = "/" }, "$.r"]'
    text = text.replace(WHO, "") + "\n" + WHO
    assert first(text, {**PAYLOAD, "r": 7, "q": 2}).id == "7/2"
    assert first(text, {**PAYLOAD, "r": 7}).id == "7"


@pytest.mark.parametrize("empty", [None, "", "  ", [], {}])
@pytest.mark.parametrize("full", ["x", [1], {"a": None}, 0, False])
def test_presence_sees_lists_and_objects(empty: Any, full: Any) -> None:
    there = PLAIN + 'present = ["$.more"]\n'
    gone = PLAIN + 'absent = "$.more"\n'
    assert len(read(there, {**PAYLOAD, "more": full}).records) == 1
    assert len(read(there, {**PAYLOAD, "more": empty}).records) == 0
    assert len(read(gone, {**PAYLOAD, "more": full}).records) == 0
    assert len(read(gone, {**PAYLOAD, "more": empty}).records) == 1


def test_a_time_has_a_constant_and_a_default() -> None:
    constant = PLAIN.replace('"$.at"', '"2026-03-01T09:00:00Z"')
    assert first(constant, PAYLOAD).at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    default = PLAIN.replace('"$.at"', '{ path = "$.at", default = "2026-01-01T00:00:00Z" }')
    assert first(default, {**PAYLOAD, "at": None}).at == datetime(2026, 1, 1, tzinfo=UTC)
    assert first(default, PAYLOAD).at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    with pytest.raises(Exception, match="looked for at a path"):
        loads_mapping(PLAIN.replace('"$.at"', '"soon"'))


def test_units_and_formats_are_alternatives() -> None:
    text = PLAIN.replace(
        '"$.at"',
        '[{ path = "$.ms", unit = "ms" }, { path = "$.s", unit = "s" }, '
        '{ path = "$.at", format = ["%d.%m.%Y %H:%M %z", "%Y%m%d%H%M%z"] }, "$.at"]',
    )
    nine = datetime(2026, 3, 1, 9, tzinfo=UTC)
    for payload in ({"ms": 1772355600000}, {"s": "1772355600"}, {"at": "01.03.2026 09:00 +0000"},
                    {"at": "202603010900+0000"}, {"at": WHEN}):  # fmt: skip
        assert first(text, {"what": "paid", "user": "u1", **payload}).at == nine
    [broken] = read(text, {**PAYLOAD, "at": "soon"}).rejected
    assert "%d.%m.%Y" in broken.reason  # the first that found something says why


@pytest.mark.parametrize(
    ("unit", "number"),
    [("s", 1772355600), ("ms", 1772355600000), ("us", 1772355600000000),
     ("ns", 1772355600000000000), ("days", 20513.375)],
)  # fmt: skip
def test_units_of_times(unit: str, number: float) -> None:
    text = PLAIN.replace('"$.at"', f'{{ path = "$.at", unit = "{unit}" }}')
    assert first(text, {**PAYLOAD, "at": number}).at == datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_a_spreadsheet_counts_days_by_a_local_clock() -> None:
    text = 'timezone = "Europe/Paris"\n' + PLAIN.replace(
        '"$.at"', '{ path = "$.at", unit = "excel" }'
    )
    made = first(text, {**PAYLOAD, "at": 46082.4583333333})
    assert made.at == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_decimal_comma() -> None:
    text = PLAIN + 'value = { path = "$.sum", decimal = "," }\ncurrency = "EUR"\n'
    for given, meant in (("1.234,56", "1234.56"), ("1 234,5", "1234.5"), ("12", "12"),
                         ("-0,10", "-0.10"), ("1.234", "1234")):  # fmt: skip
        found = first(text, {**PAYLOAD, "sum": given}).interaction.value.amount
        assert found == Decimal(meant), given
    for given in ("1,234,56", "1.23,4", "12,3,4", "x", "1.2.3"):
        [broken] = read(text, {**PAYLOAD, "sum": given}).rejected
        assert broken.reason == "value: a number is expected"
    point = text.replace('decimal = ","', 'decimal = "."')
    assert first(point, {**PAYLOAD, "sum": "1,234.56"}).interaction.value.amount == Decimal(
        "1234.56"
    )


def test_json_inside_a_text() -> None:
    text = PLAIN.replace("$.what", "$.Message.mail.kind")
    payload = {**PAYLOAD, "Message": '{"mail": "{\\"kind\\": \\"bounce\\"}"}'}
    assert first(text, payload).interaction.touchpoint == "bounce"
    each = PLAIN.replace("$.what", "@.kind") + 'each = "$.Message"\n'
    payload = {**PAYLOAD, "Message": '[{"kind": "a"}, {"kind": "b"}]'}
    assert len(read(each, payload).records) == 2
    for hostile in ("{" * 100_000, "{]", "[" * 5000):
        assert read(text, {**PAYLOAD, "Message": hostile}).rejected[0].reason == "no touchpoint"


def test_lists_within_lists() -> None:
    text = (
        HEAD + 'each = ["$.orders", "@.lines"]\nat = "@@.at"\ntouchpoint = "bought"\n'
        'product = "@.sku"\nid = { path = ["@@.id", "@.sku"], join = "/" }\n'
        'when = { "@@.paid" = true }\n' + WHO
    )
    orders = [
        {"id": 1, "at": WHEN, "paid": True, "lines": [{"sku": "a"}, {"sku": "b"}]},
        {"id": 2, "at": WHEN, "paid": False, "lines": [{"sku": "c"}]},
        {"id": 3, "at": "soon", "paid": True, "lines": [{"sku": "d"}]},
        {"id": 4, "at": WHEN, "paid": True, "lines": [{"sku": "e"}]},
    ]
    batch = read(text, {"user": "u1", "orders": orders})
    assert [one.id for one in batch.records] == ["1/a", "1/b", "4/e"]
    [broken] = batch.rejected  # one bad element is set aside alone
    assert (broken.part, broken.line) == ("orders[2].lines[0]", 1)
    assert "d" in broken.held
    with pytest.raises(Exception, match="'@' is the element of a list"):
        loads_mapping(text.replace('["$.orders", "@.lines"]', '"$.orders"'))


def test_conditions_have_a_short_form() -> None:
    for when in ('"$.what" = "paid"', '"$.ok" = true', '"$.n" = [1, 2]', '"$.what" = "pa*"'):
        text = PLAIN + f"when = {{ {when} }}\n"
        assert len(read(text, {**PAYLOAD, "ok": True, "n": 2}).records) == 1
        text = PLAIN + f"unless = {{ {when} }}\n"
        assert len(read(text, {**PAYLOAD, "ok": True, "n": 2}).records) == 0
        assert len(read(text, {**PAYLOAD, "what": "seen"}).records) == 1
    assert RecordRule("$.at", {"u": "$.u"}, when={"$.k": "track"}).when == {"$.k": ("track",)}
    with pytest.raises(ElementError, match="a text, a number, true or false"):
        RecordRule("$.at", {"u": "$.u"}, when={"$.k": {}})


def test_a_name_can_mean_missing() -> None:
    text = PLAIN + 'outcome = { path = "$.answer", names = { "No response" = "" } }\n'
    assert first(text, {**PAYLOAD, "answer": "No response"}).interaction.outcome is None
    assert first(text, {**PAYLOAD, "answer": "solved"}).interaction.outcome == "solved"


def test_amounts_have_conditions_and_signs() -> None:
    text = PLAIN + (
        'currency = "EUR"\nvalue = [{ path = "$.sum", when = { "$.what" = "paid" } }, '
        '{ path = "$.sum", minus = "$.before", negative = true, when = { "$.what" = "back" } }]\n'
    )
    worth = [
        one.interaction.value and one.interaction.value.amount
        for what in ("paid", "seen", "back")
        for one in read(text, {**PAYLOAD, "what": what, "sum": 5, "before": 2}).records
        if one.interaction
    ]
    assert worth == [5, None, -3]


def test_all_elements_of_a_list_are_added() -> None:
    text = PLAIN + 'value = "$.parts[*kind=fee].sums[*]"\ncurrency = "EUR"\n'
    parts = [{"kind": "fee", "sums": [1, "2.5"]}, {"kind": "tax", "sums": [9]},
             {"kind": "fee", "sums": [3]}]  # fmt: skip
    assert first(text, {**PAYLOAD, "parts": parts}).interaction.value.amount == Decimal("6.5")
    assert first(text, {**PAYLOAD, "parts": []}).interaction.value is None


SIBLINGS = (
    HEAD + 'each = "$.lines"\nid = "$.order"\nat = "$.at"\ntouchpoint = "bought"\n'
    'product = "@.sku"\n' + WHO
)


def test_siblings_of_one_id_are_told_apart_everywhere() -> None:
    order = {"order": "o1", "at": WHEN, "user": "u1", "lines": [{"sku": "a"}, {"sku": "b"}]}
    source = iterable_source([order, order], loads_mapping(SIBLINGS))
    records = [one for batch in source.read() for one in batch.records]
    assert [one.id for one in records] == ["o1", "o1 #2"] * 2
    log = Log.from_source(source)
    customers = Customers()
    customers.take(records)
    with Live(SHOP, identities=IdentityRules()) as live:
        live.take(records)
        name = live.identities.customer(records[0].identities[0])  # type: ignore[union-attr]
        assert name is not None
        lived = [one.product for one in live.history(name)]
    gathered = [one.product for one in customers.interactions()]
    logged = [one.product for one in log.history("u1")]
    assert lived == gathered == logged == ["a", "b"]
    assert len(log.rejected) == 2


def test_siblings_of_an_id_that_is_as_long_as_may_be() -> None:
    order = {"order": "o" * 997, "at": WHEN, "user": "u1", "lines": [{"sku": "a"}, {"sku": "b"}]}
    [broken] = read(SIBLINGS, order).rejected
    assert "a store keeps at most" in broken.reason


def test_a_record_without_a_time_is_evidence() -> None:
    text = 'id = "who"\n[[records]]\nidentities = { user = "$.user", email = "$.mail" }\n'
    for at in ("", 'at = "$.at"\n'):
        made = first(text.replace("identities", at + "identities"),
                     {"user": "u1", "mail": "a@x.org"})  # fmt: skip
        assert (made.at, made.interaction) == (ALWAYS, None)
    customers = Customers()
    customers.take(made)
    assert len(customers) == 1
    with pytest.raises(Exception, match="an interaction needs its time"):
        loads_mapping(text.replace("identities", 'touchpoint = "x"\nidentities'))
    assert read(PLAIN, {"what": "paid", "user": "u1"}).rejected[0].reason == "no time"
    optional = PLAIN + 'optional = true\n[[records]]\nat = "$.then"\ntouchpoint = "b"\n' + WHO
    assert len(read(optional, {"what": "paid", "user": "u1", "then": WHEN}).records) == 1


@pytest.mark.parametrize("field", ["user", "id"])
def test_what_is_too_long_for_a_store_is_set_aside_alone(field: str) -> None:
    text = PLAIN + 'id = "$.id"\n'
    good = {**PAYLOAD, "id": "1"}
    batch = read(text, good, {**good, "id": "2", field: "x" * 1001}, {**good, "id": "3"})
    assert [one.id for one in batch.records] == ["1", "3"]
    assert "a store keeps at most" in batch.rejected[0].reason
    assert len(batch.rejected[0].reason) < 300
    with Live(SHOP, identities=IdentityRules()) as live:
        assert len(live.take(batch.records)) == 2
    data = {name: [row[name] for row in (good, {**good, "id": "2", field: "x" * 1001})]
            for name in good}  # fmt: skip
    log = Log.from_frame(data, Columns(customer="user", touchpoint="what", id="id"))
    assert log.interactions == 1
    assert "a store keeps at most" in log.rejected[0].reason


def test_local_times_of_a_mapping() -> None:
    text = 'timezone = "America/Sao_Paulo"\n' + PLAIN
    day = first(text, {**PAYLOAD, "at": "2017-10-15"})  # its midnight does not exist
    assert day.at == datetime(2017, 10, 15, 3, tzinfo=UTC)
    [never] = read(text, {**PAYLOAD, "at": "2017-10-15 00:30"}).rejected
    assert never.reason == "at: the clocks of America/Sao_Paulo never show this time"
    [twice] = read(text, {**PAYLOAD, "at": "2018-02-17 23:30"}).rejected
    assert twice.reason == "at: the clocks of America/Sao_Paulo show this time twice"
    for which, hours in (("earlier", (2, 1)), ("later", (3, 2))):
        told = f'clock_change = "{which}"\n' + text
        gap = first(told, {**PAYLOAD, "at": "2017-10-15 00:30"}).at
        fold = first(told, {**PAYLOAD, "at": "2018-02-17 23:30"}).at
        assert gap == datetime(2017, 10, 15, hours[0], 30, tzinfo=UTC)
        assert fold == datetime(2018, 2, 18, hours[1], 30, tzinfo=UTC)


def test_durations_have_units() -> None:
    for unit, number in (("minutes", 90), ("hours", 1.5), ("ms", 5.4e6), ("ns", 5.4e12)):
        text = PLAIN + f'duration = {{ path = "$.took", unit = "{unit}" }}\n'
        found = first(text, {**PAYLOAD, "took": number}).interaction.duration
        assert found == timedelta(minutes=90)


def test_a_pick_is_made_in_python_as_in_a_document() -> None:
    rule = RecordRule(
        [Pick(["$.a"], unit="ms"), "$.b"], {"u": "$.u"}, Pick(["$.x", "$.y"], join="-")
    )
    assert rule.at is not None
    assert [place.path for place in rule.at.places] == [("$.a",), ("$.b",)]
    made = PayloadMapping("m", [rule]).with_currency("EUR")
    assert made.currency == "EUR"


# -- names that mean nobody


def test_what_names_nobody_is_a_rule_of_the_namespace() -> None:
    rows = [{**PAYLOAD, "user": name} for name in ("NA", "0", "guest", "u1", "NA")]
    source = iterable_source(rows, loads_mapping(PLAIN))
    usual = Customers(IdentityRules([Namespace("user")]))
    read_ = usual.read(source)
    assert read_.blocked == {("user", "NA"): 2, ("user", "0"): 1, ("user", "guest"): 1}
    assert len(usual) == 1
    assert len(usual.set_aside) == 4
    assert "stands for nobody" in usual.set_aside[0].reason
    patients = Customers(IdentityRules([Namespace("user", placeholders=())]))
    assert patients.read(source).blocked == {}
    assert len(patients) == 4
    some = Customers(IdentityRules([Namespace("user", placeholders=("guest",))]))
    assert some.read(source).blocked == {("user", "guest"): 1}
    with Live(SHOP, identities=IdentityRules([Namespace("user")])) as live:
        [batch] = source.read()
        reasons = [one.set_aside for one in live.take(batch.records)]
        assert [reason is None for reason in reasons] == [False, False, False, True, False]
        assert "stands for nobody" in str(reasons[0])


# -- what is no text has no decimal mark


def test_a_decimal_comma_is_of_texts_alone(tmp_path: Path) -> None:
    text = PLAIN + 'value = { path = "$.sum", decimal = "," }\ncurrency = "EUR"\n'
    for number in (1.234, 0.125, 12.345, 1.5, 9.99, 7):
        found = first(text, {**PAYLOAD, "sum": number}).interaction.value.amount
        assert found == Decimal(repr(number))
    how = Columns(at_unit="s", value="v", currency="EUR", decimal=",", extra=("note",))
    values = [1.234, "2,5", 12.345, "1.000,5", 7]
    rows = [{"customer": "a", "touchpoint": "t", "at": place, "v": one, "note": None}
            for place, one in enumerate(values)]  # fmt: skip
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    frame = {name: [row[name] for row in rows] for name in rows[0]}
    for log in (Log.read(file, how), Log.from_frame(frame, how)):
        amounts = [one.value.amount for one in log.history("a") if one.value]
        assert amounts == [Decimal(one) for one in ("1.234", "2.5", "12.345", "1000.5", "7")]


def test_lengths_of_time_are_lengths(tmp_path: Path) -> None:
    hour = timedelta(hours=1)
    frame = pl.DataFrame({"customer": ["a"], "touchpoint": ["t"], "at": [1], "took": [hour]})
    log = Log.from_frame(frame, Columns(at_unit="s", duration="took"))
    assert log.history("a")[0].duration == hour
    text = PLAIN + 'duration = "$.took"\n'
    assert first(text, {**PAYLOAD, "took": hour}).interaction.duration == hour
    [broken] = read(text, {**PAYLOAD, "took": 1e300}).rejected
    assert broken.reason.startswith("duration:")
    clock = frame.with_columns(day=pl.lit("2026-03-01"), clock=pl.lit(hour))
    log = Log.from_frame(clock, Columns(at=("day", "clock"), timezone="UTC"))
    assert log.history("a")[0].at == datetime(2026, 3, 1, 1, tzinfo=UTC)


def test_values_of_several_types_are_read_alike(tmp_path: Path) -> None:
    rows = [{"customer": one, "touchpoint": "t", "at": place}
            for place, one in enumerate([True, [1], {"a": 1}, "x", 1.0])]  # fmt: skip
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    frame = {name: [row[name] for row in rows] for name in rows[0]}
    for log in (Log.read(file, Columns(at_unit="s")), Log.from_frame(frame, Columns(at_unit="s"))):
        assert (set(log.customer_ids), len(log.rejected)) == ({"true", "x", "1"}, 2)
