"""Hostile, broken and enormous input: an error of ours or rows set aside, and bounded memory."""

from __future__ import annotations

import csv
import gzip
import json
import random
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Interaction, JourneyMapError, SourceError
from journeymap.adapters.mapping import columns_mapping
from journeymap.adapters.sources import (
    csv_source,
    json_lines_source,
    json_source,
    ocel_source,
    xes_source,
)
from journeymap.adapters.tables.csv_writing import write_csv
from tests.adapters.fuzzing import TARGETS
from tests.adapters.test_sources import XES, all_of

CALLS = columns_mapping("calls", at="at", identities={"phone": "nr"}, touchpoint="what")
GOOD = '{"at": "2026-03-01T09:00:00Z", "nr": "555", "what": "called"}'
SEEDS = [
    GOOD.encode(), b"at,nr,what\n2026-03-01T09:00:00Z,5,called\n", XES.encode(),
    b'{"type":"RECORD","stream":"s","record":{"email":"a@x","survey":"nps","score":9}}\n',
    b'{"objects":[{"id":"i","type":"Invoice"}],"events":[{"id":"e","type":"t","time":"2026-01-01"'
    b',"relationships":[{"objectId":"i","qualifier":""}]}]}',
    b"PAR1\x00\x01PAR1", b"SQLite format 3\x00" + bytes(100), gzip.compress(b"a,b\n1,2\n"),
    b'$.a[0]["b"][c=d].e', b'id = "a"\n[[records]]\nat = "$.a"\n[records.identities]\nu = "$.u"\n',
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@given(seed=st.sampled_from(SEEDS), noise=st.binary(max_size=60), at=st.integers(0, 400),
       cut=st.integers(0, 400))  # fmt: skip
def test_nothing_but_our_errors_come_out(
    target: str, seed: bytes, noise: bytes, at: int, cut: int
) -> None:
    for data in (noise, seed[:at] + noise + seed[at + cut :], seed[:at]):
        try:
            TARGETS[target](data)
        except JourneyMapError:
            continue


LAUGHS = """<?xml version="1.0"?><!DOCTYPE log [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]><log><trace><string key="concept:name" value="&c;"/></trace>
</log>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE log SYSTEM "file:///etc/passwd"><log/>"""


@pytest.mark.parametrize("text", [LAUGHS, OUTSIDE])
def test_entities_and_references_outside_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.xes"
    file.write_text(text)
    with pytest.raises(SourceError, match="a document type is refused"):
        list(xes_source(file).read())
    with pytest.raises(SourceError, match="a document type is refused"):
        list(ocel_source(file, "Invoice").read())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<log><trace></log>", "not well-formed"),
        ("<nolog/>", "begins with <log>"),
        ("<log>" + "<list key='a'>" * 500, "nested too deep"),
        ('<?xml version="1.0" encoding="klingon"?><log/>', "not"),
        ("<log>", "not well-formed"),
    ],
)
def test_xml_that_is_none(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "a.xes"
    file.write_text(text)
    with pytest.raises(SourceError, match=told) as caught:
        list(xes_source(file).read())
    assert caught.value.file == str(file)


def test_files_cut_short(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"{GOOD}\n" for _ in range(3000)).encode())
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(whole[: len(whole) // 2])
    source = json_lines_source(file, CALLS)
    read = 0
    with suppress(SourceError):
        for batch in source.read():
            read += len(batch.records)
    with pytest.raises(SourceError, match="cut short or damaged"):
        list(source.read())
    assert read > 0  # what could be read was read, with a cursor to go on from
    packed = tmp_path / "b.xes.gz"
    packed.write_bytes(gzip.compress(XES.encode())[:-20])
    with pytest.raises(SourceError, match=r"cut short|not well-formed"):
        list(xes_source(packed).read())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("at,nr,what\n2026-03-01T09:00:00Z,5,gerückt\n".encode(encoding))
    records, broken = all_of(csv_source(file, CALLS))
    if encoding == "latin-1":  # the byte is no UTF-8, and the row says so
        assert (len(records), len(broken)) == (0, 1)
        assert "not allowed" in broken[0].reason
        records, broken = all_of(csv_source(file, CALLS, encoding="latin-1"))
    assert [r.interaction.touchpoint for r in records if r.interaction] == ["gerückt"]


def test_mixed_schemas_and_absurd_numbers(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    rows = [
        GOOD, '{"nr": ' + "9" * 1_000_000 + "}", '{"at": 1e400, "nr": "5", "what": "x"}',
        "[" * 100_000, '{"nr": NaN}', '{"at": ["2026"], "nr": {"a": 1}, "what": true}', "null",
        '"\\ud800"', GOOD.replace("called", "\\ud800"), "{" + '"a":1,' * 10 + '"a":2}', GOOD,
    ]  # fmt: skip
    file.write_text("\n".join(rows), encoding="utf-8")
    records, broken = all_of(json_lines_source(file, CALLS))
    assert len(records) == 2
    assert len(broken) == len(rows) - 2
    assert all(len(one.held) <= 2000 for one in broken)


def test_what_is_written_cannot_start_a_formula(tmp_path: Path) -> None:
    names = ["=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "\tx".strip(), "＝1+1", "-5"]
    then = datetime(2026, 3, 1, tzinfo=UTC)
    file = tmp_path / "a.csv"
    write_csv([Interaction(name, name, then) for name in names], file)
    with file.open(newline="", encoding="utf-8") as text:
        for row in list(csv.reader(text))[1:]:
            for cell in row:
                number = cell.lstrip("+-").replace(" ", "").isdigit()
                assert number or cell[:1] not in ("=", "+", "-", "@", "\t", "\r", "＝", "＋")


MEASURE = """
import resource, sys
from pathlib import Path
from journeymap.adapters.sources import csv_source, json_lines_source
from journeymap.adapters.sources import xes_source
from journeymap.adapters.mapping import columns_mapping
from journeymap.exceptions import JourneyMapError
CALLS = columns_mapping("calls", at="at", identities={"phone": "nr"}, touchpoint="what")
made = {"csv": csv_source, "jsonl": json_lines_source}
kind, file = sys.argv[1:]
source = xes_source(file) if kind == "xes" else made[kind](file, CALLS)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = broken = 0
error = ""
try:
    for batch in source.read():
        rows += batch.rows
        broken += len(batch.rejected)
except JourneyMapError as caught:
    error = str(caught)
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
print(rows, broken, grown, error)
"""


def measured(kind: str, file: Path) -> tuple[int, int, int, str]:
    """Rows, broken rows, megabytes of memory and the error of reading a file in a process."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, kind, str(file)], capture_output=True, text=True, check=True
    )
    rows, broken, grown, *error = done.stdout.split(" ", 3)
    return int(rows), int(broken), int(grown), error[0].strip() if error else ""


def test_bombs_and_monsters_take_little_memory(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb", compresslevel=9) as out:
        out.write(b"at,nr,what\n")
        for _ in range(400):
            out.write(bytes(1_000_000))
    _, _, grown, error = measured("csv", bomb)
    assert "unpacks to more than" in error
    assert grown < 150
    monster = tmp_path / "cell.csv"
    with monster.open("wb") as out:
        out.write(b'at,nr,what\n2026-03-01T09:00:00Z,5,"' + b"x" * 100_000_000 + b'"\n')
        out.write(b"2026-03-01T09:00:00Z,5,called\n")
    rows, broken, grown, error = measured("csv", monster)
    assert (rows, broken, error) == (2, 1, "")
    assert grown < 150
    line = tmp_path / "line.jsonl"
    line.write_bytes(b'{"a": "' + b"y" * 100_000_000 + b'"}\n' + GOOD.encode() + b"\n")
    rows, broken, grown, error = measured("jsonl", line)
    assert (rows, broken, error) == (2, 1, "")
    assert grown < 150
    token = tmp_path / "token.xes"
    token.write_bytes(b'<log><trace><string key="a" value="' + b"z" * 100_000_000 + b'"/></trace>')
    _, _, grown, error = measured("xes", token)
    assert "a single token" in error
    assert grown < 150


def test_a_long_file_is_read_in_little_memory(tmp_path: Path) -> None:
    dice = random.Random(3)
    file = tmp_path / "long.jsonl.gz"
    with gzip.open(file, "wt", compresslevel=1) as out:
        for _ in range(60_000):
            noise = f"{dice.getrandbits(256):064x}"
            out.write(json.dumps({"at": "2026-03-01T09:00:00Z", "nr": noise, "what": "called",
                                  "more": noise * 3}) + "\n")  # fmt: skip
    rows, broken, grown, error = measured("jsonl", file)
    assert (rows, broken, error) == (60_000, 0, "")
    assert grown < 30


def test_json_documents_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    wrong = {"{": "not JSON", "7": "no list of payloads", '{"whole":1},{"a":2}': "not JSON"}
    for text, told in wrong.items():
        file.write_text(text)
        with pytest.raises(SourceError, match=told):
            list(json_source(file, CALLS).read())
    with pytest.raises(FileNotFoundError):
        list(json_source(tmp_path / "none.json", CALLS).read())
