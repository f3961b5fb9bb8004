"""The store that forgets: everything in memory, the same behaviour as the SQLite store, nothing left at the end.

For tests and for trials in which no call has to survive. It is held to its contract by the same tests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

import msgspec

from strowger.calls.call import Call
from strowger.calls.errors import CallError, StoreUnavailable
from strowger.calls.ports import Commit, Done, OutboxEntry, Receipt, StoredCall
from strowger.storage.bindings import MemoryBindings
from strowger.storage.dead_letters import MemoryDeadLetters
from strowger.storage.errors import RecordUnreadable
from strowger.storage.identities import MemoryIdentities, MemorySigningKeys
from strowger.storage.pull import MemoryPull
from strowger.storage.retention import ENDED_LEG_KEPT_S, EXPIRED_EVENT_KEPT_S, PREFIX_LENGTH, PRUNE_ROWS, Retention
from strowger.storage.statements import lost
from strowger.storage.subscriptions import MemorySubscriptions
from strowger.storage.token_passwords import MemoryTokenPasswords

_decode: Final = msgspec.json.Decoder(Call).decode


class _Row:
    """One call as stored."""

    __slots__ = ("encoded", "ended_at", "leg", "number", "revision")

    def __init__(self, number: int, unit: Commit) -> None:
        self.number = number
        self.leg = unit.leg
        self.change(unit)

    def change(self, unit: Commit) -> None:
        self.encoded = unit.call
        self.ended_at = unit.ended_at
        self.revision = unit.revision


class MemoryStore:
    """A `calls.ports.Store` in memory. All methods are for the event loop's thread."""

    def __init__(
        self, later: Callable[[Callable[[], None]], object], retention: Retention, *, last_event_number: int = 0
    ) -> None:
        """`later` runs a function soon, in the order given, never before it has returned: `loop.call_soon`.

        The first event gets the number after `last_event_number`: the time of the start, so that numbers of an earlier
        run are not given again.
        """
        self.events_dropped = 0
        """Undelivered events dropped because too many were pending."""
        self.bindings = MemoryBindings(later)
        """The contacts of users."""
        self.identities = MemoryIdentities(later)
        """Users that were created while the server ran."""
        self.signing_keys = MemorySigningKeys(later)
        """The keys that sign their tokens."""
        self.token_passwords = MemoryTokenPasswords(later)
        """What is kept of their tokens for phones."""
        self.subscriptions = MemorySubscriptions(later)
        """What was said of subscriptions while the server ran."""
        self.pull = MemoryPull(later, self._forget_entry, last_event_number)
        """The outbox, for applications that fetch their events."""
        self._later = later
        self._retention = retention
        self._calls: dict[str, _Row] = {}
        self._arrived = 0
        self._ended: deque[_Row] = deque()
        self._outbox: dict[tuple[str, str], OutboxEntry] = {}
        self._entries_of: dict[str, list[str]] = {}
        self._receipts: dict[tuple[str, str], tuple[int, Receipt]] = {}
        self._receipts_saved = 0
        self._secrets: dict[str, bytes] = {}
        self._pruning = False
        self._closed = False
        self.dead_letters = MemoryDeadLetters(later, self._keep_entry, self.delivered)
        """Events that were given up."""

    # ------------------------------------------------------------------------------------------------------- changes

    def commit(self, unit: Commit, done: Done) -> None:
        """Keep one decision; `done` gets None, or `HopClosed` when another was first."""
        self._answer(done, self._closed_error() or self._write(unit))

    def add_events(self, entries: Sequence[OutboxEntry], done: Done) -> None:
        """Keep events that come with no change of a call."""
        error = self._closed_error()
        if error is None:
            for entry in entries:
                self._keep_entry(entry)
        self._answer(done, error)

    def save_receipt(self, receipt: Receipt, done: Done) -> None:
        """Keep the answer to a request that changed no call; it replaces one under the same id."""
        error = self._closed_error()
        if error is None:
            self._keep_receipt(receipt)
        self._answer(done, error)

    def delivered(self, entry: OutboxEntry) -> None:
        """The entry needs no further attempt."""
        self._forget_entry((entry.event_id, entry.subscription))

    def tried(self, entry: OutboxEntry) -> None:
        """Keep how often the entry was tried."""
        key = (entry.event_id, entry.subscription)
        if key in self._outbox:
            self._outbox[key] = entry

    def secret(self, name: str, make: Callable[[], bytes]) -> bytes:
        """A secret of this run, made on first use."""
        found = self._secrets.get(name)
        if found is None:
            found = self._secrets[name] = make()
        return found

    def is_writable(self) -> bool:
        """Whether changes are taken: until `close`."""
        return not self._closed

    def close(self) -> None:
        """Take no further changes. May be called again."""
        self._closed = True
        for each in (
            self.bindings,
            self.identities,
            self.signing_keys,
            self.token_passwords,
            self.subscriptions,
            self.dead_letters,
            self.pull,
        ):
            each.close()

    def _closed_error(self) -> CallError | None:
        return StoreUnavailable("the store is closed") if self._closed else None

    def _answer(self, done: Done, error: CallError | None) -> None:
        self._later(lambda: done(error))

    def _write(self, unit: Commit) -> CallError | None:
        row = self._calls.get(unit.call_id)
        if (row.revision if row else 0) != unit.revision - 1:
            return lost(unit)
        if row is None:
            self._arrived += 1
            row = self._calls[unit.call_id] = _Row(self._arrived, unit)
        else:
            row.change(unit)
        if row.ended_at:
            self._ended.append(row)
        for subscription in tuple(self._entries_of.get(unit.withdrawn, ())):
            if not self._outbox[unit.withdrawn, subscription].outlives_hop:
                self._forget_entry((unit.withdrawn, subscription))
        for entry in unit.events:
            self._keep_entry(entry)
        if unit.receipt is not None:
            self._keep_receipt(unit.receipt)
        return None

    def _keep_entry(self, entry: OutboxEntry) -> None:
        key = (entry.event_id, entry.subscription)
        if key not in self._outbox:
            self._outbox[key] = entry
            self.pull.came(entry)
            self._entries_of.setdefault(entry.event_id, []).append(entry.subscription)

    def _forget_entry(self, key: tuple[str, str]) -> None:
        if self._outbox.pop(key, None) is None:
            return
        self.pull.left(key)
        event_id, subscription = key
        left = self._entries_of[event_id]
        left.remove(subscription)
        if not left:
            del self._entries_of[event_id]

    def _keep_receipt(self, receipt: Receipt) -> None:
        key = (receipt.scope, receipt.request_id)
        number = self._receipts[key][0] if key in self._receipts else self._receipts_saved + 1
        self._receipts_saved = max(self._receipts_saved, number)
        self._receipts[key] = (number, receipt)

    # ------------------------------------------------------------------------------------------------------- pruning

    def prune(self, now: float) -> None:
        """Start dropping what has been kept long enough, a few rows at a time."""
        if not self._pruning:
            self._pruning = True
            self._later(lambda: self._prune_step(now))

    def _prune_step(self, now: float) -> None:
        dropped = self._drop_legs(now) + self._prune_calls(now) + self._prune_receipts(now) + self._prune_events(now)
        self._pruning = dropped > 0
        if self._pruning:
            self._later(lambda: self._prune_step(now))

    def _drop_legs(self, now: float) -> int:
        dropped = 0
        while self._ended and dropped < PRUNE_ROWS and self._ended[0].ended_at < now - ENDED_LEG_KEPT_S:
            self._ended.popleft().leg = b""
            dropped += 1
        return dropped

    def _prune_calls(self, now: float) -> int:
        before = now - self._retention.calls_kept_for_s
        last = self._arrived - self._retention.calls_kept
        oldest = list(islice(self._calls.items(), PRUNE_ROWS))
        gone = [key for key, row in oldest if row.ended_at and (row.ended_at < before or row.number <= last)]
        for key in gone:
            del self._calls[key]
        return len(gone)

    def _prune_receipts(self, now: float) -> int:
        before = now - self._retention.receipts_kept_for_s
        last = self._receipts_saved - self._retention.receipts_kept
        oldest = list(islice(self._receipts.items(), PRUNE_ROWS))
        gone = [key for key, (number, receipt) in oldest if receipt.accepted_at < before or number <= last]
        for key in gone:
            del self._receipts[key]
        return len(gone)

    def _prune_events(self, now: float) -> int:
        expired = [key for key, entry in self._outbox.items() if entry.expires_at <= now - EXPIRED_EVENT_KEPT_S]
        for key in expired:
            self._forget_entry(key)
        surplus = list(islice(self._outbox, max(0, len(self._outbox) - self._retention.events_pending)))
        for key in surplus:
            self._forget_entry(key)
        self.events_dropped += len(surplus)
        return len(expired) + len(surplus)

    # --------------------------------------------------------------------------------------------------------- reads

    def find_receipt(self, scope: str, request_id: str) -> Receipt | None:
        """The stored answer to a request id, if any."""
        found = self._receipts.get((scope, request_id))
        return found[1] if found else None

    def live_calls(self) -> list[StoredCall]:
        """Every call that has not ended, oldest first."""
        return [_stored(key, row) for key, row in self._calls.items() if not row.ended_at]

    def ended_calls(self, since: float) -> list[StoredCall]:
        """Calls that ended at or after `since`, oldest first."""
        return [_stored(key, row) for key, row in self._calls.items() if row.ended_at and row.ended_at >= since]

    def pending_events(self) -> list[OutboxEntry]:
        """Every undelivered entry, oldest first, expired or not."""
        return list(self._outbox.values())

    def find_call(self, call_id: str) -> Call | None:
        """One call by its id or by a unique prefix of at least four characters."""
        found = [call_id] if call_id in self._calls else []
        if not found and len(call_id) >= PREFIX_LENGTH:
            found = list(islice((key for key in self._calls if key.startswith(call_id)), 2))
        return _call(found[0], self._calls[found[0]]) if len(found) == 1 else None

    def recent_calls(self, limit: int) -> list[Call]:
        """The newest calls first."""
        return [_call(key, self._calls[key]) for key in islice(reversed(self._calls), max(limit, 0))]


def _call(call_id: str, row: _Row) -> Call:
    try:
        return _decode(row.encoded)
    except msgspec.MsgspecError as error:
        raise RecordUnreadable(call_id, error) from error


def _stored(call_id: str, row: _Row) -> StoredCall:
    return StoredCall(_call(call_id, row), row.revision, row.leg)
