"""The fold with a store and an outbox round it: customers followed as things happen."""

from journeymap.adapters.stores.open_store import open_store
from journeymap.live.asynchronous import AsyncLive
from journeymap.live.backfilling import Backfilled
from journeymap.live.delivering import DeadLetter, Delivered
from journeymap.live.dry_run import DryRun, SignalChange
from journeymap.live.handlers import Action, Actions, Handler
from journeymap.live.live import Live
from journeymap.live.rebuilding import Moved, Rebuilt
from journeymap.live.recording import Receipt
from journeymap.live.statistics import Stats

__all__ = [
    "Action",
    "Actions",
    "AsyncLive",
    "Backfilled",
    "DeadLetter",
    "Delivered",
    "DryRun",
    "Handler",
    "Live",
    "Moved",
    "Rebuilt",
    "Receipt",
    "SignalChange",
    "Stats",
    "open_store",
]
