"""Who is who: rules, the graph of evidence, identities, links, gathered customers."""

from journeymap.identity.gathering import Aside, Customers, Gathered
from journeymap.identity.identities import Because, Identities, Linked, Split, links
from journeymap.identity.rules import BLOCKED, IdentityRules, Namespace

__all__ = [
    "BLOCKED",
    "Aside",
    "Because",
    "Customers",
    "Gathered",
    "Identities",
    "IdentityRules",
    "Linked",
    "Namespace",
    "Split",
    "links",
]
