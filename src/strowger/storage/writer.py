"""The one thread that writes: takes all changes that wait, writes them in one transaction, and reports them together.

    event loop                      writer thread
    submit ──▶ queue ──────────────▶ take the group
                                     BEGIN, every change, COMMIT    one wait for the disk
    done, done, done ◀── one wake-up ── report

A change that loses its compare-and-set, or that SQLite cannot represent, fails alone; anything else that goes wrong
fails the whole group, and the next group tries the disk again. While writes fail and nobody asks for one, the thread
tries by itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

import structlog

from strowger.calls.errors import CallError, StoreUnavailable
from strowger.calls.ports import Commit, Done, OutboxEntry, Receipt
from strowger.storage.change import Change
from strowger.storage.queries import QUERIES
from strowger.storage.retention import Retention
from strowger.storage.statements import Pruning, prune_step, write_commit, write_receipt

QUEUE_LIMIT: Final = 10_000
"""Changes that may wait; more are refused at once."""
GROUP_LIMIT: Final = 200
"""Changes in one transaction, so that the first of many does not wait for the last."""
PATIENCE_S: Final = 0.02
"""Seconds that a patient change waits for another to be written along with."""
LAZY_DELETE_S: Final = 0.2
"""Seconds after which delivered events are deleted when no other change takes them along."""
DELIVERED_LIMIT: Final = 10_000
"""Delivered events not deleted yet; beyond it the oldest stay in the outbox until they expire."""
RETRY_S: Final = 1.0
"""Seconds between two attempts to write while writing fails and nothing is asked for."""

Work = Commit | Receipt | Change | Pruning | None
"""A change; None only wakes the thread."""
Item = tuple[Work, Done]
DeliveredKey = tuple[str, str, bool]
"""Event id, subscription, and whether it outlives its hop."""
T = TypeVar("T")
Outcome = tuple[Done, CallError | None]

_STORE_FAULTS: Final = (sqlite3.Error, MemoryError)
_UNIT_FAULTS: Final = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What SQLite cannot represent, such as text with half a surrogate pair: the change is at fault, not the disk."""

_DELETE_DELIVERED: Final = QUERIES["delete_delivered"]
_STOP: Final = Pruning(now=-1.0, after=-1)
_log: Final = structlog.stdlib.get_logger(__name__)


