"""What happened, to whom: interactions, records of sources, and the values they carry."""

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
