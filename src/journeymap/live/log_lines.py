"""Log lines of a live store, under ``journeymap.live``; none holds anything about a customer."""

from __future__ import annotations

from typing import Literal

__all__ = ["write_log"]


def write_log(level: Literal["info", "warning"], message: str, *values: object) -> None:
    """Write a line to the logger of live stores."""
    import logging  # not loaded by those who only read

    logger = logging.getLogger("journeymap.live")
    logger.log(logging.INFO if level == "info" else logging.WARNING, message, *values)
