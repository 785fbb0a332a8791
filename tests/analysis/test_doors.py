"""One meaning of an input, whichever door it comes in by: the law, and real files."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from attrs import frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeymap import Customers, Interaction, Live
from journeymap.adapters.mapping import Pick, RecordRule
from journeymap.adapters.mapping.mapping import PayloadMapping
from journeymap.adapters.sources import (
    csv_source,
    iterable_source,
    json_lines_source,
    parquet_source,
)
from journeymap.adapters.tables import line_blocks
from journeymap.adapters.tables.text_files import read_json_lines
from journeymap.analysis import Columns, Log, Part, Scope
from journeymap.engines import ParquetLog
from journeymap.exceptions import InteractionError, SourceError
from journeymap.identity import IdentityRules, Namespace
from tests.factories import SHOP, T0

NAMES = (
    "who", "what", "when", "number", "from", "by", "felt", "answer", "kind", "sum", "money", "took",
)  # fmt: skip
COLUMNS = Columns(
    customer="who", touchpoint="what", at="when", id="number", source="from", channel="by",
    emotion="felt", score="answer", score_kind="kind", value="sum", currency="money",
    duration="took", timezone="Europe/Paris",
)  # fmt: skip
MAPPING = PayloadMapping(
    "file",
    [RecordRule("$.when", {"who": "$.who"}, "$.what", id="$.number", source="$.from",
                channel="$.by", emotion="$.felt", score="$.answer", score_kind="$.kind",
                value="$.sum", currency="$.money", duration=Pick(["$.took"], unit="s"))],
    timezone="Europe/Paris",
)  # fmt: skip
ODD = st.sampled_from(
    ["", " ", "NA", "0", "(start)", "a\nb", "  x ", "ü", "\x07", "x" * 501, "null"]
)
NAME = st.sampled_from(["a", "b", "c"]) | ODD
TIME = st.sampled_from([
    "2026-03-01T10:00:00Z", "2026-03-01 10:00", "2026-03-29 02:30", "2026-10-25 02:30",
    "2026-03-29", "20260301T100000", "1772355600", "soon", "", "9999-12-31T23:59:59-12:00",
    " 2026-03-01 9:05 UTC",
])  # fmt: skip
NUMBER = st.sampled_from(
    ["", "0.5", "-1", "1", "2", "1e2", "x", "nan", " 3 ", "1_0", "5", "900000000000"]
)
LENGTH = st.sampled_from(
    [
        "01:30:00",
        "PT90M",
        "1 h 30 min",
        " 90 MIN ",
        "1:30",
        "25:00:00.25",
        "soon",
        "00:99:00",
        "P1M",
    ]
)
ROW = st.fixed_dictionaries({
    "who": NAME, "what": NAME, "when": TIME, "number": st.sampled_from(["", "1", "2", "x" * 1001]),
    "from": st.sampled_from(["s", "t"]), "by": NAME, "felt": NUMBER, "answer": NUMBER,
    "kind": st.sampled_from(["nps", "CSAT", "ces", "joy", ""]), "sum": NUMBER,
    "money": st.sampled_from(["EUR", "usd", ""]), "took": st.one_of(NUMBER, LENGTH),
})  # fmt: skip
Found = tuple[list[Any], set[int], set[int]]


def content(one: Interaction) -> tuple[Any, ...]:
    worth = one.value and (round(float(one.value.amount), 4), one.value.currency)
    score = one.score and (one.score.kind, one.score.value, one.score.low, one.score.high)
    return (one.touchpoint, one.at.timestamp(), one.source, one.channel, one.emotion, score, worth,
            one.duration)  # fmt: skip


def of_log(log: Log, first: int) -> Found:
    """What a log holds, customer by customer, and which rows it set aside or dropped a value of."""
    held = [[content(one) for one in log.history(name)] for name in log.customer_ids]
    return (sorted(held, key=repr), {one.line - first for one in log.rejected},
            {one.line - first for one in log.dropped})  # fmt: skip


def of_customers(rows: list[dict[str, str]]) -> Found:
    customers = Customers(IdentityRules([Namespace("who", placeholders=(), shared=None)]))
    source = iterable_source(rows, MAPPING)
    customers.read(source)
    held = [[content(one) for one in customers.history(name)] for name in customers]
    known = {one.row - 1 for one in customers.set_aside}
    return sorted(filter(None, held), key=repr), known, {one.row - 1 for one in customers.dropped}


def of_live(rows: list[dict[str, str]]) -> list[Any]:
    rules = IdentityRules([Namespace("who", placeholders=(), shared=None)])
    with Live(SHOP, identities=rules) as live:
        for batch in iterable_source(rows, MAPPING).read():
            live.take(batch.records)
        known = live.identities
        assert known is not None
        held = [sorted(live.history(name), key=lambda one: one.at.timestamp())
                for name in known.customers]  # fmt: skip
        return sorted(filter(None, ([content(one) for one in some] for some in held)), key=repr)


def without_repeats(found: Found, rows: list[dict[str, str]]) -> Found:
    """A log sets a second row of one id aside; customers and live know it, and pass it over."""
    return found[0], found[1] - _repeats(rows), found[2] - _repeats(rows)


def _repeats(rows: list[dict[str, str]]) -> set[int]:
    return {
        place for place, row in enumerate(rows)
        if row["number"] and any(row["number"] == other["number"] and row["from"] == other["from"]
                                 for other in rows[:place])
    }  # fmt: skip


UNPAID = {"who": "a", "what": "a", "when": "2026-03-01T10:00:00Z", "number": "", "from": "s",
          "by": "a", "felt": "", "answer": "", "kind": "nps", "money": "", "took": ""}  # fmt: skip


@settings(max_examples=150)
@given(st.lists(ROW, max_size=8))
@example([{**UNPAID, "sum": "900000000000"}])
def test_all_doors_are_one(rows: list[dict[str, str]]) -> None:
    rows = [{**row, "when": row["when"].replace("9999-12-31T23:59:59-12:00", "beyond")}
            for row in rows]  # fmt: skip
    frame = pl.DataFrame(rows, schema=dict.fromkeys(NAMES, pl.String))
    found = of_log(Log.from_frame(frame, COLUMNS), 1)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "a.csv"
        frame.write_csv(table, quote_style="always")
        at = _lines(rows)
        log = Log.read(table, COLUMNS)
        again = of_log(log, 0)
        assert (again[0], {at[line] for line in again[1]}, {at[line] for line in again[2]}) == found
        whole = of_log(Log.from_source(csv_source(table, MAPPING)), 0)
        assert (whole[0], {at[line] for line in whole[1]}, {at[line] for line in whole[2]}) == found
        lines = Path(folder) / "a.jsonl"
        lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
        if rows:
            assert of_log(Log.read(lines, COLUMNS), 1) == found
        assert of_log(Log.from_source(json_lines_source(lines, MAPPING)), 1) == found
    gathered = of_customers(rows)
    assert gathered[0] == found[0]
    assert without_repeats(gathered, rows)[1:] == without_repeats(found, rows)[1:]
    assert of_live(rows) == found[0]


def _lines(rows: list[dict[str, str]]) -> dict[int, int]:
    """The place of each row by the line of the file on which it begins."""
    line, found = 2, {}
    for place, row in enumerate(rows):
        found[line] = place
        line += 1 + sum(value.count("\n") for value in row.values())
    return found


# -- CSV, by columns and record by record


AT = "2026-03-01T10:00:00Z"


def write(place: Path, text: str, encoding: str = "utf-8") -> Path:
    place.write_bytes(text.encode(encoding))
    return place


CALLS = PayloadMapping("calls", [RecordRule("$.at", {"c": "$.customer"}, "$.touchpoint")])


def both(place: Path, **how: Any) -> tuple[list[tuple[str, str]], list[int]]:
    """Customers and touchpoints of a file, and lines set aside, as both readers find them."""
    log = Log.read(place, **how)
    made = [(name, one.touchpoint) for name in log.customer_ids for one in log.history(name)]
    source = Log.from_source(csv_source(place, CALLS, **how))
    other = [(name, one.touchpoint) for name in source.customer_ids for one in source.history(name)]
    aside = [one.line for one in log.rejected]
    assert (sorted(made), aside) == (sorted(other), [one.line for one in source.rejected])
    return sorted(made), aside


MANY = "n\n" * 100_000
HEAD = "customer,touchpoint,at,note\n"


@pytest.mark.parametrize(
    ("text", "rows", "aside"),
    [
        # a backslash before a quote, also over lines, with what looks like a row inside
        (f'a,x,{AT},"say \\"hi\\" now"\nb,y,{AT},n\n', ["a", "b"], []),
        (f'a,x,{AT},"one \\"two\\"\nz,fake,{AT},n\nend"\nb,y,{AT},n\n', ["a", "b"], []),
        (f'a,x,{AT},"x \\"\nz,fake,{AT},n\n\\" y"\nb,y,{AT},n\n', ["a", "b"], []),
        # quoted text over many lines
        (f'a,x,{AT},"one\nz,fake,{AT},n\n"\nb,y,{AT},n\n', ["a", "b"], []),
        (f'a,x,{AT},"one ""two""\r\nz,fake,{AT},n\r\n"\r\nb,y,{AT},n\r\n', ["a", "b"], []),
        # quotes that are not doubled: set aside as one, with what looks like a row inside
        (f'a,x,{AT},"he said "hi" there\nz,fake,{AT},n\nend"\nb,y,{AT},n\n', ["b"], [2]),
        (f'a,x,{AT},"he said "hi" there"\nb,y,{AT},n\n', ["b"], [2]),
        # a quote that nothing closes costs its own line
        (f'a,x,{AT},"open\nb,y,{AT},n\nc,z,{AT},n\n', ["b", "c"], [2]),
        (f'a,x,{AT},"open\nb,y,{AT},"n"\nc,z,{AT},n\n', ["b", "c"], [2]),
        # long fields
        (f'a,x,{AT},"{"n" * 200_000}"\nb,y,{AT},n\n', ["a", "b"], []),
        (f'a,x,{AT},"{MANY}"\nb,y,{AT},n\n', ["a", "b"], []),
        # comments, delimiters at the end, too few and too many fields
        (f"a,x,{AT},n\n# a word\nb,y,{AT},n,,\n", ["a", "b"], []),
        (f"a,x,{AT}\nb,y,{AT},n,m\nc,z,{AT},n\n", ["c"], [2, 3]),
        (f"#a,x,{AT},n\n", ["#a"], []),
        ('x\n\n"\n', [], [2, 4]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("block", [40, 100, 1 << 23])
def test_what_is_one_record_stays_one(
    text: str, rows: list[str], aside: list[int], block: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(line_blocks, "BLOCK", block)
    found, lines = both(write(tmp_path / "a.csv", HEAD + text))
    assert ([name for name, _ in found], lines) == (rows, aside)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("customer,touchpoint,at,x,x\na,t,{},1,2\n", {}),
        ("customer,touchpoint,at,,\na,t,{},,\n", {}),
        ("# made by a tool\n# on a day\ncustomer,touchpoint,at\na,t,{}\n", {}),
        ("sep=;\ncustomer;touchpoint;at\na;t;{}\n", {}),
        ("\n\ncustomer,touchpoint,at\na,t,{}\n", {}),
        ("customer , touchpoint, at\n a ,t , {}\n", {}),
        ("customer touchpoint at\n a   t  {}  \n", {}),
        ("  a   t  {}\n", {"delimiter": " ", "header": ["customer", "touchpoint", "at"]}),
        ("a,t,{}\n", {"header": ["customer", "touchpoint", "at"]}),
        ("customer\ttouchpoint\tat\na\tt\t{}\n", {}),
        ('customer,touchpoint,at\n"a",t,"{}"', {}),
        ("customer,touchpoint,at\r\na,t,{}\r\n", {}),
        ("customer,touchpoint,at\ra,t,{}\r", {}),
    ],
)
@pytest.mark.parametrize(
    ("encoding", "given_"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-8-sig", "latin-1"), ("utf-8-sig", "utf-8"),
     ("utf-16", None), ("utf-16", "utf-8"), ("utf-32", "latin-1"), ("utf-16-le", "utf-16-le")],
)  # fmt: skip
def test_files_as_people_have_them(
    text: str, how: dict[str, Any], encoding: str, given_: str | None, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.csv", text.format(AT), encoding)
    assert both(file, encoding=given_, **how) == ([("a", "t")], [])


def test_a_wanted_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", f"customer,touchpoint,at,at\na,t,{AT},{AT}\n")
    for read in (lambda: Log.read(file), lambda: list(csv_source(file, CALLS).read())):
        with pytest.raises(SourceError, match="two columns are named 'at'"):
            read()


CELL = st.text("ab \"\\,;'\n#", max_size=6) | st.sampled_from(["", "a", "long " * 20])


@settings(max_examples=200)
@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=12), st.sampled_from([30, 64, 1 << 20]),
       st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())  # fmt: skip
@example([("a\\", "b", ""), ('"', "", "")], 30, "\n", False)
def test_columns_and_records_read_alike(
    cells: list[tuple[str, str, str]], block: int, end: str, packed: bool
) -> None:
    """What Python writes is read, by columns or record by record, whatever the blocks are."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "BLOCK", block)
        file = Path(folder) / ("a.csv.gz" if packed else "a.csv")
        out = io.StringIO(newline="")
        # Python does not quote other ends of lines than its own.
        quoting: Any = csv.QUOTE_ALL if end == "\r" else csv.QUOTE_MINIMAL
        writer = csv.writer(out, lineterminator=end, quoting=quoting)
        writer.writerow(["customer", "touchpoint", "at", "note"])
        writer.writerows([f"c{n}", f"t{one}", AT, f"{two}{three}"]
                         for n, (one, two, three) in enumerate(cells))  # fmt: skip
        data = out.getvalue().encode()
        file.write_bytes(gzip.compress(data) if packed else data)
        found, aside = both(file)
        assert aside == []
        assert [name for name, _ in found] == sorted(f"c{n}" for n in range(len(cells)))


