"""The mark of a map: equal for two maps along which customers are followed alike."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

__all__ = ["mark_map"]

_SECTIONS = ("channels", "processes", "products", "personas", "metrics")
_TEXTS = ("name", "description")
_UNREAD = {
    "stages": ("customer_does", "company_does", "optional", "needs"),
    "departments": ("invests", "hourly_cost"),
    "touchpoints": ("products", "cost"),
    "moments": ("metric",),
    "offers": (
        "action",
        "owner",
        "leads_to",
        "propensity",
        "value",
        "lever",
        "hold_out",
        "purpose",
    ),
}
"""What tracking does not read of the elements of a map; whatever is not listed, it may read."""


def mark_map(document: str) -> str:
    """Make the mark of a map.

    Args:
        document: The map as JSON.

    Returns:
        A hash of what tracking reads of it: names, descriptions and metrics change nothing.
    """
    data: dict[str, Any] = json.loads(document)
    for section in (*_SECTIONS, *_TEXTS):
        data.pop(section, None)
    for section, held in data.items():
        for element in held if isinstance(held, list) else ():
            if isinstance(element, dict):
                for name in (*_TEXTS, *_UNREAD.get(section, ())):
                    element.pop(name, None)
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return blake2b(text.encode(), digest_size=12).hexdigest()
