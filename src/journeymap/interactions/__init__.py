"""Interactions: the values they carry, and the records that sources give of them."""

from journeymap.interactions.interaction import Interaction
from journeymap.interactions.records import Consent, Evidence, Record, Trait
from journeymap.interactions.values import SCALES, Identity, Money, Score

__all__ = [
    "SCALES",
    "Consent",
    "Evidence",
    "Identity",
    "Interaction",
    "Money",
    "Record",
    "Score",
    "Trait",
]
