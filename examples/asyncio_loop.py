"""An asyncio application that follows its customers without ever blocking its loop.

Run it with ``python examples/asyncio_loop.py``: interactions come in over queues, are recorded in
small batches, timers fire and actions are handed out, while a heartbeat shows that the loop is
free.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from tempfile import TemporaryDirectory

import journeymap as jm
from journeymap.simulation import broadband, broadband_customers


async def incoming(queue: asyncio.Queue[jm.Interaction | None], customers: int) -> None:
    """Yield what a message broker would bring."""
    for one in sorted(broadband_customers(customers), key=lambda one: one.at):
        await queue.put(one)
    await queue.put(None)


async def recording(live: jm.AsyncLive, queue: asyncio.Queue[jm.Interaction | None]) -> int:
    """Record in batches, as much as has come; each batch is safe when the call returns."""
    count, open_ = 0, True
    while open_:
        batch = [await queue.get()]
        while not queue.empty() and len(batch) < 500:
            batch.append(queue.get_nowait())
        open_ = batch[-1] is not None
        given = [one for one in batch if one is not None]
        if given:
            receipts = await live.record_many(given)
            count += sum(not receipt.duplicate for receipt in receipts)
            await live.advance(given[-1].at)
    return count


async def main() -> None:
    """Follow thirty customers to the end of their interactions."""
    beats, taken = 0, 0

    async def heart() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.001)
            beats += 1

    def act(signal: jm.Signal) -> None:
        nonlocal taken
        taken += 1

    queue: asyncio.Queue[jm.Interaction | None] = asyncio.Queue(maxsize=1000)
    with TemporaryDirectory() as folder:
        live = jm.AsyncLive(jm.Live(broadband(), f"sqlite:///{folder}/broadband.db"))
        async with live:
            beating = asyncio.create_task(heart())
            feeding = asyncio.create_task(incoming(queue, 30))
            count = await recording(live, queue)
            await feeding
            position = await live.position("customer-00001")
            assert position is not None
            await live.advance(position.at + timedelta(days=365))
            delivered = await live.deliver(act)
            beating.cancel()
    print(f"{count} interactions recorded, {delivered.done} actions carried out")
    print(f"customer-00001 stands in {position.stage!r}, lap {position.lap}")
    assert beats > 5, "the loop was blocked"
    assert taken == delivered.done


if __name__ == "__main__":
    asyncio.run(main())
