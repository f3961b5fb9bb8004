"""Where one message ends and the next begins in a stream of bytes (RFC 3261 §7.5, §18.3; RFC 5626 §3.5.1).

Connections, deadlines and answers belong to the transport. Which bytes are Content-Length is decided by `head.py`, as
for the parser.
"""

from __future__ import annotations

from typing import Final

from strowger.sip.message.errors import ParseError
from strowger.sip.message.head import content_length, read_head
from strowger.sip.message.limits import DEFAULT_LIMITS, MessageLimits
from strowger.sip.message.message import answerable

_END_OF_HEAD: Final = b"\r\n\r\n"
_LINE_BREAKS: Final = b"\r\n"
_SCAN_BYTES: Final = 512
"""White space is looked for in pieces: one look at a long buffer for each message in it would be quadratic."""


class StreamFramer:
    """Cuts the bytes of one connection into messages; what it holds is never more than one message may be."""

    __slots__ = (
        "_breaks",
        "_buffer",
        "_error",
        "_limits",
        "_message_bytes",
        "_searched",
    )

    def __init__(self, limits: MessageLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        """Offset before which no end of the head was found: a head that drips in is searched once."""
        self._message_bytes = 0
        """Length of the message whose head was read; 0 while its head is incomplete."""
        self._breaks = 0
        self._error: ParseError | None = None

    @property
    def pending(self) -> int:
        """Bytes of an unfinished message."""
        return len(self._buffer)

    @property
    def error(self) -> ParseError | None:
        """Why the stream cannot be continued, None while it can."""
        return self._error

    @property
    def pings(self) -> int:
        """Keep-alive requests (CRLFCRLF) since this was last asked; asking begins a new count (RFC 5626 §3.5.1)."""
        pings, self._breaks = divmod(self._breaks, 2)
        return pings

    def feed(self, data: bytes) -> list[bytes]:
        """The messages `data` completes. Raises ParseError when the stream cannot be continued.

        Messages in front of the fault are returned first; the error is then in `error` and is raised by the next call.
        """
        if self._error is not None:
            raise self._error
        self._buffer += data
        messages: list[bytes] = []
        try:
            while (message := self._next()) is not None:
                messages.append(message)
        except ParseError as error:
            self._error = error
            self._buffer = bytearray()
            if not messages:
                raise
        return messages

    def _next(self) -> bytes | None:
        if not self._message_bytes and not self._read_head():
            return None
        if len(self._buffer) < self._message_bytes:
            return None
        message = bytes(self._buffer[: self._message_bytes])
        del self._buffer[: self._message_bytes]  # moves the start of the bytearray, not its bytes
        self._message_bytes = self._searched = 0
        return message

    def _read_head(self) -> bool:
        """Whether the whole head is there; then `_message_bytes` is known."""
        if self._buffer.startswith((b"\r", b"\n")):
            self._skip_line_breaks()
        end = self._buffer.find(_END_OF_HEAD, max(0, self._searched - 3))
        head_bytes = end + len(_END_OF_HEAD) if end >= 0 else len(self._buffer)
        text = ""
        try:
            if head_bytes > self._limits.message_bytes:
                text = self._buffer[: self._limits.message_bytes].decode("latin-1")
                raise ParseError(513, "The head is too large")
            if end < 0:
                self._searched = len(self._buffer)
                return False
            text = self._buffer[:end].decode("latin-1")
            message_bytes = head_bytes + self._body_bytes(text)
            if message_bytes > self._limits.message_bytes:
                raise ParseError(513, "The message is too large")
        except ParseError as error:
            raise answerable(text, error, self._limits) from None
        self._message_bytes = message_bytes
        return True

    def _body_bytes(self, text: str) -> int:
        _, lines, names = read_head(text, self._limits)
        length = content_length(lines, names)
        if length is None:
            raise ParseError(400, "Content-Length is missing")
        if length > self._limits.message_bytes:
            raise ParseError(413, "Request Entity Too Large")
        return length

    def _skip_line_breaks(self) -> None:
        """Drops and counts CRLF between messages; half of one stays for the next call."""
        run = 0
        while piece := self._buffer[run : run + _SCAN_BYTES]:
            breaks = len(piece) - len(piece.lstrip(_LINE_BREAKS))
            run += breaks
            if breaks < len(piece):
                break
        pairs = self._buffer.count(_LINE_BREAKS, 0, run)
        half = self._buffer[2 * pairs : run]
        if half and (half != b"\r" or run < len(self._buffer)):
            raise ParseError(None, "A bare CR or LF stands between messages")
        self._breaks += pairs
        self._searched = 0
        del self._buffer[: 2 * pairs]
