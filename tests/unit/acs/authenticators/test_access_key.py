from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from strowger.acs.auth import Principal, Resource
from strowger.acs.authenticators.access_key import AccessKeyAuthenticator
from strowger.acs.errors import CredentialRefused
from strowger.acs.fixdate import parse
from strowger.acs.message import Headers, Request
from strowger.acs.replay import SignatureMemory
from tests.support.acs import BODY, KEY, REDIRECT, SECOND_KEY, content_hash, signature, signed_headers

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
NOW = float(parse(DATE) or 0)
DEV = Resource("dev", ("127.0.0.1",), (KEY, SECOND_KEY))
OTHER_KEY = b"another key of another resource."


def authenticator(*resources: Resource, **settings: Any) -> AccessKeyAuthenticator:
    memory = SignatureMemory(remembered=100, valid_for_s=1_800)
    return AccessKeyAuthenticator(resources or (DEV,), clock_skew_s=900, memory=memory, **settings)


def signed(
    body: bytes = BODY, target: str = REDIRECT, method: str = "POST", date: str = DATE, **spelled: Any
) -> Request:
    return Request(method, target, Headers(signed_headers(method, target, body, date, **spelled).items()), body)


def changed(request: Request, **fields: str) -> Request:
    headers = {
        name: request.headers.first(name) or ""
        for name in ("host", "x-ms-date", "x-ms-content-sha256", "authorization", "repeatability-request-id")
        if request.headers.first(name) is not None
    }
    headers |= {name.replace("_", "-"): value for name, value in fields.items()}
    return Request(request.method, request.target, Headers(headers.items()), request.body)


PYTHON_USER = "8:acs:6d6c7a70-0000-4000-8000-00000000aaaa_00000026-0000-0000-0000-000000000001"
PYTHON_BODY = json.dumps(
    {"incomingCallContext": "CTX", "target": {"rawId": PYTHON_USER, "communicationUser": {"id": PYTHON_USER}}}
).encode()
JAVASCRIPT_BODY = (
    b'{"incomingCallContext":"CTX","target":{"kind":"communicationUser","rawId":"8:acs:aaaa_0001",'
    b'"communicationUser":{"id":"8:acs:aaaa_0001"}}}'
)
VECTORS = [
    pytest.param(
        PYTHON_BODY,
        "Sun, 22 Nov 2026 05:25:15 GMT",
        "127.0.0.1:46697",
        "TGAaRB855JoU14gXAJCsvMSiG2vnSakIO2KAFDLfC6c=",
        "nRIvJ9/pL0znqmkLUVKDevrlCcX0OkrQDiHjAEXe2C4=",
        id="python-1.6.0",
    ),
    pytest.param(
        JAVASCRIPT_BODY,
        "Sun, 22 Nov 2026 05:27:41 GMT",
        "127.0.0.1:18471",
        "LqF5Sg50i+Gc8d/hVOQNM1XR0iyZzQQUzPD6oEopIf0=",
        "tmB+6XI3R3DddXgjHhWxijjnGyqfUjkd+UdtcCtorTY=",
        id="javascript-1.6.0",
    ),
    pytest.param(
        JAVASCRIPT_BODY,
        DATE,
        "127.0.0.1:8080",
        "LqF5Sg50i+Gc8d/hVOQNM1XR0iyZzQQUzPD6oEopIf0=",
        "QyEXfNnXWoOnV9ZSQj+jxZTsHaF7mxJo9+Ztih7tuZI=",
        id="computed",
    ),
]


def vector(body: bytes, date: str, host: str, digest: str, mark: str) -> Request:
    fields = {
        "Host": host,
        "x-ms-date": date,
        "x-ms-content-sha256": digest,
        "Authorization": f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={mark}",
    }
    return Request("POST", REDIRECT, Headers(fields.items()), body)


@pytest.mark.parametrize(("body", "date", "host", "digest", "mark"), VECTORS)
def test_vectors(body: bytes, date: str, host: str, digest: str, mark: str) -> None:
    request = vector(body, date, host, digest, mark)
    assert authenticator().verify(request, float(parse(date) or 0)).resource == "dev"


