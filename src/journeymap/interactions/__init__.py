"""What happened, to whom: interactions, identities, and the values they carry."""

from journeymap.interactions.identities import Because, Identities, Linked, Split, links
from journeymap.interactions.identity_rules import BLOCKED, IdentityRules, Namespace
from journeymap.interactions.interaction import Interaction
from journeymap.interactions.records import Consent, Evidence, Record, Trait
from journeymap.interactions.values import SCALES, Identity, Money, Score, ScoreKind

__all__ = [
    "BLOCKED",
    "SCALES",
    "Because",
    "Consent",
    "Evidence",
    "Identities",
    "Identity",
    "IdentityRules",
    "Interaction",
    "Linked",
    "Money",
    "Namespace",
    "Record",
    "Score",
    "ScoreKind",
    "Split",
    "Trait",
    "links",
]
