"""A broadband company: a map of its own with all eight departments, and customers walking it.

The truth that was planted: fibre customers wait far too long between the delivery of the router
and the technician (Distribution hands over to Services), the technician often does not come, and
many are never seen again. On the phone help fails more often than in the app.
"""

from __future__ import annotations

from datetime import time, timedelta

from attrs import evolve

from journeymap.model import (
    DEPARTMENTS,
    Absence,
    All,
    AmountOf,
    At,
    Between,
    Calendar,
    Channel,
    Count,
    Dormancy,
    Frequency,
    Hours,
    Investment,
    JourneyMap,
    KeyJourney,
    Metric,
    Moment,
    Of,
    Persona,
    Process,
    Product,
    Rating,
    ShareOf,
    Stage,
    TimeBetween,
    Touchpoint,
)
from journeymap.simulation.walking import Effect, Simulation, Walk

__all__ = ["BOTTLENECK", "broadband", "broadband_customers"]

BOTTLENECK = ("distribution", "services")
"""The handoff that was made slow and lossy, as source and target department."""

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)

_STAGES = (
    Stage("notice", "buy", name="Notice a need", customer_does="Sees that the line is too slow",
          company_does="Shows what faster would feel like"),
    Stage("compare", "buy", name="Compare offers", customer_does="Reads, asks friends, asks us",
          company_does="Answers plainly what it costs and what it does"),
    Stage("choose", "buy", name="Choose a plan",
          customer_does="Checks what the address can get, picks a plan",
          company_does="Checks the line and advises"),
    Stage("order", "buy", name="Order", customer_does="Orders and signs",
          company_does="Checks credit and confirms the order", dormant_after=30 * _DAY),
    Stage("receive", "own", name="Receive the router", customer_does="Waits for the parcel",
          company_does="Ships it and says when it comes", dormant_after=30 * _DAY),
    Stage("connect", "own", name="Get connected",
          customer_does="Is at home for the technician, plugs in",
          company_does="Sends a technician and switches the line on", dormant_after=45 * _DAY),
    Stage("help", "own", name="Get help", customer_does="Reports what does not work",
          company_does="Solves it, or says when it will"),
    Stage("use", "own", name="Use and pay", customer_does="Works, streams, pays the bill",
          company_does="Keeps the line up and bills correctly", dormant_after=130 * _DAY),
    Stage("stay", "own", name="Stay or leave",
          customer_does="Weighs staying, tells others about it",
          company_does="Listens, rewards, makes the next offer", dormant_after=130 * _DAY),
)  # fmt: skip

_CHANNELS = (
    Channel("web", kind="digital"), Channel("app", kind="digital"), Channel("phone", kind="phone"),
    Channel("shop", kind="shop"), Channel("mail", kind="mail"), Channel("router", kind="machine"),
)  # fmt: skip

_INVESTS: dict[str, tuple[Investment, ...]] = {
    "marketing": (Investment("advocacy", "friends bring friends", stages=["stay", "notice"]),),
    "sales": (Investment("training", "advice without pressure", stages=["choose"]),),
    "operations": (Investment("systems", "line monitoring", stages=["use"], amount=400_000),),
    "services": (Investment("training", "technician school", stages=["connect"], amount=90_000),),
    "support": (Investment("education", "help videos", stages=["help"]),),
}

