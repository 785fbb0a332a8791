"""A web application that follows its customers: each request is recorded, and told what it means.

Run it with ``python examples/request_handler.py``: it serves itself a few requests and shows the
answers. In an application of your own, the lines that matter are those of `handle`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import journeymap as jm

SHOP = jm.JourneyMap(
    "shop",
    dormant_after=timedelta(days=90),
    stages=[jm.Stage("choose", "buy"), jm.Stage("order", "buy"), jm.Stage("use", "own")],
    departments=[jm.Department("sales"), jm.Department("support")],
    touchpoints=[
        jm.Touchpoint("product_seen", "choose", department="sales"),
        jm.Touchpoint("order_placed", "order", department="sales"),
        jm.Touchpoint("help_asked", "use", department="support"),
    ],
    moments=[
        jm.Moment(
            "help_failed",
            jm.All((jm.At("touchpoint", ("help_asked",)), jm.At("outcome", ("failed",)))),
            owner="support",
            action="call_back",
            deadline=timedelta(hours=4),
        )
    ],
)


def handle(live: jm.Live, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request: what happened is recorded before anything is said about it."""
    receipt = live.record(
        jm.Interaction(
            request["customer"],
            request["touchpoint"],
            datetime.fromisoformat(request["at"]),
            id=request["id"],
            source="web",
            outcome=request.get("outcome"),
        )
    )
    position = receipt.position
    assert position is not None
    return {
        "stage": position.stage,
        "lap": position.lap,
        "news": [str(signal) for signal in receipt.signals],
        "again": receipt.duplicate,
    }


def main() -> None:
    """Serve a few requests, let the actions take what waits, and let time pass."""
    begin = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def request(number: int, touchpoint: str, outcome: str | None = None) -> dict[str, Any]:
        at = (begin + timedelta(hours=number)).isoformat()
        return {"id": str(number), "customer": "ada", "touchpoint": touchpoint, "at": at,
                "outcome": outcome}  # fmt: skip

    requests = [
        request(0, "product_seen"),
        request(1, "order_placed", "succeeded"),
        request(1, "order_placed", "succeeded"),  # the browser sent it twice
        request(5, "help_asked", "failed"),
    ]

    def call_back(signal: jm.Signal) -> None:
        print("support is asked:", signal)

    with TemporaryDirectory() as folder, jm.Live(SHOP, f"sqlite:///{folder}/shop.db") as live:
        for one in requests:
            print(json.dumps(handle(live, one)))
        print(live.deliver({"call_back": call_back}))
        for signal in live.advance(begin + timedelta(days=1)):
            print("later:", signal)
        assert Path(folder, "shop.db").exists()


if __name__ == "__main__":
    main()
