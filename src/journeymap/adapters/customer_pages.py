"""All customers of a store, so many at a time, each page in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias, TypeVar

from journeymap.adapters.store import Transaction

__all__ = ["customer_pages"]

T = TypeVar("T")
Page: TypeAlias = tuple[list[str], T | None]


def customer_pages(
    run: Callable[[Callable[[Transaction], Page[T]]], Page[T]],
    size: int,
    work: Callable[[Transaction, list[str]], T],
) -> Iterator[tuple[list[str], T]]:
    """Do work on all customers, in the order of their names.

    Args:
        run: Runs a transaction, such as ``store.read``.
        size: How many customers a page has.
        work: What to do with the customers of a page.

    Yields:
        The names of a page, and what the work returned.
    """
    after = ""
    while True:

        def page(tx: Transaction, after: str = after) -> Page[T]:
            names = tx.states.list_customers(after, size)
            return names, work(tx, names) if names else None

        names, found = run(page)
        if not names or found is None:
            return
        yield names, found
        after = names[-1]
