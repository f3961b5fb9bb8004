"""The errors of the transport room.

TransportError
├── NoListener     ours (the configuration): we listen on no socket that could send there
├── ListenFailed   ours (the machine): a socket could not be opened; says which and why
└── Unresolved     the network's: a host name has no address we can use

A message that cannot be delivered raises nothing: `Transports` calls `failed` with its key.
"""

from __future__ import annotations


class TransportError(Exception):
    """Root of the tree."""


class NoListener(TransportError):
    """No listener of the transport and address family that a destination needs."""


class ListenFailed(TransportError):
    """An address that could not be listened on."""


class Unresolved(TransportError):
    """A host name without a usable address; `reason` is a sentence for the log and for the call's history."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
