"""Who may have one more connection, and who has to leave for it: places for all, for one address, and for handshakes.

What has never brought a message has proven nothing, so that it goes first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from strowger.sip.transport.connection import LiveConnection
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.numeric import group_of
from strowger.sip.transport.trouble import Trouble, Troubles


class Room:
    """The accepted connections that hold a place, by age.

    `taken` says how many places of all are taken, by connections that we open too; `cut` ends a connection.
    """

    __slots__ = ("_accepted_from", "_cut", "_handshakes", "_limits", "_silent", "_taken", "_troubles")

    def __init__(
        self,
        limits: TransportLimits,
        troubles: Troubles,
        taken: Callable[[], int],
        cut: Callable[[LiveConnection, str], None],
    ) -> None:
        self._limits = limits
        self._troubles = troubles
        self._taken = taken
        self._cut = cut
        self._silent: dict[int, LiveConnection] = {}
        """Those that have brought a message are taken out when looked at."""
        self._handshakes: dict[int, LiveConnection] = {}
        """Those whose TLS or WebSocket handshake is not complete."""
        self._accepted_from: dict[bytes, int] = {}
        """How many by the group of the peer's address."""

    @property
    def handshakes(self) -> Collection[int]:
        """The numbers of the connections whose handshake is not complete."""
        return self._handshakes.keys()

    def has_place_for(self, host: str, *, is_stopping: bool) -> bool:
        """Whether `host` may have one more accepted connection; room is made, or the refusal noted."""
        if self._accepted_from.get(group_of(host), 0) >= self._limits.tcp_connections_per_address:
            limit = self._limits.tcp_connections_per_address
            trouble, why = Trouble.ADDRESS_FULL, f"its address has {limit} already (limits.tcp_connections_per_address)"
        elif is_stopping or not self.make():
            limit = self._limits.tcp_connections
            trouble, why = Trouble.CONNECTIONS_FULL, f"{limit} connections are open (limits.tcp_connections)"
        else:
            return True
        self._troubles.note(trouble, f"a connection was refused: {why}", host)
        return False

    def make(self) -> bool:
        """Whether one more connection may exist; the oldest one that never brought a message is closed for it."""
        if self._taken() < self._limits.tcp_connections:
            return True
        while self._silent:
            connection = self._silent.pop(next(iter(self._silent)))
            if connection.proven or connection.close_by:
                continue
            why = f"it brought no message and {self._limits.tcp_connections} are open (limits.tcp_connections)"
            self._evict(connection, Trouble.CONNECTIONS_FULL, why)
            return True
        return False

    def take(self, connection: LiveConnection) -> None:
        """An accepted connection has a place; of too many handshakes the oldest ends."""
        group, number = group_of(connection.flow.host), connection.flow.connection
        self._accepted_from[group] = self._accepted_from.get(group, 0) + 1
        self._silent[number] = connection
        if connection.flow.transport == "TCP":
            return
        if len(self._handshakes) >= self._limits.handshakes:
            why = f"its handshake is the oldest of {self._limits.handshakes} (limits.handshakes)"
            oldest = self._handshakes.pop(next(iter(self._handshakes)))
            self._evict(oldest, Trouble.HANDSHAKE, why)
        self._handshakes[number] = connection

    def stands(self, connection: LiveConnection) -> None:
        """Its handshake is complete."""
        self._handshakes.pop(connection.flow.connection, None)

    def leave(self, connection: LiveConnection) -> None:
        """An accepted connection is gone."""
        self._silent.pop(connection.flow.connection, None)
        self._handshakes.pop(connection.flow.connection, None)
        group = group_of(connection.flow.host)
        left = self._accepted_from[group] - 1
        if left:
            self._accepted_from[group] = left
        else:
            del self._accepted_from[group]

    def _evict(self, connection: LiveConnection, trouble: Trouble, why: str) -> None:
        """End a connection that only takes a place."""
        self._troubles.note(trouble, f"a connection was closed: {why}", connection.flow.host)
        self._cut(connection, why)
