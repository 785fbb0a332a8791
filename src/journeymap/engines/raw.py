"""Arrays as bare files, mapped into memory when they are read.

NumPy's own format parses a header, which CPython before 3.11.8 cannot do in several threads at
once; what type an array has is known here anyway.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["read_array", "write_array"]


def write_array(place: Path, values: np.ndarray[Any, Any]) -> None:
    """Write the values, little-endian, end to end."""
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    with place.open("wb") as file:
        little.tofile(file)


def read_array(place: Path, kind: Any) -> np.ndarray[Any, Any]:
    """Map the values of a file into memory."""
    dtype = np.dtype(kind).newbyteorder("<")
    if place.stat().st_size == 0:
        return np.zeros(0, dtype=kind)
    return np.asarray(np.memmap(place, dtype=dtype, mode="r"))
