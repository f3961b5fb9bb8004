import pytest

from strowger.sip.message.errors import ParseError
from strowger.sip.message.grammar import (
    closing_quote,
    count_values,
    decimal,
    has_blank_or_control,
    is_token,
    mask,
    mask_quoted,
    parse_host_port,
    parse_parameters,
    split_list,
    unfold,
    unquote,
)


@pytest.mark.parametrize("text", ["INVITE", "a", "-.!%*_+`'~", "!interesting-Method0123456789_*+`.%indeed'~"])
def test_tokens(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a:b", '"a"', "a\x00", "é", "a\xa0", "(", "@", "a/b"])
def test_what_is_no_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize(
    ("text", "maximum", "number"),
    [
        ("0", 255, 0),
        ("255", 255, 255),
        ("256", 255, None),
        ("0068", 255, 68),
        ("0" * 9000 + "7", 255, 7),
        ("9" * 9000, 2**31 - 1, None),
        ("2147483647", 2**31 - 1, 2**31 - 1),
        ("2147483648", 2**31 - 1, None),
        ("²", 255, None),
        ("\u0661", 255, None),
        ("-1", 255, None),
        ("+1", 255, None),
        ("1_0", 255, None),
        (" 1", 255, None),
        ("", 255, None),
    ],
)
def test_decimal(text: str, maximum: int, number: int | None) -> None:
    assert decimal(text, maximum) == number


@pytest.mark.parametrize("text", ["a b", "a\tb", "\x00", "\x7f", "é \xe9", "\xe9\x01"])
def test_blank_or_control(text: str) -> None:
    assert has_blank_or_control(text)


@pytest.mark.parametrize("text", ["", "abc", "é", "\x85\xa0"])
def test_no_blank_or_control(text: str) -> None:
    assert not has_blank_or_control(text)


@pytest.mark.parametrize(
    ("text", "unfolded"),
    [
        (" a ", "a"),
        ("\r\n a", "a"),
        ("a \r\n\t b\r\n  c ", "a b c"),
        ("\xa0a\x85", "\xa0a\x85"),
    ],
)
def test_unfold(text: str, unfolded: str) -> None:
    assert unfold(text) == unfolded


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("a,b", "a,b"),
        ('"a,b",c', '"___",c'),
        (r'"\"",c', '"__",c'),
        (r'"\\",c', '"__",c'),
        (r'"\\\"",c', '"____",c'),
        ('"open,', '"_____'),
        ("<a,b>,c", "<___>,c"),
        ('"<",<">', '"_",<__'),
        ("<open,", "<_____"),
        ("<a<b>,", "<_<_>,"),
    ],
)
def test_mask_keeps_the_length(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert len(masked) == len(text)


def test_mask_quoted_leaves_brackets() -> None:
    assert mask_quoted('<a;b>";"') == '<a;b>"_"'


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ("a,,b,", ["a", "", "b", ""]),
        ('"a, b" <sip:x,y@z>;p="," , <sip:c>', ['"a, b" <sip:x,y@z>;p=","', "<sip:c>"]),
        (r'"\",\\" <sip:a>, b', [r'"\",\\" <sip:a>', "b"]),
        ('"never closed, <sip:a>, b', ['"never closed, <sip:a>, b']),
    ],
)
def test_split_list(text: str, values: list[str]) -> None:
    assert split_list(text) == values
    assert count_values(text) == len(values)


@pytest.mark.parametrize(
    ("text", "end"), [('"a" b', 2), ('"', -1), ('"a', -1), (r'"\"', -1), (r'"\""', 3), (r'"\\"', 3), (r'"a\\\" ', -1)]
)
def test_closing_quote(text: str, end: int) -> None:
    assert closing_quote(text) == end


@pytest.mark.parametrize(
    ("text", "content"),
    [('"a"', "a"), (r'"\"\\\a"', '"\\a'), ("a", "a"), ('"', '"'), ('""', ""), ('"a', '"a'), ('"a\\"', "a")],
)
def test_unquote(text: str, content: str) -> None:
    assert unquote(text) == content


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (";lr", {"lr": None}),
        (";Branch=z9hG4bK-.!%66;rport", {"branch": "z9hG4bK-.!%66", "rport": None}),
        (" ;  tag  =  a ; x", {"tag": "a", "x": None}),
        (';q="a;b,c"', {"q": '"a;b,c"'}),
        (";fromParam''~+*_!.-%=\"\xd1\x80\"", {"fromparam''~+*_!.-%": '"\xd1\x80"'}),
        (";received=2001:db8::1", {"received": "2001:db8::1"}),
        (";tag=YWJj==", {"tag": "YWJj=="}),
        (";x=\xe9", {"x": "\xe9"}),
        (';x="\x00"', {"x": '"\x00"'}),
    ],
)
def test_parameters(text: str, parameters: dict[str, str | None]) -> None:
    assert parse_parameters(text) == parameters


@pytest.mark.parametrize(
    "text",
    [
        ";",
        ";;",
        ";a;",
        ";=b",
        ";a=",
        ";a= ",
        ";a;A",
        ";a=1;a=2",
        ';a="',
        ';a="b',
        ';a="b"c',
        ';a=b"c"',
        ";a=b c",
        ";a b=c",
        ";a=b,c",
        ";a=<b>",
        ";a=>",
        ";a=b\x00",
        ";a\x00",
        "; a = b,c",
        ";a=b\t c",
    ],
)
def test_malformed_parameters(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_parameters(text)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("Example.COM", "example.com", None),
        ("pc33:5060", "pc33", 5060),
        ("sip_1.internal:1", "sip_1.internal", 1),
        ("192.0.2.1:65535", "192.0.2.1", 65535),
        ("[2001:DB8::9]:05061", "[2001:db8::9]", 5061),
        ("[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]", None),
        ("example.com.", "example.com.", None),
        ("a" * 63 + ".example", "a" * 63 + ".example", None),
    ],
)
def test_host_and_port(text: str, host: str, port: int | None) -> None:
    assert parse_host_port(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":5060",
        "a:",
        "a:0",
        "a:65536",
        "a:²",
        "a:5060:1",
        "a..b",
        ".a",
        "a b",
        "a/b",
        "é",
        "2001:db8::1",
        "[2001:db8::1",
        "[1:2]",
        "[fe80::1%eth0]",
        "[::1]x",
        "[::1]:",
        "[]",
        "a" * 64,
        "a." * 200,
        "a:" + "0" * 300 + "1",
    ],
)
def test_malformed_host_and_port(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_host_port(text)
    assert caught.value.status == 400


def test_the_longest_host_name() -> None:
    host = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert len(host) == 253
    assert parse_host_port(host) == (host, None)
    with pytest.raises(ParseError):
        parse_host_port(host + "d")
