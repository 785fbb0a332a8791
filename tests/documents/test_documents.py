from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import journeymap as jm
from journeymap.documents.loading import Format, plain
from journeymap.documents.migrations import VERSION
from journeymap.exceptions import DocumentError
from journeymap.simulation import broadband
from journeymap.testing import maps

FORMATS: tuple[Format, ...] = ("yaml", "json", "toml")
VALIDATOR = jsonschema.Draft202012Validator(jm.schema())
SMALL = jm.JourneyMap(
    "shop",
    stages=[jm.Stage("choose", "buy"), jm.Stage("use", "own")],
    touchpoints=[jm.Touchpoint("order", "choose")],
)


@given(maps())
@settings(max_examples=80)
def test_what_is_dumped_loads_as_an_equal_map(journey: jm.JourneyMap) -> None:
    for format_ in FORMATS:
        assert jm.loads(jm.dumps(journey, format_), format_) == journey


@given(maps())
@settings(max_examples=40)
def test_the_schema_accepts_every_dumped_map(journey: jm.JourneyMap) -> None:
    VALIDATOR.validate(plain(journey))


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json", ".toml", ".YAML"])
def test_files_by_suffix(tmp_path: Path, suffix: str) -> None:
    place = tmp_path / f"map{suffix}"
    jm.dump(broadband(), place)
    assert jm.load(place) == broadband()
    assert list(tmp_path.iterdir()) == [place]


def test_unknown_suffixes_and_formats_are_named(tmp_path: Path) -> None:
    with pytest.raises(jm.UnknownName, match=r"did you mean '\.json'"):
        jm.load(tmp_path / "map.jsn")
    with pytest.raises(jm.UnknownName, match="did you mean 'yaml'"):
        jm.loads("", "yml")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        jm.load(tmp_path / "none.yaml")


def text_of(place: tuple[str, ...], value: Any, format_: Format) -> str:
    """The small map's document with one value replaced, or put in."""
    data: Any = plain(SMALL)
    inner = data
    for step in place[:-1]:
        inner = inner[int(step) if step.isdigit() else step]
    inner[int(place[-1]) if place[-1].isdigit() else place[-1]] = value
    from journeymap.documents import json_text, toml_text, yaml_text

    writers: Any = {"json": json_text, "toml": toml_text, "yaml": yaml_text}
    return str(writers[format_].write(data))


BROKEN = [
    (("stages", "0", "phase"), "byu", "did you mean 'buy'"),
    (("stages", "0", "phase"), 3, "'buy' or 'own'"),
    (("stages", "0", "id"), 7, "put it in quotes"),
    (("stages", "0", "id"), "", "one line and not blank"),
    (("stages", "0", "fase"), "buy", "did you mean 'phase'"),
    (("stages", "0", "dormant_after"), "6 months", "say days"),
    (("stages", "0", "dormant_after"), 5, "a length of time"),
    (("stages",), "choose", "a list is expected"),
    (("stages", "0"), "choose", "a mapping is expected"),
    (("touchpoints", "0", "channels"), "web", "a list is expected"),
    (("touchpoints", "0", "channels"), [1], "a text is expected"),
    (("metrics",), [{"id": "m", "of": {"stage": "use"}, "target": "40"}], "a number is expected"),
    (("metrics",), [{"id": "m", "of": {"stage": "use"}, "target": True}], "not true"),
    (("metrics",), [{"id": "m", "of": {"stage": "use"}, "kind": "npz"}], "did you mean 'nps'"),
    (("metrics",), [{"id": "m", "of": {"stage": "use", "x": "y"}}], "one kind to one id"),
    (("metrics",), [{"id": "m", "of": {"stag": "use"}}], "perhaps 'stage'"),
    (("metrics",), [{"id": "m"}], "'of' is missing"),
    (("moments",), [{"id": "m", "when": {"outcom": "x"}}], "did you mean 'outcome'"),
    (("moments",), [{"id": "m", "when": {}}], "a mapping with one of"),
    (("moments",), [{"id": "m", "when": {"all": {"outcome": "x"}}}], "a list of conditions"),
    (("moments",), [{"id": "m", "when": {"emotion": -1}}], "at_least"),
    (("moments",), [{"id": "m", "when": {"count": {"touchpoint": "order", "at_least": 1.7}}}],
     "a whole number is expected"),
    (("key_journeys",),
     [{"id": "k", "start": "order", "end": "order",
       "steps": [{"one_of": "order", "optional": "false"}]}], "without quotes"),
    (("calendars",), [{"id": "c", "zone": "Mars"}], "IANA zone"),
    (("calendars",), [{"id": "c", "holidays": ["25 December"]}], "a date such as"),
    (("calendars",), [{"id": "c", "hours": [{"opens": 9}]}], "a time of day"),
    (("journeymap",), "two", "whole number"),
    (("journeymap",), VERSION + 1, "newer than"),
]  # fmt: skip


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize(("place", "value", "message"), BROKEN)
def test_a_broken_document_says_where_and_how_to_cure_it(
    place: tuple[str, ...], value: Any, message: str, format_: Format
) -> None:
    with pytest.raises(jm.DocumentError) as caught:
        jm.loads(text_of(place, value, format_), format_)
    assert message in str(caught.value)
    if place != ("journeymap",):
        assert all(problem.line for problem in caught.value.problems)


