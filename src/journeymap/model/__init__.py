"""The model of what should happen: the journey map and the elements it is made of."""

from journeymap.model.buying import BuyingModel, Worth
from journeymap.model.calendars import Calendar, Hours
from journeymap.model.catalog import Catalog
from journeymap.model.changes import Change
from journeymap.model.conditions import (
    Absence,
    All,
    AnyOf,
    At,
    Between,
    Condition,
    Consented,
    Count,
    HasTrait,
    Not,
    Sequence,
    Wait,
)
from journeymap.model.design import Element
from journeymap.model.elements import (
    DEPARTMENTS,
    Channel,
    Department,
    Investment,
    KeyJourney,
    Metric,
    Need,
    Of,
    Persona,
    Phase,
    Process,
    Product,
    Stage,
    Step,
    Touchpoint,
)
from journeymap.model.journey_map import JourneyMap
from journeymap.model.loop import Loop, Move
from journeymap.model.matching import Match, Plan, StepDeviation
from journeymap.model.measures import (
    AmountOf,
    DeviationRate,
    Dormancy,
    Frequency,
    Measure,
    Rating,
    Repurchase,
    RetentionAfter,
    ShareOf,
    TimeBetween,
    TimeIn,
)
from journeymap.model.moments import Moment
from journeymap.model.next_steps import Likely, NextSteps
from journeymap.model.offers import ContactLimit, Offer, Weight
from journeymap.model.problems import Problem
from journeymap.model.remaining_times import Remaining, RemainingTimes
from journeymap.model.tables import Tables

__all__ = [
    "DEPARTMENTS",
    "Absence",
    "All",
    "AmountOf",
    "AnyOf",
    "At",
    "Between",
    "BuyingModel",
    "Calendar",
    "Catalog",
    "Change",
    "Channel",
    "Condition",
    "Consented",
    "ContactLimit",
    "Count",
    "Department",
    "DeviationRate",
    "Dormancy",
    "Element",
    "Frequency",
    "HasTrait",
    "Hours",
    "Investment",
    "JourneyMap",
    "KeyJourney",
    "Likely",
    "Loop",
    "Match",
    "Measure",
    "Metric",
    "Moment",
    "Move",
    "Need",
    "NextSteps",
    "Not",
    "Of",
    "Offer",
    "Persona",
    "Phase",
    "Plan",
    "Problem",
    "Process",
    "Product",
    "Rating",
    "Remaining",
    "RemainingTimes",
    "Repurchase",
    "RetentionAfter",
    "Sequence",
    "ShareOf",
    "Stage",
    "Step",
    "StepDeviation",
    "Tables",
    "TimeBetween",
    "TimeIn",
    "Touchpoint",
    "Wait",
    "Weight",
    "Worth",
]
