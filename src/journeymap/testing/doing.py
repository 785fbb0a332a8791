"""The laws of actions and of views, checked for any of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, Literal, TypeAlias, TypeVar
from xml.parsers import expat

from hypothesis import strategies as st

from journeymap.adapters.view import View
from journeymap.model import JourneyMap, Moment, Stage, Touchpoint
from journeymap.model.conditions import At
from journeymap.testing.trials import try_laws
from journeymap.tracking import MomentReached, Signal

__all__ = ["ActionClaim", "check_action", "check_view", "hostile_maps"]

T = TypeVar("T")
ActionClaim: TypeAlias = Literal["remembers"]
"""What an action can do: *remembers* across a restart what it has done."""

_MARK = "jm5"
_HOSTILE = (
    f"<script>{_MARK}()</script>", f'"><img src=x onerror={_MARK}()>', f"]]>{_MARK}<!--",
    f"&{_MARK};", f"' onload='{_MARK}()", "\u202e\u0007 name", "Åse\u2028\u0085",
    f"</style><b>{_MARK}</b>",
)  # fmt: skip


def check_action(
    made: Callable[[], Callable[[Any], None]],
    effects: Callable[[], Iterable[str]],
    *,
    claims: frozenset[ActionClaim] = frozenset(),
    examples: int = 20,
) -> None:
    """Check the laws of an action.

    Each signal is carried out; one that comes again is not carried out again; with *remembers*, nor
    after the action was made anew.

    Args:
        made: Makes the action.
        effects: Lists the ids of the signals that were carried out, once for each time.
        claims: What the action can do.
        examples: How many sequences of signals are tried.

    Raises:
        AssertionError: A law is broken; the message names it.

    >>> done = []
    >>> def made():
    ...     known = set(done)
    ...     def act(signal):
    ...         if signal.id not in known:
    ...             known.add(signal.id)
    ...             done.append(signal.id)
    ...     return act
    >>> check_action(made, lambda: done, claims=frozenset({"remembers"}))
    """
    then = datetime(2026, 3, 1, tzinfo=UTC)
    names = st.sampled_from(["ada", "ben", *_HOSTILE])
    signals: st.SearchStrategy[Signal] = st.builds(
        MomentReached, names, st.just(then), st.integers(0, 5), st.sampled_from(["late", "lost"]),
        st.just("order"), st.just("care"), st.just("call"), st.none(), st.just(then), st.just(0),
    )  # fmt: skip

    def laws(signals: list[Signal]) -> None:
        before = list(effects())
        action = made()
        for signal in [*signals, *signals]:
            action(signal)
        wanted = {signal.id for signal in signals}
        fresh = list(effects())[len(before) :]
        if "remembers" in claims:
            wanted -= set(before)
        _hold(wanted <= set(fresh), "a signal was not carried out")
        _hold(len(set(fresh)) == len(fresh), "a signal told again was carried out again")
        if "remembers" in claims:
            remade = made()
            for signal in signals:
                remade(signal)
            same = list(effects())[len(before) :] == fresh
            _hold(same, "a signal was carried out again after a restart")

    try_laws(laws, st.lists(signals, min_size=1, max_size=6), examples=examples)


def check_view(view: View, subjects: st.SearchStrategy[Any], *, examples: int = 20) -> None:
    """Check the laws of a view.

    The text is of its media type and well-formed; drawing twice gives the same; nothing of a
    subject becomes markup, script, an entity or a style; nothing is asked of a network.

    Args:
        view: The view.
        subjects: What it draws, with hostile names in it (see `hostile_maps`).
        examples: How many subjects are tried.

    Raises:
        AssertionError: A law is broken; the message names it.
    """

    def laws(subject: Any) -> None:
        text = view(subject)
        _hold(isinstance(text, str), "a drawing is a text")
        _hold(view(subject) == text, "drawing twice gives something else")
        if view.media == "image/svg+xml":
            _well_formed(text)
        elif view.media.startswith("application/vnd.vegalite."):
            json.loads(text)
        else:
            _hold(view.media == "text/html", f"{view.media} is neither SVG, HTML nor Vega-Lite")
        _harmless(text)

    try_laws(laws, subjects, examples=examples)


def hostile_maps() -> st.SearchStrategy[JourneyMap]:
    """Make maps whose names try to be more than names.

    Returns:
        A Hypothesis strategy.
    """
    text = st.sampled_from(_HOSTILE).map(lambda one: "".join(c for c in one if c.isprintable()))

    def made(name: str, other: str) -> JourneyMap:
        return JourneyMap(
            "shop", name=name, description=other,
            stages=[Stage("choose", "buy", name=name, customer_does=other),
                    Stage("use", "own", name=other, company_does=name)],
            touchpoints=[Touchpoint("order", "choose", name=other), Touchpoint("open", "use")],
            moments=[Moment("failed", At("outcome", ["failed"]), name=name, action=other)],
        )  # fmt: skip

    return st.builds(made, text, text)


class _Reader(HTMLParser):
    """Looks for what a hostile name would have become, and for what asks a network."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: str | None = None
        self._raw = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._raw = tag if tag in ("script", "style") else self._raw
        for name, value in attrs:
            text = value or ""
            if _MARK in name or (name.startswith("on") and _MARK in text):
                self.wrong = "an attribute that would run"
            fetches = name in _FETCHED or (name in _LED and tag not in ("a", "area"))
            if fetches and text and not text.startswith(("#", "data:image/")):
                self.wrong = f"{name}={text[:40]!r} asks a network"
            if name == "style" and _asks(text):
                self.wrong = "a style asks a network"
        if tag in ("iframe", "object", "embed") or ("http-equiv", "refresh") in attrs:
            self.wrong = self.wrong or f"an element <{tag}> asks a network"

    def handle_endtag(self, tag: str) -> None:
        self._raw = "" if tag == self._raw else self._raw

    def handle_data(self, data: str) -> None:
        if self._raw and _MARK in data:
            self.wrong = f"a name became a {self._raw}"
        if self._raw == "style" and _asks(data):
            self.wrong = "a style asks a network"

    def handle_comment(self, data: str) -> None:
        if _MARK in data:
            self.wrong = "a name became a comment"


_FETCHED = frozenset({"src", "srcset", "poster", "data", "action", "formaction", "background"})
_LED = frozenset({"href", "xlink:href"})


def _asks(style: str) -> bool:
    low = style.lower()
    return "@import" in low or ("url(" in low and "url(#" not in low and "url(data:" not in low)


def _harmless(text: str) -> None:
    reader = _Reader()
    reader.feed(text)
    _hold(reader.wrong is None, f"something of the subject became markup: {reader.wrong}")
    for one in (f"<b>{_MARK}", f"&{_MARK};"):
        _hold(one not in text, "something of the subject became markup: it is not escaped")


def _well_formed(text: str) -> None:
    parser = expat.ParserCreate()
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise AssertionError(f"the drawing is not well-formed: {error}") from None


def _hold(held: object, law: str) -> None:
    if not held:
        raise AssertionError(law)