@pytest.mark.parametrize(("body", "date", "host", "digest", "mark"), VECTORS)
def test_every_part_counts(body: bytes, date: str, host: str, digest: str, mark: str) -> None:
    now = float(parse(date) or 0)
    good = vector(body, date, host, digest, mark)
    other_day = "Mon, 07 Nov 1994 08:49:37 GMT"
    wrong = [
        Request("PUT", good.target, good.headers, body),
        Request("POST", good.target.replace("redirect", "reject"), good.headers, body),
        Request("POST", good.target.replace("2026-03-12", "2025-06-15"), good.headers, body),
        Request("POST", good.target, good.headers, body + b" "),
        vector(body.replace(b"CTX", b"CTY"), date, host, digest, mark),
        vector(body, other_day, host, digest, mark),
        vector(body, date, "127.0.0.2:8080", digest, mark),
        vector(body, date, host, content_hash(b""), mark),
        vector(body, date, host, digest, base64.b64encode(bytes(32)).decode()),
        vector(body, date, host, digest, mark.swapcase()),
    ]
    for request in wrong:
        with pytest.raises(CredentialRefused):
            authenticator().verify(request, now)


def test_either_key_of_a_resource_does() -> None:
    assert authenticator().verify(signed(key=SECOND_KEY), NOW).resource == "dev"


def test_a_key_that_was_rotated_is_refused_and_the_other_one_never() -> None:
    checks = authenticator()
    checks.use([Resource(DEV.name, DEV.hosts, (DEV.keys[0], OTHER_KEY))])
    assert checks.verify(signed(), NOW).resource == "dev"
    assert checks.verify(signed(key=OTHER_KEY), NOW).resource == "dev"
    with pytest.raises(CredentialRefused, match="signature differs"):
        checks.verify(signed(key=SECOND_KEY), NOW)


def test_the_host_chooses_the_resource() -> None:
    other = Resource("other", ("calls.example",), (OTHER_KEY,))
    both = authenticator(DEV, other)
    assert both.verify(signed(key=OTHER_KEY, host="calls.example:7443"), NOW).resource == "other"
    with pytest.raises(CredentialRefused, match="signature differs"):
        both.verify(signed(host="calls.example:7443"), NOW)


def test_resources_of_one_host_are_told_apart_by_key() -> None:
    twin = Resource("twin", DEV.hosts, (OTHER_KEY,))
    assert authenticator(DEV, twin).verify(signed(key=OTHER_KEY), NOW).resource == "twin"


def test_at_an_unknown_host_the_key_decides() -> None:
    other = Resource("other", ("calls.example",), (OTHER_KEY,))
    assert authenticator(DEV, other).verify(signed(key=OTHER_KEY, host="10.0.0.7"), NOW).resource == "other"
    with pytest.raises(CredentialRefused, match=r"The host '10\.0\.0\.7' is not configured for any resource"):
        authenticator(DEV, other).verify(signed(key=b"unknown", host="10.0.0.7"), NOW)


