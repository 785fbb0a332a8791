"""Evidence as a store keeps it: records, splits and facts as plain data, and back.

A piece of evidence is ``{"identities", "at", "source"}`` with ``batch``, ``weight``, ``traits``
and ``consents`` where there are any; a split is ``{"split": [one, other], "reason", "at"}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from journeymap.adapters.store import StoredEvidence
from journeymap.identity import Identities, Split
from journeymap.interactions import Consent, Evidence, Identity, Record, Trait
from journeymap.interactions.codec import decoded

__all__ = [
    "AGAIN",
    "Data",
    "apply_evidence",
    "encode_evidence",
    "encode_identities",
    "encode_record",
    "encode_split",
    "has_facts",
    "is_split_data",
    "learn_evidence",
    "read_evidence",
    "read_facts",
    "read_identities",
]

Data: TypeAlias = dict[str, Any]
AGAIN = "again"
"""Where evidence holds the earlier times of the same facts."""


def encode_record(record: Record) -> Data:
    """Encode the evidence of a record with its traits and consents."""
    data = encode_evidence(record.evidence)
    if record.traits:
        data["traits"] = [list(pair) for pair in record.traits]
    if record.consents:
        data["consents"] = [list(pair) for pair in record.consents]
    return data


def encode_evidence(piece: Evidence) -> Data:
    """Encode a piece of evidence."""
    data: Data = {"identities": encode_identities(piece.identities), "at": piece.at.isoformat(),
                  "source": piece.source}  # fmt: skip
    if piece.batch is not None:
        data["batch"] = piece.batch
    if piece.weight is not None:
        data["weight"] = piece.weight
    return data


def encode_split(ruling: Split) -> Data:
    """Encode a ruling."""
    sides = [encode_identities(ruling.one), encode_identities(ruling.other)]
    return {"split": sides, "reason": ruling.reason, "at": ruling.at.isoformat()}


def encode_identities(identities: Iterable[Identity]) -> list[list[str]]:
    """Encode identities as pairs."""
    return [[one.namespace, one.value] for one in identities]


def is_split_data(data: Data) -> bool:
    """Check whether data are a ruling, not evidence."""
    return "split" in data


def has_facts(data: Data) -> bool:
    """Check whether data hold traits or consents."""
    return bool(data.get("traits") or data.get("consents"))


def read_evidence(data: Data) -> Evidence:
    """Read a piece of evidence."""
    return Evidence(read_identities(data["identities"]), datetime.fromisoformat(data["at"]),
                    data["source"], data.get("batch"), data.get("weight"))  # fmt: skip


def read_identities(pairs: Iterable[Sequence[str]]) -> tuple[Identity, ...]:
    """Read identities from pairs."""
    return tuple(Identity(*pair) for pair in pairs)


def read_facts(row: StoredEvidence) -> list[Trait | Consent]:
    """Read the traits and consents of a stored piece of evidence."""
    data = decoded(row.text)
    if is_split_data(data):
        return []
    facts: list[Trait | Consent] = []
    for text in (*data.get(AGAIN, ()), data["at"]):
        at, source = datetime.fromisoformat(text), data["source"]
        facts += [Trait(name, value, source, at) for name, value in data.get("traits", ())]
        facts += [Consent(name, given, source, at) for name, given in data.get("consents", ())]
    return facts


def apply_evidence(identities: Identities, data: Data) -> bool:
    """Learn evidence, or apply a split; whether anything was new."""
    before = identities.version
    learn_evidence(identities, data)
    return is_split_data(data) or identities.version != before


def learn_evidence(identities: Identities, data: Data) -> None:
    """Learn evidence, or apply a split."""
    if is_split_data(data):
        one, other = (read_identities(side) for side in data["split"])
        at = datetime.fromisoformat(data["at"])
        identities.apply_split(Split(one, other, at, data["reason"]))
    else:
        identities.learn(read_evidence(data))
