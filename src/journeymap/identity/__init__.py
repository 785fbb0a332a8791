"""Identity resolution: rules, the graph of evidence, identities, links, gathered customers."""

from journeymap.identity.gathering import Customers, GatheredCustomers, SetAside
from journeymap.identity.identities import Identities
from journeymap.identity.links import EvidenceLink, LinkReport, Split, evidence_from_links
from journeymap.identity.rules import BLOCKED, IdentityRules, Namespace

__all__ = [
    "BLOCKED",
    "Customers",
    "EvidenceLink",
    "GatheredCustomers",
    "Identities",
    "IdentityRules",
    "LinkReport",
    "Namespace",
    "SetAside",
    "Split",
    "evidence_from_links",
]