_POINTS: tuple[tuple[str, str, str, str | None, tuple[str, ...]], ...] = (
    ("ad_seen", "notice", "marketing", "campaigns", ("web", "app")),
    ("friend_told", "notice", "marketing", "campaigns", ("mail", "app")),
    ("site_visited", "compare", "marketing", "campaigns", ("web", "app")),
    ("question_asked", "compare", "sales", "selling", ("phone", "shop", "web")),
    ("coverage_checked", "choose", "operations", "selling", ("web", "app", "shop")),
    ("advice_given", "choose", "sales", "selling", ("shop", "phone")),
    ("order_placed", "order", "sales", "ordering", ("web", "app", "shop", "phone")),
    ("credit_checked", "order", "finance", "ordering", ("mail",)),
    ("order_confirmed", "order", "sales", "ordering", ("mail", "app")),
    ("parcel_sent", "receive", "distribution", "delivering", ("mail", "app")),
    ("parcel_delivered", "receive", "distribution", "delivering", ("mail",)),
    ("technician_came", "connect", "services", "connecting", ("shop", "phone")),
    ("line_tested", "connect", "operations", "connecting", ("router",)),
    ("first_use", "use", "operations", "running", ("router", "app")),
    ("bill_sent", "use", "finance", "billing", ("mail", "app")),
    ("bill_paid", "use", "finance", "billing", ("app", "mail", "web")),
    ("line_failed", "use", "operations", "running", ("router",)),
    ("support_asked", "help", "support", "helping", ("phone", "app", "web")),
    ("problem_solved", "help", "support", "helping", ("phone", "app")),
    ("complaint_made", "help", "customer_care", "keeping", ("phone", "mail", "web")),
    ("complaint_settled", "help", "customer_care", "keeping", ("phone", "mail")),
    ("survey_answered", "use", "customer_care", "keeping", ("mail", "app")),
    ("contract_renewed", "stay", "customer_care", "keeping", ("app", "web", "shop")),
    ("friend_invited", "stay", "marketing", "keeping", ("app", "mail")),
)

_PROCESSES = (
    Process("campaigns", departments=["marketing"]),
    Process("selling", departments=["sales", "operations"], target=2 * _DAY),
    Process("ordering", departments=["sales", "finance"], target=8 * _HOUR, calendar="office"),
    Process("delivering", departments=["distribution"], target=4 * _DAY),
    Process("connecting", departments=["services", "operations"], target=5 * _DAY,
            calendar="field"),
    Process("running", departments=["operations"]),
    Process("billing", departments=["finance"]),
    Process("helping", departments=["support"], target=_DAY, calendar="helpline"),
    Process("keeping", departments=["customer_care", "marketing"], target=3 * _DAY,
            calendar="office"),
)  # fmt: skip

_METRICS = (
    Metric("reach", Of("stage", "notice"), kind="count", unit="people", target=50_000,
           measure=Frequency(per="month")),
    Metric("conversion", Of("stage", "compare"), name="Visits that ask on", kind="share",
           unit="%", target=60,
           measure=ShareOf(At("touchpoint", ["order_placed"]), of="customers")),
    Metric("advice_csat", Of("touchpoint", "advice_given"), name="Advice CSAT", kind="csat",
           unit="%", target=85, measure=Rating("csat")),
    Metric("order_time", Of("stage", "order"), name="Order to confirmation", kind="time",
           unit="h", direction="down", target=24,
           measure=TimeBetween("order_placed", "order_confirmed")),
    Metric("delivery_time", Of("stage", "receive"), kind="time", unit="d", direction="down",
           target=4, measure=TimeBetween("parcel_sent", "parcel_delivered")),
    Metric("connect_time", Of("stage", "connect"), name="Delivery to first use", kind="time",
           unit="d", direction="down", target=7,
           measure=TimeBetween("parcel_delivered", "first_use")),
    Metric("availability", Of("stage", "use"), kind="share", unit="%", target=99.9),
    Metric("help_effort", Of("stage", "help"), name="Help effort", kind="ces", direction="down",
           target=2.5, measure=Rating("ces")),
    Metric("stay_mood", Of("stage", "stay"), name="Mood of those who stay", kind="emotion",
           target=0.3, measure=Rating("emotion")),
    Metric("nps", Of("phase", "own"), name="NPS", kind="nps", target=40, measure=Rating("nps")),
    Metric("acquisition_cost", Of("phase", "buy"), kind="money", unit="EUR", direction="down",
           target=120, measure=AmountOf("cost", "EUR", per="customer")),
    Metric("churn", Of("phase", "own"), kind="share", unit="%", direction="down", target=8,
           measure=Dormancy()),
)  # fmt: skip

_MOMENTS = (
    Moment("technician_missing", Absence("technician_came", "parcel_delivered", 7 * _DAY),
           name="The technician does not come", owner="services", metric="connect_time",
           action="Call with a date and a mobile router", deadline=4 * _HOUR),
    Moment("help_failed", All((At("touchpoint", ("support_asked",)), At("outcome", ("failed",)))),
           owner="support", action="Call back by a senior", deadline=4 * _HOUR,
           metric="help_effort"),
    Moment("asks_again", Count("support_asked", 3, 30 * _DAY), name="Asks for the third time",
           owner="customer_care", action="Take over the case", deadline=8 * _HOUR, metric="churn"),
    Moment("promoter", Between("nps", at_least=9), owner="marketing",
           action="Invite to recommend us", deadline=3 * _DAY, metric="nps"),
)  # fmt: skip


