"""Which request ids may have a stored answer, known without asking the database.

Nearly every request is a new one, and a look-up that finds nothing costs as much as one that finds something. A Bloom
filter answers most of them: what it does not know was never saved; what it seems to know is looked up.

The ids of before the start are read in small steps from the event loop; until they are all read, every id is looked up.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Final

import structlog

from strowger.storage.queries import QUERIES

BITS_PER_ID: Final = 8
"""With two bits set for each id, one look-up in twenty is needless when a generation is full."""
READ_ROWS: Final = 500
"""Ids read in one step: well below a millisecond."""

_log: Final = structlog.stdlib.get_logger(__name__)


class _Generation:
    """The ids saved in one stretch of time: a Bloom filter with a fixed room."""

    __slots__ = ("_bits", "_last", "room")

    def __init__(self, room: int) -> None:
        size = 1 << (room * BITS_PER_ID - 1).bit_length()
        self._last = size - 1
        self._bits = bytearray(size // 8)
        self.room = room

    def add(self, digest: int) -> None:
        for bit in (digest & self._last, digest >> 32 & self._last):
            self._bits[bit >> 3] |= 1 << (bit & 7)
        self.room -= 1

    def may_hold(self, digest: int) -> bool:
        bits, bit = self._bits, digest & self._last
        if not bits[bit >> 3] >> (bit & 7) & 1:
            return False
        bit = digest >> 32 & self._last
        return bool(bits[bit >> 3] >> (bit & 7) & 1)


class RequestIds:
    """The ids of at least the newest `kept` receipts. All methods are for the event loop's thread."""

    __slots__ = ("_newer", "_older", "_reader", "_reading", "_room", "is_complete")

    def __init__(self, reader: sqlite3.Connection, loop: asyncio.AbstractEventLoop, kept: int) -> None:
        """Start reading the ids that are stored. `kept` is the number of receipts that pruning leaves."""
        self.is_complete = False
        """Whether every stored id has been read."""
        # Twice as many, so that reading what is stored pushes out nothing that is saved meanwhile.
        self._room = 2 * max(kept, 1)
        self._newer = _Generation(self._room)
        self._older = _Generation(1)
        self._reader = reader
        self._reading = loop.call_soon(self._begin, loop, kept)

    def add(self, scope: str, request_id: str) -> None:
        """An answer is about to be saved under this id."""
        if self._newer.room == 0:  # more than was ever kept came after the ids of the older generation
            self._older, self._newer = self._newer, _Generation(self._room)
        self._newer.add(hash((scope, request_id)))

    def may_hold(self, scope: str, request_id: str) -> bool:
        """False when certainly no answer is stored under this id."""
        digest = hash((scope, request_id))
        return not self.is_complete or self._newer.may_hold(digest) or self._older.may_hold(digest)

    def close(self) -> None:
        """Read no further."""
        self._reading.cancel()

    def _begin(self, loop: asyncio.AbstractEventLoop, kept: int) -> None:
        try:
            newest = self._reader.execute(QUERIES["newest_receipt"]).fetchone()[0]
        except sqlite3.Error as error:
            _give_up(error)
        else:
            self._read(loop, max(newest - kept, 0))

    def _read(self, loop: asyncio.AbstractEventLoop, after: int) -> None:
        try:
            rows = self._reader.execute(QUERIES["receipt_ids"], (after, READ_ROWS)).fetchall()
        except sqlite3.Error as error:
            _give_up(error)
            return
        for _, scope, request_id in rows:
            self.add(scope, request_id)
        if len(rows) < READ_ROWS:
            self.is_complete = True
        else:
            self._reading = loop.call_soon(self._read, loop, rows[-1][0])


def _give_up(error: sqlite3.Error) -> None:
    """Nothing is wrong but the speed: without all ids, every id is looked up."""
    _log.warning("the stored request ids cannot be read: every request id is looked up", error=str(error))
