"""The messages that the transaction tests exchange, and the flow they come over."""

from __future__ import annotations

from strowger.sip.message.message import Request, Response, parse_message

FLOW = ("udp", "192.0.2.4", 5060)
OTHER_FLOW = ("udp", "192.0.2.99", 5060)
BRANCH = "z9hG4bK776asdhds"


def request(
    method: str = "INVITE",
    *,
    branch: str | None = BRANCH,
    sent_by: str = "pc33.example.com:5066",
    uri: str = "sip:bob@example.net",
    from_tag: str | None = "1928301774",
    to_tag: str | None = None,
    call_id: str = "a84b4c76e66710",
    cseq: int = 314159,
    cseq_method: str | None = None,
) -> Request:
    """A request as it is read off the wire."""
    parameter = "" if branch is None else f";branch={branch}"
    text = (
        f"{method} {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {sent_by}{parameter}\r\n"
        "Max-Forwards: 70\r\n"
        f"To: Bob <sip:bob@example.net>{_tag(to_tag)}\r\n"
        f"From: Alice <sip:alice@example.com>{_tag(from_tag)}\r\n"
        f"Call-ID: {call_id}\r\n"
        f"CSeq: {cseq} {cseq_method or method}\r\n"
        "Contact: <sip:alice@pc33.example.com:5066>\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    message = parse_message(text.encode())
    assert isinstance(message, Request)
    return message


def response(status: int, to: Request, *, tag: str | None = "a6c85cf", branch: str | None = None) -> Response:
    """A response to a request as it is read off the wire; `branch` replaces the one of the request."""
    via = to.top_via.raw if branch is None else f"SIP/2.0/UDP pc33.example.com:5066;branch={branch}"
    text = (
        f"SIP/2.0 {status} Whatever\r\n"
        f"Via: {via}\r\n"
        f"To: Bob <sip:bob@example.net>{_tag(to.to_tag or tag)}\r\n"
        f"From: Alice <sip:alice@example.com>{_tag(to.from_tag)}\r\n"
        f"Call-ID: {to.call_id}\r\n"
        f"CSeq: {to.cseq.number} {to.cseq.method}\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    message = parse_message(text.encode())
    assert isinstance(message, Response)
    return message


def ack(to: Request, *, to_tag: str | None = "a6c85cf", branch: str | None = None, uri: str | None = None) -> Request:
    """The ACK of an INVITE; `branch` for the one of a 2xx, which has its own."""
    own = to.top_via.branch if branch is None else branch
    return request(
        "ACK",
        branch=own,
        sent_by=to.top_via.sent_by,
        uri=uri or to.uri,
        from_tag=to.from_tag,
        to_tag=to_tag,
        call_id=to.call_id,
        cseq=to.cseq.number,
    )


def _tag(tag: str | None) -> str:
    return "" if tag is None else f";tag={tag}"