def broadband() -> JourneyMap:
    """Make the map of a broadband company.

    Returns:
        The map.
    """
    weekdays = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
    daily = "FREQ=DAILY"
    calendars = {"operations": "always", "services": "field", "support": "helpline"}
    return JourneyMap(
        "broadband",
        name="A broadband customer's journey",
        description="From the first wish for a faster line to the next contract. Simulated.",
        dormant_after=90 * _DAY,
        stages=_STAGES,
        channels=_CHANNELS,
        calendars=[
            Calendar("office", [Hours(weekdays, time(9), time(17))], zone="Europe/Amsterdam"),
            Calendar("field", [Hours(weekdays, time(8), time(18))], zone="Europe/Amsterdam"),
            Calendar("helpline", [Hours(daily, time(7), time(22))], zone="Europe/Amsterdam"),
            Calendar("always", [Hours(daily, time(0), time(0))], zone="Europe/Amsterdam"),
        ],
        departments=[
            evolve(
                department,
                calendar=calendars.get(department.id, "office"),
                invests=_INVESTS.get(department.id, ()),
            )
            for department in DEPARTMENTS
        ],
        processes=_PROCESSES,
        products=[
            Product("dsl", name="DSL", kind="service"),
            Product("fibre", kind="service"),
            Product("mobile", kind="service"),
        ],
        personas=[
            Persona("family", goals=["everyone online at once"], pains=["waiting at home"],
                    products=["fibre"]),
            Persona("student", goals=["cheap and at once"], products=["mobile", "dsl"]),
        ],
        touchpoints=[
            Touchpoint(name, stage, department=department, process=process, channels=channels)
            for name, stage, department, process, channels in _POINTS
        ],
        metrics=_METRICS,
        moments=_MOMENTS,
        key_journeys=[
            KeyJourney("onboarding", "order_placed", "first_use", owner="operations",
                       within=21 * _DAY,
                       steps=["order_placed", "credit_checked", "order_confirmed", "parcel_sent",
                              "parcel_delivered", "technician_came", "line_tested", "first_use"]),
            KeyJourney("outage", "line_failed", "problem_solved", owner="support", within=2 * _DAY,
                       steps=["line_failed", "support_asked", "problem_solved"]),
        ],
    )  # fmt: skip