@settings(max_examples=300)
@given(st.text('a,"\\\n\r#x', max_size=60), st.sampled_from([5, 20, 1 << 20]))
def test_any_text_is_read_alike_by_columns_and_by_records(text: str, block: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "BLOCK", block)
        file = write(Path(folder) / "a.csv", f"customer,touchpoint,at\na,b,{AT}\n{text}")
        both(file)


@settings(max_examples=300)
@given(st.text("aü\n\r", max_size=60), st.sampled_from([1, 2, 5, 20, 1 << 20]), st.integers(1, 9))
def test_blocks_hold_all_lines(text: str, block: int, longest: int) -> None:
    """Whatever ends them; of one that is too long, its beginning and its end."""
    given_ = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "BLOCK", block)
        assert "".join(line_blocks.LineBlocks(io.BytesIO(given_)).lines()) == text
        pieces, blocks = [], line_blocks.LineBlocks(io.BytesIO(given_))
        while piece := blocks.unread():
            pieces.append(piece)
            blocks.drop()
        assert b"".join(pieces) == given_
        assert all(piece[-1] in b"\r\n" for piece in pieces[:-1])
        assert not any(one.endswith(b"\r") and two.startswith(b"\n")
                       for one, two in itertools.pairwise(pieces))  # fmt: skip
        patch.setattr(line_blocks, "MAX_LINE_CHARACTERS", longest)
        patch.setattr(line_blocks, "_LONGEST", 4 * longest)
        lines = given_.splitlines(keepends=True)
        cut = list(line_blocks.LineBlocks(io.BytesIO(given_)).lines())
        assert len(cut) == len(lines)
        for one, whole in zip(cut, lines, strict=True):
            assert one == whole.decode() or len(one.rstrip("\r\n")) > longest
        long = any(len(line.rstrip(b"\n")) > longest for line in given_.split(b"\n"))
        assert line_blocks.has_long_line(given_) == long or long is False


