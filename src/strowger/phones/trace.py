"""What a phone sends and receives, one line per message: the raw material of a call ladder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from strowger.base.text import printable
from strowger.sip.message.message import Request, Response

Direction: TypeAlias = Literal["<-", "->"]
"""Seen from the phone: `<-` received, `->` sent."""


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One message on the wire; a retransmission is a message of its own."""

    at: float
    """Seconds on the clock of the event loop."""
    phone: str
    """The user part of the phone's URI."""
    direction: Direction
    summary: str
    """`INVITE sip:…` or `180 Ringing`, safe to print."""
    peer: str
    """`udp:127.0.0.1:5060`"""
    call_id: str
    """As on the wire: print it with care. Empty when the message has none that can be read."""


Trace: TypeAlias = Callable[[TraceLine], None]
"""Called in the event loop for each message, before it is acted upon."""


def summary_of(message: Request | Response) -> str:
    """The start line without the version."""
    if isinstance(message, Request):
        return printable(f"{message.method} {message.uri}")
    return printable(f"{message.status} {message.reason}")