@pytest.mark.parametrize(("place", "value", "message"), BROKEN)
def test_the_schema_refuses_what_is_broken(
    place: tuple[str, ...], value: Any, message: str
) -> None:
    # A schema knows no zones; everything else it must see.
    blind = message == "IANA zone"
    assert VALIDATOR.is_valid(json.loads(text_of(place, value, "json"))) is blind


def test_all_errors_come_at_once_each_with_its_line() -> None:
    text = """\
id: shop
stages:
  - id: choose
    phase: byu
  - id: use
    phase: own
    dormant_after: soon
touchpoints:
  - id: order
    stag: choose
"""
    with pytest.raises(jm.DocumentError) as caught:
        jm.loads(text)
    assert [(p.line, p.column) for p in caught.value.problems] == [(4, 12), (7, 20), (10, 11)]
    assert [p.where for p in caught.value.problems] == [
        "stages[0].phase", "stages[1].dormant_after", "touchpoints[0].stag",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("format_", "text", "line"),
    [
        ("yaml", "id: x\ntouchpoints:\n  - id: a\n    stage: nope\n", 4),
        ("json", '{"id": "x", "name": "y, {",\n "touchpoints": [{"id": "b"},\n'
                 '  {"id": "a",\n   "stage": "nope"}]}', 4),
        ("toml", 'id = "x"\n\n[[touchpoints]]\nid = "b"\n\n[[touchpoints]]\nid = "a"\n'
                 'channels = [\n]\nstage = "nope"\n', 10),
    ],
)  # fmt: skip
def test_dangling_references_are_found_in_the_text(format_: Format, text: str, line: int) -> None:
    with pytest.raises(jm.DocumentError) as caught:
        jm.loads(text, format_)
    [problem] = caught.value.problems
    assert (problem.line, problem.message) == (line, "there is no stage 'nope'")


def test_a_file_is_named_in_its_errors(tmp_path: Path) -> None:
    place = tmp_path / "bad.yaml"
    place.write_text("id: [\n")
    with pytest.raises(jm.DocumentError, match=r"bad\.yaml cannot be read: line 2"):
        jm.load(place)
    place.write_bytes(b"id: x\nname: \xff\n")
    with pytest.raises(jm.DocumentError, match="line 2"):
        jm.load(place)


def test_a_mark_at_the_beginning_is_no_text(tmp_path: Path) -> None:
    place = tmp_path / "bom.json"
    place.write_bytes(b"\xef\xbb\xbf" + jm.dumps(SMALL, "json").encode())
    assert jm.load(place) == SMALL


def test_version_one_is_migrated() -> None:
    old = """
journeymap: 1
id: shop
stages:
  - id: choose
    phase: buy
    does: {customer: looks, company: shows}
channels: [{id: web}]
touchpoints:
  - {id: order, stage: choose, channel: web}
  - {id: talk, stage: choose, channel: null}
"""
    journey = jm.loads(old)
    assert journey.touchpoints["order"].channels == ("web",)
    assert journey.stages["choose"].company_does == "shows"
    with pytest.raises(jm.DocumentError, match="unknown key 'does'"):
        jm.loads(old.replace("company: shows", "robot: beeps"))
    with pytest.raises(jm.DocumentError, match="unknown key 'channel'"):
        jm.loads(old.replace("journeymap: 1", "journeymap: 2"))


def test_a_document_without_a_version_is_the_current_one() -> None:
    assert jm.loads("id: x").id == "x"
    assert plain(SMALL)["journeymap"] == VERSION


