import pytest

from strowger.sip.message.errors import ParseError
from strowger.sip.registrar.contact import Contact
from strowger.sip.registrar.limits import Limits

LIMITS = Limits(default_expires_s=1_800, max_expires_s=7_200)


@pytest.mark.parametrize(
    ("param", "header", "expected"),
    [
        ("", None, 1_800),
        ("", "600", 600),
        (";expires=30", "600", 30),  # too short, but that is for the registrar to say
        (";expires=0", "600", 0),
        (";expires=7200", None, 7_200),
        (";expires=7201", None, 7_200),
        (";expires=280297596632815", None, 7_200),  # RFC 4475 §3.1.2.4
        (";expires=soon", "600", 1_800),
        (";expires", "600", 1_800),
        (';expires="60"', None, 1_800),
        ("", "never", 1_800),
        ("", "1" * 5_000, 7_200),
        (";expires=-1", None, 1_800),
        (";expires=²", None, 1_800),
    ],
)
def test_how_long(param, header, expected):
    assert Contact.parse(f"<sip:bob@192.0.2.7>{param}", header, LIMITS).expires_s == expected


@pytest.mark.parametrize(
    ("param", "q"),
    [("", 1_000), (";q=1", 1_000), (";q=1.000", 1_000), (";q=0", 0), (";q=0.", 0), (";q=0.5", 500), (";q=0.001", 1)],
)
def test_how_much_preferred(param, q):
    assert Contact.parse(f"<sip:bob@192.0.2.7>{param}", None, LIMITS).q == q


@pytest.mark.parametrize(
    "value",
    [
        "<sip:bob@192.0.2.7>;q=1.001",
        "<sip:bob@192.0.2.7>;q=2",
        "<sip:bob@192.0.2.7>;q=0.0001",
        "<sip:bob@192.0.2.7>;q=0.x",
        "<sip:bob@192.0.2.7>;q=.5",
        "<sip:bob@192.0.2.7>;q",
        "<sip:bob@192.0.2.7>;q=-1",
        "<sip:bob@192.0.2.7>;reg-id=0",
        "<sip:bob@192.0.2.7>;reg-id=x",
        "<sip:bob@192.0.2.7>;reg-id",
        "<sip:bob@192.0.2.7>;reg-id=2147483648",
        "<name:John_Smith>",  # RFC 4475 §3.3.4
        "<mailto:bob@example.com>",
        "<tel:+31201110001>",
        "<sip:>",
    ],
)
def test_what_cannot_be_bound(value):
    with pytest.raises(ParseError) as caught:
        Contact.parse(value, None, LIMITS)
    assert caught.value.status == 400


def test_parameters_of_the_uri_and_of_the_header_are_kept_apart():
    of_header = Contact.parse("sip:+19725552222@gw1.example.net;unknownparam", None, LIMITS)  # RFC 4475 §3.3.12
    of_uri = Contact.parse("<sip:+19725552222@gw1.example.net;unknownparam>", None, LIMITS)  # RFC 4475 §3.3.13
    assert (of_header.uri.raw, of_header.features) == ("sip:+19725552222@gw1.example.net", ";unknownparam")
    assert (of_uri.uri.raw, of_uri.features) == ("sip:+19725552222@gw1.example.net;unknownparam", "")


def test_a_flow_of_an_instance():
    instance = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'
    contact = Contact.parse(f"<sip:bob@192.0.2.2;transport=tcp;ob>;reg-id=1;{instance};q=0.5;audio", "60", LIMITS)
    assert (contact.instance, contact.reg_id) == ("<urn:uuid:00000000-0000-1000-8000-000A95A0E128>", 1)
    assert contact.names_a_flow
    assert contact.features == f";reg-id=1;{instance};audio"
    assert not Contact.parse(f"<sip:bob@192.0.2.2>;{instance}", None, LIMITS).names_a_flow
    assert not Contact.parse("<sip:bob@192.0.2.2>;reg-id=1", None, LIMITS).names_a_flow
