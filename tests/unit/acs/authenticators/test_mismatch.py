from __future__ import annotations

import base64
import hmac

import pytest

from strowger.acs.auth import Resource
from strowger.acs.authenticators.mismatch import MARK, SENT_ALONG, SHOWN_CHARACTERS, explain
from strowger.acs.errors import MAX_MESSAGE_CHARACTERS
from strowger.acs.message import Headers, Request
from tests.support.acs import ACCESS_KEY, BODY, HOST, KEY, REDIRECT, content_hash

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
VALUES = {"x-ms-date": DATE, "host": HOST, "x-ms-content-sha256": content_hash(BODY)}
OURS = f"POST\n{REDIRECT}\n{DATE};{HOST};{content_hash(BODY)}"
PATH = REDIRECT.partition("?")[0]
DEV = Resource("dev", ("127.0.0.1", "calls.example"), (b"first key", KEY))
OTHER = Resource("other", ("other.example",), (b"other key",))


def explained(text: str, key: bytes = KEY, target: str = REDIRECT, along: str = "") -> str:
    fields = [("Host", HOST), *([(SENT_ALONG, along)] if along else [])]
    request = Request("POST", target, Headers(fields), BODY)
    return explain(request, VALUES, hmac.digest(key, text.encode(), "sha256"), (DEV, OTHER))


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        (OURS.replace("POST", "post"), "the method is in small letters"),
        (OURS.replace("POST", "PUT"), "another method"),
        (OURS.replace(REDIRECT, PATH), "the path without its query"),
        (OURS.replace(REDIRECT, REDIRECT.partition("?")[2]), "the query without its path"),
        (OURS.replace(REDIRECT, REDIRECT.lower()), "the path in small letters"),
        (OURS.replace(REDIRECT, REDIRECT[1:]), "the path without its first slash"),
        (OURS.replace(REDIRECT, f"https://{HOST}{REDIRECT}"), "the whole URL for the path"),
        (OURS.replace(f";{HOST};", f";http://{HOST};"), "the URL for the host"),
        (OURS.replace(f";{HOST};", ";localhost:8080;"), "another host"),
        (OURS.replace(f";{HOST};", ";calls.example;"), "another host"),
        (OURS.replace(content_hash(BODY), content_hash(b"")), "the hash of an empty body"),
        (OURS.replace(content_hash(BODY), base64.b64decode(content_hash(BODY)).hex()), "hexadecimal digits"),
        (OURS.replace(";", "\n"), "other separators between the values"),
        (f"POST\n{REDIRECT}\n{HOST};{content_hash(BODY)};{DATE}", "the values in another order"),
        (OURS.replace("\n", "\r\n"), "other line ends"),
        (OURS + "\n", "a line end too many"),
    ],
)
def test_a_mistake_is_found_and_marked_in_both_strings(theirs: str, why: str) -> None:
    said = explained(theirs)
    at = next((at for at, (a, b) in enumerate(zip(OURS, theirs, strict=False)) if a != b), len(OURS))
    assert f"as the server sees it: '{OURS[:at]}{MARK}{OURS[at:]}'" in said
    assert f"as the client signed it: '{theirs[:at]}{MARK}{theirs[at:]}'" in said
    assert f"{why}). They differ from character {at + 1} on" in said


def test_what_the_client_sends_along_is_believed_to_be_what_it_signed() -> None:
    theirs = OURS.replace("2026", "2025")
    said = explained("anything", along=base64.b64encode(theirs.encode()).decode())
    assert f"sees it: '{OURS.replace('2026', f'202{MARK}6')}'" in said
    assert f"signed it: '{theirs.replace('2025', f'202{MARK}5')}' (as it was sent along)" in said
    same = explained("anything", along=base64.b64encode(OURS.encode()).decode())
    assert same == f"Both sides have the string to sign '{OURS}'; so it is the access key that is wrong."
    unknown = explained("anything", along="!")
    assert unknown.startswith(f"String to sign as the server sees it: '{OURS}'; how the client signed it could not be ")
    assert f"send that string as base64 in {SENT_ALONG}" in unknown


def test_a_right_string_under_a_wrong_key() -> None:
    assert "used as the text that it is written as: decode it from base64" in explained(OURS, ACCESS_KEY.encode())
    assert "signed with a key of the resource 'other', which has other hosts" in explained(OURS, b"other key")


def test_no_key_and_no_signature_is_shown() -> None:
    for theirs, key in ((OURS, b"other key"), (OURS, ACCESS_KEY.encode()), (OURS + "\n", KEY), ("x", KEY)):
        said = explained(theirs, key)
        digest = hmac.digest(key, theirs.encode(), "sha256")
        for secret in (KEY.decode(), ACCESS_KEY, "other key", base64.b64encode(digest).decode()):
            assert secret not in said


def test_long_strings_are_shown_around_the_difference() -> None:
    target = REDIRECT + "&a=" + "b" * 5_000
    ours = OURS.replace(REDIRECT, target)
    said = explained(ours + "\n", target=target)
    assert len(said) < MAX_MESSAGE_CHARACTERS
    assert f"{content_hash(BODY)}{MARK}\n' (a line end too many)" in said
    assert said.count("b" * (SHOWN_CHARACTERS // 4)) >= 1
