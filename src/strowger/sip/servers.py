"""Where SIP servers are, as the edge asks for it: the locator, with answers by callback. Implements `network.Location`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from strowger.base.tasks import spawn
from strowger.base.text import printable
from strowger.sip.location.errors import Unlocatable
from strowger.sip.location.locator import Locator
from strowger.sip.location.resolve import Destination
from strowger.sip.location.weighted import Draw, keyed_draw
from strowger.sip.network import Found

AVOIDED_S: Final = 30.0
"""Seconds for which others are tried before a destination that did not serve, unless it says how long."""


class Servers:
    """Looks servers up, at once where that needs nobody else."""

    def __init__(
        self, locator: Locator, key: bytes, *, monotonic: Callable[[], float], touch: Callable[[], None]
    ) -> None:
        """`key` is secret, so that nobody can foresee which of several equals is taken; `touch` is told of each answer
        that came late, because it may have armed a timer.
        """
        self._locator = locator
        self._key = key
        self._now = monotonic
        self._touch = touch

    def locate(self, uri: str, what: str, found: Found) -> None:
        """Find out where a URI is served, in an order that is the same each time for the same `what`."""
        try:
            known = self._locator.known(uri, keyed_draw(self._key, what))
        except Unlocatable as error:
            found((), str(error))
            return
        if known is not None:
            found(known, "")
        else:
            spawn(self._ask(uri, keyed_draw(self._key, what), found), f"locate {printable(uri)}")

    def known(self, uri: str, what: str) -> Sequence[Destination]:
        """Where a URI is served, as far as nobody has to be asked: nothing where somebody would have to be. Raises
        Unlocatable.
        """
        return self._locator.known(uri, keyed_draw(self._key, what)) or ()

    def avoid(self, destination: Destination, seconds: float | None = None) -> None:
        """Others are tried before it for a while."""
        self._locator.avoidance.avoid(destination, self._now() + (seconds or AVOIDED_S))

    def stop(self) -> None:
        """Give up every question."""
        self._locator.stop()

    async def _ask(self, uri: str, draw: Draw, found: Found) -> None:
        try:
            destinations = await self._locator.locate(uri, draw)
        except Unlocatable as error:
            found((), str(error))
        else:
            found(destinations, "")
        self._touch()
