import pytest

from strowger.sip.message.errors import ParseError
from strowger.sip.message.limits import LONGEST_URI_BYTES
from strowger.sip.message.uri import SipUri, TelUri, parse_uri, split_scheme


def test_all_parts() -> None:
    text = "SIPS:alice;x=1:p%40ss@Atlanta.COM:5061;Transport=TCP;lr?Subject=a&b=c"
    uri = SipUri.parse(text)
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (
        "sips",
        "alice;x=1",
        "p%40ss",
        "atlanta.com",
        5061,
    )
    assert uri.params == {"transport": "TCP", "lr": None}
    assert uri.headers == "Subject=a&b=c"
    assert uri.transport == "tcp"
    assert str(uri) == uri.raw == text


def test_the_least_a_uri_can_be() -> None:
    uri = SipUri.parse("sip:pc33")
    assert (uri.user, uri.password, uri.host, uri.port, uri.params, uri.headers) == (None, None, "pc33", None, {}, None)
    assert uri.transport is None
    assert uri.user_unescaped is None


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("sip:null-%00-null@example.com", "null-\x00-null"),
        ("sip:sips%3Auser%40example.com@example.net", "sips:user@example.com"),
        ("sip:plain@a", "plain"),
        ("sip:%ZZ%4@a", "%ZZ%4"),
        ("sip:%C3%A9@a", "\xc3\xa9"),
        ("sip:\xe9%41@a", "\xe9A"),
    ],
)
def test_user_unescaped(text: str, user: str) -> None:
    assert SipUri.parse(text).user_unescaped == user


def test_an_empty_password_and_odd_parameter_names() -> None:
    uri = SipUri.parse("sip:a:@[2001:DB8::1];%6C%72;x:y=[1]/2&3+4$")
    assert uri.password == ""
    assert uri.host == "[2001:db8::1]"
    assert uri.params == {"%6c%72": None, "x:y": "[1]/2&3+4$"}


def test_a_uri_is_frozen() -> None:
    with pytest.raises(AttributeError):
        SipUri.parse("sip:a").host = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip",
        "sip:",
        "sip:@a",
        "sip::p@a",
        "sip:a@",
        "sip:a@b@c",
        "sip:a@b:99999",
        "sip:a@b;",
        "sip:a@b;lr;lr",
        "sip:a b@c",
        " sip:a@c",
        "sip:a@c ",
        "sip:a@c\x00",
        "<sip:a@c>",
        'sip:"a"@c',
        "1sip:a",
        "é:a",
        ":a",
        "no scheme:a",
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_uri(text)
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ["http://a", "isbn:2983792873", "soap.beep://192.0.2.103:3002", "nobody:x"])
def test_another_scheme(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_uri(text)
    assert caught.value.status == 416


def test_each_class_reads_its_own_scheme() -> None:
    for parse, text in ((SipUri.parse, "tel:+1"), (TelUri.parse, "sip:a")):
        with pytest.raises(ParseError) as caught:
            parse(text)
        assert caught.value.status == 416


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("tel:+1-201-555-0123", "+12015550123"),
        ("TEL:+31(20)110.0001", "+31201100001"),
        ("tel:7042;phone-context=example.com", "7042"),
        ("tel:*21#;phone-context=+31", "*21#"),
    ],
)
def test_telephone_numbers(text: str, number: str) -> None:
    uri = parse_uri(text)
    assert isinstance(uri, TelUri)
    assert (uri.number, str(uri)) == (number, text)


def test_telephone_parameters() -> None:
    assert TelUri.parse("tel:+1;ext=22;isub=3").params == {"ext": "22", "isub": "3"}


@pytest.mark.parametrize("text", ["tel:", "tel:+", "tel:-.()", "tel:alice", "tel:+1*2", "tel:1+2", "tel:²", "tel:+1;"])
def test_malformed_telephone_numbers(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_uri(text)
    assert caught.value.status == 400


def test_the_longest_uri() -> None:
    longest = "sip:" + "a" * (LONGEST_URI_BYTES - 6) + "@b"
    assert SipUri.parse(longest).host == "b"
    with pytest.raises(ParseError) as caught:
        SipUri.parse("sip:a" + longest[4:])
    assert caught.value.status == 400


def test_split_scheme_of_any_uri() -> None:
    assert split_scheme("Urn:uuid:f81d") == ("urn", "uuid:f81d")