@pytest.mark.parametrize(
    ("host", "signed_host"),
    [
        ("127.0.0.1:8080", "127.0.0.1:8080/"),
        ("127.0.0.1:8080", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1:80"),
        ("127.0.0.1", "127.0.0.1:443"),
        ("calls.example", "Calls.Example"),
        ("calls.example:8080", "Calls.Example:8080"),
        ("calls.example:8080", "Calls.Example:8080/"),
        ("calls.example", "Calls.Example:443"),
    ],
)
def test_spellings_of_the_host(host: str, signed_host: str) -> None:
    resource = Resource("dev", ("127.0.0.1", "Calls.Example"), (KEY,))
    assert authenticator(resource).verify(signed(host=host, signed_host=signed_host), NOW).resource == "dev"


@pytest.mark.parametrize(
    ("sent", "signed_target"),
    [
        (
            "/calling/callConnections/a/participants/8:acs:b?v=1",
            "/calling/callConnections/a/participants/8%3Aacs%3Ab?v=1",
        ),
        (
            "/calling/callConnections/a/participants/4:%2B45?v=1",
            "/calling/callConnections/a/participants/4%3A%2B45?v=1",
        ),
        ("/identities/8%3Aacs%3Ab", "/identities/8:acs:b"),
        ("/identities/a%2525", "/identities/a%25"),
    ],
)
def test_spellings_of_the_path(sent: str, signed_target: str) -> None:
    request = signed(b"", sent, "GET", signed_target=signed_target)
    assert authenticator().verify(request, NOW).resource == "dev"


def test_a_forwarded_host_counts_only_when_trusted() -> None:
    request = changed(signed(host="10.0.0.7:8080", signed_host="calls.example"), x_forwarded_host="calls.example")
    resource = Resource("dev", ("calls.example",), (KEY,))
    assert authenticator(resource, trusts_forwarded_host=True).verify(request, NOW).resource == "dev"
    with pytest.raises(CredentialRefused):
        authenticator(resource).verify(request, NOW)


@pytest.mark.parametrize("skew", [-900, 900])
def test_the_clock_may_differ_by_fifteen_minutes(skew: int) -> None:
    assert authenticator().verify(signed(), NOW - skew).resource == "dev"


@pytest.mark.parametrize(("skew", "message"), [(901, "901 s ahead of"), (-901, "901 s behind")])
def test_but_not_by_more(skew: int, message: str) -> None:
    with pytest.raises(CredentialRefused, match=message) as caught:
        authenticator().verify(signed(), NOW - skew)
    assert caught.value.target == "x-ms-date"


def test_a_date_in_another_language_is_explained() -> None:
    request = signed(date="So., 06 Nov 1994 08:49:37 GMT")
    with pytest.raises(CredentialRefused, match="with English names"):
        authenticator().verify(request, NOW)


def test_the_date_header_of_older_clients() -> None:
    text = f"POST\n{REDIRECT}\n{DATE};127.0.0.1;{content_hash(BODY)}"
    fields = {
        "date": DATE,
        "host": "127.0.0.1",
        "x-ms-content-sha256": content_hash(BODY),
        "authorization": "HMAC-SHA256 SignedHeaders=date;host;x-ms-content-sha256&Signature=" + signature(KEY, text),
    }
    request = Request("POST", REDIRECT, Headers(fields.items()), BODY)
    assert authenticator().verify(request, NOW).resource == "dev"


def test_the_order_of_signed_headers_is_the_clients() -> None:
    text = f"POST\n{REDIRECT}\n{content_hash(BODY)};{DATE};127.0.0.1"
    mark = "HMAC-SHA256 SignedHeaders=x-ms-content-sha256;x-ms-date;host&Signature=" + signature(KEY, text)
    assert authenticator().verify(changed(signed(host="127.0.0.1"), authorization=mark), NOW).resource == "dev"


def test_what_differs_is_said() -> None:
    with pytest.raises(CredentialRefused, match="content hash differs") as caught:
        authenticator().verify(changed(signed(), x_ms_content_sha256=content_hash(b"x")), NOW)
    assert caught.value.target == "x-ms-content-sha256"
    with pytest.raises(CredentialRefused, match="signature differs") as caught:
        authenticator().verify(signed(key=b"wrong"), NOW)
    assert "String to sign" not in str(caught.value)


def test_development_shows_the_string_to_sign_and_never_the_key() -> None:
    with pytest.raises(CredentialRefused) as caught:
        authenticator(shows_string_to_sign=True).verify(signed(key=b"wrong"), NOW)
    assert f"POST\n{REDIRECT}\n{DATE};127.0.0.1:8080;{content_hash(BODY)}" in str(caught.value)
    assert signature(KEY, f"POST\n{REDIRECT}\n{DATE};127.0.0.1:8080;{content_hash(BODY)}") not in str(caught.value)


def use(checks: AccessKeyAuthenticator, request: Request) -> None:
    checks.require_unseen(checks.verify(request, NOW), request, NOW)


def test_a_signature_is_not_used_up_by_a_request_that_was_refused() -> None:
    checks = authenticator()
    checks.verify(changed(signed(), repeatability_request_id="malformed"), NOW)
    use(checks, changed(signed(), repeatability_request_id="a"))


def test_a_signature_is_good_for_one_request_id() -> None:
    checks = authenticator()
    request = signed()
    for same in ("a", "a", "A"):
        use(checks, changed(request, repeatability_request_id=same))
    for replay in (changed(request, repeatability_request_id="b"), request):
        with pytest.raises(CredentialRefused, match="was sent before under another") as caught:
            use(checks, replay)
        assert caught.value.code == "7509"


@pytest.mark.asyncio
async def test_other_kinds_of_credential_are_for_others() -> None:
    assert await authenticator().authenticate(changed(signed(), authorization="Bearer x"), NOW) is None
    principal = await authenticator().authenticate(signed(), NOW)
    digest = (signed().headers.first("authorization") or "").partition("&Signature=")[2]
    assert principal == Principal("dev", signature=base64.b64decode(digest))
