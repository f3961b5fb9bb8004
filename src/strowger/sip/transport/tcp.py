"""Accepting connections, whatever will be spoken on them: refused before they cost anything, and never in a spin.

The listening socket is read directly, since event loops differ in what they do when no file descriptor is left: one
waits and tries again, one hangs up on whoever comes.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final

from strowger.sip.transport.flow import ListenAddress
from strowger.sip.transport.numeric import peer_host
from strowger.sip.transport.trouble import Trouble, Troubles

ACCEPTS_PER_TURN: Final = 64
"""Connections accepted before other sockets and timers get their turn."""

PAUSE_S: Final = 1.0
"""Seconds without accepting after the system had no file descriptor or memory left."""

_EXHAUSTED: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class TcpListener:
    """A listening TCP socket whose connections are being accepted."""

    __slots__ = ("_accepted", "_loop", "_paused", "_socket", "_troubles", "address", "family", "index")

    def __init__(
        self,
        made: socket.socket,
        address: ListenAddress,
        index: int,
        *,
        accepted: Callable[[socket.socket, str, int, int], None],
        troubles: Troubles,
    ) -> None:
        """Start accepting from `made`, in the running loop.

        `accepted` gets the new socket, the peer's host and port, and `index`; the socket is its own from then on.
        """
        self.address = address
        self.family = 6 if made.family == socket.AF_INET6 else 4
        self.index = index
        self._accepted = accepted
        self._troubles = troubles
        self._socket = made
        self._loop = asyncio.get_running_loop()
        self._paused: asyncio.TimerHandle | None = None
        self._loop.add_reader(made, self._on_readable)

    def close(self) -> None:
        """Stop accepting and close the socket. May be called twice."""
        if self._paused is not None:
            self._paused.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _on_readable(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                made, peer = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:  # the peer left before we looked
                    continue
                self._pause(error)
                return
            self._accepted(made, peer_host(peer), peer[1], self.index)

    def _pause(self, error: OSError) -> None:
        self._troubles.note(
            Trouble.FILES_EXHAUSTED,
            f"{self.address} accepts nobody for {PAUSE_S:g} s: {error.strerror}; raise the limit of files (ulimit -n)",
        )
        self._loop.remove_reader(self._socket)
        self._paused = self._loop.call_later(PAUSE_S, self._resume)

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._socket, self._on_readable)
