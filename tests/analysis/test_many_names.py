"""Pairs of thousands of names: as many cells as there are, each with its own waits."""

from __future__ import annotations

import numpy as np
import pytest

from journeymap.analysis import Columns, Log, Transitions


@pytest.mark.parametrize(("rows", "names"), [(130_000, 1500), (130_000, 300)])
def test_of_many_pairs_each_has_its_own_waits(rows: int, names: int) -> None:
    dice = np.random.default_rng(1)
    log = Log.from_frame(
        {"customer": [f"c{n}" for n in dice.integers(0, rows // 20, rows)],
         "touchpoint": [f"t{n}" for n in dice.integers(0, names, rows)],
         "at": dice.integers(0, 10**7, rows).tolist()},
        Columns(at_unit="s"),
    )  # fmt: skip
    answer = log.ask(Transitions())
    assert answer.quantile_error > 0
    met = [row for row in answer if row.wait_mean is not None]
    assert len(met) > 50_000
    assert all(row.wait_median is not None for row in met)
    for row in met:
        if row.count == 1:
            assert row.wait_median == pytest.approx(row.wait_mean, rel=1 / 200)
