"""The readers of strowger.settings.reader: what each takes and what it says otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from strowger.settings import reader
from strowger.settings.where import Where

KEY = "c3Ryb3dnZXItc2VjcmV0LWtleQ=="


@pytest.mark.parametrize(
    ("read", "written", "value"),
    [
        (reader.line, "text", "text"),
        (reader.line, "x" * reader.LONGEST_TEXT, "x" * reader.LONGEST_TEXT),
        (reader.optional_line, "", ""),
        (reader.path, "a/b", Path("a/b")),
        (reader.optional_path, "", None),
        (reader.optional_path, "a", Path("a")),
        (reader.e164, "+1", "+1"),
        (reader.e164, "+123456789012345", "+123456789012345"),
        (
            reader.url,
            "http://localhost:8080/api/incomingCall?code=a%20b",
            "http://localhost:8080/api/incomingCall?code=a%20b",
        ),
        (reader.url, "https://[::1]/x", "https://[::1]/x"),
        (reader.key_set_place, "dev", "dev"),
        (reader.key_set_place, "https://login.example/keys", "https://login.example/keys"),
        (reader.origin, "https://localhost:7443", "https://localhost:7443"),
        (reader.origin, "https://localhost:7443/", "https://localhost:7443"),
        (reader.sip_uri, "sip:bob@127.0.0.1:5070;transport=tcp", "sip:bob@127.0.0.1:5070;transport=tcp"),
        (reader.sip_uri, "sip:sbc.example;transport=TCP", "sip:sbc.example;transport=TCP"),
        (reader.sip_uri, "sip:sbc.example;transport=tls", "sip:sbc.example;transport=tls"),
        (reader.sip_uri, "sips:sbc.example", "sips:sbc.example"),
        (reader.sip_uri, "SIPS:sbc.example;transport=tcp", "SIPS:sbc.example;transport=tcp"),
        (reader.network, "192.0.2.7", "192.0.2.7/32"),
        (reader.network, "192.0.2.0/24", "192.0.2.0/24"),
        (reader.network, "2001:db8::/32", "2001:db8::/32"),
        (reader.default_decision, "", ""),
        (reader.default_decision, "redirect:+31201110002", "redirect:+31201110002"),
        (reader.default_decision, "redirect:bob", "redirect:bob"),
        (reader.default_decision, "redirect:8:acs:1_2", "redirect:8:acs:1_2"),
        (reader.default_decision, "reject:603", "reject:603"),
        (reader.optional_e164, "", ""),
        (reader.optional_e164, "+1", "+1"),
        (reader.country_code, "", ""),
        (reader.country_code, "1", "1"),
        (reader.country_code, "353", "353"),
        (reader.dial_prefix, "", ""),
        (reader.dial_prefix, "011", "011"),
        (reader.dial_prefix, "*31#" * 8, "*31#" * 8),
        (reader.one_or_each(reader.line, 2), "a", ("a",)),
        (reader.one_or_each(reader.line, 2), ["a"], ("a",)),
        (reader.one_or_each(reader.line, 2), ["a", "b"], ("a", "b")),
        (reader.one_or_each(reader.line, 2, at_least=0), [], ()),
        (reader.number_prefix, "+", "+"),
        (reader.number_prefix, "*", ""),
        (reader.number_prefix, "+31*", "+31"),
        (reader.number_prefix, "00", "00"),
        (reader.number_prefix, "+123456789012345", "+123456789012345"),
        (reader.short_number, "112", "112"),
        (reader.match, "+31*", "+31*"),
        (reader.match, "*", "*"),
        (reader.match, "+31201110001", "+31201110001"),
    ],
)
def test_taken(read: Callable[[object], object], written: object, value: object) -> None:
    assert read(written) == value


@pytest.mark.parametrize(
    ("read", "written", "message"),
    [
        (reader.line, "", "length >= 1"),
        (reader.line, "x" * (reader.LONGEST_TEXT + 1), "length <= 2048"),
        (reader.line, 7, "expected `str`, got `int`"),
        (reader.line, "a\nb", "control characters"),
        (reader.default_decision, "reject:404", "'reject:404' is neither redirect:TARGET nor reject:480|486|603"),
        (reader.default_decision, "redirect:", "'redirect:' is neither redirect:TARGET nor reject:480|486|603"),
        (reader.default_decision, "bob", "'bob' is neither redirect:TARGET nor reject:480|486|603"),
        (reader.default_decision, "redirect:+31 20", "'+31 20' is not an E.164 number"),
        (reader.default_decision, 486, "expected"),
        (reader.optional_e164, "31", "'31' is not an E.164 number"),
        (reader.country_code, "0", "'0' is not a country code"),
        (reader.country_code, "1234", "'1234' is not a country code"),
        (reader.country_code, "+31", "'+31' is not a country code"),
        (reader.country_code, "٣", "'٣' is not a country code"),
        (reader.dial_prefix, "+", "'+' cannot be dialled before a number"),
        (reader.dial_prefix, "0" * 33, "cannot be dialled before a number"),
        (reader.one_or_each(reader.line, 2), [], "0 entries are not between 1 and 2"),
        (reader.one_or_each(reader.line, 2), ["a", "b", "c"], "3 entries are not between 1 and 2"),
        (reader.one_or_each(reader.line, 2), 7, "expected `str`, got `int`"),
        (reader.e164, "31201110001", "'31201110001' is not an E.164 number"),
        (reader.e164, "+", "is not an E.164 number"),
        (reader.e164, "+1234567890123456", "is not an E.164 number"),
        (reader.e164, "+31 20", "is not an E.164 number"),
        (reader.e164, "+٣١", "is not an E.164 number"),
        (reader.key_set_place, "DEV", "is not an http or https URL"),
        (reader.url, "localhost:8080", "is not an http or https URL"),
        (reader.optional_url, "localhost:8080", "is not an http or https URL"),
        (reader.url, "ftp://x", "is not an http or https URL"),
        (reader.url, "http:///x", "is not an http or https URL"),
        (reader.url, "http://a b/", "is not an http or https URL"),
        (reader.url, "http://x:99999/", "is not a URL"),
        (reader.url, "http://[::1", "is not a URL"),
        (reader.url, "http://u:p@x/", "user name or a fragment"),
        (reader.url, "http://x/#y", "user name or a fragment"),
        (reader.origin, "https://localhost/acs", "a path is not allowed here"),
        (reader.origin, "https://localhost?x", "a path is not allowed here"),
        (reader.sip_uri, "bob@127.0.0.1", "is not a sip: or sips: URI"),
        (reader.sip_uri, "sip:", "is not a sip: or sips: URI"),
        (reader.sip_uri, "sip:bob@", "is not a sip: or sips: URI"),
        (reader.sip_uri, "sip:;lr", "is not a sip: or sips: URI"),
        (reader.sip_uri, "<sip:bob@x>", "is not a sip: or sips: URI"),
        (reader.sip_uri, "tel:+31201110001", "is not a sip: or sips: URI"),
        (reader.sip_uri, "sip:sbc.example;transport=ws", "a transport that cannot be dialled; udp tcp tls can"),
        (reader.sip_uri, "sips:sbc.example;transport=udp", "asks for a transport that cannot be dialled; tcp tls can"),
        (reader.network, "192.0.2.1/24", "has host bits set"),
        (reader.network, "sbc.example", "is not an address or a network"),
        (reader.number_prefix, "", "expected `str` of length >= 1"),
        (reader.number_prefix, "+31**", "'+31**' is not how a number begins"),
        (reader.number_prefix, "+1234567890123456", "is not how a number begins"),
        (reader.number_prefix, "31+", "is not how a number begins"),
        (reader.number_prefix, "+\u0663", "is not how a number begins"),
        (reader.short_number, "+112", "'+112' is not a number as it is dialled"),
        (reader.short_number, "1234567890123456", "is not a number as it is dialled"),
        (reader.short_number, "\u0661", "is not a number as it is dialled"),
        (reader.match, "+31*2", "the only * allowed is the last character"),
        (reader.match, "**", "the only * allowed is the last character"),
    ],
)
def test_refused(read: Callable[[object], object], written: object, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read(written)


def test_a_list_names_every_unfit_entry() -> None:
    with pytest.raises(reader.UnfitEntries) as caught:
        reader.each(reader.e164)(["+1", "2", "+3", 4])
    assert caught.value.entries == [(1, "'2' is not an E.164 number"), (3, "expected `str`, got `int`")]


@pytest.mark.parametrize(("entries", "fits"), [(0, False), (1, True), (2, True), (3, False)])
def test_a_list_has_a_least_and_a_greatest_length(entries: int, fits: bool) -> None:
    read = reader.each(reader.e164, 1, 2)
    if fits:
        assert read(["+1"] * entries) == ("+1",) * entries
    else:
        with pytest.raises(ValueError, match=f"{entries} entries are not between 1 and 2"):
            read(["+1"] * entries)


def test_one_entry_is_no_list() -> None:
    with pytest.raises(ValueError, match="expected `array`, got `str`"):
        reader.each(reader.e164)("+1")


def test_keys_are_base64_of_sixteen_octets(tmp_path: Path) -> None:
    where = Where({"KEY": KEY}, tmp_path)
    sixteen = "MDEyMzQ1Njc4OWFiY2RlZg=="
    assert reader.keys(("env:KEY", sixteen), where) == (KEY, sixteen)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("MDEyMzQ1Njc4OWFiY2Rl", "a key of 15 octets is too short: 16 are the least"),
        ("not base64!", "a key is not base64"),
    ],
)
def test_a_bad_key_is_refused_without_being_shown(key: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        reader.keys((key,), Where({}, tmp_path))
    assert str(caught.value) == message


def test_hashes_name_their_algorithm(tmp_path: Path) -> None:
    where = Where({"HASH": f"sha-256:{'A' * 64}"}, tmp_path)
    assert reader.hashes((f"MD5:{'0f' * 16}", "env:HASH"), where) == (f"MD5:{'0f' * 16}", f"SHA-256:{'a' * 64}")
    assert reader.hashes((), where) == ()


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (["cafe"], "a hash begins with its algorithm and a colon: SHA-256 or MD5"),
        ([f"SHA-512:{'a' * 128}"], "a hash begins with its algorithm and a colon: SHA-256 or MD5"),
        ([f"MD5:{'a' * 31}"], "a hash of MD5 has 32 hexadecimal digits"),
        ([f"MD5:{'x' * 32}"], "a hash of MD5 has 32 hexadecimal digits"),
        ([f"md5:{'a' * 32}", f"MD5:{'b' * 32}"], "two hashes of one algorithm"),
    ],
)
def test_a_bad_hash_is_refused_without_being_shown(written: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        reader.hashes(tuple(written), Where({}, tmp_path))
    assert str(caught.value) == message


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_signing_secrets(tmp_path: Path) -> None:
    (tmp_path / "next").write_text(SECRET)
    found = reader.signing_secrets(("env:NOW", "file:next"), Where({"NOW": SECRET}, tmp_path))
    assert found == (SECRET, SECRET)
    assert reader.signing_secrets((), Where({}, tmp_path)) == ()
    with pytest.raises(ValueError, match="begins with whsec_") as caught:
        reader.signing_secrets(("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",), Where({}, tmp_path))
    assert "MfKQ" not in str(caught.value)


def test_headers_of_events(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    where = Where({"KEY": "from the environment"}, tmp_path)
    written = tuple(map(reader.delivery_header, ["X-A: 1", "X-B:env:KEY", "X-C:  file:key", "X-D: Bearer: x"]))
    assert reader.sent_headers(written, where) == (
        "X-A: 1",
        "X-B: from the environment",
        "X-C: from a file",
        "X-D: Bearer: x",
    )
    assert reader.header_from("X-Caller:data.from.rawId") == "X-Caller: data.from.rawId"


@pytest.mark.parametrize("written", ["X-A", "X-A:", "Host: h", "X-A: s3cret\r\nX-B: 1", 7])
def test_headers_that_cannot_be_written(written: object) -> None:
    with pytest.raises(ValueError) as caught:
        reader.delivery_header(written)
    assert "s3cret" not in str(caught.value)


def test_a_secret_that_would_be_two_headers_is_refused_and_not_shown(tmp_path: Path) -> None:
    where = Where({"KEY": "s3cret\r\nX-B: 1"}, tmp_path)
    with pytest.raises(ValueError, match="the value of X-A is not 1 to 4096") as caught:
        reader.sent_headers(("X-A: env:KEY",), where)
    assert "s3cret" not in str(caught.value)
