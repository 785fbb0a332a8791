"""Rows read together, place by place, give what each of them gives alone."""

from __future__ import annotations

from collections import OrderedDict, UserDict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap.adapters.mapping import AppliedMapping, PayloadMapping, Pick, RecordRule
from journeymap.adapters.mapping.applying import MappedPayload
from journeymap.adapters.sources import iterable_source
from journeymap.interactions import Record

ODD = [None, "", " ", " padded ", "two\nlines", "tab\there", "(start)", "(end)", "(other)", "nan",
       "null", "x" * 600, "\x00", "\u202eback", 0, 7, 1.5, float("nan"), float("inf"), True, False,
       [], ["a"], {}, {"b": "deep"}, '{"b": "within"}', b"bytes", Decimal("3.50"),
       date(2026, 3, 1)]  # fmt: skip
TIMES = ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00+05:30", "2026-03-01T10:00:00", "2026-03-01",
         "20260301T100000Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
         "2026-10-25T02:30:00", "2026-13-01T00:00:00Z", datetime(2026, 3, 1, tzinfo=UTC),
         datetime(2026, 3, 1), 1_700_000_000]  # fmt: skip
AMOUNTS = ["12.50", "1,234.5", "-3", "free", "9" * 400, 12, 0.1]
PATTERNS: Any = {"/m/*": "movie page", "two lines": "both", "two*": "other"}
CALLED: Any = {"called": "phone", "7": "seven"}
NAMES = ["value", "currency", "who", "also", "what", "when", "id", "channel", "product", "a"]
RULES = [
    RecordRule("$.when", {"customer": "$.who"}, "$.what"),
    RecordRule("$.when", {"customer": "$.who", "email": "$.also"}, "$.what", id="$.id",
               channel="$.channel", product="$.a.b", outcome="$.outcome"),
    RecordRule("$.when", {"user": "$.who"}, aliases={"user": "$.also"},
               touchpoint=Pick(["$.what"], case="lower", prefix="at ", names=CALLED),
               id=Pick(["$.id"], only=True, names=CALLED)),
    RecordRule(Pick(["$.when"], unit="s"), {"customer": "$.who"}, "$.what"),
    RecordRule("$.when", {"customer": Pick(["$.who"], default="nobody")}, "$.what"),
    RecordRule("$.when", {"customer": "$.who"}, "visited", channel="web"),
    RecordRule("$.when", {"customer": "$.who"}, "$.what", value="$.value", currency="$.currency"),
    RecordRule("$.when", {"customer": "$.who"}, "$.what", value="$.value", currency="EUR"),
]  # fmt: skip
mappings = [
    PayloadMapping("plain", [rule], timezone=zone, touchpoints=PATTERNS)
    for rule in RULES
    for zone in (None, "Europe/Berlin")
]


def _values(extra: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([*ODD, "ada", "bob", "/m/1", "/m/2", "called", *extra])


payloads = st.fixed_dictionaries(
    {}, optional={name: _values([*TIMES, *AMOUNTS]) for name in NAMES}
) | st.fixed_dictionaries(
    {name: st.sampled_from(["ada", "bob", "/m/1", "called"]) for name in NAMES}
    | {"when": st.sampled_from(TIMES), "value": _values(AMOUNTS)},
    optional={"outcome": _values([])},
)  # fmt: skip


def _flat(made: Sequence[Record | MappedPayload]) -> list[Any]:
    whole = [MappedPayload((one,)) if isinstance(one, Record) else one for one in made]
    return [(repr(one), one.records, [record.row for record in one.records]) for one in whole]


@given(st.sampled_from(mappings), st.lists(payloads, max_size=12))
def test_rows_read_together_are_as_read_alone(
    mapping: PayloadMapping, found: list[dict[str, Any]]
) -> None:
    together, alone = AppliedMapping(mapping), AppliedMapping(mapping)
    rows = list(enumerate(found, 1))
    for _ in range(2):  # names that are known are not read again
        made = together.apply_all(rows)
        assert _flat(made) == _flat([alone.apply(payload, row) for row, payload in rows])


@pytest.mark.parametrize("rule", [*RULES[:3], RULES[5]])
def test_plain_rows_are_read_together(rule: RecordRule) -> None:
    row = {"who": "ada", "also": "x@y.org", "what": "/m/1", "when": TIMES[0], "id": "7"}
    mapped = AppliedMapping(PayloadMapping("plain", [rule]))
    [made] = mapped.apply_all([(1, row)])
    assert isinstance(made, Record)
    assert mapped.apply(row, 1).records == (made,)


@pytest.mark.parametrize("kind", [dict, OrderedDict, UserDict, "nested"])
def test_a_row_that_is_changed_after_it_was_given_stays_as_it_was(kind: Any) -> None:
    given_ = {"who": "ada", "what": "called", "when": "2026-03-01T10:00:00Z"}
    row: Any = {"row": given_} if kind == "nested" else kind(given_)

    def rows() -> Any:
        for name in ("called", "visited", "bought"):
            (row["row"] if kind == "nested" else row)["what"] = name
            yield row

    path = "$.row" if kind == "nested" else "$"
    rule = RecordRule(f"{path}.when", {"customer": f"{path}.who"}, f"{path}.what")
    mapping = PayloadMapping("plain", [rule])
    [batch] = iterable_source(rows(), mapping).read()
    met = [one.interaction.touchpoint for one in batch.records if one.interaction]
    assert met == ["called", "visited", "bought"]
