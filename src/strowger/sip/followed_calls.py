"""Answered calls whose end comes by here, because both of their parties have our Record-Route.

A call is over when its other party says so: the 2xx to a BYE (RFC 3261 §15.1.2). That somebody sent a BYE proves
nothing, and to a made up one the answer is another. Kept in memory only; after a restart nothing is known of these
calls.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from contextlib import suppress
from typing import Final, Protocol

from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Message, Response

CALLS_FOLLOWED: Final = 20_000
"""Calls at one time; beyond it the oldest counts as over."""


class Over(Protocol):
    """Told of each call that has ended, or is followed no longer."""

    def __call__(self, call_id: str, *, is_by_caller: bool | None) -> None:
        """Who hung up, the caller or the one who answered; None when that did not happen as far as we know."""


class FollowedCalls:
    """Calls by their dialogs."""

    __slots__ = ("_calls", "_limit", "_over")

    def __init__(self, over: Over, limit: int = CALLS_FOLLOWED) -> None:
        self._over = over
        self._limit = limit
        self._calls: OrderedDict[bytes, tuple[str, str | None]] = OrderedDict()
        """The id of each call, and the tag of its caller."""

    def __len__(self) -> int:
        return len(self._calls)

    def follow(self, call_id: str, answer: Response) -> None:
        """Watch the dialog of a 2xx to an INVITE."""
        self._calls[dialog_of(answer)] = call_id, answer.from_tag
        if len(self._calls) > self._limit:
            _, (oldest, _) = self._calls.popitem(last=False)
            self._over(oldest, is_by_caller=None)

    def forget(self, answer: Response) -> None:
        """The answer that was to be followed is one that nobody wants. Raises ParseError."""
        self._calls.pop(dialog_of(answer), None)

    def hear(self, response: Response) -> None:
        """A response within a dialog came by. One that cannot be read is not for us to judge."""
        with suppress(ParseError):
            if 200 <= response.status < 300 and response.cseq.method == "BYE":
                self.end(response)

    def end(self, message: Message) -> None:
        """The dialog of this message, a BYE or the answer to one, is over. Raises ParseError."""
        call = self._calls.pop(dialog_of(message), None)
        if call is not None:
            call_id, caller_tag = call
            self._over(call_id, is_by_caller=message.from_tag == caller_tag)


def dialog_of(message: Message) -> bytes:
    """What all messages of one dialog have in common, whoever of the two sends them (RFC 3261 §12)."""
    tags = sorted((message.from_tag or "", message.to_tag or ""))
    return hashlib.blake2b("\n".join((message.call_id, *tags)).encode("latin-1"), digest_size=16).digest()