_WALKS = (
    Walk(touchpoint="ad_seen", wait=6 * _DAY, onward={"site_visited": 0.86, "friend_told": 0.06}),
    Walk(touchpoint="friend_told", wait=6 * _DAY, feels=0.45,
         onward={"site_visited": 0.62, "question_asked": 0.33}),
    Walk(touchpoint="site_visited", wait=2 * _DAY,
         onward={"coverage_checked": 0.56, "question_asked": 0.3, "site_visited": 0.08}),
    Walk(touchpoint="question_asked", wait=_DAY, fails=0.06,
         onward={"coverage_checked": 0.62, "advice_given": 0.33}),
    Walk(touchpoint="coverage_checked", wait=10 * _HOUR, fails=0.08,
         onward={"order_placed": 0.66, "advice_given": 0.26, "site_visited": 0.05},
         after_failure={"advice_given": 0.5}),
    Walk(touchpoint="advice_given", wait=_DAY, feels=0.4, asks="csat",
         onward={"order_placed": 0.9, "coverage_checked": 0.06}),
    Walk(touchpoint="order_placed", wait=8 * _HOUR, abandons=0.05, feels=0.35,
         onward={"credit_checked": 0.98}, after_failure={"question_asked": 0.5}),
    Walk(touchpoint="credit_checked", wait=6 * _HOUR, fails=0.05, feels=0.05,
         onward={"order_confirmed": 0.99}, after_failure={"order_placed": 0.5}),
    Walk(touchpoint="order_confirmed", wait=3 * _HOUR, feels=0.4, onward={"parcel_sent": 0.99},
         worth=360),
    Walk(touchpoint="parcel_sent", wait=_DAY, onward={"parcel_delivered": 0.99}),
    Walk(touchpoint="parcel_delivered", wait=2 * _DAY, spread=0.4, fails=0.05, feels=0.3,
         onward={"technician_came": 0.97},
         after_failure={"parcel_delivered": 0.7, "support_asked": 0.25}),
    Walk(touchpoint="technician_came", wait=2 * _DAY, spread=0.6, fails=0.06, feels=0.25,
         onward={"line_tested": 0.98},
         after_failure={"technician_came": 0.22, "support_asked": 0.12, "complaint_made": 0.1}),
    Walk(touchpoint="line_tested", wait=1 * _HOUR, fails=0.05, onward={"first_use": 0.99},
         after_failure={"support_asked": 0.6, "technician_came": 0.3}),
    Walk(touchpoint="first_use", wait=5 * _HOUR, feels=0.5, onward={"bill_sent": 0.96}),
    Walk(touchpoint="bill_sent", wait=4 * _DAY, spread=0.5, feels=-0.1,
         onward={"bill_paid": 0.99}),
    Walk(touchpoint="bill_paid", wait=50 * _DAY, spread=0.25, fails=0.03, worth=90,
         onward={"bill_sent": 0.52, "line_failed": 0.08, "survey_answered": 0.24,
                 "contract_renewed": 0.15},
         after_failure={"support_asked": 0.5, "bill_sent": 0.45}),
    Walk(touchpoint="line_failed", wait=5 * _DAY, feels=-0.45, onward={"support_asked": 0.8,
                                                                       "bill_sent": 0.17}),
    Walk(touchpoint="support_asked", wait=3 * _HOUR, fails=0.2, feels=-0.1, asks="ces",
         onward={"problem_solved": 0.92},
         after_failure={"support_asked": 0.5, "complaint_made": 0.42}),
    Walk(touchpoint="problem_solved", wait=9 * _HOUR, feels=0.35,
         onward={"bill_sent": 0.83, "survey_answered": 0.15}),
    Walk(touchpoint="complaint_made", wait=_DAY, feels=-0.6, onward={"complaint_settled": 0.95}),
    Walk(touchpoint="complaint_settled", wait=3 * _DAY, fails=0.15, feels=0.1,
         onward={"bill_sent": 0.82, "survey_answered": 0.14}, after_failure={"bill_sent": 0.6}),
    Walk(touchpoint="survey_answered", wait=4 * _DAY, asks="nps",
         onward={"bill_sent": 0.5, "contract_renewed": 0.35, "friend_invited": 0.12}),
    Walk(touchpoint="contract_renewed", wait=5 * _DAY, feels=0.4, worth=240,
         onward={"bill_sent": 0.05, "ad_seen": 0.58, "friend_invited": 0.32}),
    Walk(touchpoint="friend_invited", wait=3 * _DAY, feels=0.5,
         onward={"ad_seen": 0.82, "bill_sent": 0.1}),
)  # fmt: skip

_EFFECTS = (
    Effect(touchpoint="technician_came", product="fibre", wait=7.0, fails=0.5, feels=-0.45),
    Effect(touchpoint="support_asked", channel="phone", wait=2.0, fails=0.15, feels=-0.15),
    Effect(touchpoint="order_placed", channel="shop", fails=-0.03, feels=0.1),
    Effect(touchpoint="bill_paid", product="mobile", feels=0.1),
)


def broadband_customers(customers: int = 20_000, seed: int = 7) -> Simulation:
    """Simulate customers of the broadband company.

    Args:
        customers: How many.
        seed: The seed of chance: equal seeds give equal customers.

    Returns:
        The simulation; iterate over it for interactions.
    """
    return Simulation(
        map=broadband(),
        walks=_WALKS,
        begin={"ad_seen": 0.6, "friend_told": 0.2, "site_visited": 0.2},
        effects=_EFFECTS,
        products={"fibre": 0.5, "dsl": 0.3, "mobile": 0.2},
        channels={"web": 0.3, "app": 0.3, "phone": 0.25, "shop": 0.15},
        customers=customers,
        seed=seed,
    )
