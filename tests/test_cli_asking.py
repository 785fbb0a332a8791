"""The command line: questions as data, defaults beside a log, and operating a live store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import journeymap as jm
from journeymap.analysis import Breakdown, Compare, Funnel, Log, Transitions, Trend, Where
from journeymap.cli import main
from journeymap.cli.question_text import QuestionError, question_names, read_question
from journeymap.exceptions import JourneyMapError
from journeymap.simulation import broadband, broadband_customers
from tests.analysis.test_laws import QUESTIONS

pytestmark = pytest.mark.slow

MAPPED = ["--map", "map.yaml", "--channel", "channel", "--product", "product"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    jm.dump(broadband(), "map.yaml")
    Log.from_interactions(broadband_customers(120)).to_polars().write_csv("log.csv")
    return tmp_path


def test_a_question_is_asked_and_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "log.csv", "Transitions", *MAPPED, "--rows", "3"]) == 0
    out = capsys.readouterr().out
    assert "bill_sent" in out
    assert "more rows" in out
    assert main(["ask", "log.csv", "Transitions('stage')", *MAPPED, "--by", "product", "--every",
                 "quarter", "--where", "channel=app", "--where", "channel=web",
                 "--since", "2025-03-01", "-o", "out.csv"]) == 0  # fmt: skip
    made = pl.read_csv("out.csv")
    assert made.columns[:3] == ["period", "complete", "segment"]
    log = Log.read("log.csv", map=broadband(), columns=None)
    assert log.interactions == broadband_log().interactions


def broadband_log() -> Log:
    return Log.from_interactions(broadband_customers(120))


@pytest.mark.parametrize("suffix", ["csv", "json", "xlsx", "png", "svg", "html"])
def test_an_answer_goes_into_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    question = "Funnel(['order_placed', 'first_use'])"
    assert main(["ask", "log.csv", question, *MAPPED, "-o", f"answer.{suffix}"]) == 0
    assert Path(f"answer.{suffix}").stat().st_size > 100
    assert f"2 rows → answer.{suffix}" in capsys.readouterr().out
    assert not list(folder.glob(".*.part"))
    if suffix == "json":
        rows = json.loads(Path("answer.json").read_text())
        assert [row["element"] for row in rows] == ["order_placed", "first_use"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Transitions", "-o", "a.docx"], "none of the suffixes"),
        (["Transitions", "--where", "app"], "LEVEL=NAME is expected"),
        (["Transitions", "--by", "chanel"], "did you mean 'channel'"),
        (["Funel(['a'])"], "did you mean 'Funnel'"),
        (["Funnel(['nowhere'])"], "nowhere"),
        (["Transitions", "--every", "fortnight"], "fortnight"),
        (["Transitions", "--rows", "0"], "x>=1"),
        (["Transitions", "--frobnicate"], "frobnicate"),
        ([], "QUESTION"),
    ],
)
def test_what_cannot_be_asked(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["ask", "log.csv", *arguments, *MAPPED]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.startswith("journeymap: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('id')", "open('/etc/passwd')", "(lambda: 1)()", "Funnel.__class__",
        "[x for x in (1,)]", "f'{1}'", "Log", "Overview", "1", "'Funnel'", "", "Funnel(*['a'])",
        "Funnel(**{'steps': ['a']})", "Funnel(['a'", "At('outcome', ['failed'])", "Where()",
        "Funnel(" * 500, "-" * 9000 + "1", "x" * 20_000, "Transitions(by=b'x')", "Transitions;1",
        "Money('1', 'EUR')", "Interaction('a', 'b', 'c')", "exec('1')", "Transitions\x00",
        "Where({[1]: 2})", "Breakdown(Transitions, {[1]: 2})", "Funnel({1: 2})", "Funnel('\\d')",
        "Trend(7, every=8)", "Paths(steps=10**400)", "Paths(steps=1e999)",
        "Paths(steps=100000000)", "Transitions(by=[])", "Dwell(by=[])", "Breakdown(At, At)",
    ],
)  # fmt: skip
def test_what_is_no_question_is_refused(text: str) -> None:
    with pytest.raises((QuestionError, JourneyMapError)):
        read_question(text)


@settings(max_examples=200)
@given(st.text(alphabet="Funel([)]'a,=1 Trnsiow.*_\\\"{}:", max_size=40))
def test_any_text_is_a_question_or_refused(text: str) -> None:
    try:
        found = read_question(text)
    except JourneyMapError:
        return
    assert type(found).__name__ in question_names()


@pytest.mark.parametrize(
    "question",
    [
        *(one for one in QUESTIONS if type(one).__name__ in question_names()),
        Trend(Transitions(by="stage"), every="week"),
        Breakdown(Funnel(["a", "b"]), by="channel"),
        Compare(Transitions(), Where(channel="a"), Where(channel="b")),
    ],
    ids=repr,
)
def test_what_a_question_shows_can_be_asked(question: Any) -> None:
    """The text that a question shows is read as the same question, unless it holds times."""
    text = repr(question)
    if any(word in text for word in ("timedelta(", "datetime.")):
        with pytest.raises(JourneyMapError):
            read_question(text)
        return
    assert read_question(text) == question


def test_defaults_beside_a_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sub = folder / "data"
    sub.mkdir()
    (folder / "log.csv").rename(sub / "log.csv")
    (folder / "map.yaml").rename(sub / "map.yaml")
    (sub / "journeymap.toml").write_text(
        'map = "map.yaml"\ntitle = "Ours"\nnote = "Made up."\n[columns]\nproduct = "product"\n'
        'channel = "channel"\n'
    )
    assert main(["report", "data/log.csv", "-o", "r.html"]) == 0
    page = Path("r.html").read_text()
    assert "<title>Ours</title>" in page
    assert "Made up." in page
    assert "Notice a need" in page
    assert main(["report", "data/log.csv", "--title", "Mine", "-o", "r.html"]) == 0
    assert "<title>Mine</title>" in Path("r.html").read_text()
    capsys.readouterr()
    assert main(["ask", "data/log.csv", "Transitions('product', waits=False)"]) == 0
    assert "fibre" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('mpa = "map.yaml"', "did you mean 'map'"),
        ("map = 7", "a text is expected"),
        ('columns = "a"', "a table is expected"),
        ("map = ", "Invalid value"),
        ('[columns]\ncustomr = "a"', "did you mean 'customer'"),
    ],
)
def test_wrong_defaults_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    Path("journeymap.toml").write_text(text)
    assert main(["describe", "log.csv"]) == 2
    assert words in capsys.readouterr().err


def test_a_log_is_described(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, first, *_ = Path("log.csv").read_text().splitlines()
    place = head.split(",").index("customer")
    cells = ["" if n == place else cell for n, cell in enumerate(first.split(","))]
    with Path("log.csv").open("a") as file:
        file.write(",".join(cells) + "\n")
    assert main(["describe", "log.csv", *MAPPED]) == 0
    out = capsys.readouterr().out
    assert "120 customers" in out
    assert "set aside, no customer: 1" in out


def test_a_store_is_read_as_a_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with jm.Live(broadband(), "sqlite:///live.db") as live:
        live.record_many(broadband_customers(40))
    log = Log.from_interactions(broadband_customers(40))
    assert (
        main(["report", "--store", "sqlite:///live.db", "--map", "map.yaml", "-o", "r.html"]) == 0
    )
    assert f"{log.interactions:,} interactions of 40 customers" in capsys.readouterr().out
    assert "Notice a need" in Path("r.html").read_text()
    assert main(["ask", "sqlite:///live.db", "Transitions", "-o", "t.csv"]) == 0
    assert pl.read_csv("t.csv")["count"].sum() == log.ask(Transitions()).frame["count"].sum()
    assert main(["describe", "--store", "sqlite:///none.db"]) == 2
    assert "no such file" in capsys.readouterr().err
    assert main(["describe", "sqlite:///live.db", "--customer", "who"]) == 2
    assert "a store knows its columns" in capsys.readouterr().err
    assert main(["describe"]) == 2
    assert "LOG is missing" in capsys.readouterr().err


def test_a_page_is_written_anew_until_interrupted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            Path("log.csv").rename("away.csv")
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("journeymap.cli.log_commands.sleep", sleep)
    assert main(["report", "log.csv", *MAPPED, "--every", "60", "-o", "r.html"]) == 130
    assert waits == [60, 60, 60]
    out, err = capsys.readouterr()
    assert out.count("→ r.html") == 2
    assert "the page stays as it is" in err
    assert "</html>" in Path("r.html").read_text()


def test_output_keeps_what_stands_there(folder: Path) -> None:
    draw = ["draw", "map.yaml", "-o"]
    Path("real.svg").write_text("old")
    Path("real.svg").chmod(0o600)
    Path("link.svg").symlink_to("real.svg")
    assert main([*draw, "link.svg"]) == 0
    assert Path("link.svg").is_symlink()
    assert Path("real.svg").read_text().startswith("<svg")
    assert Path("real.svg").stat().st_mode & 0o777 == 0o600
    os.mkfifo("pipe")
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(Path("pipe").read_text()))
    reader.start()
    assert main([*draw, "pipe"]) == 0
    reader.join(10)
    assert got[0].startswith("<svg")
    assert main([*draw, "."]) == 2
    assert main([*draw, "map.png"]) == 2
    assert main(["draw", "map.yaml", "-o", "n" * 200 + ".svg"]) == 0
    assert not list(folder.glob(".journeymap-*"))
    assert main(["templates", "onboarding", "-o", "t.json"]) in (0, 2)
    name = jm.templates.names()[0]
    assert main(["templates", name, "-o", "t.json"]) == 0
    assert main(["check", "t.json"]) == 0


def test_columns_that_are_not_named_are_guessed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other.csv").write_text(
        "user_id;event;timestamp;platform\nu1;a;2026-03-01T09:00;web\nu1;b;2026-03-01T10:00;app\n"
    )
    arguments = ["ask", "other.csv", "Transitions", "--extra", "platform", "--timezone", "UTC"]
    assert main([*arguments, "--by", "platform"]) == 0
    assert "a" in capsys.readouterr().out
    pl.read_csv("other.csv", separator=";").write_parquet("other.parquet")
    arguments[1] = "other.parquet"
    assert main([*arguments, "--by", "platform"]) == 0


def test_a_log_and_a_store_are_not_read_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with jm.Live(broadband(), "sqlite:///live.db") as live:
        live.record_many(broadband_customers(5))
    assert main(["describe", "log.csv", "--store", "sqlite:///live.db"]) == 2
    assert "only one of them" in capsys.readouterr().err
    Path("journeymap.toml").write_text('store = "sqlite:///live.db"\nmap = "map.yaml"\n')
    assert main(["describe"]) == 0
    assert "5 customers" in capsys.readouterr().out
    assert main(["describe", "sqlite:///live.db?mode=ro"]) == 2
    Path("empty.db").touch()
    assert main(["describe", "sqlite:///empty.db"]) == 2
    assert Path("empty.db").stat().st_size == 0
    assert main(["live", "forget", "nobody", "--yes"]) == 1
    assert main(["live", "requeue", "none"]) == 1
    capsys.readouterr()
    assert main(["live", "stats", "--store", "bob:s3cret@h/db"]) == 2
    assert "s3cret" not in capsys.readouterr().err


def test_operating_a_live_store(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    with jm.Live(broadband(), "sqlite:///live.db", clock=lambda: begin) as live:
        live.record(jm.Interaction("ada", "support_asked", begin, outcome="failed", id="1",
                                   source="shop"))  # fmt: skip
        live.record(jm.Interaction("ben", "parcel_delivered", begin, id="2", source="shop"))
    on = ["--store", "sqlite:///live.db", "--map", "map.yaml"]
    assert main(["live", "stats", *on]) == 0
    assert json.loads(capsys.readouterr().out)["interactions"] == 2
    assert main(["live", "advance", *on]) == 0
    assert "signals" in capsys.readouterr().out
    assert main(["live", "deliver", *on, "--action", "file:signals.jsonl"]) == 0
    lines = [json.loads(line) for line in Path("signals.jsonl").read_text().splitlines()]
    assert {line["moment"] for line in lines} >= {"help_failed"}
    assert main(["live", "dead-letters", *on]) == 0
    assert main(["live", "requeue", *on]) == 0
    assert "0 wait once more" in capsys.readouterr().out
    assert main(["live", "export", *on, "ada", "-o", "ada.json"]) == 0
    assert "support_asked" in Path("ada.json").read_text()
    assert main(["live", "rebuild", *on]) == 0
    assert main(["live", "prune", *on, "--before", "2030-01-01T00:00Z"]) == 0
    assert "letters removed" in capsys.readouterr().out
    assert main(["live", "forget", *on, "ada", "--yes"]) == 0
    assert main(["live", "stats", *on]) == 0
    assert '"interactions": 1' in capsys.readouterr().out
    Path("journeymap.toml").write_text('store = "sqlite:///live.db"\nmap = "map.yaml"\n')
    assert main(["live", "stats"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stats"], "--store is missing"),
        (["stats", "--store", "sqlite:///none.db"], "--map is missing"),
        (["stats", "--store", "sqlite:///none.db", "--map", "map.yaml"], "no such file"),
        (["stats", "--store", "sqlte:///a.db", "--map", "map.yaml"], "sqlite"),
        (["advance", "--now", "soon", "--store", "memory", "--map", "map.yaml"], "is no time"),
        (["advance", "--now", "2026-03-01", "--store", "memory", "--map", "map.yaml"], "no zone"),
        (["deliver", "--action", "fil:x", "--store", "memory", "--map", "map.yaml"], "'file'"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_what_an_operator_gets_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["live", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not Path("none.db").exists()


def test_help_is_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    from journeymap.cli.group import journeymap

    context = journeymap.make_context("journeymap", ["--help"], resilient_parsing=True)
    for name in journeymap.list_commands(context):
        command = journeymap.get_command(context, name)
        assert command is not None
        assert command.help
        below = getattr(command, "commands", {})
        for one in [command, *below.values()]:
            assert one.help
            for parameter in one.params:
                if parameter.param_type_name == "option":
                    assert getattr(parameter, "help", None), (name, parameter.name)
    assert main(["--version"]) == 0
    assert main(["nothing"]) == 2
    assert "No such command 'nothing'" in capsys.readouterr().err
    assert main([]) == 2


def test_asking_for_help_imports_no_frames() -> None:
    code = (
        "import sys; from journeymap.cli import main; main(['--help']);"
        "print([name for name in ('numpy', 'polars', 'altair', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_rows_set_aside_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mixed.csv").write_text(
        "customer,touchpoint,at\nc1,a,2026-03-01T10:00:00\nc2,b,2026-03-01T10:00:00Z\n"
    )
    ask = ["ask", "mixed.csv", "Variants"]
    for command in (ask, [*ask, "-o", "o.csv"], ["sketch", "mixed.csv", "-o", "m.yaml"]):
        assert main(command) == 0
        assert "1 rows were set aside (a time without a zone" in capsys.readouterr().err


def test_a_store_is_asked_without_a_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with jm.Live(broadband(), "sqlite:///live.db") as live:
        live.record(jm.Interaction("ada", "support_asked", datetime(2026, 3, 1, tzinfo=UTC)))
    on = ["--store", "sqlite:///live.db", "--map", "map.yaml"]
    assert main(["ask", *on, "Transitions"]) == 0
    assert "support_asked" in capsys.readouterr().out
    assert main(["ask", "Transitions"]) == 2
    assert "QUESTION is missing" in capsys.readouterr().err
    assert main(["ask", *on]) == 2
    assert "QUESTION is missing" in capsys.readouterr().err
    Path("journeymap.toml").write_text('store = "sqlite:///live.db"\nmap = "map.yaml"\n')
    assert main(["ask", "Transitions"]) == 0


def test_a_time_is_a_text_in_a_question(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "log.csv", *MAPPED, 'Positions(as_of="2026-03-05T00:00Z")']) == 0
    assert main(["ask", "log.csv", *MAPPED, 'Positions(as_of="2026-03-05")']) == 2
    assert "a time with a zone" in capsys.readouterr().err


def test_a_folder_that_is_missing_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "log.csv", *MAPPED, "Variants", "-o", "none/x.csv"]) == 2
    message = capsys.readouterr().err
    assert "'none/x.csv': there is no folder 'none'" in message
    assert ".journeymap-" not in message
