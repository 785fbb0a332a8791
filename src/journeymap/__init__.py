"""journeymap: hold, follow and understand your customers' journey.

This is the public face of the core. The analysis of recorded interactions lives in
`journeymap.analysis`, pictures and pages in `journeymap.views`. A name is loaded when it is first
asked for, with its own part of the library alone.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeymap import templates
    from journeymap.analysis import Log
    from journeymap.documents import dump, dumps, load, loads, schema
    from journeymap.exceptions import (
        AdapterError,
        AnswerError,
        CalendarError,
        ColumnsError,
        DocumentError,
        ElementError,
        IdentityError,
        InteractionError,
        JourneyMapError,
        MapError,
        MissingExtra,
        SourceError,
        StateError,
        StoreError,
        UnknownName,
    )
    from journeymap.identity import (
        Customers,
        Identities,
        IdentityRules,
        Namespace,
        evidence_from_links,
    )
    from journeymap.interactions import (
        Consent,
        Evidence,
        Identity,
        Interaction,
        Money,
        Record,
        Score,
        Trait,
    )
    from journeymap.live import AsyncLive, Live, Receipt
    from journeymap.model import (
        DEPARTMENTS,
        Absence,
        All,
        AmountOf,
        AnyOf,
        At,
        Between,
        BuyingModel,
        Calendar,
        Change,
        Channel,
        Condition,
        Consented,
        ContactLimit,
        Count,
        Department,
        DeviationRate,
        Dormancy,
        Frequency,
        HasTrait,
        Hours,
        Investment,
        JourneyMap,
        KeyJourney,
        Likely,
        Metric,
        Moment,
        Need,
        NextSteps,
        Not,
        Of,
        Offer,
        Persona,
        Phase,
        Problem,
        Process,
        Product,
        Rating,
        Remaining,
        RemainingTimes,
        Repurchase,
        RetentionAfter,
        Sequence,
        ShareOf,
        Stage,
        Step,
        TimeBetween,
        TimeIn,
        Touchpoint,
        Wait,
        Weight,
        Worth,
    )
    from journeymap.profile import Customer, NextBest, ProfileRules, Purpose, TraitRule
    from journeymap.tracking import (
        CameBack,
        Deviated,
        Handoff,
        KeyJourneyCompleted,
        KeyJourneyGivenUp,
        LapStarted,
        MetricMetAgain,
        MetricMissed,
        MomentOverdue,
        MomentReached,
        Position,
        Signal,
        StageEntered,
        State,
        TooLate,
        Tracker,
        WentDormant,
        Withdrawn,
    )
    from journeymap.views.drawing import draw

__version__ = "0.1.0"

__all__ = [
    "DEPARTMENTS",
    "Absence",
    "AdapterError",
    "All",
    "AmountOf",
    "AnswerError",
    "AnyOf",
    "AsyncLive",
    "At",
    "Between",
    "BuyingModel",
    "Calendar",
    "CalendarError",
    "CameBack",
    "Change",
    "Channel",
    "ColumnsError",
    "Condition",
    "Consent",
    "Consented",
    "ContactLimit",
    "Count",
    "Customer",
    "Customers",
    "Department",
    "Deviated",
    "DeviationRate",
    "DocumentError",
    "Dormancy",
    "ElementError",
    "Evidence",
    "Frequency",
    "Handoff",
    "HasTrait",
    "Hours",
    "Identities",
    "Identity",
    "IdentityError",
    "IdentityRules",
    "Interaction",
    "InteractionError",
    "Investment",
    "JourneyMap",
    "JourneyMapError",
    "KeyJourney",
    "KeyJourneyCompleted",
    "KeyJourneyGivenUp",
    "LapStarted",
    "Likely",
    "Live",
    "Log",
    "MapError",
    "Metric",
    "MetricMetAgain",
    "MetricMissed",
    "MissingExtra",
    "Moment",
    "MomentOverdue",
    "MomentReached",
    "Money",
    "Namespace",
    "Need",
    "NextBest",
    "NextSteps",
    "Not",
    "Of",
    "Offer",
    "Persona",
    "Phase",
    "Position",
    "Problem",
    "Process",
    "Product",
    "ProfileRules",
    "Purpose",
    "Rating",
    "Receipt",
    "Record",
    "Remaining",
    "RemainingTimes",
    "Repurchase",
    "RetentionAfter",
    "Score",
    "Sequence",
    "ShareOf",
    "Signal",
    "SourceError",
    "Stage",
    "StageEntered",
    "State",
    "StateError",
    "Step",
    "StoreError",
    "TimeBetween",
    "TimeIn",
    "TooLate",
    "Touchpoint",
    "Tracker",
    "Trait",
    "TraitRule",
    "UnknownName",
    "Wait",
    "Weight",
    "WentDormant",
    "Withdrawn",
    "Worth",
    "draw",
    "dump",
    "dumps",
    "evidence_from_links",
    "load",
    "loads",
    "schema",
    "templates",
]


_HOMES = {
    "analysis": "Log",
    "documents": "dump dumps load loads schema",
    "exceptions": (
        "AdapterError AnswerError CalendarError ColumnsError DocumentError ElementError "
        "IdentityError InteractionError JourneyMapError MapError MissingExtra SourceError "
        "StateError StoreError UnknownName "
    ),
    "identity": "Customers Identities IdentityRules Namespace evidence_from_links",
    "interactions": "Consent Evidence Identity Interaction Money Record Score Trait",
    "live": "AsyncLive Live Receipt",
    "model": (
        "Absence All AmountOf AnyOf At Between BuyingModel Calendar Change Channel Condition "
        "Consented ContactLimit Count DEPARTMENTS Department DeviationRate Dormancy Frequency "
        "HasTrait Hours Investment JourneyMap KeyJourney Likely Metric Moment Need NextSteps "
        "Not Of Offer Persona Phase Problem Process Product Rating Remaining RemainingTimes "
        "Repurchase RetentionAfter Sequence ShareOf Stage Step TimeBetween TimeIn Touchpoint "
        "Wait Weight Worth "
    ),
    "profile": "Customer NextBest ProfileRules Purpose TraitRule",
    "tracking": (
        "CameBack Deviated Handoff KeyJourneyCompleted KeyJourneyGivenUp LapStarted "
        "MetricMetAgain MetricMissed MomentOverdue MomentReached Position Signal StageEntered "
        "State TooLate Tracker WentDormant Withdrawn "
    ),
    "views.drawing": "draw",
}
"""The parts of the library that the names come from."""
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load what is asked for: a name of the public face, or a part of the library."""
        if name in _HOME_OF:
            found = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        elif name.startswith("_") or importlib.util.find_spec(f"{__name__}.{name}") is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        else:
            found = importlib.import_module(f"{__name__}.{name}")
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