def _plain(customer: str, more: str = "") -> str:
    return f'{{"customer": "{customer}", "touchpoint": "t", "at": "{AT}"{more}}}'


KEYED = st.dictionaries(
    st.sampled_from(["customer", "touchpoint", "note", "at"]),
    st.sampled_from(
        ["a", "", "\u00fc", 5, 1.5, 1e5, True, None, [1], {"customer": "x"}, '"customer"']
    )
    | st.just(AT),
)


@settings(max_examples=200)
@given(st.lists(KEYED.map(json.dumps) | st.sampled_from(
    ["", "x", "[1]", _plain("a", ', "customer": "b"'), _plain("a", ', "customer": null'),
     _plain("a", r', "cust\u006fmer": "b"'), _plain("a", r', "\u00fc": "b"'), _plain("\\ud800"),
     _plain("a", r', "note": "\"customer\": null"')]
), max_size=10), st.sampled_from([30, 200, 1 << 20]),
       st.sampled_from(["\n", "\r\n", "\r"]))  # fmt: skip
@example(['{"touchpoint": "t"}', _plain("a", ', "customer": "b"')], 200, "\n")
@example([_plain("a", ', "customer": null')], 1 << 20, "\n")
@example([_plain("a", ', "customer": "b"'), _plain("a", r', "cust\u006fmer": "b"')], 200, "\n")
def test_json_is_read_alike_by_columns_and_line_by_line(
    lines: list[str], block: int, end: str
) -> None:
    first = json.dumps({"customer": "c", "touchpoint": "t", "at": AT, "note": "n"})
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "BLOCK", block)
        file = write(Path(folder) / "a.jsonl", "".join(f"{one}{end}" for one in (first, *lines)))
        log = Log.read(file)
        made = [(name, one.touchpoint, one.at.isoformat())
                for name in log.customer_ids for one in log.history(name)]  # fmt: skip
        source = Log.from_source(json_lines_source(file, CALLS))
        other = [(name, one.touchpoint, one.at.isoformat())
                 for name in source.customer_ids for one in source.history(name)]  # fmt: skip
        assert sorted(made) == sorted(other)
        assert [one.line for one in log.rejected] == [one.line for one in source.rejected]


