"""Requests and responses, and the way from bytes to them (RFC 3261 §7, §18.3).

Only the start line, the split into lines and the length of the body are looked at here, so a message that is merely
forwarded is never read in full. What the grammar of single headers demands is `check.py`; where a message ends in a
stream is `framing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Self

from strowger.sip.message.errors import BuildError, ParseError
from strowger.sip.message.grammar import has_blank_or_control, is_token
from strowger.sip.message.head import content_length, fold, read_head
from strowger.sip.message.headers import CSeq, Message, check_writable, header_lines
from strowger.sip.message.limits import (
    DEFAULT_LIMITS,
    MAX_HEADER_LINE_BYTES,
    MAX_HEADER_LINES,
    MAX_MESSAGE_BYTES,
    MAX_URI_BYTES,
    MAX_VIA,
    MessageLimits,
)
from strowger.sip.message.names import names_of

__all__ = [
    "MAX_HEADER_LINES",
    "MAX_HEADER_LINE_BYTES",
    "MAX_MESSAGE_BYTES",
    "MAX_URI_BYTES",
    "MAX_VIA",
    "CSeq",
    "Message",
    "Request",
    "Response",
    "answerable",
    "parse_message",
]

VERSION: Final = "SIP/2.0"
_ANSWERED: Final = frozenset(("via", "from", "to", "call-id", "cseq"))
_OTHER_REPLY_LINES: Final = 8
"""Lines besides Via in an answer to what could not be read: enough for those there should be, and a few twice."""


class Request(Message):
    """A request (RFC 3261 §7.1)."""

    __slots__ = ("_method", "_uri", "_version")

    def __init__(
        self,
        method: str,
        uri: str,
        lines: list[str],
        body: bytes = b"",
        *,
        names: list[str] | None = None,
        version: str = VERSION,
    ) -> None:
        Message.__init__(self, lines, body, names)
        self._method = method
        self._uri = uri
        self._version = version

    @staticmethod
    def make(method: str, uri: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> Request:
        """A new request with these headers and Content-Length. Raises BuildError."""
        if not is_token(method):
            raise BuildError("The method is not a token")
        _check_uri(uri)
        lines, names = header_lines(headers, body)
        return Request(method, uri, lines, body, names=names)

    def _twin(self, lines: list[str], names: list[str]) -> Self:
        return type(self)(self._method, self._uri, lines, self.body, names=names, version=self._version)

    @property
    def method(self) -> str:
        """As written; methods are case-sensitive."""
        return self._method

    @property
    def uri(self) -> str:
        """The Request-URI as written; may be set. Setting raises BuildError."""
        return self._uri

    @uri.setter
    def uri(self, uri: str) -> None:
        _check_uri(uri)
        self._uri = uri

    @property
    def start_line(self) -> str:
        """RFC 3261 §7.1."""
        return f"{self._method} {self._uri} {self._version}"

    def __repr__(self) -> str:
        return f"<Request {self.start_line!r}>"


class Response(Message):
    """A response (RFC 3261 §7.2)."""

    __slots__ = ("_start_line", "_status")

    def __init__(
        self, status: int, start_line: str, lines: list[str], body: bytes = b"", *, names: list[str] | None = None
    ) -> None:
        Message.__init__(self, lines, body, names)
        self._status = status
        self._start_line = start_line

    @staticmethod
    def make(status: int, reason: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> Response:
        """A new response with these headers and Content-Length. Raises BuildError."""
        if not 100 <= status <= 699:
            raise BuildError("The status is not from 100 to 699")
        check_writable(reason)
        lines, names = header_lines(headers, body)
        return Response(status, f"{VERSION} {status} {reason}", lines, body, names=names)

    def _twin(self, lines: list[str], names: list[str]) -> Self:
        return type(self)(self._status, self._start_line, lines, self.body, names=names)

    @property
    def status(self) -> int:
        """100 to 699."""
        return self._status

    @property
    def reason(self) -> str:
        """The reason phrase as written; may be empty."""
        return self._start_line[len(VERSION) + 5 :]

    @property
    def start_line(self) -> str:
        """RFC 3261 §7.2."""
        return self._start_line

    def __repr__(self) -> str:
        return f"<Response {self.start_line!r}>"


def _check_uri(uri: str) -> None:
    check_writable(uri)
    if not uri or has_blank_or_control(uri):
        raise BuildError("The Request-URI is empty or holds white space or control characters")


def parse_message(
    data: bytes, *, datagram: bool = True, limits: MessageLimits = DEFAULT_LIMITS
) -> Request | Response:
    """Reads one message; raises ParseError.

    In a datagram octets after the body are dropped and Content-Length may be absent; elsewhere the bytes must be one
    whole message.
    """
    if data.startswith((b"\r", b"\n")):
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    text = (data if end < 0 else data[:end]).decode("latin-1")
    try:
        if len(data) > limits.message_bytes:
            raise ParseError(513, "The message is too large")
        if end < 0:
            raise ParseError(400, "The header lines do not end with an empty line")
        start, lines, names = read_head(text, limits)
        body = _body(data, end + 4, content_length(lines, names), datagram)
        if start.startswith("SIP/") or start[:4].upper() == "SIP/":
            return Response(_status(start), start, lines, body, names=names)
        method, uri, version = _request_line(start, limits.uri_bytes)
        return Request(method, uri, lines, body, names=names, version=version)
    except ParseError as error:
        raise answerable(text, error, limits) from None


def _request_line(start: str, longest_uri: int) -> tuple[str, str, str]:
    parts = start.split(" ")
    if len(parts) != 3:
        raise ParseError(400, "The request line is not a method, a URI and a version with single spaces")
    method, uri, version = parts
    if version != VERSION and version.upper() != VERSION:
        raise ParseError(505, "Version Not Supported")
    if not is_token(method):
        raise ParseError(400, "The method is not a token")
    if len(uri) > longest_uri:
        raise ParseError(414, "Request-URI Too Long")
    if not uri or has_blank_or_control(uri):
        raise ParseError(400, "The Request-URI is empty or holds control characters")
    return method, uri, version


def _status(start: str) -> int:
    version, code, separator = start[:7], start[8:11], start[11:12]
    if version.upper() != VERSION or start[7:8] != " " or separator not in ("", " "):
        raise ParseError(None, "The status line is malformed")
    if not (code.isascii() and code.isdigit()) or not 100 <= int(code) <= 699:
        raise ParseError(None, "The status is not from 100 to 699")
    return int(code)


def _body(data: bytes, start: int, length: int | None, datagram: bool) -> bytes:
    there = len(data) - start
    if length == there:
        return data[start:]
    if length is None:
        if datagram:
            return data[start:]
        raise ParseError(400, "Content-Length is missing")
    if length > there:
        raise ParseError(400, "The body is shorter than Content-Length")
    if length < there and not datagram:
        raise ParseError(400, "The body is longer than Content-Length")
    return data[start : start + length]


def answerable(text: str, error: ParseError, limits: MessageLimits = DEFAULT_LIMITS) -> ParseError:
    """`error` with what an answer needs, or with status None when these bytes may not be answered.

    Only what ends its first line like a request, is no ACK and has a Via is answered: noise is met by silence.
    """
    start, _, rest = text.partition("\r\n")
    words = start.split()
    if error.status is None or len(words) < 2 or not is_token(words[0]) or words[0] == "ACK":
        return ParseError(None, error.reason)
    if not words[-1].upper().startswith("SIP/"):
        return ParseError(None, error.reason)
    lines, names = _reply_lines(rest, limits)
    if "via" not in names:
        return ParseError(None, error.reason)
    return ParseError(error.status, error.reason, Request(words[0], "", lines, names=names))


def _reply_lines(text: str, limits: MessageLimits) -> tuple[list[str], list[str]]:
    """The header lines a response copies, from a head that could not be read."""
    looked_at = 2 * limits.header_lines
    physical = text.split("\r\n", looked_at)[:looked_at]
    try:
        lines = fold([line for line in physical if "\r" not in line and "\n" not in line])
    except ParseError:
        return [], []
    named = [
        (line, name)
        for line, name in zip(lines, names_of(lines), strict=True)
        if name in _ANSWERED and len(line) <= limits.header_line_bytes
    ][: limits.vias + _OTHER_REPLY_LINES]
    return [line for line, _ in named], [name for _, name in named]
