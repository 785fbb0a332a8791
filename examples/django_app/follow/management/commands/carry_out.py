"""The worker that lets time pass and carries out what waits: run as many as you like."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

import journeymap as jm
from follow.journey import live


def call_back(letter: jm.Signal) -> None:
    """Ask support to call the customer back."""
    with Path(settings.JOURNEY_CALLS).open("a", encoding="utf-8") as file:
        file.write(f"{letter.id} {letter.customer}\n")


class Command(BaseCommand):
    """Let time pass and carry out what waits, until it is stopped."""

    help = "Lets time pass and carries out what waits."

    def handle(self, *args: Any, **options: Any) -> None:
        """Go on until SIGTERM; what is under way is finished first."""
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        while not stopped.wait(0.2):
            try:
                live.advance()
                live.deliver({"call_back": call_back}, parallel=4)
            except jm.StoreError as error:
                if not error.passing:
                    raise
        live.close()
