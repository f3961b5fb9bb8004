"""The trunks as the calls through them see them: what each is told, our credentials there, and how it did.

Implements `outgoing.Trunks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from strowger.sip.authentication.client import DigestClient
from strowger.sip.message.uri import SipUri
from strowger.sip.trunk.origin import Origins
from strowger.sip.trunk.trunk import Trunk


class Watcher(Protocol):
    """Who draws conclusions from how calls fare."""

    def heard(self, trunk: str, status: int, retry_after_s: float | None) -> None:
        """A call got this response, above 100, from a trunk."""

    def failed(self, trunk: str, why: str) -> None:
        """A call got no response from a trunk at all."""


class TrunkCalls:
    """All trunks of the settings."""

    def __init__(
        self, trunks: Iterable[Trunk], watcher: Watcher, cnonce: Callable[[], str], origins: Origins | None = None
    ) -> None:
        """`cnonce` gives an unguessable token each time; `origins` are the networks of the trunks."""
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._origins = origins or Origins(())
        self._hosts: dict[str, str] = {}
        for trunk in self._trunks.values():
            self._hosts.setdefault(_plain(SipUri.parse(trunk.uri).host), trunk.name)
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

    def at(self, host: str, domain: str = "") -> str:
        """The trunk at a numeric address, or of that name: by its URI, or by the networks that its calls come from."""
        by_name = self._hosts.get(_plain(domain)) or self._hosts.get(_plain(host))
        return by_name or (self._origins.trunk_of(host) if host else None) or ""

    def heard(self, name: str, status: int, retry_after_s: float | None) -> None:
        """A call got this response from it."""
        if name in self._trunks:
            self._watcher.heard(name, status, retry_after_s)

    def failed(self, name: str, why: str) -> None:
        """A call got nothing from it."""
        if name in self._trunks:
            self._watcher.failed(name, why)


def _plain(host: str) -> str:
    return host.lower().strip("[]").removesuffix(".")
