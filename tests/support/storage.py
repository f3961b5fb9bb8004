"""Calls, events and receipts to store, and a way to wait for a store without sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from strowger.calls.call import Call, Hop, State
from strowger.calls.errors import CallError
from strowger.calls.identifier import from_raw_id
from strowger.calls.ports import Commit, Done, OutboxEntry, Receipt, Store
from strowger.storage.retention import Retention
from strowger.storage.sqlite import SqliteStore
from strowger.storage.writer import QUEUE_LIMIT

ALICE = from_raw_id("4:+31201110001")
SCOPE = "dev POST /calling/callConnections:redirect"


def a_call(call_id: str, *, created_at: float = 1_000.0, ended_at: float = 0.0) -> Call:
    """A call with one hop."""
    hop = Hop(to=ALICE, opened_at=created_at, expires_at=created_at + 30)
    state = State.ANSWERED if ended_at else State.HELD
    return Call(call_id, "dev", ALICE, "Alice", created_at, [hop], state=state, ended_at=ended_at)


def a_commit(
    call_id: str,
    revision: int = 1,
    *,
    created_at: float = 1_000.0,
    ended_at: float = 0.0,
    leg: bytes = b"",
    events: tuple[OutboxEntry, ...] = (),
    withdrawn: str = "",
    receipt: Receipt | None = None,
) -> Commit:
    """One decision about such a call; a new one has the leg `leg of <id>` unless told."""
    call = a_call(call_id, created_at=created_at, ended_at=ended_at)
    return Commit(
        call=msgspec.json.encode(call),
        call_id=call_id,
        resource="dev",
        state=call.state,
        created_at=created_at,
        ended_at=ended_at,
        revision=revision,
        leg=leg or (f"leg of {call_id}".encode() if revision == 1 else b""),
        events=events,
        withdrawn=withdrawn,
        receipt=receipt,
    )


def an_event(
    event_id: str, subscription: str = "dev/app", *, expires_at: float = 5_000.0, outlives_hop: bool = False
) -> OutboxEntry:
    """An undelivered event."""
    body = b'{"id":"' + event_id.encode() + b'"}'
    return OutboxEntry(event_id, subscription, "a call", body, 1_000.0, expires_at, outlives_hop)


def a_receipt(request_id: str, *, accepted_at: float = 1_000.0, status: int = 204, scope: str = SCOPE) -> Receipt:
    """The answer to a request."""
    return Receipt(scope, request_id, b"\x00\xff", accepted_at, status, b"body", "correlation")


async def commit(store: Store, unit: Commit) -> CallError | None:
    """Write one decision and wait for what became of it."""
    answer: asyncio.Future[CallError | None] = asyncio.get_running_loop().create_future()
    store.commit(unit, answer.set_result)
    return await answer


async def add_events(store: Store, *entries: OutboxEntry) -> CallError | None:
    """Keep events alone and wait for what became of them."""
    answer: asyncio.Future[CallError | None] = asyncio.get_running_loop().create_future()
    store.add_events(entries, answer.set_result)
    return await answer


async def save_receipt(store: Store, receipt: Receipt) -> CallError | None:
    """Keep one receipt and wait for what became of it."""
    answer: asyncio.Future[CallError | None] = asyncio.get_running_loop().create_future()
    store.save_receipt(receipt, answer.set_result)
    return await answer


async def commit_together(store: Store, units: list[Commit]) -> list[CallError | None]:
    """Write decisions without waiting between them; the answers in the order of the decisions."""
    loop = asyncio.get_running_loop()
    answers: list[asyncio.Future[CallError | None]] = [loop.create_future() for _ in units]
    for unit, answer in zip(units, answers, strict=True):
        store.commit(unit, answer.set_result)
    return await asyncio.gather(*answers)


def open_sqlite(tmp_path: Path, *, queue_limit: int = QUEUE_LIMIT) -> SqliteStore:
    """The store of this folder, in the running loop."""
    loop, path = asyncio.get_running_loop(), tmp_path / "strowger.db"
    return SqliteStore.open(path, loop=loop, retention=Retention(), queue_limit=queue_limit)


async def change(*changes: Callable[[Done], None]) -> list[CallError | None]:
    """Ask for all of it without waiting between, and wait for what became of it."""
    loop = asyncio.get_running_loop()
    answers: list[asyncio.Future[CallError | None]] = [loop.create_future() for _ in changes]
    for each, answer in zip(changes, answers, strict=True):
        each(answer.set_result)
    return await asyncio.gather(*answers)


async def pass_by(store: Store, times: int = 3) -> None:
    """Wait until what was asked of the store before has had its turn, by changes that are refused."""
    for _ in range(times):
        await commit(store, a_commit("no such call", revision=99))
