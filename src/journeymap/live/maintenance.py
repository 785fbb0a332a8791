"""Maintenance as `Live` offers it: rebuilding, archiving, and taking in the past."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from attrs import evolve

from journeymap.adapters.store import Store
from journeymap.live.adopting import adopt_rules
from journeymap.live.archiving import archive_interactions
from journeymap.live.backfilling import Backfilled, BackfillLog, backfill_store
from journeymap.live.rebuilding import Rebuilt, rebuild
from journeymap.live.recording import Settings
from journeymap.live.resolution import IdentityResolution
from journeymap.live.states import States
from journeymap.tracking.fold_state import utc

__all__ = ["StoreMaintenance"]


class StoreMaintenance:
    """The part of `Live` that looks after the whole store."""

    _store: Store
    _states: States
    _settings: Settings
    _resolution: IdentityResolution | None

    def backfill(
        self, log: BackfillLog, progress: Callable[[int], None] | None = None
    ) -> Backfilled:
        """Take in the past of customers whom the store does not know yet, from a log.

        Journals and states are those of recording what the log has and letting time pass to the
        end of the log, many times as fast. No signal of the past is handed out; what comes due
        after the log's end does so with ``advance``. Customers whom the store knows are passed
        over, so work that was interrupted goes on with the next call. A log keeps no ids of
        interactions: what is recorded later is not recognised as one of these.

        Args:
            log: The log, such as `journeymap.analysis.Log`, read with this map.
            progress: Called with the number of customers done so far.

        Returns:
            How many were taken in, and who was left out.

        Raises:
            StateError: The log was read with another map, or none.
            StoreError: The store failed; call again to go on.
        """
        return backfill_store(self._states, self._settings, log, progress)

    def rebuild(self, progress: Callable[[int], None] | None = None) -> Rebuilt:
        """Apply this version of the map, and of the rules for identities, to every customer.

        States are folded again from the journal. Nothing of the past is carried out again, but
        where customers turn out to be one, or two. Work that was interrupted goes on where it
        stopped.

        Args:
            progress: Called with the number of customers done so far.

        Returns:
            What changed in the map and in the rules, and for whom.

        Raises:
            StoreError: The store failed; call again to go on.
        """
        adopted = None if self._resolution is None else adopt_rules(self._resolution, progress)
        done = rebuild(self._states, progress)
        if adopted is None:
            return done
        return evolve(done, rules=adopted.changes, regrouped=adopted.regrouped,
                      resolved=adopted.resolved)  # fmt: skip

    def archive(self, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Pack interactions that happened before a time, so that they take less room.

        No answer changes: duplicates are recognised, late ones are put where they belong, and
        ``history``, ``as_of``, ``export``, ``rebuild`` and `Log.from_store` read the archive as
        they read the journal. Work that was interrupted goes on with the next call.

        Args:
            before: The time.
            progress: Called with the number of customers done so far.

        Returns:
            How many interactions were packed.

        Raises:
            InteractionError: The time has no zone.
            StoreError: The store failed; call again to go on.
        """
        return archive_interactions(self._store, utc(before, "Live", "before"), progress)
