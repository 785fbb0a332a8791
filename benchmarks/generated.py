"""The log that is measured: shuffled, string ids, as Parquet; the same for every rival."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl


def generated(place: Path, customers: int, seed: int = 1) -> Path:
    """Write about 11 interactions of each customer, over three years, in no order."""
    file = place / f"log-{customers}.parquet"
    if not file.exists():
        place.mkdir(parents=True, exist_ok=True)
        [frame] = frames(customers, seed, 1)
        frame.write_parquet(file)
    return file


def generated_folder(place: Path, customers: int, files: int, seed: int = 1) -> Path:
    """The same over several files: a customer's interactions may be in any of them."""
    folder = place / f"log-{customers}"
    if not folder.exists():
        spare = place / f"log-{customers}.new"
        spare.mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(frames(customers, seed, files)):
            frame.write_parquet(spare / f"{number:03}.parquet")
        spare.rename(folder)
    return folder


def frames(customers: int, seed: int, count: int) -> Iterator[pl.DataFrame]:
    """The interactions of some customers in no order, in so many frames."""
    dice = np.random.default_rng(seed)
    lengths = dice.geometric(1 / 11, customers)
    size = int(lengths.sum())
    order = dice.permutation(size)
    owners = np.repeat(np.arange(customers, dtype=np.uint32), lengths)[order]
    names = pl.Series([f"touchpoint {n}" for n in range(25)])
    for mine in np.array_split(owners, count):
        micros = 1_600_000_000_000_000 + dice.integers(0, 3 * 365 * 86_400 * 10**6, len(mine))
        ids = pl.Series("customer", mine).cast(pl.String).str.zfill(7)
        yield pl.DataFrame(
            {
                "customer": pl.select(pl.lit("customer-") + ids).to_series(),
                "touchpoint": names.gather(dice.integers(0, 25, len(mine))),
                "at": pl.Series(micros).cast(pl.Datetime("us", "UTC")),
            }
        )
