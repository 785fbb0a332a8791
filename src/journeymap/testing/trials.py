"""How the laws of every kind are tried: many examples, without shrinking, and one named law."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

__all__ = ["broken_law_named", "trial_settings", "try_laws"]


def trial_settings(examples: int, steps: int = 50) -> settings:
    """Make settings for so many examples, of so many steps each where there are steps.

    Nothing is shrunk: that a law is broken counts, and shrinking takes long.
    """
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
        print_blob=False, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@contextmanager
def broken_law_named() -> Iterator[None]:
    """Reduce what Hypothesis reports of a broken law to the line that names it."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(str(error).split("\n", maxsplit=1)[0]) from None


def try_laws(laws: Callable[..., None], *arguments: SearchStrategy[Any], examples: int) -> None:
    """Try laws, a function that asserts them, with so many examples of its arguments."""
    with broken_law_named():
        trial_settings(examples)(given(*arguments)(laws))()
