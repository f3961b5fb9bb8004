"""What changes in a forwarded message, to the byte, and what does not."""

from __future__ import annotations

from strowger.sip.message import Request, Response, parse_message
from strowger.sip.proxy.forwarding import Forwarding, forward_in_dialog, forward_invite, forward_response

FORWARDING = Forwarding(b"f" * 32)
INVITE = (
    b"INVITE sip:+31201110001@192.0.2.1 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKcaller;rport=5060;received=192.0.2.9\r\n"
    b"x-Odd-HEADER :  kept   as it \xe9 is\r\n"
    b"Subject: folded\r\n  over two lines\r\n"
    b"Max-Forwards: 70\r\n"
    b"Route: <sip:evil.example;lr>\r\n"
    b'f: "A" <sip:a@192.0.2.9>;tag=1\r\n'
    b"t: <sip:+31201110001@192.0.2.1>\r\n"
    b"i: abc@192.0.2.9\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"l: 4\r\n\r\nv=0\n"
)


def invite(data: bytes = INVITE) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def test_an_invite_is_forwarded_with_nothing_else_touched() -> None:
    forwarded = forward_invite(invite(), "sip:bob@192.0.2.2:5062", "192.0.2.1:5060", "UDP", "z9hG4bKours", None)
    assert forwarded.to_bytes() == (
        b"INVITE sip:bob@192.0.2.2:5062 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours;rport\r\n"
        b"v: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKcaller;rport=5060;received=192.0.2.9\r\n"
        b"x-Odd-HEADER :  kept   as it \xe9 is\r\n"
        b"Subject: folded\r\n  over two lines\r\n"
        b"Max-Forwards: 69\r\n"
        b'f: "A" <sip:a@192.0.2.9>;tag=1\r\n'
        b"t: <sip:+31201110001@192.0.2.1>\r\n"
        b"i: abc@192.0.2.9\r\n"
        b"CSeq: 1 INVITE\r\n"
        b"l: 4\r\n\r\nv=0\n"
    )


def test_a_missing_max_forwards_is_added_and_a_record_route_written_on_request() -> None:
    without = invite(INVITE.replace(b"Max-Forwards: 70\r\n", b""))
    route = "<sip:t@192.0.2.1;lr>"
    forwarded = forward_invite(without, "sip:b@192.0.2.2", "192.0.2.1:5060", "TCP", "z9hG4bKours", route)
    assert forwarded.max_forwards == 70
    assert forwarded.first("Record-Route") == "<sip:t@192.0.2.1;lr>"
    assert forwarded.vias[0] == "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKours;rport"


def test_the_forwarded_invite_leaves_the_original_alone() -> None:
    original = invite()
    forward_invite(original, "sip:b@192.0.2.2", "192.0.2.1:5060", "UDP", "z9hG4bKours", None)
    assert original.to_bytes() == INVITE


def test_within_a_dialog_the_other_routes_stay() -> None:
    assert forward_in_dialog(invite(), "sip:b@192.0.2.2", "192.0.2.1", "UDP", "z9hG4bKx").has("Route")


def test_a_response_loses_our_via_only() -> None:
    response = parse_message(
        b"SIP/2.0 180 Ringing\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours , SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKc\r\n"
        b"CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )
    assert isinstance(response, Response)
    assert forward_response(response).vias == ["SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKc"]


def test_a_branch_is_the_same_after_a_restart_and_different_for_anything_else() -> None:
    again = Forwarding(b"f" * 32)
    mark = FORWARDING.loop_mark(invite())
    branch = FORWARDING.branch("call", 1, 0, mark)
    assert branch == again.branch("call", 1, 0, again.loop_mark(invite()))
    others = {
        FORWARDING.branch("call", 1, 1, mark),
        FORWARDING.branch("call", 2, 0, mark),
        FORWARDING.branch("other", 1, 0, mark),
        Forwarding(b"g" * 32).branch("call", 1, 0, mark),
    }
    assert branch.startswith("z9hG4bK")
    assert branch not in others
    assert len(others) == 4


def test_a_request_that_comes_back_unchanged_is_a_loop_and_one_for_somebody_else_a_spiral() -> None:
    original = invite()
    assert not FORWARDING.is_loop(original)
    branch = FORWARDING.branch("call", 1, 0, FORWARDING.loop_mark(original))
    looped = forward_invite(original, original.uri, "192.0.2.1", "UDP", branch, None)
    looped.append("Route", "<sip:evil.example;lr>")
    assert FORWARDING.is_loop(looped)
    spiral = forward_invite(original, "sip:carol@192.0.2.1", "192.0.2.1", "UDP", branch, None)
    assert not FORWARDING.is_loop(spiral)


def test_only_responses_to_what_was_forwarded_statelessly_pass_back() -> None:
    request = invite()
    via = f"SIP/2.0/UDP 192.0.2.1;branch={FORWARDING.stateless_branch(request)}"
    headers = [("Via", via), ("Via", request.vias[0]), ("Call-ID", request.call_id), ("CSeq", "1 INVITE")]
    assert FORWARDING.stateless_origin(Response.make(200, "OK", headers)) == ""
    other_via = [("Via", via), ("Via", "SIP/2.0/UDP 192.0.2.66;branch=z9hG4bKvictim"), *headers[2:]]
    assert FORWARDING.stateless_origin(Response.make(200, "OK", other_via)) is None
    assert FORWARDING.stateless_origin(Response.make(200, "OK", headers[:1] + headers[2:])) is None


def test_the_connection_a_response_goes_back_by_is_in_the_branch_and_cannot_be_changed() -> None:
    request = invite()
    branch = FORWARDING.stateless_branch(request, "0-7-tls")
    headers = [("Via", request.vias[0]), ("Call-ID", request.call_id), ("CSeq", "1 INVITE")]
    for written, origin in ((branch, "0-7-tls"), (branch.replace("-7-", "-8-"), None), (branch[:-8], None)):
        via = ("Via", f"SIP/2.0/UDP 192.0.2.1;branch={written}")
        assert FORWARDING.stateless_origin(Response.make(200, "OK", [via, *headers])) == origin


def test_the_ack_and_the_cancel_of_a_request_share_its_stateless_branch() -> None:
    ack = invite(INVITE.replace(b"INVITE sip", b"ACK sip").replace(b"1 INVITE", b"1 ACK"))
    assert FORWARDING.stateless_branch(ack) == FORWARDING.stateless_branch(invite())


def test_a_route_token_belongs_to_one_call_and_one_host() -> None:
    token = FORWARDING.route_token("a@b", "192.0.2.7")
    assert token == Forwarding(b"f" * 32).route_token("a@b", "192.0.2.7")
    assert token not in (FORWARDING.route_token("a@c", "192.0.2.7"), FORWARDING.route_token("a@b", "192.0.2.8"))


def test_branches_do_not_change_between_releases() -> None:
    """A call that rings while the server is upgraded must find its target's transaction again."""
    assert FORWARDING.branch("call", 1, 0, "mark") == "z9hG4bKa922f21a45d1143ead5cfe32.mark"
    assert FORWARDING.loop_mark(invite()) == "7a2875053d59"
