"""What the console refuses, and how it says so.

    ConsoleError           the client's fault, except the last two; `status` and `code` are what is answered
    ├── RequestMalformed   400   no HTTP request
    ├── QueryInvalid       400
    ├── BodyInvalid        400   no JSON object, or one that does not fit; `details` says what of it
    ├── TokenMissing       401   no admin token, or a wrong one
    ├── NotThere           404
    ├── MethodRefused      405
    ├── BodyLate           408   it did not come in time
    ├── Conflict           409   what is there already, or how it is, stands against it
    ├── BodyTooLarge       413
    ├── HostForeign        421   a name that is not ours leads to our loopback address: DNS rebinding
    ├── Unavailable        503   the store cannot be read, or too many watch already
    └── ServerFault        500   the log says what
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import msgspec


class Detail(msgspec.Struct, frozen=True):
    """One thing that is wrong with a body, where it is, and what to do about it."""

    path: str
    """Where, as in `$.endpoint`."""
    message: str
    hint: str = ""


class ConsoleError(Exception):
    """Root of the room; the text is for the person who asked."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    details: Sequence[Detail] = ()
    """What in particular is wrong."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Further headers of the answer."""
        return {}


class RequestMalformed(ConsoleError):
    """The octets received are no HTTP request."""

    code = "malformed"


class HostForeign(ConsoleError):
    """The Host header names somebody else."""

    status = 421
    code = "host_foreign"


class TokenMissing(ConsoleError):
    """The request does not carry the admin token."""

    status = 401
    code = "token_missing"

    @property
    def headers(self) -> Mapping[str, str]:
        """How to prove oneself."""
        return {"WWW-Authenticate": 'Bearer realm="strowger admin"'}


class NotThere(ConsoleError):
    """No such path, or no such call."""

    status = 404
    code = "not_found"


class MethodRefused(ConsoleError):
    """The path is there, and not for this method."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, path: str, methods: Iterable[str]) -> None:
        """`methods` are those that there are."""
        self._allowed = ", ".join(sorted(methods))
        super().__init__(f"{path} takes {self._allowed}.")

    @property
    def headers(self) -> Mapping[str, str]:
        """The methods that there are."""
        return {"Allow": self._allowed}


class BodyInvalid(ConsoleError):
    """The body is not what is taken here."""

    code = "body_invalid"

    def __init__(self, message: str, details: Sequence[Detail] = ()) -> None:
        """Keep every one of `details`."""
        super().__init__(message)
        self.details = tuple(details)


class BodyLate(ConsoleError):
    """The body did not come in time."""

    status = 408
    code = "body_late"


class BodyTooLarge(ConsoleError):
    """More octets than are read."""

    status = 413
    code = "body_too_large"


class Conflict(ConsoleError):
    """What is there stands against it."""

    status = 409
    code = "conflict"


class QueryInvalid(ConsoleError):
    """A query parameter that does not exist, or with a value that it cannot have."""

    code = "query_invalid"


class Unavailable(ConsoleError):
    """Not now."""

    status = 503
    code = "unavailable"


class ServerFault(ConsoleError):
    """A fault of this program."""

    status = 500
    code = "internal"
