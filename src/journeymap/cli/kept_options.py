"""Options that several commands share: kept beside the command, and put together when it runs."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

__all__ = ["drop_value", "keep_value", "kept_option", "kept_values"]

_META = "journeymap.options"


def keep_value(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep the value of an option: a callback of Click's."""
    context.meta.setdefault(_META, {})[parameter.name] = value


def drop_value(context: click.Context, name: str) -> None:
    """Forget the value of an option."""
    context.meta[_META][name] = None


def kept_values(context: click.Context) -> dict[str, Any]:
    """Return the values that were kept, by the names of their options."""
    return dict(context.meta.get(_META, {}))


kept_option = partial(click.option, expose_value=False, callback=keep_value)
"""Makes an option whose value is kept, and is no argument of the command."""
