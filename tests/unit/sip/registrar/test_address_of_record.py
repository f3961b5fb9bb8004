import pytest

from strowger.sip.message.errors import Refusal
from strowger.sip.registrar.address_of_record import AddressOfRecord, address_of_record
from tests.support.registrar import a_register


@pytest.mark.parametrize(
    ("to", "user", "host"),
    [
        ("sip:bob@example.com", "bob", "example.com"),
        ('"Bob" <sips:b%6Fb:pw@EXAMPLE.com:5061;transport=tcp?x=y>', "bob", "example.com"),
        ("<sip:8:acs:1_2@example.com>", "8", "example.com"),
        ("<sip:8%3Aacs%3A1_2@example.com>", "8:acs:1_2", "example.com"),
        ("<sip:+31201110001;phone-context=x@[2001:db8::1]>", "+31201110001", "[2001:db8::1]"),
        ("<sip:j%C3%BCrgen@example.com>", "jürgen", "example.com"),
    ],
)
def test_the_canonical_form(to, user, host):
    aor = address_of_record(a_register(to=to))
    assert aor == AddressOfRecord(user, host)
    assert str(aor) == f"sip:{user}@{host}"


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("<isbn:2983792873>", 400),
        ("<tel:+31201110001>", 400),
        ("<http://example.com>", 400),
        ("<sip:example.com>", 404),
    ],
)
def test_what_is_no_address_of_record(to, status):
    with pytest.raises(Refusal) as caught:
        address_of_record(a_register(to=to))
    assert caught.value.status == status
