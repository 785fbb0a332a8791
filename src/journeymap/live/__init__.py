"""The fold with a store and an outbox round it: customers followed as things happen."""

from journeymap.live.asynchronous import AsyncLive
from journeymap.live.live import Live
from journeymap.live.open_store import open_store
from journeymap.live.outbox import Action, Actions, Delivered
from journeymap.live.rebuilding import Moved, Rebuilt
from journeymap.live.recording import Receipt

__all__ = [
    "Action",
    "Actions",
    "AsyncLive",
    "Delivered",
    "Live",
    "Moved",
    "Rebuilt",
    "Receipt",
    "open_store",
]