HOSTILE = {
    "yaml, too large": ("yaml", "a: " + "x" * 10_000_000),
    "yaml, deep flow": ("yaml", "a: " + "[" * 4_000_000),
    "yaml, deep block": ("yaml", "\n".join(" " * i + "a:" for i in range(2000))),
    "yaml, aliases": (
        "yaml",
        "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60)),
    ),
    "yaml, a huge number": ("yaml", "id: x\ndescription: " + "9" * 3_000_000),
    "yaml, a tag": ("yaml", "id: !!python/object/apply:os.system ['true']"),
    "yaml, a tagged scalar": ("yaml", "id: !!binary aGk="),
    "yaml, a loop": ("yaml", "&a [*a]"),
    "yaml, a key of a list": ("yaml", "? [a]\n: b"),
    "yaml, a key of a number": ("yaml", "1: b"),
    "yaml, twice": ("yaml", "id: a\nid: b"),
    "yaml, two documents": ("yaml", "id: a\n---\nid: b"),
    "yaml, an alias to nothing": ("yaml", "id: *a"),
    "yaml, a control character": ("yaml", "id: a\x00b"),
    "yaml, nothing": ("yaml", ""),
    "json, deep": ("json", "[" * 3_900_000),
    "json, a huge number": ("json", '{"id": ' + "9" * 3_900_000 + "}"),
    "json, infinite": ("json", '{"id": NaN}'),
    "json, twice": ("json", '{"id": "a", "id": "b"}'),
    "json, cut": ("json", '{"id": "a"'),
    "json, a surrogate": ("json", '{"id": "\\ud800"}'),
    "json, a number that overflows": ("json", '{"id": "a", "metrics": [{"id": "m", "of": '
                                      '{"journey": "a"}, "target": 1e999}]}'),
    "json, a list": ("json", "[1]"),
    "toml, deep": ("toml", "a = " + "[" * 3_900_000),
    "toml, dotted": ("toml", "a" + ".a" * 1_000_000 + " = 1"),
    "toml, a huge number": ("toml", "a = " + "9" * 3_900_000),
    "toml, cut": ("toml", "a = "),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_ends_in_an_error_soon(name: str) -> None:
    format_, text = HOSTILE[name]
    begin = time.perf_counter()
    with pytest.raises(jm.DocumentError):
        jm.loads(text, format_)  # type: ignore[arg-type]
    assert time.perf_counter() - begin < 60  # a second or two where nothing else runs


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_nothing_but_our_own_errors_comes_out(text: str) -> None:
    for format_ in FORMATS:
        try:
            jm.loads(text, format_)
        except jm.JourneyMapError:
            continue


def test_the_schema_helps_an_editor() -> None:
    schema = jm.schema()
    stage = schema["$defs"]["Stage"]
    assert stage["properties"]["phase"] == {"enum": ["buy", "own", "acquire", "serve"]}
    assert stage["required"] == ["id", "phase"]
    assert stage["description"].startswith("A step of the loop")
    jsonschema.Draft202012Validator.check_schema(schema)


def test_what_our_own_reader_finds_keeps_its_place() -> None:
    with pytest.raises(jm.DocumentError) as caught:
        jm.loads("id: x\nstages: []\nstages: []\n")
    [problem] = caught.value.problems
    assert (problem.line, problem.column) == (3, 1)
    assert problem.message == "the key 'stages' stands twice in one mapping"


@pytest.mark.parametrize(
    "text", ["\t" + "a" * 84 + "\\y z", "ab " * 29 + "x\ty z", "a\n b\n  c \n"]
)
def test_long_texts_come_back_as_they_were(text: str) -> None:
    journey = jm.JourneyMap("x", description=text)
    for format_ in FORMATS:
        assert jm.loads(jm.dumps(journey, format_), format_) == journey


SLOW = {
    "toml, blank lines": ("toml", 'id = "x"' + "\n" * 3_000_000, None),
    "toml, a long list": (
        "toml", 'id = "x"\n[[touchpoints]]\nid = "a"\nchannels = [\n' + '"web",\n' * 4000 + "]\n",
        4,
    ),
    "toml, many faults": ("toml", 'id = "x"\n' + '[[touchpoints]]\nidd = "a"\n' * 500, 2),
    "json, many faults": ("json", '{"id": "x", "touchpoints": [' + "{}," * 7999 + "{}]}", 1),
    "json, many keys": ("json", "{" + ",".join(f'"k{i}": 1' for i in range(60_000)) + "}", 1),
    "json, the last key twice": (
        "json", "{" + ",".join(f'"k{i}": 1' for i in range(90_000)) + ', "k1": 1}', None,
    ),
    "yaml, many lines": ("yaml", "id: x\ndescription:\n" + "- 1\n" * 900_000, None),
    "yaml, many values": ("yaml", "id: [" + "a," * 210_000 + "]", 1),
    "json, the last name twice": (
        "json",
        '{"id": "x", "personas": [{"id": "p", "goals": ['
        + ",".join(f'"g{i}"' for i in range(60_000)) + ', "g1"]}]}',
        1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOW)
def test_no_document_takes_long(name: str) -> None:
    format_, text, line = SLOW[name]
    begin = time.perf_counter()
    try:
        jm.loads(text, format_)  # type: ignore[arg-type]
    except jm.DocumentError as error:
        assert line is None or error.problems[0].line == line  # noqa: PT017
    assert time.perf_counter() - begin < 60  # a second or two where nothing else runs


def test_many_wrong_ids_get_few_suggestions() -> None:
    stages = [jm.Stage(f"{'abcdefgh' * 12}{i:05d}", "buy") for i in range(8000)]
    points = [jm.Touchpoint(f"t{i}", f"{'hgfedcba' * 12}{i}") for i in range(30)]
    begin = time.perf_counter()
    with pytest.raises(jm.MapError):
        jm.JourneyMap("x", stages=stages, touchpoints=points)
    assert time.perf_counter() - begin < 60


def test_numbers_of_other_libraries_are_kept_as_ours() -> None:
    import numpy as np

    journey = jm.JourneyMap(
        "x", metrics=[jm.Metric("m", jm.Of("journey", "x"), target=np.float64(2))]
    )
    for format_ in FORMATS:
        assert jm.loads(jm.dumps(journey, format_), format_) == journey
    with pytest.raises(jm.ElementError):
        jm.Metric("m", jm.Of("journey", "x"), target=1e305)
    with pytest.raises(jm.ElementError):
        jm.Count("a", 2**64)


def test_what_is_no_text_is_told() -> None:
    with pytest.raises(jm.DocumentError, match="a text is expected, not NoneType"):
        jm.loads(None)  # type: ignore[arg-type]
    with pytest.raises(jm.UnknownName, match="no format 'None'"):
        jm.loads("{}", format=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        (
            '{"id": "a",\n "stages": [{"id": "s", "phase": "own"},\n {"id": "t", "id": "u"}]}',
            "the key 'id' stands twice in one mapping", (3, 14),
        ),
        (
            '{"id": "{\\"id\\": 1}", "name": "id",\n  "x": {"id": 2},\n  "\\u0069d": "b"}',
            "the key 'id' stands twice in one mapping", (3, 3),
        ),
        (
            '{"id": "a",\n"stages": [],\n"stages": [{"id": "x", "phase": "own",\n"phase": "buy"}]}',
            "the key 'stages' stands twice in one mapping", (3, 1),
        ),
        ('{"id": "NaN",\n "dormant_after": NaN}', "NaN is no number of JSON", (2, 19)),
        ('{"id": "a", "x": -Infinity}', "-Infinity is no number of JSON", (1, 18)),
    ],
)  # fmt: skip
def test_json_faults_are_what_they_are(text: str, message: str, place: tuple[int, int]) -> None:
    with pytest.raises(DocumentError) as raised:
        jm.loads(text, format="json")
    [problem] = raised.value.problems
    assert problem.message == message
    assert (problem.line, problem.column) == place


@pytest.mark.parametrize("format_", ["json", "yaml", "toml"])
def test_a_link_to_the_schema_is_accepted(format_: Format) -> None:
    written = {
        "json": '{"$schema": "https://example.org/map.json", "id": "a",'
        ' "stages": [{"id": "s", "phase": "own"}]}',
        "yaml": "$schema: https://example.org/map.json\nid: a\nstages: [{id: s, phase: own}]\n",
        "toml": '"$schema" = "https://example.org/map.json"\nid = "a"\nstages = []\n',
    }[format_]
    assert jm.loads(written, format=format_).id == "a"
    document = {"$schema": "x", "id": "a", "stages": [{"id": "s", "phase": "own"}]}
    assert VALIDATOR.is_valid(document)


AMBIGUOUS = [
    "y", "N", "yes", "No", "ON", "off", "true", "False", "null", "~", "=", "<<", "1:30:00",
    "190:20:30.15", "1_000", "0777", "0o7", "0b11", "0x1F", "1e3", "1.", ".5", ".inf", "-.INF",
    ".nan", "2026-01-01", "2026-01-01 10:00:00", "12", "-7", "+1.5",
]  # fmt: skip


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_texts_are_texts_for_every_reader_of_yaml(text: str) -> None:
    yaml = pytest.importorskip("yaml")
    journey = jm.JourneyMap("m", name=text, stages=[jm.Stage("s", "own", name=text)])
    dumped = jm.dumps(journey)
    assert jm.loads(dumped) == journey
    document = yaml.safe_load(dumped)
    assert document["name"] == text
    assert document["stages"][0]["name"] == text


@given(st.text(alphabet="0123456789_.:-+eExXobnyNYfFtT~ ", min_size=1, max_size=8))
def test_any_short_text_is_the_same_for_every_reader(text: str) -> None:
    yaml = pytest.importorskip("yaml")
    from journeymap.documents.yaml_text import write

    assert yaml.safe_load(write({"a": text})) == {"a": text}


WEIRD: tuple[Any, ...] = (
    "", " ", "x", "a\nb", "7 days", "P7D", "-1 day", "0 s", "1 month", 0, 1, -1, 1.5, True, None,
    [], {}, ["x"], [1], {"a": 1}, "(start)", 2**70, "2026-02-30", "25:00", "own", "buy", "up", [[]],
    [None], 1e308, "x is y", {"at_least": 1}, ["x", "x"], 2.0, 3.0, "a\0b", "\ufeff",
    "0 days", "x" * 10_001, "x is y or ", "x\n", "2026-02-29",
)  # fmt: skip
KEYS = ("extra", "id", "name", "when", "steps", "one_of", "currency", "consent", "trait", "per")
BLIND = re.compile(
    "there is no (stage|touchpoint|department|channel|process|product|metric|calendar|moment) "
    "|IANA zone|recurrence rule|is below 'at_least'|may come in|from 1900 on"
)
"""What a schema cannot see: references, zones, rules, and what compares two values."""


@settings(max_examples=400)
@given(
    st.from_regex(
        r"[PT0-9WDHMS.]{1,9}|[0-9 :.,days]{1,14}|[0-9]{1,3} ?[a-zA-Z]{1,7} ?[0-9a-z]{0,3}"
        "|\u00a0?[12\u0663][ \u00a0\n]?days?[ \u00a0\n]?|P[1\u0663]D\n?"
    )
)
def test_the_schema_reads_lengths_of_time_as_the_loader_does(text: str) -> None:
    document = {"id": "a", "dormant_after": text, "stages": [{"id": "s", "phase": "own"}]}
    try:
        jm.loads(json.dumps(document), format="json")
        read = True
    except jm.DocumentError as error:
        if "longer than" in str(error):
            return
        read = False
    assert VALIDATOR.is_valid(document) is read


@pytest.mark.parametrize(
    "text", ["1:30:00", "2 days, 0:00:01", "PT1H", "36 Hours", "1h30min", "P1W"]
)
def test_the_schema_knows_all_forms_of_lengths(text: str) -> None:
    document = {"id": "a", "dormant_after": text, "stages": [{"id": "s", "phase": "own"}]}
    assert VALIDATOR.is_valid(document)
    assert jm.loads(json.dumps(document), format="json").dormant_after


SENTENCES = st.lists(
    st.sampled_from(["a", "b", " ", " is ", " or ", "is", "or", "(start)", "\u00a0", "\n", "\t"]),
    max_size=9,
).map("".join)


@settings(max_examples=300)
@given(SENTENCES)
@example("a is b or ")
@example("a is b or b")
@example(" (end) is b")
def test_the_schema_reads_traits_in_words_as_the_loader_does(text: str) -> None:
    offer = {"id": "o", "eligible": [{"trait": text}]}
    document = {"id": "a", "stages": [{"id": "s", "phase": "own"}], "offers": [offer]}
    try:
        jm.loads(json.dumps(document), format="json")
        read = True
    except jm.DocumentError:
        read = False
    assert VALIDATOR.is_valid(document) is read


@settings(max_examples=300)
@given(st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32))
@example(2026, 2, 29)
@example(2028, 2, 29)
@example(1900, 2, 29)
@example(2000, 2, 29)
@example(0, 1, 1)
def test_the_schema_reads_days_as_the_calendar_does(year: int, month: int, day: int) -> None:
    text = f"{year:04}-{month:02}-{day:02}"
    try:
        date.fromisoformat(text)
        read = True
    except ValueError:
        read = False
    calendar = {"id": "c", "zone": "UTC", "holidays": [text]}
    document = {"id": "a", "stages": [{"id": "s", "phase": "own"}], "calendars": [calendar]}
    assert VALIDATOR.is_valid(document) is read


