"""Looking up the names of endpoints, each in a thread of its own.

The system's resolver blocks, for many seconds where a name server does not answer. In the few threads that everything
shares, as many names of that kind would hold up all other endpoints, the making of keys, and the end of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Sequence
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

MOST_AT_ONCE: Final = 256
"""Look-ups under way, of as many hosts; one more fails at once."""

_Answer = Sequence[tuple[Any, ...]] | OSError
"""What socket.getaddrinfo came to."""


class Resolver(AbstractResolver):
    """What the HTTP client asks for the addresses of a host."""

    def __init__(self, most_at_once: int = MOST_AT_ONCE) -> None:
        self._most_at_once = most_at_once
        self._under_way = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host, in the system's order. Raises OSError."""
        if self._under_way >= self._most_at_once:
            raise OSError(errno.EAGAIN, f"{self._most_at_once} names are looked up already")
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[_Answer] = loop.create_future()

        def end(answer: _Answer) -> None:
            self._under_way -= 1
            if not answered.done():  # else nobody waits any more
                answered.set_result(answer)

        def look_up() -> None:
            answer = _answer(host, port, family)
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                loop.call_soon_threadsafe(end, answer)

        self._under_way += 1
        threading.Thread(target=look_up, name="strowger-lookup", daemon=True).start()
        answer = await answered
        if isinstance(answer, OSError):
            raise answer
        return [_result(host, port, info) for info in answer]

    async def close(self) -> None:
        """Nothing is kept."""


def _answer(host: str, port: int, family: int) -> _Answer:
    try:
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError as error:
        return OSError(errno.EINVAL, f"this is no name of a host: {error}")
    except OSError as error:
        return error


def _result(host: str, port: int, info: tuple[Any, ...]) -> ResolveResult:
    family, _, protocol, _, (address, *rest) = info
    zone = f"%{rest[2]}" if family == socket.AF_INET6 and rest[2:] and rest[2] else ""  # of a link-local one
    return ResolveResult(
        hostname=host,
        host=f"{address}{zone}",
        port=port,
        family=family,
        proto=protocol,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