@frozen
class ListNames:
    """A question of one's own: the names of a level, in the order of the customers."""

    by: str

    def measure(self, part: Part) -> list[tuple[str, str | None]]:
        names = part.names(self.by)
        found = [names[code] for code in part.codes(self.by).tolist()]
        return list(zip(part.ids.gather(part.journey).to_list(), found, strict=True))

    def merge(self, one: Any, other: Any) -> Any:
        return one + other

    def answer(self, measured: Any, scope: Scope) -> list[str | None]:
        return [name for _, name in sorted(measured)]


FAR = pl.Series([2**63 - 1, 5]).cast(pl.Datetime("us"))
WHEN = datetime(2026, 3, 1, 10, 0, 0, 500_000)


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pl.Series([WHEN, WHEN.replace(microsecond=0)]),
         ["2026-03-01T10:00:00.500000", "2026-03-01T10:00:00"]),
        (pl.Series([WHEN.replace(tzinfo=ZoneInfo("Europe/Paris")), None]),
         ["2026-03-01T10:00:00.500000+01:00", None]),
        (pl.Series([WHEN, None]).cast(pl.Datetime("ns")), ["2026-03-01T10:00:00.500000", None]),
        (pl.Series([WHEN.time(), WHEN.time().replace(microsecond=0)]),
         ["10:00:00.500000", "10:00:00"]),
        (pl.Series([WHEN.date(), None]), ["2026-03-01", None]),
        (FAR, [f"{2**63 - 1} us after 1970", "1970-01-01T00:00:00.000005"]),
        (pl.Series([0.1, 2.5], dtype=pl.Float32), ["0.10000000149011612", "2.5"]),
        (pl.Series([1e-05, 1e16]), ["0.00001", "10000000000000000"]),
        (pl.Series([0.00012, 1e22]), ["0.00012", "10000000000000000000000"]),
        (pl.Series([float("inf"), -0.0]), [None, "0"]),
        (pl.Series([5, None]), ["5", None]),
        (pl.Series([True, False]), ["true", "false"]),
        (pl.Series(["one\r\ntwo", " three\n"]), ["one two", "three"]),
    ],
)  # fmt: skip
def test_a_value_is_one_name_by_every_door(
    column: pl.Series, texts: list[str | None], tmp_path: Path
) -> None:
    frame = pl.DataFrame({"customer": ["a", "b"], "touchpoint": "t", "at": AT, "x": column})
    frame.write_parquet(tmp_path / "a.parquet")
    rule = RecordRule("$.at", {"c": "$.customer"}, "$.touchpoint", extra={"x": "$.x"})
    mapping = PayloadMapping("m", [rule])
    how = Columns(extra=("x",))
    for log in (
        Log.from_frame(frame, how), Log.read(tmp_path / "a.parquet", how),
        ParquetLog.read(tmp_path / "a.parquet", how),
        Log.from_source(parquet_source(tmp_path / "a.parquet", mapping)),
        Log.from_frame({name: frame[name].to_list() if name != "x" or column is not FAR
                        else list(texts) for name in frame.columns}, how),
    ):  # fmt: skip
        assert log.ask(ListNames("x")) == texts