def places_in(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner: Any = data.items() if isinstance(data, dict) else ()
    inner = enumerate(data) if isinstance(data, list) else inner
    for key, value in inner:
        yield (*path, key)
        yield from places_in(value, (*path, key))


def spoilt(data: Any, dice: Any) -> Any:
    """The document with one thing taken away, replaced, added, or put into a list."""
    made = json.loads(json.dumps(data))
    *path, last = dice.choice(list(places_in(made)))
    parent = made
    for key in path:
        parent = parent[key]
    how = dice.choice(["remove", "replace", "replace", "add", "wrap"])
    if how == "remove":
        del parent[last]
    elif how == "wrap":
        parent[last] = [parent[last]]
    elif how == "add" and isinstance(parent, dict):
        parent[dice.choice(KEYS)] = dice.choice(WEIRD)
    else:
        parent[last] = dice.choice(WEIRD)
    return made


@settings(max_examples=150)
@given(maps(), st.randoms(use_true_random=False))
def test_the_schema_and_the_loader_accept_the_same(journey: jm.JourneyMap, dice: Any) -> None:
    """Both ways, for documents of which one thing is wrong, or is not."""
    data = json.loads(jm.dumps(journey, format="json"))
    for _ in range(10):
        document = spoilt(data, dice)
        try:
            jm.loads(json.dumps(document), format="json")
            problems: list[str] = []
        except jm.DocumentError as error:
            problems = [str(one) for one in error.problems]
        seen = [one for one in problems if not BLIND.search(one)]
        found = [f"{list(one.path)}: {one.message}" for one in VALIDATOR.iter_errors(document)]
        assert bool(seen) == bool(found), (problems, found)


@pytest.mark.parametrize("word", ["yes", "on", "n", "1e3", "0o17", "~", "1:30"])
def test_names_of_traits_are_quoted_too(word: str) -> None:
    """Readers of YAML 1.1 take them for truth values or numbers, also as keys."""
    offer = jm.Offer("o", eligible=[jm.HasTrait(word, [word])])
    journey = jm.JourneyMap("s", stages=[jm.Stage("a", "own")], offers=[offer])
    text = jm.dumps(journey)
    assert f"'{word}': '{word}'" in text
    assert jm.loads(text) == journey


def test_the_largest_numbers_are_loaded() -> None:
    offer = jm.Offer("o", value=1e300)
    journey = jm.JourneyMap("s", stages=[jm.Stage("a", "own")], offers=[offer])
    for format_ in ("json", "yaml", "toml"):
        assert jm.loads(jm.dumps(journey, format=format_), format=format_) == journey


@pytest.mark.parametrize(("holiday", "opens"), [
    ("20261225", "09:00"), ("2026-W53-5", "09:00"), ("2026-12-25", "0900"),
    ("2026-12-25", "20261225"), ("2026-12-25", "09:00+01:00"), ("2026-12-25", "T09:00"),
])  # fmt: skip
def test_dates_and_times_of_day_have_one_form(holiday: str, opens: str) -> None:
    """A date that got where a time of day belongs is none; the schema says the same."""

    def document(day: str, clock: str) -> dict[str, Any]:
        hours = [{"days": "FREQ=DAILY", "opens": clock, "closes": "21:00"}]
        calendar = {"id": "c", "zone": "UTC", "holidays": [day], "hours": hours}
        return {"id": "a", "stages": [{"id": "s", "phase": "own"}], "calendars": [calendar]}

    valid = jsonschema.Draft202012Validator(jm.schema()).is_valid
    assert valid(document("2026-12-25", "09:00"))
    read = jm.loads(json.dumps(document("2026-12-25", "09:00")), format="json")
    assert list(read.calendars) == ["c"]
    assert not valid(document(holiday, opens))
    with pytest.raises(jm.DocumentError):
        jm.loads(json.dumps(document(holiday, opens)), format="json")
