"""SIP messages: values, grammar, parser, serialiser and checks (RFC 3261 §7, §19, §20, §25). Pure.

A message keeps the bytes it came in and is read lazily; see `message.py`. What transactions, dialogs and proxies do
with one is theirs.
"""

from strowger.sip.message.address import Address
from strowger.sip.message.build import REASONS, ack_2xx, ack_for, bye_for, cancel_for, response_to
from strowger.sip.message.check import check_request, check_response
from strowger.sip.message.errors import BuildError, ParseError, Refusal, SipError
from strowger.sip.message.framing import StreamFramer
from strowger.sip.message.limits import MessageLimits
from strowger.sip.message.message import (
    MAX_HEADER_LINE_BYTES,
    MAX_HEADER_LINES,
    MAX_MESSAGE_BYTES,
    MAX_URI_BYTES,
    MAX_VIA,
    CSeq,
    Message,
    Request,
    Response,
    parse_message,
)
from strowger.sip.message.uri import SipUri, TelUri, parse_uri
from strowger.sip.message.via import Via, stamp

__all__ = [
    "MAX_HEADER_LINES",
    "MAX_HEADER_LINE_BYTES",
    "MAX_MESSAGE_BYTES",
    "MAX_URI_BYTES",
    "MAX_VIA",
    "REASONS",
    "Address",
    "BuildError",
    "CSeq",
    "Message",
    "MessageLimits",
    "ParseError",
    "Refusal",
    "Request",
    "Response",
    "SipError",
    "SipUri",
    "StreamFramer",
    "TelUri",
    "Via",
    "ack_2xx",
    "ack_for",
    "bye_for",
    "cancel_for",
    "check_request",
    "check_response",
    "parse_message",
    "parse_uri",
    "response_to",
    "stamp",
]
