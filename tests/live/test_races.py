"""What happens between two statements of another process, or when one of them fails."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from journeymap import Evidence, Identity, IdentityRules, Live, Namespace, Record, StoreError
from journeymap.adapters.stores import SqlStore
from journeymap.adapters.stores.sql_tables import SqlEvidence
from tests.factories import DAY, SHOP, T0
from tests.factories import happened as at

MAIL, USER, PHONE = Identity("email", "a@x.org"), Identity("user", "u17"), Identity("phone", "5551")
RULES = IdentityRules([Namespace("user"), Namespace("email"), Namespace("phone", shared=2)])


def test_forgotten_and_met_anew_while_another_reads(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Facts and evidence are read in two statements: what lies between belongs together."""
    now = [T0 + DAY]
    plain = SqlEvidence.read_after
    done: list[int] = []
    with (
        Live(SHOP, database, identities=RULES, clock=lambda: now[0]) as one,
        Live(SHOP, database, identities=RULES, clock=lambda: now[0]) as other,
    ):
        one.take([Record([MAIL, USER], T0, "crm")])
        assert other.identities is not None
        name = str(other.identities.customer(MAIL))

        def meanwhile(self: SqlEvidence, number: int, limit: int) -> Any:
            if not done and threading.current_thread().name == "reader":
                done.append(1)
                other.forget(name)
                now[0] += DAY
                other.take([Record([MAIL, USER], now[0], "crm")])
            return plain(self, number, limit)

        monkeypatch.setattr(SqlEvidence, "read_after", meanwhile)
        reader = threading.Thread(target=lambda: one.identities, name="reader")
        reader.start()
        reader.join()
        for live in (one, other):
            assert live.identities is not None
            assert live.identities.customer(MAIL) is not None
            assert live.identities.customer(MAIL) == live.identities.customer(USER)


def test_a_failed_read_loses_no_event(shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [T0 + DAY]
    with (
        Live(SHOP, shared, identities=RULES, clock=lambda: now[0]) as one,
        Live(SHOP, shared, identities=RULES, clock=lambda: now[0]) as other,
    ):
        one.take([Record([MAIL, USER], T0, "crm")])
        assert other.identities is not None
        other.forget(str(other.identities.customer(MAIL)))
        with monkeypatch.context() as patched:
            patched.setattr(SqlEvidence, "read_after", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                _ = one.identities
        now[0] += DAY
        other.take([Record([MAIL], now[0], "crm")])
        assert one.identities is not None
        assert one.identities.identities_of(str(one.identities.customer(MAIL))) == (MAIL,)


def test_what_led_to_no_one_is_forgotten_with_whom_it_leads_to(store: str, tmp_path: Path) -> None:
    """A number that was shared, and is not any more: the evidence with it is the customer's."""
    with Live(SHOP, store, identities=RULES, clock=lambda: T0 + 9 * DAY) as live:
        live.take([Record([USER, PHONE], T0, "crm")])
        pairs = [
            Evidence([Identity("user", f"u9{n}"), PHONE], T0, "guess", weight=0.9) for n in range(3)
        ]
        live.link(pairs, threshold=0.5, batch="b")
        assert live.identities is not None
        assert live.identities.shared == (PHONE,)
        live.take([Record([PHONE], T0 + DAY, "call", traits={"plan": "lovelace"})])
        live.take([Record([PHONE], T0, "s", interaction=at("call", 1, "?"))])
        live.withdraw("b")
        assert live.identities is not None
        name = str(live.identities.customer(PHONE))
        live.forget(name)
        live.scrub()
        assert live.stats().evidence == 0
        assert live.set_aside() == ()
        for file in tmp_path.iterdir():
            assert b"lovelace" not in file.read_bytes()


def test_a_joined_transaction_ends_and_does_not_hang(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread waits in the database for it, and has the turn that it would need."""
    monkeypatch.setattr("journeymap.live.resolution._PATIENCE", 0.3)
    engine = create_engine(database)
    with Live(SHOP, SqlStore(engine), identities=RULES) as live:
        live.take([Record([MAIL], T0, "crm")])
        with engine.connect() as connection, connection.begin() as transaction:
            live.record_within(connection, [at("order", 1)])
            other = threading.Thread(target=lambda: live.take([Record([USER], T0, "crm")]))
            other.start()
            time.sleep(0.3)
            with pytest.raises(StoreError, match="end it, and try again") as caught:
                live.record_within(connection, [at("order", 2)])
            assert caught.value.passing
            transaction.commit()
        other.join(20)
        assert len(live.history("ada")) == 1
    engine.dispose()


def test_a_joined_transaction_sees_who_was_written_anew(database: str) -> None:
    """A state is removed and written again under the lock for which it waits."""
    engine = create_engine(database)
    with Live(SHOP, SqlStore(engine)) as live:
        live.record(at("order", 1))
        failed: list[BaseException] = []

        def record() -> None:
            try:
                with engine.begin() as connection:
                    live.record_within(connection, [at("order", 2)])
            except BaseException as error:
                failed.append(error)

        with engine.connect() as holder, holder.begin() as transaction:
            holder.execute(text("SELECT pg_advisory_xact_lock(7237894)"))
            holder.execute(text("CREATE TEMP TABLE kept AS SELECT * FROM journeymap_states"))
            holder.execute(text("DELETE FROM journeymap_states"))
            holder.execute(text("INSERT INTO journeymap_states SELECT * FROM kept"))
            thread = threading.Thread(target=record)
            thread.start()
            time.sleep(timedelta(milliseconds=500).total_seconds())
            transaction.commit()
        thread.join(20)
        assert failed == []
        assert len(live.history("ada")) == 2
    engine.dispose()
