"""Requests of our own outside of calls: OPTIONS and REGISTER to trunks.

Builds nothing and decides nothing: it sends a request through the transaction layer and tells once what came of it.
Retransmission is the layer's; what a response means, and when to ask again, is for whoever asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from strowger.sip.flow import Flow
from strowger.sip.message.message import Request, Response
from strowger.sip.transaction.errors import TransactionLimit
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.outputs import Output

UNDER_WAY: Final = 2_000
"""Requests of our own that wait for a response at one time."""


class NoResponse(NamedTuple):
    """No final response came."""

    why: str
    """In words."""


Told: TypeAlias = Callable[[Response | NoResponse], None]
"""Told once: the final response, or why there is none."""


class OwnRequests:
    """All of them that wait for a response."""

    __slots__ = ("_at_most", "_layer", "_now", "_perform", "_waiting")

    def __init__(
        self,
        layer: TransactionLayer,
        perform: Callable[[Sequence[Output]], None],
        monotonic: Callable[[], float],
        at_most: int = UNDER_WAY,
    ) -> None:
        """`perform` does what the layer asks."""
        self._layer = layer
        self._perform = perform
        self._now = monotonic
        self._at_most = at_most
        self._waiting: dict[str, Told] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, request: Request, flow: Flow, told: Told) -> str:
        """Send a request that carries our Via; `told` may be called before this returns. Returns its key.

        Raises TransactionError; then nothing was sent and nobody is told.
        """
        if len(self._waiting) >= self._at_most:
            raise TransactionLimit(self._at_most)
        key, outputs = self._layer.request(request, flow, self._now(), flow.reliable)
        self._waiting[key] = told
        self._perform(outputs)
        return key

    def forget(self, key: str) -> bool:
        """Wait no longer; nobody is told. Says whether a response was still awaited."""
        if self._waiting.pop(key, None) is None:
            return False
        self._layer.forget(key)
        return True

    # From the layer: each says whether the key was one of ours -------------------------------------------------------

    def receive(self, key: str, response: Response) -> bool:
        """A response came. Provisional ones say nothing that matters here."""
        if key not in self._waiting:
            return False
        if response.status >= 200:
            self._waiting.pop(key)(response)
        return True

    def silence(self, key: str) -> bool:
        """No final response came in time (Timer F)."""
        return self._failed(key, "nothing came back")

    def unreachable(self, key: str) -> bool:
        """It could not be sent."""
        return self._failed(key, "it cannot be reached")

    def _failed(self, key: str, why: str) -> bool:
        told = self._waiting.pop(key, None)
        if told is None:
            return False
        told(NoResponse(why))
        return True
