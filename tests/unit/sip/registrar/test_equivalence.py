"""The examples of RFC 3261 §19.1.4 and what they leave open."""

import pytest

from strowger.sip.message.uri import SipUri
from strowger.sip.registrar.equivalence import plain, same_uri

SAME = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    ("sip:bob@[2001:DB8::1]", "sip:bob@[2001:db8::1]"),
    ("sip:user@example.com;%6C%72;n%61me=v%61lue", "sip:user@example.com;lr;name=value"),
    ("sip:a%3bb@example.com", "sip:a%3Bb@example.com"),
]
OTHER = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
    ("sip:bob@biloxi.com", "sip:biloxi.com"),
    ("sip:bob:secret@biloxi.com", "sip:bob@biloxi.com"),
    ("sip:bob@biloxi.com;maddr=239.255.255.1", "sip:bob@biloxi.com"),
    ("sip:bob@biloxi.com;user=phone", "sip:bob@biloxi.com"),
    ("sip:a%3Bb@example.com", "sip:a;b@example.com"),
]


@pytest.mark.parametrize(
    ("one", "other", "expected"), [(*pair, True) for pair in SAME] + [(*pair, False) for pair in OTHER]
)
def test_the_relation_is_symmetric(one, other, expected):
    assert same_uri(SipUri.parse(one), SipUri.parse(other)) is expected
    assert same_uri(SipUri.parse(other), SipUri.parse(one)) is expected
    assert same_uri(SipUri.parse(one), SipUri.parse(one))


@pytest.mark.parametrize(
    ("text", "plainly"),
    [("abc", "abc"), ("%61%2d%2F", "a-%2F"), ("%", "%"), ("%4", "%4"), ("%zz%41", "%zzA"), ("%25%34", "%254")],
)
def test_escapes(text, plainly):
    assert plain(text) == plainly
