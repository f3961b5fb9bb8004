"""What each change means in SQL: run inside a transaction that somebody else begins and ends."""

from __future__ import annotations

import sqlite3
from typing import Any, Final, NamedTuple

from strowger.calls.errors import HopClosed
from strowger.calls.ports import Commit, OutboxEntry, Receipt
from strowger.storage.queries import QUERIES
from strowger.storage.retention import ENDED_LEG_KEPT_S, EXPIRED_EVENT_KEPT_S, PRUNE_ROWS, Retention

_INSERT_CALL: Final = QUERIES["insert_call"]
_INSERT_LEG: Final = QUERIES["insert_leg"]
_UPDATE_CALL: Final = QUERIES["update_call"]
_INSERT_EVENT: Final = QUERIES["insert_event"]
_WITHDRAW_EVENT: Final = QUERIES["withdraw_event"]
_UPSERT_RECEIPT: Final = QUERIES["upsert_receipt"]


def write_commit(cursor: sqlite3.Cursor, unit: Commit) -> HopClosed | None:
    """Write one decision, or nothing and return why when the compare-and-set is lost. Raises sqlite3.Error."""
    execute = cursor.execute
    if unit.revision == 1:
        execute(
            _INSERT_CALL,
            (unit.call_id, unit.resource, unit.state, unit.created_at, unit.ended_at, unit.call),
        )
    else:
        execute(
            _UPDATE_CALL,
            (unit.state, unit.ended_at, unit.revision, unit.call, unit.call_id, unit.revision - 1),
        )
    if cursor.rowcount == 0:
        return lost(unit)
    if unit.revision == 1:
        execute(_INSERT_LEG, (cursor.lastrowid, unit.leg))
    if unit.withdrawn:
        execute(_WITHDRAW_EVENT, (unit.withdrawn,))
    for entry in unit.events:
        insert_event(cursor, entry)
    if unit.receipt is not None:
        write_receipt(cursor, unit.receipt)
    return None


def lost(unit: Commit) -> HopClosed:
    """The refusal of a decision that came after another one."""
    return HopClosed(f"somebody else decided first: revision {unit.revision} does not follow the stored one")


def insert_event(cursor: sqlite3.Cursor, entry: OutboxEntry) -> None:
    """Keep one event that is to be delivered. Raises sqlite3.Error."""
    cursor.execute(
        _INSERT_EVENT,
        (
            entry.event_id,
            entry.subscription,
            entry.call_id,
            entry.body,
            entry.created_at,
            entry.expires_at,
            entry.outlives_hop,
            entry.attempts,
            entry.last_attempt_at,
            entry.last_outcome,
        ),
    )


def outbox_entry(row: tuple[Any, ...]) -> OutboxEntry:
    """An event that is to be delivered, of its columns in the order of `insert_event`."""
    event_id, subscription, call_id, body, created_at, expires_at, outlives_hop, attempts, at, outcome = row
    lasts = bool(outlives_hop)
    return OutboxEntry(event_id, subscription, call_id, body, created_at, expires_at, lasts, attempts, at, outcome)


def write_receipt(cursor: sqlite3.Cursor, receipt: Receipt) -> None:
    """Keep one answer. Raises sqlite3.Error."""
    cursor.execute(
        _UPSERT_RECEIPT,
        (
            receipt.scope,
            receipt.request_id,
            receipt.fingerprint,
            receipt.accepted_at,
            receipt.status,
            receipt.body,
            receipt.correlation_id,
        ),
    )


class Pruning(NamedTuple):
    """How far the dropping of old rows has come: one step of it is a few rows of each table."""

    now: float
    """Wall clock, seconds."""
    after: int = 0
    """The outbox is looked through up to this number."""


class Pruned(NamedTuple):
    """What one step did."""

    following: Pruning | None
    """The next step; None when there was nothing left to drop."""
    events_dropped: int
    """Events lost because too many were pending."""


def prune_step(cursor: sqlite3.Cursor, retention: Retention, step: Pruning) -> Pruned:
    """Drop at most PRUNE_ROWS old rows of each table. Raises sqlite3.Error."""
    now = step.now
    rows = 0
    for name, values in (
        ("drop_legs", (now - ENDED_LEG_KEPT_S, PRUNE_ROWS)),
        ("prune_calls", (PRUNE_ROWS, now - retention.calls_kept_for_s, retention.calls_kept)),
        ("prune_receipts", (PRUNE_ROWS, now - retention.receipts_kept_for_s, retention.receipts_kept)),
    ):
        cursor.execute(QUERIES[name], values)
        rows += cursor.rowcount
    upto = cursor.execute(QUERIES["outbox_window"], (step.after, PRUNE_ROWS)).fetchone()[0]
    if upto is not None:
        cursor.execute(QUERIES["expire_events"], (step.after, upto, now - EXPIRED_EVENT_KEPT_S))
    events_dropped = _drop_surplus_events(cursor, retention.events_pending)
    if rows == 0 and events_dropped == 0 and upto is None:
        return Pruned(None, 0)
    return Pruned(Pruning(now, step.after if upto is None else upto), events_dropped)


def _drop_surplus_events(cursor: sqlite3.Cursor, limit: int) -> int:
    span = cursor.execute(QUERIES["outbox_span"]).fetchone()[0]
    if span is None or span <= limit:
        return 0
    surplus = int(cursor.execute(QUERIES["count_events"]).fetchone()[0]) - limit
    if surplus <= 0:
        return 0
    cursor.execute(QUERIES["drop_oldest_events"], (min(surplus, PRUNE_ROWS),))
    return cursor.rowcount
