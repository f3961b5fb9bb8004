import pytest

from strowger.sip.flow import Flow
from strowger.sip.message.uri import SipUri
from strowger.sip.registrar.targets import request_uri, targets
from tests.support.registrar import FLOW, NOW, a_binding


def uris(found):
    return [target.uri for target in found]


def test_the_preferred_come_first_and_the_latest_among_equals():
    bindings = [
        a_binding("sip:low@h", q=100),
        a_binding("sip:old@h", updated_at=NOW - 10),
        a_binding("sip:half@h", q=500),
        a_binding("sip:new@h"),
        a_binding("sip:never@h", q=0),
    ]
    assert uris(targets(bindings, NOW)) == ["sip:new@h", "sip:old@h", "sip:half@h", "sip:low@h", "sip:never@h"]


def test_expired_ones_are_not_rung():
    assert targets([a_binding(expires_at=NOW)], NOW) == ()
    assert uris(targets([a_binding(expires_at=NOW + 0.1)], NOW)) == ["sip:bob@192.0.2.7"]


def test_a_target_says_how_to_reach_it():
    flow = Flow("TCP", "192.0.2.7", 40_000, 1, 9)
    (target,) = targets([a_binding("sip:bob@h;ob", path=("<sip:p;lr>",), flow=flow, q=1)], NOW)
    assert (target.route, target.flow, target.q, target.is_bound_to_flow, target.spares) == (
        ("<sip:p;lr>",), flow, 1, True, (),
    )  # fmt: skip


def test_an_instance_is_rung_once_by_its_latest_flow():
    flows = [
        a_binding(f"sip:bob@h{n}", instance="<urn:uuid:1>", reg_id=n, updated_at=NOW + n, flow=FLOW._replace(port=n))
        for n in (1, 3, 2)
    ]
    other = a_binding("sip:bob@h9", instance="<urn:uuid:2>", reg_id=1)
    without_flow = a_binding("sip:bob@h8", instance="<urn:uuid:1>")
    first, *rest = targets([*flows, other, without_flow], NOW)
    assert first.uri == "sip:bob@h3"
    assert uris(first.spares) == ["sip:bob@h2", "sip:bob@h1"]
    assert sorted(uris(rest)) == ["sip:bob@h8", "sip:bob@h9"]


def test_one_contact_by_two_paths_is_two_targets():
    assert len(targets([a_binding(path=("<sip:p1;lr>",)), a_binding(path=("<sip:p2;lr>",))], NOW)) == 2


@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        ("sip:user@example.com?Route=%3Csip:sip.example.com%3E", "sip:user@example.com"),  # RFC 4475 §3.3.14
        ("sip:bob@h;transport=tcp", "sip:bob@h;transport=tcp"),
        ("sip:bob@h;METHOD=BYE;lr;x=method?a=b", "sip:bob@h;lr;x=method"),
        ("sip:a;method=x@h;method=INVITE", "sip:a;method=x@h"),
        ("sip:h;method=INVITE", "sip:h"),
        ("sip:a?b@h", "sip:a?b@h"),
        ("sip:a?b@h?c=d", "sip:a?b@h"),
    ],
)
def test_what_may_not_stand_in_a_request_uri_is_left_out(contact, uri):
    assert request_uri(SipUri.parse(contact)) == uri
