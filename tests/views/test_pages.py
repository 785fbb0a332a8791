"""The report for its four kinds of reader, in a real browser: tabs, choices, tables, names."""

from __future__ import annotations

import importlib.resources
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, fields

import journeymap as jm
from journeymap.analysis import (
    Breakdown,
    Columns,
    DeviationsAnswer,
    FunnelAnswer,
    HandoffsAnswer,
    Log,
    Overview,
    Positions,
    Satisfaction,
    Scorecard,
)
from journeymap.model.measures import grows_with_time, is_time
from journeymap.profile import FrontLine
from journeymap.simulation import broadband, broadband_customers
from journeymap.views import report
from journeymap.views.pages.executive_page import targets_table
from journeymap.views.pages.figure_cards import make_cards
from journeymap.views.pages.page_table import define
from journeymap.views.wording import (
    interval_text,
    money_text,
    number_text,
    share_text,
    unit_text,
)
from tests.conftest import required

pytestmark = pytest.mark.slow

TABS = ("executive", "departments", "analyst", "front-line")
EVIL = "<img src=x onerror=alert(1)>=cmd|'/c'!A1"


@pytest.fixture(scope="module")
def log() -> Log:
    return Log.from_interactions(broadband_customers(1500), map=broadband())


@pytest.fixture(scope="module")
def line(log: Log) -> FrontLine:
    assert log.map is not None
    assert log.last is not None
    return FrontLine.of(log.map, log.histories(), log.last)


@pytest.fixture(scope="module")
def plain(log: Log, line: FrontLine) -> str:
    return report(Overview.of(log), front_line=line)


@pytest.fixture(scope="module")
def whole(log: Log, line: FrontLine) -> str:
    views = [jm.Customer.of(one.customer, log, as_of=log.last) for one in line.waiting[:2]]
    overview = Overview.of(log, by="channel", asked=[Satisfaction("stage")])
    return report(overview, front_line=line, customers=views, people=True, charts=True)


def opened(browser: Any, folder: Path, text: str, tab: str = "executive", **how: Any) -> Any:
    """Open a page in a tab; nothing may be said on the console, or asked of a network."""
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **how})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda asked: said.append(asked.url) if "://" in asked.url else None)
    page.goto(f"{file.as_uri()}#{tab}")
    assert [one for one in said if not one.startswith(file.as_uri())] == []
    return page


def shown(page: Any, what: str) -> list[str]:
    """List the ids of what can be seen."""
    found: list[str] = page.evaluate(
        f"[...document.querySelectorAll('{what}')].filter(e => e.checkVisibility()).map(e => e.id)"
    )
    return found


def test_one_part_at_a_time(plain: str, browser: Any, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, plain)
    assert shown(page, ".tab") == ["executive"]
    page.click("text=Analyst")
    assert shown(page, ".tab") == ["analyst"]
    page.keyboard.press("ArrowRight")
    assert shown(page, ".tab") == ["front-line"]
    assert page.evaluate("document.activeElement.id") == "to-front-line"
    page.keyboard.press("ArrowRight")
    assert shown(page, ".tab") == ["executive"]
    page.close()
    page = opened(browser, tmp_path, plain, "departments")
    assert shown(page, ".tab") == ["departments"]
    page.close()


def test_without_script_everything_is_there(plain: str, browser: Any, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, plain, java_script_enabled=False)
    for tab in TABS:
        assert page.locator(f"#{tab}").is_visible()
    assert page.locator(".department >> nth=3").is_visible()
    assert not page.locator("#department").is_visible()
    page.close()


def test_one_department_at_a_time(plain: str, browser: Any, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, plain, "departments")
    assert shown(page, ".department") == ["department-1"]
    page.select_option("#department", label="Services")
    [services] = shown(page, ".department")
    words = page.locator(f"#{services}").inner_text()
    assert "moments of truth came in time" in words
    assert "The technician does not come" in words
    page.close()


def test_readers_choose_segments_and_periods(
    log: Log, whole: str, browser: Any, tmp_path: Path
) -> None:
    page = opened(browser, tmp_path, whole, "analyst")
    overview = Overview.of(log, by="channel")
    for one in overview.slices[:9]:
        page.select_option("#segment", value=one.segment or "")
        if one.period is None:
            page.select_option("#period", value="")
        else:
            name = datetime.fromisoformat(one.period).strftime("%B %Y")
            page.select_option("#period", label=name)
        words = page.locator(".slice:visible").inner_text()
        assert f"{one.journeys:,} journeys" in words
        assert one.funnel is not None
        for row in one.funnel:
            assert f"{row.count:,}" in words
    page.close()


