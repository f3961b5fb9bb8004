"""For whom is this registration? The address in To, in its canonical form (RFC 3261 §10.3 step 5)."""

from __future__ import annotations

from urllib.parse import unquote

from msgspec import Struct

from strowger.sip.message.errors import ParseError, Refusal
from strowger.sip.message.message import Request
from strowger.sip.message.uri import SipUri, parse_uri


class AddressOfRecord(Struct, frozen=True):
    """A user at a host; everything else that a URI can say is left out."""

    user: str
    """Unescaped, as UTF-8, without user parameters."""
    host: str
    """Lower case."""

    def __str__(self) -> str:
        return f"sip:{self.user}@{self.host}"


def address_of_record(request: Request) -> AddressOfRecord:
    """The address that a REGISTER is about. Raises Refusal: 400 for no SIP address, 404 for one without a user."""
    try:
        uri = parse_uri(request.to.uri)
    except ParseError as error:
        raise Refusal(400, f"To: {error.reason}") from error
    if not isinstance(uri, SipUri):
        raise Refusal(400, "To: only sip and sips addresses can be registered here")
    user = unquote((uri.user or "").partition(";")[0])
    if not user:
        raise Refusal(404, "Not Found")
    return AddressOfRecord(user, uri.host)
