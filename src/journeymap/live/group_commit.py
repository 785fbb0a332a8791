"""Group commit: what several threads record at once is written in one transaction."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import pairwise

from attrs import define

from journeymap.adapters.stores.forks import call_at_fork
from journeymap.exceptions import StoreError
from journeymap.interactions import Interaction
from journeymap.live.recording import Receipt

__all__ = ["GroupCommit", "WrittenAnywayError", "write_each"]

MAX_TOGETHER = 1000
"""Interactions written in one transaction at most, unless one call gives more: well below 1 s."""
_PATIENCE = 1.0  # seconds that a caller waits for others, before it writes alone
Given = tuple[Interaction, ...]
Receipts = tuple[Receipt, ...]


class WrittenAnywayError(BaseException):
    """A write was interrupted, such as by a signal, when it was committed already.

    Attributes:
        receipts: What was written.
        cause: What interrupted it.
    """

    def __init__(self, receipts: Receipts, cause: BaseException) -> None:
        super().__init__(cause)
        self.receipts, self.cause = receipts, cause


@define(eq=False)
class _Request:
    """Some interactions of one caller, and what came of them; ``woken`` is released then."""

    given: Given
    woken: threading.Lock
    result: Receipts | Exception | None = None


class GroupCommit:
    """Writes what callers bring, each alone or with those who came while another was written.

    Who comes first writes at once, and waits for no one. Who comes while that goes on waits, and
    the first of them then writes for all of them. A call returns when its own is durable. Where
    several may write at once, who has waited for long writes alone: the one who writes may wait for
    a customer's row, which another transaction holds.
    """

    def __init__(self, write: Callable[[Given], Receipts], *, concurrent: bool = False) -> None:
        """Prepare to write.

        Args:
            write: Writes interactions in one transaction.
            concurrent: Whether several may write at once, so that who has waited for long does.
        """
        self._write, self._patience = write, _PATIENCE if concurrent else -1.0
        self._begin_anew()
        call_at_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[_Request] = deque()
        self._busy = False
        self._chosen: _Request | None = None

    def record(self, given: Given) -> Receipts:
        """Write some interactions; raise what writing them raises."""
        request = _Request(given, threading.Lock())
        request.woken.acquire()
        with self._guard:
            self._waiting.append(request)
            first, self._busy = not self._busy, True
        try:
            if not first and not request.woken.acquire(timeout=self._patience):
                if self._take_back(request):
                    return self._write_one(given)
                request.woken.acquire()  # it is being written, or it is its turn to write
            if request.result is None:
                self._write_next()
        except BaseException:
            self._leave(request, leads=first)
            raise
        assert request.result is not None  # noqa: S101  # it was the first of those written
        if isinstance(request.result, Exception):
            raise request.result
        return request.result

    def _write_one(self, given: Given) -> Receipts:
        try:
            return self._write(given)
        except WrittenAnywayError as found:
            raise found.cause from None

    def _take_back(self, request: _Request) -> bool:
        """Take away a request that waits, unless it is its turn; whether it was there."""
        with self._guard:
            if request not in self._waiting or self._chosen is request:
                return False
            self._waiting.remove(request)
            return True

    def _leave(self, request: _Request, *, leads: bool) -> None:
        """Take away the request of a thread that was interrupted; hand over if it was to write."""
        with self._guard:
            if request in self._waiting:
                leads = leads or self._chosen is request
                self._waiting.remove(request)
            else:
                leads = False  # it was written, or those with it are waiting again
        if leads:
            self._hand_over()

    def _write_next(self) -> None:
        """Write the requests that wait, the first ones if they are many; wake who waits."""
        with self._guard:
            batch = [self._waiting.popleft()]
            size = len(batch[0].given)
            while self._waiting and size + len(self._waiting[0].given) <= MAX_TOGETHER:
                batch.append(self._waiting.popleft())
                size += len(batch[-1].given)
        try:
            results, interrupted = write_each(self._write, [one.given for one in batch])
        except BaseException:  # this thread is to end: the others' are written by one of them
            with self._guard:
                self._waiting.extendleft(reversed(batch[1:]))
            self._hand_over()
            raise
        for one, result in zip(batch, results, strict=True):
            one.result = result
        self._hand_over()
        for one in batch[1:]:
            one.woken.release()
        if interrupted is not None:
            raise interrupted

    def _hand_over(self) -> None:
        """Let the first of those who wait write, if there is one."""
        with self._guard:
            self._busy = bool(self._waiting)
            following = self._chosen = self._waiting[0] if self._waiting else None
        if following is not None:
            following.woken.release()


Results = list[Receipts | Exception]


def write_each(
    write: Callable[[Given], Receipts], given: list[Given]
) -> tuple[Results, BaseException | None]:
    """Write several requests in one transaction; where that fails, each in its own.

    What was committed is not written again. Also give what interrupted this thread meanwhile: a
    signal raises anything, at any time.
    """
    if len(given) == 1:
        return _write_apart(write, given)
    try:
        return _divide(write(tuple(one for several in given for one in several)), given), None
    except WrittenAnywayError as found:
        return _divide(found.receipts, given), found.cause
    except StoreError as error:
        if error.passing:  # the fault of none of them; it may even be written
            return [StoreError(error.store, error.message, passing=True) for _ in given], None
        return _write_apart(write, given)
    except Exception as error:  # one of them is at fault, and the others are not
        results, interrupted = _write_apart(write, given)
        if interrupted is None and not any(isinstance(one, type(error)) for one in results):
            interrupted = error  # none of them is
        return results, interrupted


def _write_apart(
    write: Callable[[Given], Receipts], given: list[Given]
) -> tuple[Results, BaseException | None]:
    """Write each request in a transaction of its own."""
    results: Results = []
    interrupted: BaseException | None = None
    for one in given:
        try:
            results.append(write(one))
        except WrittenAnywayError as found:
            results.append(found.receipts)
            interrupted = found.cause
        except Exception as error:  # raised by the one whose request it is
            results.append(error)
    return results, interrupted


def _divide(receipts: Receipts, given: list[Given]) -> Results:
    """Give each request its receipts."""
    ends = [0]
    for one in given:
        ends.append(ends[-1] + len(one))
    return [receipts[a:b] for a, b in pairwise(ends)]
