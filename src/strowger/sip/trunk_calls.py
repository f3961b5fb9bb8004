"""The trunks as the calls through them see them: what each is told, our credentials there, and how it did.

Implements `outgoing.Trunks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from strowger.sip.authentication.client import DigestClient
from strowger.sip.trunk.trunk import Trunk


class Watcher(Protocol):
    """Who draws conclusions from how calls fare."""

    def heard(self, trunk: str, status: int, retry_after_s: float | None) -> None:
        """A call got this response, above 100, from a trunk."""

    def failed(self, trunk: str, why: str) -> None:
        """A call got no response from a trunk at all."""


class TrunkCalls:
    """All trunks of the settings."""

    def __init__(self, trunks: Iterable[Trunk], watcher: Watcher, cnonce: Callable[[], str]) -> None:
        """`cnonce` gives an unguessable token each time."""
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._accounts = {
            trunk.name: DigestClient(trunk.account, cnonce)
            for trunk in self._trunks.values()
            if trunk.account is not None
        }
        self._watcher = watcher

    def trunk(self, name: str) -> Trunk | None:
        """A trunk by its name; the settings may have changed since a call was stored."""
        return self._trunks.get(name)

    def account(self, name: str) -> DigestClient | None:
        """Our credentials there."""
        return self._accounts.get(name)

    def heard(self, name: str, status: int, retry_after_s: float | None) -> None:
        """A call got this response from it."""
        if name in self._trunks:
            self._watcher.heard(name, status, retry_after_s)

    def failed(self, name: str, why: str) -> None:
        """A call got nothing from it."""
        if name in self._trunks:
            self._watcher.failed(name, why)
