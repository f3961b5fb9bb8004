"""Which branch a client transaction belongs to, and which are lost with a connection."""

from __future__ import annotations

from strowger.sip.flow import CONNECTION_BOUND, Flow
from strowger.sip.leg import Fork, Leg


class Branches:
    """The branches that wait for something, by the key of their transaction."""

    __slots__ = ("_by_connection", "_known")

    def __init__(self) -> None:
        self._known: dict[str, tuple[Leg, Fork, int]] = {}
        self._by_connection: dict[int, set[str]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def add(self, leg: Leg, fork: Fork, index: int) -> None:
        """A branch whose INVITE has a transaction."""
        attempt = fork.attempts[index]
        self._known[attempt.key] = (leg, fork, index)
        connection = _bound_to(attempt.flow)
        if connection:
            self._by_connection.setdefault(connection, set()).add(attempt.key)

    def get(self, key: str) -> tuple[Leg, Fork, int] | None:
        """The branch of a transaction."""
        return self._known.get(key)

    def forget(self, key: str) -> bool:
        """A transaction is over, or no longer of interest; False when it is of no branch."""
        known = self._known.pop(key, None)
        if known is None:
            return False
        connection = _bound_to(known[1].attempts[known[2]].flow)
        keys = self._by_connection.get(connection)
        if keys is not None:
            keys.discard(key)
            if not keys:
                del self._by_connection[connection]
        return True

    def lost_with(self, flow: Flow) -> list[tuple[str, Leg, Fork, int]]:
        """The branches that only this connection led to, each with its key; they are forgotten here."""
        keys = sorted(self._by_connection.pop(flow.connection, ()))
        return [(key, *self._known.pop(key)) for key in keys]


def _bound_to(flow: Flow | None) -> int:
    """The connection that a flow needs; 0 when it needs none."""
    return flow.connection if flow is not None and flow.transport in CONNECTION_BOUND else 0
