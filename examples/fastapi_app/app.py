"""A FastAPI service that follows its customers, with as many workers as you like.

Run it with ``uvicorn app:app --workers 4`` in this folder, and give the store by JOURNEY_STORE.
Each worker records what happens, lets time pass, and carries out what waits beside the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import AwareDatetime, BaseModel

import journeymap as jm

JOURNEY = jm.load(Path(__file__).parents[1] / "shop.yaml")
STORE = os.environ.get("JOURNEY_STORE", "sqlite:///journey.db")
CALLED_BACK = Path(os.environ.get("JOURNEY_CALLS", "calls.txt"))
log = logging.getLogger(__name__)


class Happened(BaseModel):
    """What a client sends: one interaction."""

    customer: str
    touchpoint: str
    at: AwareDatetime
    id: str
    outcome: str | None = None


async def call_back(signal: jm.Signal) -> None:
    """Ask support to call the customer back: in your service, an HTTP request to another."""
    await asyncio.sleep(0.02)
    with CALLED_BACK.open("a", encoding="utf-8") as file:
        file.write(f"{signal.id} {signal.customer}\n")


async def keep_going(live: jm.AsyncLive) -> None:
    """Let time pass, and hand out what waits, for as long as the service runs."""
    while True:
        try:
            async for _ in live.advance_in_slices():
                pass
            await live.deliver({"call_back": call_back}, parallel=8)
        except jm.StoreError as error:
            if not error.passing:
                raise
            log.warning("the store is not there for a moment: %s", error)
        await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Open the store with the worker, and close it with it."""
    async with jm.AsyncLive(jm.Live(JOURNEY, STORE)) as live:
        going = asyncio.create_task(keep_going(live))
        yield {"live": live}
        going.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going


app = FastAPI(lifespan=lifespan)


@app.post("/interactions")
async def record(request: Request, happened: Happened) -> dict[str, Any]:
    """Record an interaction; when this answers, it will not be lost."""
    live: jm.AsyncLive = request.state.live
    receipt = await live.record(
        jm.Interaction(
            happened.customer, happened.touchpoint, happened.at, id=happened.id, source="web",
            outcome=happened.outcome,
        )
    )  # fmt: skip
    if receipt.set_aside is not None:
        raise HTTPException(422, receipt.set_aside)
    return {
        "stage": receipt.position and receipt.position.stage,
        "duplicate": receipt.duplicate,
        "news": [str(signal) for signal in receipt.signals],
    }


@app.get("/customers/{customer}")
async def position(request: Request, customer: str) -> dict[str, Any]:
    """Answer where a customer stands."""
    live: jm.AsyncLive = request.state.live
    here = await live.position(customer)
    if here is None:
        raise HTTPException(404, "there is no such customer")
    return {"stage": here.stage, "lap": here.lap, "at": here.at.isoformat()}


@app.get("/health")
async def health(request: Request) -> dict[str, str]:
    """Answer whether the store can be reached."""
    try:
        await request.state.live.stats()
    except jm.StoreError as error:
        raise HTTPException(503, str(error)) from error
    return {"store": "ok"}


@app.get("/metrics")
async def metrics(request: Request) -> Response:
    """Give the statistics as Prometheus reads them."""
    stats = await request.state.live.stats()
    waits = (datetime.now(UTC) - stats.oldest).total_seconds() if stats.oldest else 0.0
    values = {
        "interactions": stats.interactions, "customers": stats.customers,
        "timers_due": stats.timers_due, "letters_waiting": stats.waiting,
        "letters_dead": stats.dead, "oldest_letter_seconds": waits, "store_bytes": stats.size,
        "recorded_total": stats.recorded, "duplicates_total": stats.duplicates,
    }  # fmt: skip
    lines = "".join(f"journeymap_{name} {value}\n" for name, value in values.items())
    return Response(lines, media_type="text/plain; version=0.0.4")
