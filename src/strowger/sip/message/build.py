"""Messages that answer or follow another one: responses, ACK, CANCEL, BYE.

RFC 3261 §8.2.6, §9.1, §12.2.1.1, §13.2.2.4, §17.1.1.3. Lines that must be equal to the other message's are copied as
they were received, without reading them, so a malformed request can be answered too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strowger.sip.message.address import Address
from strowger.sip.message.errors import BuildError, ParseError
from strowger.sip.message.grammar import FOLD, is_token
from strowger.sip.message.headers import check_writable, header_lines
from strowger.sip.message.message import VERSION, Request, Response
from strowger.sip.message.uri import SipUri

REASONS: Final[dict[int, str]] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    424: "Bad Location Information",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    436: "Bad Identity-Info",
    437: "Unsupported Certificate",
    438: "Invalid Identity Header",
    439: "First Hop Lacks Outbound Support",
    440: "Max-Breadth Exceeded",
    469: "Bad Info Package",
    470: "Consent Needed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    555: "Push Notification Service Not Supported",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}
"""Default reason phrases of the registered status codes (RFC 3261 §21 and its extensions)."""

_TRYING: Final = 100
_COPIED_ONCE: Final = ("from", "to", "call-id", "cseq")
_COPIED_TO_TRYING: Final = (*_COPIED_ONCE, "timestamp")


def response_to(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """A response to `request`: its Via, From, To, Call-ID and CSeq lines, then `headers` (RFC 3261 §8.2.6).

    `to_tag` is added unless To has a tag already. Of a header that may be there once the first is copied. Record-Route
    is the caller's to copy (§12.1.1). Raises BuildError.
    """
    phrase = reason if reason is not None else REASONS.get(status, REASONS.get(status // 100 * 100, ""))
    if not 100 <= status <= 699:
        raise BuildError("The status is not from 100 to 699")
    check_writable(phrase)
    lines = request.lines_of("via")
    names = ["via"] * len(lines)
    theirs, known = request.lines, request.names
    for name in _COPIED_ONCE if status != _TRYING else _COPIED_TO_TRYING:
        if name in known:
            line = theirs[known.index(name)]
            lines.append(_with_tag(request, line, to_tag) if name == "to" and to_tag is not None else line)
            names.append(name)
    own_lines, own_names = header_lines(headers, body)
    return Response(status, f"{VERSION} {status} {phrase}", lines + own_lines, body, names=names + own_names)


def ack_for(invite: Request, response: Response) -> Request:
    """The ACK for a final response other than 2xx (RFC 3261 §17.1.1.3)."""
    return _within_transaction(invite, "ACK", response.lines_of("To")[:1])


def cancel_for(invite: Request) -> Request:
    """The CANCEL of a request that was sent (RFC 3261 §9.1)."""
    return _within_transaction(invite, "CANCEL", invite.lines_of("To")[:1])


def ack_2xx(invite: Request, response: Response, branch: str) -> Request:
    """The ACK for a 2xx, towards its Contact and Record-Route (RFC 3261 §13.2.2.4).

    Raises ParseError(400) for a malformed header there, BuildError for the branch.
    """
    credentials = invite.lines_of("Authorization") + invite.lines_of("Proxy-Authorization")
    return _within_dialog(invite, response, branch, "ACK", invite.cseq.number, credentials)


def bye_for(invite: Request, response: Response, branch: str) -> Request:
    """The BYE of the dialog a 2xx made, from the side that called (RFC 3261 §15.1.1).

    Raises ParseError(400) for a malformed header there, BuildError for the branch.
    """
    return _within_dialog(invite, response, branch, "BYE", invite.cseq.number + 1, [])


def _with_tag(request: Request, line: str, to_tag: str) -> str:
    if not is_token(to_tag):
        raise BuildError("The To tag is not a token")
    try:
        tagged = "tag" in request.to.params
    except ParseError:  # what cannot be read cannot be known to have a tag, and the answer is owed all the same
        tagged = False
    return line if tagged else f"{line.rstrip(FOLD)};tag={to_tag}"


def _within_transaction(request: Request, method: str, to: list[str]) -> Request:
    """ACK or CANCEL: same branch, same route, same CSeq number."""
    lines = [f"Via: {request.top_via.raw}", *request.lines_of("Route"), *request.lines_of("From")[:1], *to]
    lines += request.lines_of("Call-ID")[:1]
    lines += header_lines((("CSeq", f"{request.cseq.number} {method}"), ("Max-Forwards", "70")), b"")[0]
    return Request(method, request.uri, lines)


def _within_dialog(
    invite: Request, response: Response, branch: str, method: str, number: int, credentials: list[str]
) -> Request:
    uri, routes = _target(invite, response)
    headers = [("Via", _new_via(invite, branch)), *(("Route", route) for route in routes), ("Max-Forwards", "70")]
    headers.append(("CSeq", f"{number} {method}"))
    request = Request.make(method, uri, headers)
    dialog = [*invite.lines_of("From")[:1], *response.lines_of("To")[:1], *invite.lines_of("Call-ID")[:1]]
    return Request(method, uri, request.lines[:-1] + dialog + credentials + request.lines[-1:])


def _new_via(invite: Request, branch: str) -> str:
    if not is_token(branch):
        raise BuildError("The branch is not a token")
    via = invite.top_via
    rport = ";rport" if via.rport is not None else ""
    return f"SIP/2.0/{via.transport} {via.sent_by};branch={branch}{rport}"


def _target(invite: Request, response: Response) -> tuple[str, list[str]]:
    """Request-URI and Route values of a request inside the dialog (RFC 3261 §12.1.2, §12.2.1.1)."""
    contacts = response.values("Contact")
    # A 2xx without Contact breaks §12.1.1; where the INVITE went is then all that is known.
    remote = Address.parse(contacts[0]).uri if contacts else invite.uri
    routes = response.values("Record-Route")[::-1]
    if not routes:
        return remote, []
    first = Address.parse(routes[0]).uri
    if "lr" in SipUri.parse(first).params:
        return remote, routes
    return first, [*routes[1:], f"<{remote}>"]
