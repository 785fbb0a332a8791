"""The one `Live` of this process."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

import journeymap as jm

JOURNEY = jm.load(Path(__file__).parents[2] / "shop.yaml")
live = jm.Live(JOURNEY, settings.JOURNEY_STORE)