class Writer:
    """Owns the connection that writes. All methods are for the event loop's thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        loop: asyncio.AbstractEventLoop,
        retention: Retention,
        queue_limit: int = QUEUE_LIMIT,
    ) -> None:
        """Start the thread; it ends with `close`."""
        self.events_dropped = 0
        """Events lost because too many were pending."""
        self.writable = True
        """Whether the last write succeeded."""
        self._connection = connection
        self._cursor = connection.cursor()
        self._loop = loop
        self._retention = retention
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self._queue_limit = queue_limit
        self._delivered: deque[DeliveredKey] = deque(maxlen=DELIVERED_LIMIT)
        self._lazy: asyncio.TimerHandle | None = None
        self._patient: deque[Item] = deque()
        self._company: asyncio.TimerHandle | None = None
        self._pruning = False
        self._closed = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="strowger-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Commit | Receipt | Change, done: Done) -> None:
        """Queue a change; `done` is called from the event loop once it is durable or refused."""
        if self._ended or self._closed:
            self._loop.call_soon(done, StoreUnavailable("the store is closed"))
        elif self._queue.qsize() + len(self._patient) >= self._queue_limit:
            self._loop.call_soon(done, StoreUnavailable(f"{self._queue_limit} changes wait to be written already"))
        elif (type(work) is Commit and work.is_patient) or isinstance(work, Change):
            self._wait_for_company(work, done)
        else:
            self._queue.put((work, done))

    def _wait_for_company(self, work: Commit | Change, done: Done) -> None:
        self._patient.append((work, done))
        if self._company is None:
            self._company = self._loop.call_later(PATIENCE_S, self._write_patient)

    def _write_patient(self) -> None:
        self._company = None
        if self._patient:
            self._queue.put((None, nobody))

    def delivered(self, entry: OutboxEntry) -> None:
        """Delete the entry along with the next change, or soon."""
        if self._closed:
            return
        self._delivered.append((entry.event_id, entry.subscription, entry.outlives_hop))
        if self._lazy is None:
            self._lazy = self._loop.call_later(LAZY_DELETE_S, self._delete_delivered)

    def _delete_delivered(self) -> None:
        self._lazy = None
        if self._delivered:
            self._queue.put((None, nobody))

    def prune(self, now: float) -> None:
        """Start dropping old rows, a few at a time between other changes; nothing when that is going on already."""
        if not self._pruning and not self._closed:
            self._pruning = True
            self._queue.put((Pruning(now), nobody))

    def close(self) -> None:
        """Write what waits, end the thread and close the connection. May be called again."""
        if self._closed:
            return
        self._closed = True
        for timer in (self._lazy, self._company):
            if timer is not None:
                timer.cancel()
        self._queue.put((_STOP, nobody))
        self._thread.join()
        self._connection.close()

    # ------------------------------------------------------------------------------------------- in the writer thread

    def _run(self) -> None:
        group: list[Item] = []
        try:
            running = True
            while running:
                group = self._next_group()
                if self._pruning or self._closed:
                    running = self._write_and_prune(group)
                else:  # nearly always
                    self._report(self._write(group))
                group = []
        finally:  # without a thread nothing may wait for one
            self._ended = True
            self.writable = False
            group += [*[self._queue.get() for _ in range(self._queue.qsize())], *_take(self._patient)]
            self._report([(done, StoreUnavailable("the writer has ended")) for _, done in group])

    def _write_and_prune(self, group: list[Item]) -> bool:
        """Write the changes of a group, then do the steps of pruning in it. False when it is the last one."""
        steps = [work for work, _ in group if type(work) is Pruning]
        changes = [item for item in group if type(item[0]) is not Pruning]
        if changes or self._delivered or not self.writable:
            self._report(self._write(changes))
        if _STOP in steps:
            return False
        for step in steps:
            self._prune(step)
        return True

    def _next_group(self) -> list[Item]:
        """All changes that wait, at least one; none when it is time to try the disk again."""
        get = self._queue.get
        try:
            first = get(timeout=None if self.writable else RETRY_S)
        except Empty:
            return []
        group = [first, *[get() for _ in range(min(self._queue.qsize(), GROUP_LIMIT - 1))]]
        return [*group, *_take(self._patient)] if self._patient else group

    def _write(self, group: list[Item]) -> list[Outcome]:
        delivered = _take(self._delivered)
        try:
            errors = self._transact(group, delivered)
        except (*_STORE_FAULTS, *_UNIT_FAULTS) as error:
            if not isinstance(error, _UNIT_FAULTS):  # else one of them cannot be asked for, and never was stored
                self._delivered.extend(delivered)
            self._failed(error)
            return [(done, StoreUnavailable(f"the database cannot be written: {error}")) for _, done in group]
        self._succeeded()
        return [(done, error) for (_, done), error in zip(group, errors, strict=True)]

    def _transact(self, group: list[Item], delivered: list[DeliveredKey]) -> list[CallError | None]:
        try:
            self._begin()
            errors = [self._apply(work) for work, _ in group]
        except _UNIT_FAULTS:
            self._begin()
            errors = [self._apply_apart(work) for work, _ in group]
        if delivered:
            self._delete(delivered, group, errors)
        if not self.writable:
            # Without a page to write, success would prove nothing.
            self._cursor.execute("PRAGMA user_version=0")
        self._cursor.execute("COMMIT")
        return errors

    def _delete(self, delivered: list[DeliveredKey], group: list[Item], errors: list[CallError | None]) -> None:
        """Most events are withdrawn in the same group, by the decision that their delivery brought about."""
        withdrawn = {
            work.withdrawn for (work, _), error in zip(group, errors, strict=True) if type(work) is Commit and not error
        }
        entries = [entry[:2] for entry in delivered if entry[2] or entry[0] not in withdrawn]
        if entries:
            self._cursor.executemany(_DELETE_DELIVERED, entries)

    def _begin(self) -> None:
        if self._connection.in_transaction:
            # Undoes what failed before: here, so that an undoing that fails is tried again as well.
            self._cursor.execute("ROLLBACK")
        self._cursor.execute("BEGIN IMMEDIATE")

    def _apply(self, work: Work) -> CallError | None:
        if type(work) is Commit:
            return write_commit(self._cursor, work)
        if type(work) is Receipt:
            write_receipt(self._cursor, work)
        elif isinstance(work, Change):
            work.write(self._cursor)
        return None

    def _apply_apart(self, work: Work) -> CallError | None:
        """Like `_apply`, but a change that SQLite cannot represent takes no other with it."""
        self._cursor.execute("SAVEPOINT change")
        try:
            error = self._apply(work)
        except _UNIT_FAULTS as fault:
            self._cursor.execute("ROLLBACK TO change")
            error = StoreUnavailable(f"the change cannot be stored: {fault}")
        self._cursor.execute("RELEASE change")
        return error

    def _prune(self, step: Pruning) -> None:
        try:
            self._begin()
            pruned = prune_step(self._cursor, self._retention, step)
            self._cursor.execute("COMMIT")
        except (*_STORE_FAULTS, *_UNIT_FAULTS) as error:
            self._failed(error)
            self._pruning = False
            return
        self.events_dropped += pruned.events_dropped
        if pruned.following is None:
            self._pruning = False
        else:
            self._queue.put((pruned.following, nobody))

    def _succeeded(self) -> None:
        if not self.writable:
            self.writable = True
            _log.info("the database can be written again")

    def _failed(self, error: BaseException) -> None:
        if self.writable:
            self.writable = False
            _log.error("the database cannot be written", error=str(error))

    def _report(self, outcomes: list[Outcome]) -> None:
        waiting = deque([outcome for outcome in outcomes if outcome[0] is not nobody])
        if waiting and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, waiting)

    # ---------------------------------------------------------------------------------------------- in the event loop

    def _settle(self, waiting: deque[Outcome]) -> None:
        try:
            while waiting:
                done, error = waiting.popleft()
                done(error)
        finally:
            if waiting:  # one of them raised, which the event loop reports; the others are told all the same
                self._loop.call_soon(self._settle, waiting)


def _take(entries: deque[T]) -> list[T]:
    """Empty the deque, to which the event loop goes on adding."""
    return [entries.popleft() for _ in range(len(entries))]


def nobody(error: CallError | None) -> None:
    """The `done` of a change that nobody waits for."""
