import pytest

from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError


@pytest.mark.parametrize(
    ("value", "display", "uri", "params"),
    [
        ("sip:a@b", "", "sip:a@b", {}),
        ("<sip:a@b>", "", "sip:a@b", {}),
        ("caller<sip:a@b>;tag=323", "caller", "sip:a@b", {"tag": "323"}),
        ("A. G. Bell <sip:a@b> ;  tag = 1", "A. G. Bell", "sip:a@b", {"tag": "1"}),
        (r'"J \"R\" \\, <x>" <sip:a@b;lr>;q=0.33', 'J "R" \\, <x>', "sip:a@b;lr", {"q": "0.33"}),
        ('""<sip:a@b>', "", "sip:a@b", {}),
        ("sip:a@b ; tag = 1", "", "sip:a@b", {"tag": "1"}),
        ("sip:a@b;user=phone;tag=1", "", "sip:a@b", {"user": "phone", "tag": "1"}),
        ('sip:a@b;x="<"', "", "sip:a@b", {"x": '"<"'}),
        ("<sip:a@b?Route=%3Csip:c%3E>", "", "sip:a@b?Route=%3Csip:c%3E", {}),
        ("isbn:2983792873", "", "isbn:2983792873", {}),
        ("J\xc3\xbcrgen <tel:+31>", "J\xc3\xbcrgen", "tel:+31", {}),
        ("bob@home (b) <sip:a@b>", "bob@home (b)", "sip:a@b", {}),
    ],
)
def test_addresses(value: str, display: str, uri: str, params: dict[str, str | None]) -> None:
    assert Address.parse(value) == Address(display, uri, params)


def test_uri_and_header_parameters_are_kept_apart() -> None:
    assert Address.parse("sip:+19725552222@gw1.example.net;unknownparam").params == {"unknownparam": None}
    assert Address.parse("<sip:+19725552222@gw1.example.net;unknownparam>").params == {}


def test_tag() -> None:
    assert Address.parse("<sip:a>;tag=x").tag == "x"
    assert Address.parse("<sip:a>").tag is None
    assert Address.parse("<sip:a>;tag").tag is None


def test_display_text() -> None:
    assert Address.parse('"J\xc3\xbcrgen" <sip:a>').display_text == "Jürgen"
    assert Address.parse('"J\xfc" <sip:a>').display_text == "J�"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "*",
        "<sip:a@b",
        "<>",
        "< sip:a@b>",
        "<sip:a@b >",
        "<sip:a@b> x",
        "<sip:a@b>, <sip:c>",
        "<sip:a@b>;;;;",
        "<sip:a@b>;tag=1;tag=2",
        "Bell, Alexander <sip:a@b>;tag=43",
        "a;b <sip:a@b>",
        "a:b <sip:a@b>",
        "a\\b <sip:a@b>",
        'a "b" <sip:a@b>',
        "a> <sip:a@b>",
        "a\x00 <sip:a@b>",
        '"Mr. J. User <sip:j.user@example.com>',
        r'"a\" <sip:a@b>',
        '"a" sip:a@b',
        '"a"',
        "sip:a@b?x=y",
        "sip:a,b@c",
        "sip:a b@c",
        "bob",
    ],
)
def test_malformed(value: str) -> None:
    with pytest.raises(ParseError) as caught:
        Address.parse(value)
    assert caught.value.status == 400
