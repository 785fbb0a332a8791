"""The log that is measured: shuffled, string ids, as Parquet; the same for every rival."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl


def generated(place: Path, customers: int, seed: int = 1) -> Path:
    """Write about 11 interactions of each customer, over three years, in no order."""
    file = place / f"log-{customers}.parquet"
    if file.exists():
        return file
    place.mkdir(parents=True, exist_ok=True)
    dice = np.random.default_rng(seed)
    lengths = dice.geometric(1 / 11, customers)
    size = int(lengths.sum())
    order = dice.permutation(size)
    names = pl.Series([f"touchpoint {n}" for n in range(25)])
    ids = pl.Series([f"customer-{n:07d}" for n in range(customers)])
    micros = 1_600_000_000_000_000 + dice.integers(0, 3 * 365 * 86_400 * 10**6, size)
    frame = pl.DataFrame(
        {
            "customer": ids.gather(np.repeat(np.arange(customers), lengths)[order]),
            "touchpoint": names.gather(dice.integers(0, 25, size)),
            "at": pl.Series(micros).cast(pl.Datetime("us", "UTC")),
        }
    )
    frame.write_parquet(file)
    return file
