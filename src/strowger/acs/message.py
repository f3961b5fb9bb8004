"""HTTP requests and replies as this room sees them, whatever server carries them.

A request keeps its target and its body exactly as received: both are part of what the application signed. How octets
become a request belongs to the HTTP listener.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec


class Headers:
    """Header fields by name. Names are compared in lower case and asked for in lower case."""

    __slots__ = ("_first", "_more")

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        """Take the fields in the order received; a name may occur more than once."""
        fields = list(fields)
        first = {name.lower(): value for name, value in fields}
        more: dict[str, list[str]] = {}
        if len(first) != len(fields):  # which is rare, so that the usual request pays for one dictionary only
            first.clear()
            for name, value in fields:
                key = name.lower()
                if key in first:
                    more.setdefault(key, []).append(value)
                else:
                    first[key] = value
        self._first: Final = first
        self._more: Final = more

    def first(self, name: str) -> str | None:
        """The first value of `name`, which is given in lower case."""
        return self._first.get(name)

    def all(self, name: str) -> list[str]:
        """Every value of `name`, which is given in lower case."""
        value = self._first.get(name)
        return [] if value is None else [value, *self._more.get(name, ())]

    def is_repeated(self, name: str) -> bool:
        """Whether `name`, given in lower case, occurs more than once."""
        return name in self._more


class Request(msgspec.Struct, frozen=True, gc=False):
    """One HTTP request, complete."""

    method: str
    target: str
    """Path and query as received, neither decoded nor normalised."""
    headers: Headers
    body: bytes = b""
    is_tls: bool = False
    """Whether it came over TLS, so that the default port is 443."""
    when_gone: Callable[[Callable[[], object]], None] | None = None
    """Names what to call when the client leaves before it has its reply, for those that it may wait long for."""

    @property
    def path(self) -> str:
        """The target up to the query, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after the first question mark, still percent-encoded."""
        return self.target.partition("?")[2]


class Pieces(Protocol):
    """Further octets of a reply, made while it is sent; `aclose` comes in any case, also if none was asked for."""

    def __aiter__(self) -> Pieces: ...
    async def __anext__(self) -> bytes: ...
    async def aclose(self) -> None: ...


class Reply(msgspec.Struct, frozen=True, gc=False):
    """One HTTP reply; Date, Content-Length and Connection belong to the server that sends it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    pieces: Pieces | None = None
    """What goes on from the body; the connection ends with it."""

    def header(self, name: str) -> str | None:
        """The first value of `name`, in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)
