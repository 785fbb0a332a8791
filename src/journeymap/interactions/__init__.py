"""What happened, to whom: interactions, identities, and the values they carry."""

from journeymap.interactions.customers import Aside, Customers, Gathered
from journeymap.interactions.identities import Because, Identities, Linked, Split, links
from journeymap.interactions.identity_rules import BLOCKED, IdentityRules, Namespace
from journeymap.interactions.interaction import Interaction
from journeymap.interactions.knowledge import ProfileRules, Purpose, TraitRule
from journeymap.interactions.records import Consent, Evidence, Record, Trait
from journeymap.interactions.values import SCALES, Identity, Money, Score, ScoreKind

__all__ = [
    "BLOCKED",
    "SCALES",
    "Aside",
    "Because",
    "Consent",
    "Customers",
    "Evidence",
    "Gathered",
    "Identities",
    "Identity",
    "IdentityRules",
    "Interaction",
    "Linked",
    "Money",
    "Namespace",
    "ProfileRules",
    "Purpose",
    "Record",
    "Score",
    "ScoreKind",
    "Split",
    "Trait",
    "TraitRule",
    "links",
]
