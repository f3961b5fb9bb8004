import pytest

from strowger.sip.flow import Flow
from strowger.sip.registrar.binding import Binding, decode_bindings, encode_bindings, format_q
from strowger.sip.registrar.errors import BindingUnreadable
from tests.support.registrar import BOB, NOW, a_binding


def test_what_is_encoded_is_decoded():
    full = Binding(
        BOB + "?Route=%3Csip:x%3E", NOW + 0.5, "c\xe4ll", 2**31 - 1, Flow("TLS", "2001:db8::1", 5061, 2, 77), NOW, 250,
        ("<sip:p1;lr>", "<sip:p2;lr>"), "<urn:uuid:1>", 3, ';audio;+sip.instance="<urn:uuid:1>";reg-id=3', "Phone/1",
    )  # fmt: skip
    assert decode_bindings(encode_bindings((full, a_binding()))) == (full, a_binding())
    assert decode_bindings(encode_bindings(())) == ()


@pytest.mark.parametrize("encoded", [b"", b"{", b"[1]", b'[{"contact":"sip:x"}]', b"\xff"])
def test_what_cannot_be_read_is_told(encoded):
    with pytest.raises(BindingUnreadable):
        decode_bindings(encoded)


@pytest.mark.parametrize(
    ("q", "text"), [(0, "0"), (1, "0.001"), (50, "0.05"), (250, "0.25"), (500, "0.5"), (999, "0.999"), (1_000, "1")]
)
def test_q_is_written_as_short_as_may_be(q, text):
    assert format_q(q) == text


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({}, "<sip:bob@192.0.2.7>;expires=3600"),
        ({"q": 500, "features": ";audio;x=y"}, "<sip:bob@192.0.2.7>;expires=3600;q=0.5;audio;x=y"),
        ({"expires_at": NOW + 59.6}, "<sip:bob@192.0.2.7>;expires=60"),
        ({"expires_at": NOW - 5}, "<sip:bob@192.0.2.7>;expires=0"),
    ],
)
def test_the_value_in_a_response(changes, value):
    assert a_binding(**changes).contact_value(NOW) == value


@pytest.mark.parametrize(
    ("contact", "changes", "bound"),
    [
        (BOB, {}, False),
        (BOB, {"flow": Flow("TCP", "192.0.2.7", 40_000, 0, 5)}, False),
        (BOB, {"reg_id": 1, "instance": "i"}, True),
        (BOB + ";ob", {}, True),
        (BOB, {"flow": Flow("WS", "192.0.2.7", 40_000, 0, 5)}, True),
        (BOB, {"flow": Flow("WSS", "192.0.2.7", 40_000, 0, 5)}, True),
    ],
)
def test_what_is_reached_by_its_flow_alone(contact, changes, bound):
    assert a_binding(contact, **changes).is_bound_to_flow is bound
