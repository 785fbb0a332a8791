"""Headlines that are right: on real logs, on planted truths, and where nothing is known."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import polars as pl
import pytest

import journeymap as jm
from journeymap.analysis import Columns, Log, Overview
from journeymap.simulation import broadband, broadband_customers
from journeymap.views import report
from journeymap.views.findings import findings
from journeymap.views.flows import Flows

pytestmark = pytest.mark.slow

HEADER = ["master", "who", "day", "units", "usd"]
GUESSED = ("silence", "friction", "laps", "owners", "come round", "do nothing")


def headlines(log: Log) -> str:
    overview = Overview.of(log)
    return "\n".join(findings(overview, Flows.of(overview)))


@pytest.fixture(scope="module")
def shop() -> Log:
    found = importlib.util.find_spec("retentioneering")
    assert found is not None
    assert found.submodule_search_locations
    place = Path(found.submodule_search_locations[0]) / "datasets" / "ecom.csv.gz"
    frame = pl.read_csv(gzip.decompress(place.read_bytes()))
    columns = Columns(customer="user_id", touchpoint="event", at="timestamp", timezone="UTC",
                      extra=("platform", "acquisition_channel"))  # fmt: skip
    return Log.from_frame(frame, columns)


def test_resolving_a_ticket_is_no_leak(data: Path) -> None:
    log = Log.read(data / "helpdesk" / "helpdesk.xes.gz")
    words = headlines(log)
    assert not any(guess in words for guess in GUESSED)
    page = report(Overview.of(log))
    assert "are guessed from the log" in page
    assert "laps round the loop" not in page
    assert "then buy again" not in page


def test_errors_of_a_shop_stand_out_mobile_beside_desktop(shop: Log) -> None:
    overview = Overview.of(shop)
    found = {one.touchpoint: one for one in overview.failing}
    assert set(found) == {"error_page", "payment_error", "checkout_bug"}
    bug = found["checkout_bug"]
    assert (bug.count, bug.level) == (44, "platform")
    assert bug.highest is not None
    assert bug.lowest is not None
    assert (bug.highest.segment, bug.lowest.segment, bug.lowest.rate) == ("mobile", "desktop", 0)
    frame = shop.to_polars()
    mobile = frame.filter(pl.col("platform") == "mobile")
    assert bug.highest.n == len(mobile)
    assert bug.highest.rate == pytest.approx(44 / len(mobile))
    assert found["error_page"].level is None  # it is as frequent everywhere
    words = headlines(shop)
    assert "14 % of the customers met “payment_error”, 119 times in all." in words
    assert "where platform is “mobile”, and 0 where it is “desktop”" in words
    assert not any(guess in words for guess in GUESSED)


def test_permits_wait_and_end_where_they_do(data: Path) -> None:
    columns = Columns(customer="case:concept:name", touchpoint="concept:name", at="time:timestamp",
                      department="org:group", channel="case:channel")  # fmt: skip
    journey = jm.load(Path(__file__).parents[2] / "examples" / "permits" / "permits.yaml")
    log = Log.read(data / "receipt" / "receipt.csv", columns, map=journey)
    words = headlines(log)
    assert "30 % of the customers who reach “Receipt is confirmed” do nothing for 60 d" in words
    assert "between Group 2 and Group 1" in words
    assert "owners" not in report(Overview.of(log))


def test_a_company_of_which_the_truth_is_known() -> None:
    words = headlines(Log.from_interactions(broadband_customers(2500), map=broadband()))
    first, *_ = words.splitlines()
    assert "of the customers who reach “Get connected” do nothing for 45 d after it" in first
    assert "between Distribution and Services" in words
    assert "after that from Distribution to Services" in words
    assert len(words.splitlines()) <= 5
    assert "met “Line failed”" not in words  # outcomes are known, so that names do not count


def test_a_log_of_purchases_alone_has_no_headline(data: Path) -> None:
    columns = Columns(customer="who", touchpoint="units", at="day", at_format="%Y%m%d",
                      timezone="UTC", rename={"*": "purchase"})  # fmt: skip
    log = Log.read(data / "cdnow" / "CDNOW_sample.txt", columns, header=HEADER, delimiter=" ")
    assert headlines(log) == ""


def test_few_errors_are_no_headline() -> None:
    frame = {"customer": ["a", "b"] * 10, "touchpoint": ["home", "login_error"] * 10,
             "at": list(range(20))}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s"))
    assert [one.touchpoint for one in Overview.of(log).failing] == ["login_error"]
    assert headlines(log) == ""
    assert Overview.of(Log.from_interactions([])).failing == ()
    names = ["terror_movie", "failsafe", "debug", "unfailing", "no errors found", "error_resolved",
             "cookies declined"]  # fmt: skip
    calm = {"customer": names, "touchpoint": names, "at": list(range(len(names)))}
    assert Overview.of(Log.from_frame(calm, Columns(at_unit="s"))).failing == ()


def test_a_number_and_its_unit_stay_on_one_line() -> None:
    log = Log.from_interactions(broadband_customers(2500), map=broadband())
    page = report(Overview.of(log))
    part = page[page.index("What stands out") : page.index("The loop")]
    assert not any(f"{digit} %" in part for digit in range(10))
    assert "\N{NO-BREAK SPACE}EUR" in part


def test_a_page_without_charts_is_small(shop: Log, data: Path) -> None:
    tickets = Log.read(data / "helpdesk" / "helpdesk.xes.gz")
    for log in (shop, tickets, Log.from_interactions(broadband_customers(2500), map=broadband())):
        page = report(Overview.of(log))
        assert len(page.encode()) < 150_000
        assert "The ways that customers take" in page
        assert log.map is not None or 'class="band own"' not in page


def test_one_customer_alone_is_no_headline() -> None:
    """A thousand errors of one, and a rate of nearly a tenth."""
    rows = [("one", "sync error", "app")] * 1000 + [(f"c{n}", "home", "web") for n in range(3000)]
    frame = dict(zip(("customer", "touchpoint", "via"), map(list, zip(*rows, strict=True)),
                     strict=True))  # fmt: skip
    frame["at"] = list(range(len(rows)))
    assert headlines(Log.from_frame(frame, Columns(at_unit="s", channel="via"))) == ""
    names = ["PaymentFailed"] * 996 + ["home"] * 9004
    many = {
        "customer": [f"c{n % 400}" for n in range(10_000)],
        "touchpoint": names,
        "at": list(range(10_000)),
        "via": ["web", "app"] * 5000,
    }
    words = headlines(Log.from_frame(many, Columns(at_unit="s", channel="via")))
    assert "met “PaymentFailed”, 996 times" in words
    assert "e+0" not in words


def test_the_worst_is_the_worst_of_all() -> None:
    """Few handoffs that cost most keep a headline about others from being given."""
    rows: list[tuple[str, str, int]] = []
    for n in range(29):
        rows += [(f"a{n}", "A", 0), (f"a{n}", "B", 30 * 86_400)]
    for n in range(100):
        rows += [(f"c{n}", "C", 0), (f"c{n}", "D", 3_600)]
    frame = dict(zip(("customer", "dept", "at"), map(list, zip(*rows, strict=True)), strict=True))
    frame["touchpoint"] = ["t"] * len(rows)
    words = headlines(Log.from_frame(frame, Columns(at_unit="s", department="dept")))
    assert "all taken together" not in words
