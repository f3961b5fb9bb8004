"""What the console refuses, and how it says so.

    ConsoleError           the client's fault, except the last two; `status` and `code` are what is answered
    ├── RequestMalformed   400   no HTTP request
    ├── QueryInvalid       400
    ├── TokenMissing       401   no admin token, or a wrong one
    ├── NotThere           404
    ├── MethodRefused      405
    ├── HostForeign        421   a name that is not ours leads to our loopback address: DNS rebinding
    ├── Unavailable        503   the store cannot be read, or too many watch already
    └── ServerFault        500   the log says what
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class ConsoleError(Exception):
    """Root of the room; the text is for the person who asked."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    headers: ClassVar[Mapping[str, str]] = {}
    """Further headers of the answer."""


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
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": 'Bearer realm="strowger admin"'}


class NotThere(ConsoleError):
    """No such path, or no such call."""

    status = 404
    code = "not_found"


class MethodRefused(ConsoleError):
    """Everything here is read with GET."""

    status = 405
    code = "method_not_allowed"
    headers: ClassVar[Mapping[str, str]] = {"Allow": "GET, HEAD"}


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
