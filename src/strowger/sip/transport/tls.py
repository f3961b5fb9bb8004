"""TLS for SIP (RFC 3261 §26.2.1, RFC 5922): the contexts of both roles, renewed with their files, and what went wrong.

How a context is made is given from outside. Established connections keep the context they began with, so that a renewed
certificate is used by the next handshake and disturbs nobody.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

LOOK_EVERY_S: Final = 1.0
"""Seconds between two looks at the files; nobody looks while there are no handshakes."""

MakeContext: TypeAlias = Callable[[], ssl.SSLContext]
"""Reads the files and makes a context. Raises OSError (ssl.SSLError is one) or ValueError."""

_Stamp: TypeAlias = tuple[tuple[int, int, int, int] | None, ...]


class TlsContexts:
    """The context we accept with and the one we connect with."""

    __slots__ = ("_client", "_files", "_look_at", "_make_client", "_make_server", "_server", "_stamp")

    def __init__(self, *, server: MakeContext, client: MakeContext, files: Sequence[Path]) -> None:
        """Nothing is read before `load`. `files` are those that the contexts are made from."""
        self._make_server = server
        self._make_client = client
        self._files = tuple(files)
        self._server: ssl.SSLContext | None = None
        self._client: ssl.SSLContext | None = None
        self._stamp: _Stamp = ()
        self._look_at = 0.0

    @property
    def server(self) -> ssl.SSLContext:
        """For connections that we accept."""
        assert self._server is not None
        return self._server

    @property
    def client(self) -> ssl.SSLContext:
        """For connections that we open."""
        assert self._client is not None
        return self._client

    def load(self) -> None:
        """Make both contexts, unless they are there. Raises what MakeContext raises."""
        if self._server is None:
            self._make(self._look())

    def refresh(self, now: float) -> str:
        """Make both contexts anew if a file has changed; returns why that failed, empty when there is nothing to say.

        After a failure the old ones stay in use, until the files have changed again: half of a renewed pair is no
        pair, and the other half comes soon.
        """
        if now < self._look_at:
            return ""
        self._look_at = now + LOOK_EVERY_S
        stamp = self._look()
        if stamp == self._stamp:
            return ""
        try:
            self._make(stamp)
        except (OSError, ValueError) as error:
            self._stamp = stamp
            return f"the old certificate stays in use, since the new one cannot be read: {_worded(error)}"
        return ""

    def _make(self, stamp: _Stamp) -> None:
        server, client = self._make_server(), self._make_client()
        self._server, self._client, self._stamp = server, client, stamp

    def _look(self) -> _Stamp:
        return tuple(map(_stamp_of, self._files))


def proven_name(name: str) -> str:
    """The host name or address that the certificate of a peer must hold (RFC 5922 §7.2): no zone, no root label."""
    return name.partition("%")[0].removesuffix(".")


def why_failed(error: OSError, handshake_s: float) -> str:
    """What is said of a connection that did not come to stand, in the words of the system where it has any."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS handshake: {_worded(error)}"
    if error.errno:
        return os.strerror(error.errno)  # asyncio words its own
    if isinstance(error, ConnectionAbortedError):
        return f"no TLS handshake in {handshake_s:g} s (limits.handshake)"
    return str(error) or "the peer hung up during the TLS handshake"


def _worded(error: OSError | ValueError) -> str:
    reason: str | None = getattr(error, "reason", None)  # only what OpenSSL raises has one
    return reason.replace("_", " ").lower() if reason else str(error)


def _stamp_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size