def test_tables_are_folded_sorted_and_copied(whole: str, browser: Any, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, whole)
    table = page.locator("table.data", has_text="Verdict").filter(has_text="Over")
    assert table.locator("tbody tr:visible").count() == 12
    page.click("text=/Show all \\d+ rows/")
    assert table.locator("tbody tr:visible").count() > 12
    stages = page.locator("table.data", has_text="Median stay")
    stages.get_by_role("button", name="Sort by Median stay").click()
    spans = {"d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0}
    for order in (True, False):
        cells = stages.locator("tbody td:nth-child(3)").all_inner_texts()
        numbers = [sum(float(n) * spans[unit] for n, unit in re.findall(r"([\d.]+) (\w+)", one))
                   for one in cells]  # fmt: skip
        assert numbers == sorted(numbers, reverse=order)
        stages.get_by_role("button", name="Sort by Median stay").click()
    page.click("[popovertarget] >> nth=0")
    assert page.locator("[popover]:popover-open").inner_text()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820, 390])
def test_every_part_fits_and_is_accessible(
    whole: str, browser: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    package = "axe_playwright_python"
    required(importlib.util.find_spec(package), f"the package {package}")
    axe = (importlib.resources.files(package) / "axe.min.js").read_text(encoding="utf-8")
    for tab in TABS:
        page = opened(browser, tmp_path, whole, tab, color_scheme=scheme,
                      viewport={"width": width, "height": 900})  # fmt: skip
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if (width, scheme) in ((1440, "light"), (1440, "dark"), (390, "light")):
            page.evaluate(axe)
            found = page.evaluate("axe.run()")["violations"]
            assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
        page.close()


def test_all_parts_are_printed(plain: str, browser: Any, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, plain)
    page.emulate_media(media="print")
    assert shown(page, ".tab") == list(TABS)
    assert len(shown(page, ".department")) == 8
    assert shown(page, "select") == []
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    page.close()


def test_sizes(plain: str, whole: str) -> None:
    assert len(plain.encode()) < 150_000
    assert len(whole.encode()) < 2_000_000


def test_customers_are_named_only_where_they_may_be(plain: str, whole: str) -> None:
    assert not re.search(r"customer-\d{5}", plain)
    assert re.search(r"customer-\d{5}", whole)


def test_hostile_names_stay_names(browser: Any, tmp_path: Path) -> None:
    """Names of customers, segments and offers neither run nor become formulas."""
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    journey = jm.JourneyMap(
        "shop", name=EVIL, stages=[jm.Stage("use", "own", name=EVIL)],
        departments=[jm.Department("team", name=EVIL)],
        touchpoints=[jm.Touchpoint("call", "use", name=EVIL, department="team")],
        moments=[jm.Moment("m", jm.At("outcome", ("failed",)), owner="team", action=EVIL,
                           name=EVIL, deadline=timedelta(hours=1))],
        offers=[jm.Offer("o", propensity=1, value=1, name=EVIL)],
    )  # fmt: skip
    happened = [
        jm.Interaction(
            f"{EVIL}{n}",
            "call",
            begin + timedelta(days=n),
            channel=EVIL,
            outcome="failed",
            extra={"plan": EVIL},
        )
        for n in range(9)
    ]
    log = Log.from_interactions(happened, map=journey)
    waits = FrontLine.of(journey, log.histories(), begin + timedelta(days=20),
                         jm.NextBest(journey))  # fmt: skip
    views = [jm.Customer.of(f"{EVIL}0", log)]
    page_text = report(Overview.of(log, by="plan"), front_line=waits, customers=views, people=True)
    assert "<img src=x" not in page_text
    page = opened(browser, tmp_path, page_text, "front-line")
    assert page.locator("img").count() == 0
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.locator("button", has_text="Copy as CSV").last.click()
    copied = page.evaluate("window.copied")
    assert EVIL in copied
    assert not re.search(r'"[=@]', copied)
    page.close()


def shop_log(**columns: list[Any]) -> Log:
    size = len(next(iter(columns.values())))
    frame = {"customer": [f"cust-{n:03}" for n in range(size)], "touchpoint": ["buy"] * size,
             "at": list(range(0, size * 86_400, 86_400)), **columns}  # fmt: skip
    roles: Any = {one: one for one in columns if one in ("value", "currency", "referred_by")}
    extra = [name for name in columns if name not in roles]
    return Log.from_frame(frame, Columns(at_unit="s", extra=extra, **roles))


def test_answers_that_name_customers_are_withheld(log: Log) -> None:
    asked: list[Any] = [Positions(), Breakdown(Positions(), "channel"), Satisfaction("stage")]
    overview = Overview.of(log, asked=asked)
    assert overview.naming == (0, 1)
    page = report(overview, charts=True)
    assert not re.search(r"customer-\d{5}", page)
    assert "The answer to Positions names customers" in page
    assert re.search(r"customer-\d{5}", report(overview, people=True))


def test_segments_are_no_customers() -> None:
    who = [f"cust-{n:03}" for n in range(30)]
    for by, log in (("who", shop_log(who=who)), ("referred_by", shop_log(referred_by=who[::-1]))):
        with pytest.raises(jm.ElementError, match="name customers"):
            Overview.of(log, by=by)


def test_segments_without_a_value_stay_apart() -> None:
    log = shop_log(plan=["(not known)", "(not known)", None, None, None, "a", "a", "b"])
    sizes = {one.segment: one.journeys for one in Overview.of(log, by="plan").slices
             if one.period is None}  # fmt: skip
    assert sizes == {None: 8, "(not known)": 2, "(not known)*": 3, "a": 2, "b": 1}


def test_thousands_of_segments_are_put_together() -> None:
    plans = [f"p{n}" for n in range(900)] + [f"q{n % 7}" for n in range(900)]
    slices = Overview.of(shop_log(plan=plans), by="plan").slices
    shown = {one.segment for one in slices if one.segment}
    assert "(other)" in shown
    assert len(shown) == 6


def test_other_currencies_are_named() -> None:
    log = shop_log(value=[1000] * 25 + [1000] * 15, currency=["EUR"] * 25 + ["USD"] * 15)
    page = report(Overview.of(log))
    assert "Amounts in USD are left out here and below." in page
    assert "left out here" not in report(Overview.of(shop_log(value=[1], currency=["EUR"])))


def test_a_sum_of_nothing_is_no_figure(log: Log) -> None:
    """No interaction of the log has a cost: what acquisition costs is not known."""
    overview = Overview.of(log)
    [row] = [row for row in overview.scorecard or () if row.metric == "acquisition_cost"]
    assert (row.value, row.note) == (0.0, "there are no amounts below zero")
    page = report(overview)
    assert "<h4>Acquisition cost</h4>" not in page
    assert "there are no amounts below zero" in page
    assert "<td>0 EUR</td>" not in page


def test_a_part_of_a_log_is_called_one(log: Log) -> None:
    assert "about a part of the log only" in report(Overview.of(log.where(channel="app")))
    assert "about a part of the log only" not in report(Overview.of(log))


def test_long_logs_by_day_make_a_page() -> None:
    frame = {"customer": ["a", "b", "a"], "touchpoint": ["x"] * 3, "at": [0, 1, 3000 * 86_400]}
    overview = Overview.of(Log.from_frame(frame, Columns(at_unit="s")), every="day")
    assert overview.retention is None
    assert "</html>" in report(overview)


def test_churn_is_not_judged_before_silence_is_over(log: Log) -> None:
    """A month looks the same when it is over, whatever comes after it."""
    cut = datetime(2026, 1, 1, tzinfo=UTC)
    early = Log.from_interactions(
        [one for one in broadband_customers(1500) if one.at < cut], map=broadband()
    )
    for whole in (log.ask(Scorecard("month")), early.ask(Scorecard("month"))):
        rows = [row for row in whole if row.metric == "churn"]
        settled = [row for row in rows if row.complete]
        assert settled
        assert all(row.verdict is None for row in rows if not row.complete)
        assert str(settled[-1].period) < str(rows[-3].period)
    before = {row.period: row.value for row in early.ask(Scorecard("month"))
              if row.metric == "churn" and row.complete}  # fmt: skip
    after = {row.period: row.value for row in log.ask(Scorecard("month")) if row.metric == "churn"}
    assert before.items() <= after.items()


def test_what_grows_with_the_log_is_judged_by_the_month(log: Log) -> None:
    """The target of a month is none of eighteen."""
    overview = Overview.of(log)
    table = targets_table(overview)
    assert table is not None
    verdicts = {row[0].text: row[3].text for row in table.rows}
    for id_, metric in broadband().metrics.items():
        if metric.target is not None and metric.measure is not None:
            judged = verdicts[metric.name].startswith("judged by month")
            assert judged <= grows_with_time(metric.measure), id_
    assert verdicts["Churn"] == "judged by month, above"
    short = targets_table(evolve(overview, periods=None))
    assert short is not None
    assert {row[0].text: row[3].text for row in short.rows}["Churn"] == "missed"


def test_a_complete_period_stays_as_it_is(log: Log) -> None:
    """Whatever comes later: but for times, of which the page shows those of the whole log."""
    cut = datetime(2026, 1, 1, tzinfo=UTC)
    early = Log.from_interactions(
        [one for one in broadband_customers(1500) if one.at < cut], map=broadband()
    )
    late = {(row.metric, row.period): row.value for row in log.ask(Scorecard("month"))}
    metrics = broadband().metrics
    moved = {row.metric for row in early.ask(Scorecard("month"))
             if row.complete and row.value != late[row.metric, row.period]}  # fmt: skip
    assert all(one not in metrics or is_time(metrics[one].measure) for one in moved)
    for overview in (Overview.of(early), Overview.of(log)):
        whole = {card.name for card in make_cards(overview) if card.period == "the whole log"}
        assert {metrics[one].name for one in moved if one in metrics} <= whole
        assert {card.name for card in make_cards(overview) if "(median time)" in card.name} <= whole
        assert all(not card.line for card in make_cards(overview) if card.name in whole)


@pytest.mark.parametrize(("number", "text"), [(999.7, "1,000"), (0.0000123, "< 0.001"), (0, "0"),
                                              (-42.94, "−42.9"), (12345.6, "12,346")])  # fmt: skip
def test_numbers_are_written_plainly(number: float, text: str) -> None:
    assert number_text(number) == text


def test_shares_money_and_times_have_one_minus() -> None:
    assert share_text(-0.05) == "−5.0 %"
    assert money_text(-240, "EUR") == "−240 EUR"
    assert money_text(-0.001, "EUR") == "0.00 EUR"
    assert unit_text(-2.5, "h") == "−2 h 30 min"
    assert interval_text(54.8, 93, unit="%") == "54.8 to 93 %"


def test_definitions_fit_a_page() -> None:
    for answer in (DeviationsAnswer, HandoffsAnswer, FunnelAnswer):
        for one in fields(answer.Row):
            words = define(answer.Row, one.name)
            assert words
            assert "None" not in words
            assert "in seconds" not in words


def test_names_of_any_length_fit_a_phone(browser: Any, tmp_path: Path) -> None:
    long = "Donaudampfschiff" * 16
    departments = [jm.Department(f"d{n}", name=f"{long}{n}") for n in range(2)]
    journey = jm.JourneyMap(
        "long", departments=departments, stages=[jm.Stage("use", "own", name=long)],
        touchpoints=[jm.Touchpoint(f"p{n}", "use", department=f"d{n}", name=long)
                     for n in range(2)],
    )  # fmt: skip
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    happened = [jm.Interaction(f"c{n}", f"p{step}", begin + timedelta(days=n, hours=step),
                               channel=long) for n in range(40) for step in range(2)]  # fmt: skip
    text = report(Overview.of(Log.from_interactions(happened, map=journey), by="channel"))
    for tab in TABS[:3]:
        page = opened(browser, tmp_path, text, tab, viewport={"width": 390, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, tab
        page.close()


def test_a_draft_has_no_layers_and_single_journeys_are_called_so(log: Log) -> None:
    frame = {"customer": ["a", "a", "b"], "touchpoint": ["x", "y", "y"], "at": [0, 60, 90]}
    page = report(Overview.of(Log.from_frame(frame, Columns(at_unit="s"))))
    assert "The five layers" not in page
    assert "No two are alike" in page
    whole = report(Overview.of(log))
    assert "The five layers" in whole
    assert "No two are alike" not in whole


def test_a_log_of_little_makes_a_page() -> None:
    frame = {"customer": ["a"], "touchpoint": ["x"], "at": [0]}
    page = report(Overview.of(Log.from_frame(frame, Columns(at_unit="s"))), charts=True)
    assert "one stage only" in page
