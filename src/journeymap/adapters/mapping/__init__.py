"""Payload mappings: how the payloads of one system become records, as data and not as code."""

from journeymap.adapters.mapping.applying import AppliedMapping
from journeymap.adapters.mapping.documents import builtin_mappings, load_mapping, loads_mapping
from journeymap.adapters.mapping.mapping import (
    PayloadMapping,
    Pick,
    PickLike,
    RecordRule,
    columns_mapping,
)
from journeymap.adapters.mapping.proposing import Proposal, propose_mapping

__all__ = [
    "AppliedMapping",
    "PayloadMapping",
    "Pick",
    "PickLike",
    "Proposal",
    "RecordRule",
    "builtin_mappings",
    "columns_mapping",
    "load_mapping",
    "loads_mapping",
    "propose_mapping",
]
