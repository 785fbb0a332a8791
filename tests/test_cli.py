from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import journeymap as jm
from journeymap import cli
from journeymap.simulation import broadband

AWARE = "2026-03-01T10:00:00Z"
LOG = f"who,what,when\nc,a,{AWARE}\nc,b,{AWARE}\n,b,{AWARE}\n"
NAMED = ["--customer", "who", "--touchpoint", "what", "--at", "when"]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    jm.dump(broadband(), "map.yaml")
    Path("log.csv").write_text(LOG)
    return tmp_path


def test_report(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", "log.csv", "--map", "map.yaml", *NAMED, "-o", "r.html"]) == 0
    assert "1 rows set aside> → r.html" in capsys.readouterr().out
    assert "</html>" in Path("r.html").read_text()
    assert cli.main(["report", "log.csv", *NAMED, "--title", "T", "-o", "-"]) == 0
    assert "<title>T</title>" in capsys.readouterr().out


def test_a_report_of_a_store_is_as_of_now(files: Path) -> None:
    """What nobody answered becomes late, though nothing more is recorded."""
    shop = jm.JourneyMap(
        "shop", stages=[jm.Stage("use", "own")], departments=[jm.Department("support")],
        touchpoints=[jm.Touchpoint("call", "use")],
        moments=[jm.Moment("failed", jm.At("outcome", ("failed",)), owner="support",
                           action="Call back", deadline=timedelta(hours=4))],
    )  # fmt: skip
    jm.dump(shop, "shop.yaml")
    then = datetime.now(UTC) - timedelta(days=3)
    with jm.Live(shop, "sqlite:///live.db") as live:
        live.record(jm.Interaction("ada", "call", then, outcome="failed"))
    report = ["report", "--store", "sqlite:///live.db", "--map", "shop.yaml", "-o", "r.html"]
    assert cli.main(report) == 0
    page = Path("r.html").read_text()
    assert "1 of 1 customer wait" in page
    assert "1 wait, 1 of them over time" in page
    assert "ada" not in page
    assert cli.main([*report, "--people"]) == 0
    assert ">ada<" in Path("r.html").read_text()


def test_a_report_with_choices_and_questions(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"c{n},{what},2026-0{1 + n % 5}-01T0{hour}:00:00Z,{'ab'[n % 2]}"
            for n in range(40) for hour, what in enumerate(("look", "buy"))]  # fmt: skip
    Path("many.csv").write_text("\n".join(["who,what,when,team", *rows]))
    args = ["report", "many.csv", *NAMED, "-o", "r.html"]
    assert cli.main([*args, "--by", "team", "--period", "month", "--ask", "Dwell()"]) == 0
    page = Path("r.html").read_text()
    assert 'data-segment="a"' in page
    assert 'data-period="May 2026"' in page
    assert "Dwell." in page
    assert cli.main([*args, "--by", "who"]) == 2
    assert "name customers" in capsys.readouterr().err
    assert cli.main([*args, "--ask", "Dwel()"]) == 2
    assert "Dwell" in capsys.readouterr().err


def test_sketch(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sketch", "log.csv", *NAMED]) == 0
    assert list(jm.loads(capsys.readouterr().out).touchpoints) == ["a", "b"]
    assert cli.main(["sketch", "log.csv", *NAMED, "-o", "s.json"]) == 0
    assert list(jm.load("s.json").touchpoints) == ["a", "b"]


def test_check(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "map.yaml"]) == 0
    assert "warning: key journey 'outage'" in capsys.readouterr().out
    Path("bad.yaml").write_text("id: x\n")
    assert cli.main(["check", "bad.yaml"]) == 1
    journey = jm.JourneyMap(
        "x", stages=[jm.Stage("a", "buy", customer_does="x", company_does="y"),
                     jm.Stage("b", "own", customer_does="x", company_does="y")],
        dormant_after=broadband().dormant_after,
        departments=[jm.Department("d")], channels=[jm.Channel("c")],
        touchpoints=[jm.Touchpoint(f"t{s}", s, department="d", channels=["c"]) for s in "ab"],
        metrics=[jm.Metric(f"m{s}", jm.Of("stage", s), target=1, measure=jm.Frequency())
                     for s in "ab"],
    )  # fmt: skip
    jm.dump(journey, "good.yaml")
    capsys.readouterr()
    assert cli.main(["check", "good.yaml"]) == 0
    assert "nothing to say" in capsys.readouterr().out


def test_diff(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jm.dump(broadband().add(jm.Channel("fax")), "new.yaml")
    assert cli.main(["diff", "map.yaml", "new.yaml"]) == 0
    assert capsys.readouterr().out == "channel 'fax' was added\n"
    assert cli.main(["diff", "map.yaml", "map.yaml"]) == 0
    assert capsys.readouterr().out == "no difference\n"


def test_draw_and_schema(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["draw", "map.yaml", "-o", "m.svg"]) == 0
    assert Path("m.svg").read_text().startswith("<svg ")
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == jm.schema()


def test_demo(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "-o", "d", "--customers", "200"]) == 0
    out = capsys.readouterr().out
    assert "Simulated data" in out
    assert "interactions of 200 customers" in out
    page = Path("d/report.html").read_text()
    assert "Simulated data" in page
    assert jm.load("d/broadband.yaml") == broadband()


@pytest.mark.parametrize("command", ["report", "sketch"])
@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("", "no row could be read (there is none)"),
        (
            "ada,visit,2026-13-45\nben,visit,soon\n,visit,2026-03-01T09:00Z\n",
            "ISO 8601: 2; no customer: 1",
        ),
    ],
)
def test_a_log_of_which_nothing_can_be_read_is_refused_with_its_reasons(
    files: Path, capsys: pytest.CaptureFixture[str], command: str, rows: str, reason: str
) -> None:
    Path("bad.csv").write_text("who,what,when\n" + rows)
    assert cli.main([command, "bad.csv", *NAMED, "-o", "made"]) == 2
    assert not Path("made").exists()
    err = capsys.readouterr().err
    assert err.startswith("journeymap: bad.csv: no row could be read")
    assert reason in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "none.yaml"], "none.yaml"),
        (["check", "log.csv"], "no suffix of a map '.csv'"),
        (["check", "broken.yaml"], "line 1, column 9"),
        (["report", "log.csv", "--customer", "whom", *NAMED[2:]], "did you mean 'who'"),
        (["report", "log.csv", *NAMED, "--strict"], "line 4: no customer"),
        (["report", "log.csv", *NAMED, "-o", "no/such/folder.html"], "there is no folder"),
        (["report", "log.csv", *NAMED, "--timezone", "Mars"], "no IANA zone"),
    ],
)
def test_errors_take_one_line_and_code_two(
    files: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    Path("broken.yaml").write_text("stages: 7\n")
    assert cli.main(arguments) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.startswith("journeymap: ")
    assert err.count("\n") == 1


def test_a_narrow_console_shows_what_it_can(files: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    Path("m.json").write_text(jm.dumps(broadband().add(jm.Channel("漢字")), format="json"))
    for arguments in (["check", "m.json"], ["draw", "m.json"]):
        command = [sys.executable, "-m", "journeymap", *arguments]
        done = subprocess.run(command, capture_output=True, env=environment, check=True)
        assert done.stderr == b""
        done.stdout.decode("utf-8" if "draw" in arguments else "cp1252")


def test_a_demo_of_nobody_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--customers", "-5"]) == 2
    assert "x>=1" in capsys.readouterr().err


def test_an_interruption_is_no_traceback(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("journeymap.cli.map_commands.load", interrupted)
    assert cli.main(["check", "map.yaml"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_progress_is_shown_to_a_terminal_alone(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    Path("log.csv").write_text("who,what,when\n" + f"c,a,{AWARE}\n" * 60_000)
    for stream, seen in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        assert cli.main(["report", "log.csv", *NAMED, "-o", "r.html"]) == 0
        assert ("reading … " in stream.getvalue()) is seen
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli.main(["demo", "-o", "d", "--customers", "1500"]) == 0
    assert "simulating … " in terminal.getvalue()


def test_the_module_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "journeymap", "schema"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["title"] == "A journeymap map"


def test_a_map_is_drafted_from_an_event_log(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """XES needs no word about its columns."""
    out = tmp_path / "map.yaml"
    log = data / "running-example" / "running-example.xes"
    assert cli.main(["sketch", str(log), "-o", str(out)]) == 0
    assert "register request" in out.read_text(encoding="utf-8")
    assert cli.main(["report", str(log), "-o", str(tmp_path / "a.html")]) == 0
    assert "6 customers" in capsys.readouterr().out
