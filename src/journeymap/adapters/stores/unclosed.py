"""The warning about a store that was let go of without being closed."""

from __future__ import annotations

import warnings

__all__ = ["warn_unclosed"]


def warn_unclosed(store: object, address: str) -> None:
    """Warn that a store was never closed; the store has just closed itself."""
    message = f"the store {address} was not closed: use it in a `with` block, or call close()"
    warnings.warn(message, ResourceWarning, source=store, stacklevel=3)
