"""A whole INVITE for a trunk, byte for byte."""

from __future__ import annotations

import pytest

from strowger.sip.message import Request, parse_message
from strowger.sip.trunk.headers import for_trunk
from strowger.sip.trunk.identity import Caller
from strowger.sip.trunk.passage import Cause, Step
from strowger.sip.trunk.trunk import CallerId, ForwardedAs, Trunk

US = "sip:+31201110001@192.0.2.1"
OUT = "sip:+31612345678@carrier.example"
STEPS = [Step(US, Cause.UNCONDITIONAL, 302)]

INVITE = b"""INVITE sip:+31201110001@192.0.2.1 SIP/2.0\r
v:SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\r
FROM :  "Ann" <sip:+31698765432@caller.example>;tag=ann\r
To: <sip:+31201110001@192.0.2.1>\r
Call-ID: one\r
CSeq: 1 INVITE\r
Max-Forwards: 12\r
Identity: eyJhbGciOiJFUzI1NiJ9.eyJhIjox;\r
 info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken\r
X-Odd:\tas   it   came\r
Content-Length: 4\r
\r
v=0\n"""


def an_invite() -> Request:
    invite = parse_message(INVITE)
    assert isinstance(invite, Request)
    return invite


def test_a_trunk_that_wants_nothing_gets_the_same_bytes() -> None:
    told = for_trunk(an_invite(), Trunk("t", "sip:carrier.example"), Caller(), STEPS, OUT)
    assert told.to_bytes() == INVITE


def test_everything_at_once() -> None:
    trunk = Trunk(
        "t",
        "sip:carrier.example",
        caller_id=CallerId.OWNED,
        forwarded_as=frozenset(ForwardedAs),
    )
    invite = an_invite()
    told = for_trunk(invite, trunk, Caller(dialled="+31201110001"), STEPS, OUT)
    assert told.to_bytes() == INVITE.replace(
        b'FROM :  "Ann" <sip:+31698765432@caller.example>;tag=ann',
        b"From: <sip:+31201110001@carrier.example>;tag=ann",
    ).replace(
        b"Content-Length: 4\r\n",
        b"Content-Length: 4\r\n"
        b"History-Info: <sip:+31201110001@192.0.2.1?Reason=SIP%3Bcause%3D302>;index=1\r\n"
        b"History-Info: <sip:+31612345678@carrier.example;cause=302>;index=1.1;mp=1\r\n"
        b"Diversion: <sip:+31201110001@192.0.2.1>;reason=unconditional;counter=1;privacy=off\r\n"
        b"P-Asserted-Identity: <sip:+31201110001@carrier.example>\r\n",
    )
    assert invite.to_bytes() == INVITE


@pytest.mark.parametrize("is_trusted", [False, True])
def test_a_private_history_does_not_leave_the_trust_domain(is_trusted: bool) -> None:
    invite = an_invite()
    invite.append("Privacy", "history")
    trunk = Trunk("t", "sip:c.example", forwarded_as=frozenset({ForwardedAs.HISTORY_INFO}), is_trusted=is_trusted)
    told = for_trunk(invite, trunk, Caller(), STEPS, OUT)
    hidden = [
        "<sip:anonymous@anonymous.invalid>;index=1",
        "<sip:anonymous@anonymous.invalid>;index=1.1;mp=1",
    ]
    assert (told.all("History-Info") == hidden) is not is_trusted
    assert told.has("Privacy") is is_trusted


def test_the_same_arguments_make_the_same_bytes() -> None:
    trunk = Trunk("t", "sip:c.example", caller_id=CallerId.TRUNK, number="+311", forwarded_as=frozenset(ForwardedAs))
    once, again = (for_trunk(an_invite(), trunk, Caller(), STEPS, OUT).to_bytes() for _ in range(2))
    assert once == again
