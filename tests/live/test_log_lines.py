"""What a live store logs: what an operator must know, and nothing about a customer."""

from __future__ import annotations

import logging

import pytest

from journeymap import Live
from journeymap.live import Handler
from tests.factories import DAY, SHOP, T0
from tests.factories import happened as at


def test_what_is_logged(store: str, caplog: pytest.LogCaptureFixture) -> None:
    def fails(signal: object) -> None:
        raise ConnectionError("ada-lovelace cannot be reached")

    now = [T0 + DAY]
    with (
        caplog.at_level(logging.INFO, "journeymap"),
        Live(SHOP, store, clock=lambda: now[0]) as live,
    ):
        live.record(at("call", 0, "ada-lovelace", outcome="failed"))
        live.record(at("call", 24 * 99, "ada-lovelace"))
        assert live.advance(T0 + 9 * DAY) != ()
        live.deliver({"failed": Handler(fails, attempts=2)})
        now[0] += DAY
        live.deliver({"failed": Handler(fails, attempts=2)})
        live.rebuild()
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        ("INFO", "set aside 1 of 1 interactions"),
        ("WARNING", "advance was asked for 8 days, 0:00:00 ahead of the clock"),
        ("INFO", "attempt 1 at 'failed' failed (ConnectionError); the next one in 0:00:10"),
        ("WARNING", "attempt 2 at 'failed' failed (ConnectionError); it is given up"),
        ("INFO", "rebuilt 0 customers; 0 have another stage or lap"),
    ]
    assert {record.name for record in caplog.records} == {"journeymap.live"}
    assert "lovelace" not in caplog.text
