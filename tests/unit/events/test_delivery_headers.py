"""Headers that an operator adds: which are taken, and what a stranger's words become in them."""

from __future__ import annotations

import json

import pytest

from strowger.events.delivery_headers import (
    MOST_HEADERS,
    MOST_MEMBERS,
    NAME_CHARACTERS,
    PATH_CHARACTERS,
    VALUE_OCTETS,
    Header,
    check,
    dynamic,
    static,
    taken_from,
)

MEMBERS = ("id", "data")


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("X-Key: s3cret", ("X-Key", "s3cret")),
        ("Authorization:Bearer a.b.c", ("Authorization", "Bearer a.b.c")),
        (" X-Url : http://h/?a=b ", ("X-Url", "http://h/?a=b")),
        ("X-One: 1", ("X-One", "1")),
        ("n" * NAME_CHARACTERS + ": v", ("n" * NAME_CHARACTERS, "v")),
        ("X-Long: " + "v" * VALUE_OCTETS, ("X-Long", "v" * VALUE_OCTETS)),
    ],
)
def test_static_headers(text, header):
    assert static(text) == header


@pytest.mark.parametrize(
    "text",
    ["", "X-Key", "X Key: v", ": v", "X-Kéy: v", "X-Key\r\nHost: h: v", "n" * (NAME_CHARACTERS + 1) + ": v"],
)
def test_names_that_no_header_has(text):
    with pytest.raises(ValueError, match="a header is its name, of up to 64 characters"):
        static(text)


@pytest.mark.parametrize("name", ["aeg-event-type", "AEG-anything", "WebHook-Request-Origin", "ce-id", "Content-Type",
    "content-length", "Host", "Transfer-Encoding", "Connection", "TE", "Upgrade", "Expect", "Accept-Encoding",
    "Proxy-Authorization"])  # fmt: skip
def test_headers_that_are_ours(name):
    with pytest.raises(ValueError, match=f"{name} is for us to set"):
        static(f"{name}: v")
    with pytest.raises(ValueError, match=f"{name} is for us to set"):
        dynamic(f"{name}: id")


@pytest.mark.parametrize(
    "value", ["", " ", "s3cret\r\nX-B: 1", "s3cret\n", "s3cret\x00", "s3crét", "s3cret" + "v" * VALUE_OCTETS, "a\x7f"]
)
def test_values_that_cannot_be_sent_and_are_not_repeated(value):
    with pytest.raises(ValueError, match="the value of X-Key is not 1 to 4096") as caught:
        static(f"X-Key: a{value}" if value.strip() else "X-Key:")
    assert "s3cr" not in str(caught.value)


def test_dynamic_headers():
    assert dynamic("X-Caller: data.from.rawId") == ("X-Caller", "data.from.rawId")
    assert dynamic("X-Deep: " + ".".join("a" * MOST_MEMBERS)).name == "X-Deep"
    assert dynamic("X-Long: " + "a" * PATH_CHARACTERS).value == "a" * PATH_CHARACTERS


@pytest.mark.parametrize(
    "path", ["", ".", "data.", ".id", "data..from", "data from", "dåta", "a" * (PATH_CHARACTERS + 1)]
)
def test_paths_that_name_nothing(path):
    with pytest.raises(ValueError, match="X-A does not name a member"):
        dynamic(f"X-A: {path}")


def test_a_path_that_is_too_deep():
    with pytest.raises(ValueError, match="X-A names more than 8 members"):
        dynamic("X-A: " + ".".join("a" * (MOST_MEMBERS + 1)))


def test_as_many_headers_as_there_may_be():
    fixed = [Header(f"X-{number}", "v") for number in range(MOST_HEADERS - 1)]
    taken = [Header("Y-1", "id")]
    check(fixed, taken, MEMBERS)
    with pytest.raises(ValueError, match="11 headers are more than 10"):
        check([*fixed, Header("X-9", "v")], taken, MEMBERS)


@pytest.mark.parametrize("header", [Header("X-A ", "1"), Header("X-A", " 1")])
def test_a_header_made_by_hand_is_checked_too(header):
    with pytest.raises(ValueError, match="X-A has spaces around it"):
        check([header], (), MEMBERS)


def test_headers_of_one_name():
    with pytest.raises(ValueError, match="X-A is there twice"):
        check([Header("X-A", "1")], [Header("x-a", "id")], MEMBERS)


def test_the_user_of_the_endpoint_makes_a_header():
    check([Header("Authorization", "Bearer x")], (), MEMBERS)
    with pytest.raises(ValueError, match="user information"):
        check([Header("authorization", "Bearer x")], (), MEMBERS, has_user=True)


def test_a_member_that_no_event_has():
    with pytest.raises(ValueError, match="X-A: an event of this schema has id, data"):
        check((), [Header("X-A", "Data.from")], MEMBERS)


def taken(value, path="data.member"):
    return taken_from(json.dumps({"data": {"member": value}}).encode(), [Header("X-A", path)])


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("4:+31612345678", "4:+31612345678"),
        ("Ann B", "Ann%20B"),
        ('100 % "sure"', "100%20%25%20%22sure%22"),
        ("a\r\nHost: evil", "a%0D%0AHost:%20evil"),
        ("Zoë €", "Zo%C3%AB%20%E2%82%AC"),
        ("!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
        (True, "true"),
        (False, "false"),
        (47, "47"),
        (1.5, "1.5"),
        ("v" * VALUE_OCTETS, "v" * VALUE_OCTETS),
    ],
)
def test_what_a_member_becomes(value, sent):
    assert taken(value) == {"X-A": sent}


@pytest.mark.parametrize("value", ["", None, {}, ["a"], "v" * (VALUE_OCTETS + 1), " " * (VALUE_OCTETS // 3 + 1)])
def test_members_that_are_left_out(value):
    assert taken(value) == {}


@pytest.mark.parametrize("path", ["data.other", "data.member.more", "other", "data"])
def test_members_that_are_not_there(path):
    assert taken("text", path) == {}


def test_the_exact_name_goes_first_and_any_case_will_do():
    event = b'{"data":{"X-TIER":"loud","x-tier":"soft"}}'
    wanted = [Header("A", "data.x-tier"), Header("B", "data.X-Tier"), Header("C", "DATA.X-TIER")]
    assert taken_from(event, wanted) == {"A": "soft", "B": "loud", "C": "loud"}
