"""What goes wrong at the sockets: counted always, logged without letting a flood flood the log."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import structlog

from strowger.base.text import printable

LOG_EVERY_S: Final = 10.0
"""Seconds between two log lines for the same trouble; what happened between is counted into the next one."""

_log: Final = structlog.stdlib.get_logger(__name__)


class Trouble(StrEnum):
    """Why something was dropped, closed or not delivered. The value is the label of the metric."""

    DATAGRAM_TOO_LONG = "datagram too long"
    RECEIVE_FAILED = "receive failed"
    LOST_IN_SENDING = "lost in sending"
    UNDELIVERED = "undelivered"
    QUEUE_FULL = "queue full"
    CONNECTIONS_FULL = "connections full"
    ADDRESS_FULL = "address full"
    FILES_EXHAUSTED = "files exhausted"
    SILENT = "silent connection"
    SLOW_MESSAGE = "slow message"
    NOT_READING = "peer does not read"
    UNFRAMEABLE = "unframeable stream"
    IDLE = "idle connection"
    HANDSHAKE = "handshake failed"
    CERTIFICATE = "certificate not renewed"


class Counters:
    """What passed through the sockets since the start. Read it as often as you like; only this room writes."""

    __slots__ = (
        "connections_accepted",
        "connections_open",
        "connections_opened",
        "datagrams_in",
        "datagrams_out",
        "keep_alives",
        "look_ups",
        "messages_in",
        "messages_out",
        "troubles",
    )

    def __init__(self) -> None:
        """Everything at zero."""
        self.datagrams_in = 0
        """Datagrams handed up."""
        self.datagrams_out = 0
        self.messages_in = 0
        """Messages of connections handed up."""
        self.messages_out = 0
        """Messages given to connections."""
        self.keep_alives = 0
        """Keep-alives swallowed (UDP) or answered (everything else)."""
        self.connections_open = 0
        """A gauge: connections now."""
        self.connections_accepted = 0
        self.connections_opened = 0
        """Connections that we opened."""
        self.look_ups = 0
        """Host names asked for at the resolver."""
        self.troubles: dict[str, int] = {str(trouble): 0 for trouble in Trouble}
        """Things dropped, closed or not delivered, by `Trouble`."""


class Troubles:
    """Counts each trouble and logs the first of its kind, then at most one in `LOG_EVERY_S`."""

    __slots__ = ("_counters", "_next_line", "_now", "_unlogged")

    def __init__(self, counters: Counters, now: Callable[[], float]) -> None:
        """`now` returns monotonic seconds."""
        self._counters = counters
        self._now = now
        self._next_line: dict[Trouble, float] = {}
        self._unlogged: dict[Trouble, int] = {}

    def note(self, trouble: Trouble, sentence: str, peer: str = "") -> None:
        """Count `trouble`; `sentence` says what happened and, where there is one, the setting that decides it."""
        self._counters.troubles[trouble] += 1
        now = self._now()
        if now < self._next_line.get(trouble, now):
            self._unlogged[trouble] = self._unlogged.get(trouble, 0) + 1
            return
        self._next_line[trouble] = now + LOG_EVERY_S
        _log.warning(
            printable(sentence),
            trouble=str(trouble),
            peer=printable(peer),
            not_logged=self._unlogged.pop(trouble, 0),
        )
