from __future__ import annotations

import base64

import pytest

from strowger.acs.errors import CredentialRefused
from strowger.acs.message import Headers, Request
from strowger.acs.signature import (
    MAX_AUTHORIZATION_CHARACTERS,
    Signed,
    content_hash,
    hosts,
    is_signed,
    read_signature,
    signed_values,
    split_host,
    string_to_sign,
    targets,
)

SIGNATURE = base64.b64encode(bytes(32)).decode()
USUAL = "x-ms-date;host;x-ms-content-sha256"


def authorization(names: str = USUAL, signature: str = SIGNATURE) -> str:
    return f"HMAC-SHA256 SignedHeaders={names}&Signature={signature}"


def read(value: str) -> Signed:
    return read_signature(Headers([("Authorization", value)]))


def test_the_usual_header() -> None:
    assert read(authorization()) == Signed(("x-ms-date", "host", "x-ms-content-sha256"), "x-ms-date", bytes(32))


def test_scheme_names_and_order_are_free() -> None:
    signed = read(authorization("X-Ms-Content-Sha256;HOST;date;x-extra").replace("HMAC-SHA256", "hmac-sha256"))
    assert signed.names == ("x-ms-content-sha256", "host", "date", "x-extra")
    assert signed.date_name == "date"


def test_of_two_dates_the_one_of_the_sdk_counts() -> None:
    assert read(authorization("date;x-ms-date;host;x-ms-content-sha256")).date_name == "x-ms-date"


def test_a_key_name_is_ignored() -> None:
    assert read("HMAC-SHA256 Credential=a&" + authorization().partition(" ")[2]).signature == bytes(32)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "scheme is not HMAC-SHA256"),
        ("Bearer eyJhbGciOi.e30.", "scheme is not HMAC-SHA256"),
        ("Basic YTpi", "scheme is not HMAC-SHA256"),
        ("HMAC-SHA512 x", "scheme is not HMAC-SHA256"),
        ("HMAC-SHA256", "list of distinct"),
        ("HMAC-SHA256 SignedHeaders", "list of distinct"),
        (authorization() + "&Signature=a", "list of distinct"),
        (f"HMAC-SHA256 SignedHeaders={USUAL}", "has no Signature"),
        (f"HMAC-SHA256 Signature={SIGNATURE}", "has no SignedHeaders"),
        (authorization("host;x-ms-content-sha256"), "must cover"),
        (authorization("x-ms-date;x-ms-content-sha256"), "must cover"),
        (authorization("x-ms-date;host"), "must cover"),
        (authorization(USUAL + ";HOST"), "repeats a header"),
        (authorization(USUAL + ";" + ";".join(f"x{number}" for number in range(14))), "lists too many"),
        (authorization(signature="!"), "base64 of 32 bytes"),
        (authorization(signature=SIGNATURE[:-1]), "base64 of 32 bytes"),
        (authorization(signature=base64.b64encode(bytes(33)).decode()), "base64 of 32 bytes"),
        (authorization(signature="é" * 44), "base64 of 32 bytes"),
        ("HMAC-SHA256 " + "a" * MAX_AUTHORIZATION_CHARACTERS, "longer than 2048"),
    ],
)
def test_what_is_no_signature(value: str, message: str) -> None:
    with pytest.raises(CredentialRefused, match=message) as caught:
        read(value)
    assert caught.value.code == "7509"


def test_sixteen_signed_headers_are_the_limit() -> None:
    assert len(read(authorization(USUAL + ";" + ";".join(f"x{number}" for number in range(13)))).names) == 16


def test_a_missing_and_a_doubled_header() -> None:
    with pytest.raises(CredentialRefused, match="is missing; sign the request"):
        read_signature(Headers())
    with pytest.raises(CredentialRefused, match="more than one Authorization"):
        read_signature(Headers([("Authorization", authorization())] * 2))


@pytest.mark.parametrize(("value", "expected"), [(authorization(), True), ("hmac-sha256 x", True), ("Bearer x", False)])
def test_whether_there_is_a_signature(value: str, expected: bool) -> None:
    assert is_signed(Headers([("Authorization", value)])) is expected
    assert not is_signed(Headers())


def test_the_hash_of_no_body() -> None:
    assert content_hash(b"") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_signed_headers_must_be_there_once() -> None:
    signed = read(authorization())
    fields = [("x-ms-date", "d"), ("Host", "h"), ("x-ms-content-sha256", "c")]
    assert signed_values(signed, Headers(fields)) == {"x-ms-date": "d", "host": "h", "x-ms-content-sha256": "c"}
    with pytest.raises(CredentialRefused, match="signed header host is missing"):
        signed_values(signed, Headers([fields[0], fields[2]]))
    with pytest.raises(CredentialRefused, match="x-ms-date is given more than once"):
        signed_values(signed, Headers([*fields, fields[0]]))


def test_the_string_to_sign_follows_the_order_signed() -> None:
    values = {"x-ms-content-sha256": "c", "host": "h", "x-ms-date": "d"}
    assert string_to_sign("GET", "/a?b", values, "other") == b"GET\n/a?b\nc;other;d"


@pytest.mark.parametrize(
    ("target", "spellings"),
    [
        ("/a?b=%3A", ["/a?b=%3A"]),
        ("/a:b?c", ["/a:b?c", "/a%3Ab?c"]),
        ("/p/4%3A%2B45?v", ["/p/4%3A%2B45?v", "/p/4:+45?v"]),
        ("/p/4:%2B45?v", ["/p/4:%2B45?v", "/p/4:+45?v", "/p/4%3A%2B45?v"]),
        ("/p/%ff", ["/p/%ff", "/p/\udcff", "/p/%FF"]),
    ],
)
def test_spellings_of_the_target(target: str, spellings: list[str]) -> None:
    assert list(targets(target)) == spellings


def request_to(host: str, *, is_tls: bool = False) -> Request:
    return Request("GET", "/", Headers([("Host", host)]), is_tls=is_tls)


def test_spellings_of_a_host_with_port() -> None:
    assert list(hosts(request_to("h:8080"), (), None)) == ["h:8080", "h:8080/", "h"]


def test_spellings_of_a_host_without_port() -> None:
    assert list(hosts(request_to("h"), (), None)) == ["h", "h/", "h:80", "h:80/", "h:443", "h:443/"]
    assert list(hosts(request_to("h", is_tls=True), (), None))[2] == "h:443"


def test_spellings_of_the_operator_and_the_proxy() -> None:
    spellings = list(hosts(request_to("10.0.0.1:8080"), ("Calls.Example",), "calls.example"))
    for expected in ("Calls.Example", "Calls.Example/", "Calls.Example:8080", "Calls.Example:443", "calls.example"):
        assert expected in spellings
    assert len(spellings) == len(set(spellings))


def test_no_host_has_no_spelling() -> None:
    assert list(hosts(Request("GET", "/", Headers()), (), None)) == []


@pytest.mark.parametrize(
    ("host", "parts"),
    [
        ("h", ("h", None)),
        ("h:80", ("h", "80")),
        ("[::1]", ("[::1]", None)),
        ("[::1]:80", ("[::1]", "80")),
        ("::1", ("::1", None)),
        ("h:x", ("h:x", None)),
    ],
)
def test_host_and_port(host: str, parts: tuple[str, str | None]) -> None:
    assert split_host(host) == parts