def test_no_free_text_is_named_as_a_mark_is(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", f"customer,touchpoint,at,note\na,t,{AT},(start)\n")
    rule = RecordRule("$.at", {"c": "$.customer"}, "$.touchpoint", extra={"note": "$.note"})
    for log in (Log.read(file, Columns(extra=("note",))),
                Log.from_source(csv_source(file, PayloadMapping("m", [rule])))):  # fmt: skip
        [aside] = log.rejected
        assert (aside.line, aside.reason) == (
            2, "note: this name is reserved for where journeys begin"
        )  # fmt: skip
    with pytest.raises(InteractionError, match="its names are texts"):
        Interaction("a", "t", T0, extra={5: "x"})  # type: ignore[arg-type]
    with pytest.raises(InteractionError, match="bytes"):
        Interaction("a", "t", T0, id="\U0001f600" * 125, source="\U0001f600" * 125)


@pytest.mark.parametrize("decimal", [".", ",", None])
def test_small_numbers_are_read_by_any_mark(decimal: Any, tmp_path: Path) -> None:
    text = json.dumps({"customer": "a", "touchpoint": "t", "at": AT, "felt": 1e-05})
    file = write(tmp_path / "a.jsonl", text + "\n")
    log = Log.read(file, Columns(emotion="felt", decimal=decimal))
    assert [one.emotion for one in log.history("a")] == [pytest.approx(1e-05, abs=1e-4)]


@pytest.mark.parametrize("cell", [[3, 4], {"v": 5}, [], {}])
@pytest.mark.parametrize("role", ["value", "emotion", "score", "duration"])
def test_a_list_is_no_number(role: str, cell: Any, tmp_path: Path) -> None:
    """It is not missing either: the row is set aside, by files and by mappings."""
    row = {"customer": "a", "touchpoint": "t", "at": AT, "n": cell, "kind": "nps"}
    good = {**row, "customer": "b", "n": 1}
    file = write(tmp_path / "a.jsonl", json.dumps(row) + "\n" + json.dumps(good) + "\n")
    more = {"score": {"score_kind": "kind"}, "value": {"currency": "EUR"}}.get(role, {})
    how: Any = Columns(**{role: "n"}, **more)  # type: ignore[arg-type]
    for log in (Log.read(file, how), Log.from_frame({k: [row[k], good[k]] for k in row}, how)):
        assert (log.interactions, [one.line % 2 for one in log.rejected]) == (1, [1])
    if cell:
        pick: Any = {"score": "$.n", "score_kind": "$.kind"} if role == "score" else {role: "$.n"}
        rule = RecordRule("$.at", {"c": "$.customer"}, "$.touchpoint", currency="EUR", **pick)
        log = Log.from_source(json_lines_source(file, PayloadMapping("m", [rule])))
        assert (log.interactions, [one.line for one in log.rejected]) == (1, [1])


def test_marks_and_blank_lines_are_read_alike(tmp_path: Path) -> None:
    for text in (f"customer,touchpoint,at\n\ufeffa,t,{AT}\nb,t,{AT}\n",
                 f"customer,touchpoint,at\nb,t,{AT}\n\ufeffa,t,{AT}\n",
                 f"customer,touchpoint,at\r\na,t,{AT}\r\n\r\nb,t,{AT}\r\n"):  # fmt: skip
        both(write(tmp_path / "a.csv", text))
    calls: list[float] = []
    lines = "".join(_plain(str(n)) + "\n" for n in range(50))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "BLOCK", 1000)
        read_json_lines(write(tmp_path / "a.jsonl", lines), lambda there: ["customer"],
                        progress=calls.append)  # fmt: skip
    assert len(calls) > 3
    assert calls[-1] == 1.0
