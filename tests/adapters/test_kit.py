"""The kit for authors of adapters: our own adapters pass it, and each of its laws bites."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import strategies as st

from journeymap import (
    Customer,
    Customers,
    Identity,
    Interaction,
    JourneyMap,
    ProfileRules,
    Record,
    StoreError,
    TraitRule,
    UnknownName,
)
from journeymap.adapters.actions import FileAction, LogAction
from journeymap.adapters.mapping import PayloadMapping, RecordRule, columns_mapping
from journeymap.adapters.registry import views
from journeymap.adapters.source import Batch, Claim, RejectedRow, Source
from journeymap.adapters.sources import (
    MessageSource,
    RowSource,
    SqlSource,
    csv_source,
    duckdb_source,
    iterable_source,
    json_lines_source,
    json_source,
    parquet_source,
)
from journeymap.adapters.store import Letter, Store, Transaction
from journeymap.adapters.stores import SqliteStore
from journeymap.analysis import Log, Overview
from journeymap.live import open_store
from journeymap.live.forgetting import forget_customer
from journeymap.testing import check_action, check_source, check_store, check_view, hostile_maps
from journeymap.testing.stores import PIECES
from journeymap.views.registered import Registered

CALLS = columns_mapping(
    "calls", at="at", identities={"phone": "nr", "email": "mail"}, touchpoint="what"
)
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
ROW = st.fixed_dictionaries(
    {
        "at": st.sampled_from(["2026-03-01T09:00:00Z", "2026-03-01 10:00:00+02:00", "soon", ""])
        | WORDS,
        "nr": st.sampled_from(["555", "", "0" * 40]) | WORDS,
        "mail": st.sampled_from(["a@x.org", ""]) | WORDS,
        "what": st.sampled_from(["called", "(start)", " "]) | WORDS,
    }
)
ROWS = st.lists(ROW, max_size=25) | st.lists(ROW, min_size=12, max_size=15)


def small(source: RowSource) -> RowSource:
    """In batches of a few rows, so that there is something to resume."""
    return evolve(source, batch=4)


@pytest.fixture
def place(tmp_path: Path) -> Callable[[str], Path]:
    """A fresh file name each time."""
    count = iter(range(10**6))
    return lambda suffix: tmp_path / f"{next(count)}{suffix}"


def test_csv(place: Callable[[str], Path]) -> None:
    def made(rows: list[dict[str, str]]) -> Source:
        file = place(".csv.gz")
        with gzip.open(file, "wt", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, ["at", "nr", "mail", "what"])
            writer.writeheader()
            writer.writerows(rows)
        return small(csv_source(file, CALLS))

    check_source(made, ROWS)


def test_json_lines_and_documents(place: Callable[[str], Path]) -> None:
    def lines(rows: list[Any]) -> Source:
        file = place(".jsonl")
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return small(json_lines_source(file, CALLS))

    def document(rows: list[Any]) -> Source:
        file = place(".json")
        file.write_text(json.dumps({"items": rows}), encoding="utf-8")
        return small(json_source(file, evolve(CALLS, rows="$.items")))

    anything = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | WORDS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
        max_leaves=6,
    )
    mixed = st.lists(ROWS.filter(bool).map(lambda rows: rows[0]) | anything, max_size=20)
    check_source(lines, mixed)
    check_source(document, mixed)


def test_frames_and_databases(place: Callable[[str], Path]) -> None:
    import polars as pl
    from sqlalchemy import create_engine, text

    schema = dict.fromkeys(["id", "at", "nr", "mail", "what"], pl.String) | {"id": pl.Int64}

    def numbered(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
        return [{"id": n // 3, "key": n, **row} for n, row in enumerate(rows)]

    def parquet(rows: list[dict[str, str]]) -> Source:
        file = place(".parquet")
        pl.DataFrame(numbered(rows), schema=schema).write_parquet(file)
        return small(parquet_source(file, CALLS))

    def table(rows: list[dict[str, str]]) -> Source:
        url = f"sqlite:///{place('.db')}"
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE calls (id INT, key INT, at, nr, mail, what)"))
            for row in numbered(rows):
                insert = "INSERT INTO calls VALUES (:id, :key, :at, :nr, :mail, :what)"
                connection.execute(text(insert), row)
        engine.dispose()
        return SqlSource(url, "calls", CALLS, cursor="id", key="key", batch=4)

    def query(rows: list[dict[str, str]]) -> Source:
        made = table(rows)
        assert isinstance(made, SqlSource)
        return evolve(made, table="SELECT * FROM calls", key=None)

    def duck(rows: list[dict[str, str]]) -> Source:
        file = place(".parquet")
        pl.DataFrame(numbered(rows), schema=schema).write_parquet(file)
        return small(duckdb_source(":memory:", f"FROM '{file}'", CALLS))

    for made in (parquet, table, query, duck):
        check_source(made, ROWS, examples=15)


def test_iterables_and_messages(place: Callable[[str], Path]) -> None:
    check_source(lambda rows: small(iterable_source(rows, CALLS)), st.lists(st.just(7) | ROWS.map(
        lambda rows: rows[0] if rows else {})))  # fmt: skip
    once = iterable_source(iter([{}]), CALLS)
    assert once.claims == frozenset({"sets aside"})

    def singer(rows: list[dict[str, str]]) -> Source:
        file = place(".jsonl")
        told = [{"type": "RECORD", "stream": "calls", "record": row} for row in rows]
        between = {"type": "STATE", "value": {"n": 1}}
        lines = [json.dumps(one) + "\n" for row in told for one in (row, between)]
        file.write_text("".join(lines), encoding="utf-8")
        return MessageSource(file, {"calls": CALLS}, batch=4)

    check_source(singer, ROWS)


def test_stores(tmp_path: Path) -> None:
    file = tmp_path / "store.db"

    def cleared() -> None:
        for one in tmp_path.iterdir():
            one.unlink()

    check_store(lambda: SqliteStore(file), cleared)
    check_store(lambda: open_store("memory"), lambda: None, claims=frozenset())


def test_a_store_in_postgresql(database: str) -> None:
    from sqlalchemy import create_engine, inspect, text

    engine = create_engine(database)

    def cleared() -> None:
        with engine.begin() as connection:
            for table in inspect(connection).get_table_names():
                connection.execute(text(f"DROP TABLE {table}"))

    check_store(lambda: open_store(database), cleared, examples=12)
    engine.dispose()


def test_actions_and_views(tmp_path: Path) -> None:
    file = tmp_path / "done.jsonl"

    def effects() -> list[str]:
        if not file.exists():
            return []
        return [json.loads(line)["id"] for line in file.read_text("utf-8").split("\n")[:-1]]

    check_action(lambda: FileAction(file), effects, claims=frozenset({"remembers"}))
    check_view(views["map"], hostile_maps())
    check_view(views["customer"], hostile_maps().map(hostile_customer))
    check_view(views["report"], hostile_maps().map(hostile_overview), examples=5)


def test_the_log_action_names_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "journeys")

    def effects() -> list[str]:
        return [record.getMessage().split(": ")[1] for record in caplog.records]

    check_action(lambda: LogAction("journeys"), effects)
    assert caplog.records
    assert not re.search(r"\bada\b", caplog.text)


def happened_on(journey: JourneyMap) -> list[Interaction]:
    """Something on a map whose names are hostile, under its names."""
    then = datetime(2026, 3, 1, tzinfo=UTC)
    return [
        Interaction("ada", touchpoint, then.replace(day=n), channel=journey.name,
                    department=journey.description, outcome=journey.name, product=journey.name)
        for n, touchpoint in enumerate(("order", "open", journey.name), 1)
    ]  # fmt: skip


def hostile_customer(journey: JourneyMap) -> Customer:
    customers = Customers()
    user = Identity("user", journey.name)
    for one in happened_on(journey):
        customers.take(Record([user], one.at, journey.description, interaction=one,
                              traits={journey.name: journey.description},
                              consents={journey.name: True}))  # fmt: skip
    [name] = customers
    rules = ProfileRules([TraitRule(journey.name, personal=False)])
    return Customer.of(name, customers, map=journey, rules=rules)


def hostile_overview(journey: JourneyMap) -> Overview:
    return Overview.of(Log.from_interactions(happened_on(journey), map=journey))


# -- each law bites: for each an adapter that breaks it


COUNTED = iter(range(10**6))
GOOD = {"at": "2026-03-01T09:00:00Z", "nr": "555", "mail": "", "what": "called"}
SOME = st.lists(st.just(GOOD) | st.just({**GOOD, "at": "soon"}), min_size=9, max_size=12)


class Broke:
    """A source that does one thing wrong."""

    def __init__(self, rows: list[Any], wrong: str) -> None:
        self.inner = small(iterable_source(rows, CALLS))
        self.wrong = wrong
        self.turn = 0

    @property
    def name(self) -> str:
        return "broke"

    @property
    def claims(self) -> frozenset[Claim]:
        return self.inner.claims

    def read(self, cursor: str | None = None) -> Iterator[Batch]:
        self.turn += 1
        if self.wrong == "any cursor" and cursor is not None and not cursor.startswith("{"):
            cursor = None
        if self.wrong == "doubles" and cursor is not None:
            cursor = None
        for batch in self.inner.read(cursor):
            yield self.spoilt(batch)

    def spoilt(self, batch: Batch) -> Batch:
        bad, good = batch.rejected, batch.records
        if self.wrong == "swallows":
            return evolve(batch, rejected=())
        if self.wrong == "raises" and bad:
            raise KeyError("at")
        if self.wrong == "ends" and bad:
            raise StoreError("broke", "a bad row")
        if self.wrong == "counts":
            return evolve(batch, rows=batch.rows + 1)
        if self.wrong == "no reason":
            return evolve(batch, rejected=tuple(evolve(one, reason=" ") for one in bad))
        if self.wrong == "twice":
            return evolve(batch, rejected=(*bad, *(RejectedRow(one.row, "too") for one in good)))
        if self.wrong == "again" and self.turn > 1:
            return evolve(batch, records=tuple(evolve(one, source="other", interaction=None)
                                               for one in good))  # fmt: skip
        if self.wrong == "one cursor":
            return evolve(batch, cursor='{"rows": 0, "mark": ""}')
        if self.wrong == "other time":
            changed = [evolve(one, interaction=_later(one)) for one in good]
            return evolve(batch, records=tuple(changed))
        return batch


def _later(one: Record) -> Interaction:
    assert one.interaction is not None
    return evolve(one.interaction, at=one.at.replace(year=2020))


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        ("swallows", "neither records nor a reason"),
        ("raises", "only JourneyMapError may"),
        ("ends", "a bad row ended the reading"),
        ("counts", "rows were read of"),
        ("no reason", "without a reason"),
        ("twice", "gave records and was set aside too"),
        ("again", "reading again gives something else"),
        ("doubles", "loses or doubles"),
        ("one cursor", "loses or doubles|the same cursor|a cursor of its own"),
        ("any cursor", "taken for one"),
        ("other time", "another time or source"),
    ],
)
def test_each_law_of_sources_bites(wrong: str, law: str) -> None:
    with pytest.raises(AssertionError, match=law):
        check_source(lambda rows: Broke(rows, wrong), SOME)


def test_what_is_not_claimed_is_not_asked() -> None:
    check_source(lambda some: iterable_source(iter(some), CALLS), SOME)


def test_rows_that_show_nothing_are_tried_more_often() -> None:
    good = {"at": "2026-03-01T09:00Z", "nr": "5", "what": "called"}
    tries = itertools.count()
    late = st.integers().map(lambda _: [good] * 9 if next(tries) > 200 else [])
    check_source(lambda rows: small(iterable_source(rows, CALLS)), late)
    assert next(tries) > 200
    with pytest.raises(AssertionError, match="no row of any example gave a record"):
        check_source(lambda rows: small(iterable_source(rows, CALLS)), st.just([]))


class Spoilt:
    """A store that does one thing wrong."""

    def __init__(self, wrong: str, path: Path) -> None:
        self.inner: Store = SqliteStore(path)
        self.wrong = wrong

    @property
    def address(self) -> str:
        return self.inner.address

    def run(self, work: Callable[[Transaction], Any]) -> Any:
        if self.wrong == "counts at once":
            return self._loose(work)
        if self.wrong == "half":
            wrote: list[BaseException] = []

            def some(tx: Transaction) -> Any:
                try:
                    return work(tx)
                except Exception as error:
                    wrote.append(error)
                    return None

            done = self.inner.run(some)
            if wrote:
                raise wrote[0]
            return done
        return self.inner.run(lambda tx: work(Wrong(tx, self.wrong)))

    def _loose(self, work: Callable[[Transaction], Any]) -> Any:
        seen = self.inner.read(
            lambda tx: (tx.states.lock_versions(["shared"]), tx.states.read(["shared"]))
        )

        def late(tx: Transaction) -> Any:
            return work(Stale(tx, seen))

        return self.inner.run(late)

    def read(self, work: Callable[[Transaction], Any]) -> Any:
        due = self.wrong == "states.list_due"
        return self.inner.read(lambda tx: work(Wrong(tx, self.wrong)) if due else work(tx))

    @property
    def scrub_blocks(self) -> bool:
        return self.inner.scrub_blocks

    def scrub(self) -> None:
        self.inner.scrub()

    def close(self) -> None:
        if self.wrong == "loses":
            for name in self.inner.read(lambda tx: tx.states.list_customers("", 9)):
                self.inner.run(partial(_forget, name=name))
        self.inner.close()


class Wrong:
    """A transaction that does one thing wrong, such as ``outbox.settle``."""

    def __init__(self, tx: Transaction, wrong: str) -> None:
        self.tx, self.wrong = tx, wrong

    def __getattr__(self, name: str) -> Any:
        piece = getattr(self.tx, name)
        return WrongPiece(
            piece, self.wrong.partition(".")[2] if self.wrong.startswith(name) else ""
        )


class WrongPiece:
    """A piece of a transaction that does one thing wrong."""

    def __init__(self, piece: Any, wrong: str) -> None:
        self.piece, self.wrong = piece, wrong

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.piece, name)
        if self.wrong == name:
            return lambda *_: [] if name in ("list_due", "claim_waiting") else None
        if self.wrong == "order" and name == "claim_waiting":
            return lambda *given: list(reversed(real(*given)))
        if self.wrong == "over" and name == "post":
            return self.over
        return real

    def over(self, letters: Iterable[Letter]) -> None:
        given = list(letters)
        self.piece.settle(given)
        self.piece.post(given)


def _forget(tx: Transaction, name: str) -> None:
    forget_customer(tx, name)


class Stale:
    """A transaction that goes by what was read before it began."""

    def __init__(self, tx: Transaction, seen: tuple[Any, Any]) -> None:
        self.tx, self.seen = tx, seen

    def __getattr__(self, name: str) -> Any:
        piece = getattr(self.tx, name)
        return StaleStates(piece, self.seen) if name == "states" and self.seen[0] else piece


class StaleStates:
    """States as they were before the transaction began."""

    def __init__(self, piece: Any, seen: tuple[Any, Any]) -> None:
        self.piece, self.seen = piece, seen

    def __getattr__(self, name: str) -> Any:
        if name in ("lock_versions", "read"):
            return lambda names: self.seen[name == "read"]
        return getattr(self.piece, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        ("half", "differ"), ("loses", "differ"), ("journal.append", "the journal differs"),
        ("journal.delete", "the journal differs"), ("set_aside.add", "set aside"),
        ("set_aside.remove", "set aside"), ("set_aside.move", "set aside"),
        ("set_aside.delete", "set aside"), ("states.insert", "states differ"),
        ("states.update", "states differ"), ("states.delete", "customers differ"),
        ("states.list_due", "that are due"), ("outbox.post", "letters"),
        ("outbox.settle", "letters differ"), ("outbox.claim_waiting", "letters"),
        ("outbox.order", "another order"), ("outbox.over", "differ"),
        ("outbox.move", "letters differ"), ("outbox.delete", "differ"),
        ("evidence.add", "evidence"), ("evidence.replace", "evidence"),
        ("evidence.remove", "evidence"), ("evidence.delete", "evidence"),
        ("meta.set", "facts"), ("tombstones.set", "marks"), ("tombstones.remove", "marks"),
        ("checkpoints.add", "checkpoints"), ("checkpoints.drop", "checkpoints"),
        ("checkpoints.add_laps", "checkpoints"), ("checkpoints.delete", "checkpoints"),
        ("counts at once", "steps counted at once"),
    ],
)  # fmt: skip
def test_each_law_of_stores_bites(wrong: str, law: str, tmp_path: Path) -> None:
    def cleared() -> None:
        for one in tmp_path.iterdir():
            one.unlink()

    piece = wrong.partition(".")[0]
    pieces = (piece,) if piece in PIECES else PIECES
    with pytest.raises(AssertionError, match=law):
        check_store(lambda: Spoilt(wrong, tmp_path / "a.db"), cleared, pieces=pieces, examples=3000)


def test_an_unknown_piece_of_a_store_is_refused() -> None:
    wrong: Any = ("jurnal",)
    with pytest.raises(UnknownName, match="journal"):
        check_store(lambda: open_store("memory"), lambda: None, pieces=wrong)


@pytest.mark.parametrize(
    ("wrong", "law"),
    [("never", "not carried out"), ("always", "carried out again"), ("forgets", "after a restart")],
)
def test_each_law_of_actions_bites(wrong: str, law: str) -> None:
    done: list[str] = []

    def made() -> Callable[[Any], None]:
        known: set[str] = set()

        def act(signal: Any) -> None:
            if wrong == "never" or (wrong == "forgets" and signal.id in known):
                return
            known.add(signal.id)
            done.append(signal.id)

        return act

    with pytest.raises(AssertionError, match=law):
        check_action(made, lambda: done, claims=frozenset({"remembers"}))


@pytest.mark.parametrize(
    ("draws", "media", "law"),
    [
        (lambda m: f"<p>{m.name}</p>", "text/html", "became markup"),
        (lambda m: f"<p title='{m.name}'>", "text/html", "became markup"),
        (lambda m: "<svg>", "image/svg+xml", "not well-formed"),
        (lambda m: object(), "text/html", "is a text"),
        (lambda m: f"<p>{next(COUNTED)}</p>", "text/html", "something else"),
        (lambda m: '<img src="https://tracker">', "text/html", "network"),
        (lambda m: "x", "text/plain", "neither SVG, HTML nor Vega-Lite"),
    ],
)
def test_each_law_of_views_bites(draws: Any, media: str, law: str) -> None:
    with pytest.raises(AssertionError, match=law):
        check_view(Registered(media, draws), hostile_maps())


def test_mappings_are_checked() -> None:
    assert isinstance(PayloadMapping("a", [RecordRule("$.t", {"u": "$.u"})]), PayloadMapping)
