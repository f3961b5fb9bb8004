"""Diversion: who sent a call on and why, the latest at the top (RFC 5806 §3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request
from strowger.sip.trunk.passage import DIVERSION_REASONS, Step
from strowger.sip.trunk.privacy import ANONYMOUS_URI, privacy_of
from strowger.sip.trunk.values import rewrite

NAME: Final = "Diversion"
MAX_HEADERS: Final = 64
"""Header lines that came in beyond which none are added."""

_PRIVATE: Final = frozenset(("full", "uri"))
_HIDES: Final = frozenset(("history", "header"))


def add_diversion(request: Request, steps: Sequence[Step], *, is_trusted: bool) -> None:
    """Put one header per step above those that came in; whoever is not trusted sees no address that is private."""
    if request.count(NAME) >= MAX_HEADERS:
        return
    is_private = not _HIDES.isdisjoint(privacy_of(request))
    for step in steps:
        uri = ANONYMOUS_URI if is_private and not is_trusted else step.uri.partition("?")[0]
        privacy = "full" if is_private else "off"
        value = f"<{uri}>;reason={DIVERSION_REASONS[step.cause]};counter=1;privacy={privacy}"
        _put_on_top(request, value)


def hide_diversion(request: Request) -> None:
    """Make anonymous what came in with the wish to be kept private, which ends at whoever is not trusted (RFC 5806 §6).

    What cannot be read is not judged and passes.
    """

    def hidden(value: str) -> str:
        try:
            entry = Address.parse(value)
        except ParseError:
            return value
        if (entry.params.get("privacy") or "").strip('"').lower() not in _PRIVATE:
            return value
        parameters = "".join(f";{name}" + (f"={text}" if text else "") for name, text in entry.params.items())
        return f"<{ANONYMOUS_URI}>{parameters}"

    rewrite(request, NAME, hidden)


def _put_on_top(request: Request, value: str) -> None:
    if request.has(NAME):
        request.prepend(NAME, value)
    else:  # a first header at the very top would stand above Via
        request.append(NAME, value)
