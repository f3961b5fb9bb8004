"""Which headers of an INVITE its event shows, up to each limit and one beyond."""

from __future__ import annotations

import json

import msgspec
import pytest

from strowger.calls.call import Call, Hop
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.events.announcement import EVENT_BYTES, announce
from strowger.sip.custom_headers import LIMITS, CustomHeaderLimits, CustomHeaders, custom_headers
from strowger.sip.message import Request, parse_message
from tests.support.sip_edge import INVITE

FIVE = {f"X-MS-Custom-{n}": str(n) for n in range(5)}


def an_invite(*lines: bytes) -> Request:
    head = INVITE.format(to="bob", n=1, hops=70).replace("\n", "\r\n").encode()
    message = parse_message(head.replace(b"Max-Forwards", b"".join(line + b"\r\n" for line in lines) + b"Max-Forwards"))
    assert isinstance(message, Request)
    return message


def read(*lines: str | bytes, limits: CustomHeaderLimits = LIMITS) -> CustomHeaders:
    return custom_headers(an_invite(*(line if isinstance(line, bytes) else line.encode() for line in lines)), limits)


def test_an_ordinary_invite_has_none() -> None:
    assert read() == CustomHeaders({}, ())


def test_all_three_kinds_keep_their_order_and_spelling() -> None:
    lines = ["x-Ms-CUSTOM-Tier: gold", "User-To-User:  56a390f3d2b7310023a2;encoding=hex ", "X-Account : 47", "X-E:"]
    assert read(*lines, "Subject: no custom header", "Xylophone: neither") == CustomHeaders(
        {"x-Ms-CUSTOM-Tier": "gold", "User-To-User": "56a390f3d2b7310023a2;encoding=hex", "X-Account": "47", "X-E": ""}
    )


def test_a_folded_value_is_one_line() -> None:
    assert read("X-A: one\r\n  two").shown == {"X-A": "one two"}


@pytest.mark.parametrize(("prefix", "spelt"), [("X-MS-Custom-", "X-MS-Custom-*"), ("X-", "X-*")])
def test_the_first_five_of_a_kind_count(prefix: str, spelt: str) -> None:
    lines = [f"{prefix}{n}: {n}" for n in range(6)]
    assert read(*lines[:5]) == CustomHeaders({f"{prefix}{n}": str(n) for n in range(5)})
    shown, left_out = read(*lines)
    assert list(shown) == [f"{prefix}{n}" for n in range(5)]
    assert left_out == (f"{prefix}5: it comes after 5 other {spelt} headers, which is the most",)


def test_the_kinds_do_not_take_room_from_each_other() -> None:
    lines = [f"{name}: {value}" for name, value in FIVE.items()]
    assert len(read(*lines, *(f"X-{n}: {n}" for n in range(5)), "User-To-User: 00").shown) == 11


def test_one_that_is_not_shown_takes_no_room() -> None:
    shown, left_out = read(f"X-MS-Custom-Long: {'1' * 257}", *(f"{name}: {value}" for name, value in FIVE.items()))
    assert (shown, len(left_out)) == (FIVE, 1)


def test_the_longest_name() -> None:
    name = "X-MS-Custom-".ljust(64, "n")
    assert read(f"{name}: 1").shown == {name: "1"}
    assert read(f"{name}n: 1") == CustomHeaders({}, (f"{name[:63]}…: its name is longer than 64 characters",))


@pytest.mark.parametrize("name", ["X-MS-Custom-A", "X-A", "User-To-User"])
def test_the_longest_value_is_counted_in_characters(name: str) -> None:
    assert read(f"{name}: {'é' * 256}").shown == {name: "é" * 256}
    assert read(f"{name}: {'é' * 257}") == CustomHeaders({}, (f"{name}: its value is longer than 256 characters",))


def test_of_an_x_header_that_is_there_twice_the_first_is_shown() -> None:
    shown, left_out = read("X-A: 1", "x-a: 2", "X-A: 3")
    assert shown == {"X-A": "1"}
    assert left_out == ("X-A: it is there 3 times, and only the first is shown",)


def test_lines_of_user_to_user_are_one_list() -> None:
    assert read("User-To-User: 00", "X-A: 1", "user-to-user: 01;encoding=hex, 02") == CustomHeaders(
        {"User-To-User": "00, 01;encoding=hex, 02", "X-A": "1"}
    )
    halves = [f"User-To-User: {'0' * 127}", f"User-To-User: {'0' * 127}"]
    assert len(read(*halves).shown["User-To-User"]) == 256
    assert read(halves[0], halves[1] + "0").left_out == ("User-To-User: its value is longer than 256 characters",)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"caf\xe9", "is not UTF-8"),
        (b"\xed\xa0\x80", "is not UTF-8"),
        (b"\xff" * 300, "is not UTF-8"),
        (b"a\x00b", "holds control characters"),
        (b"\x1b[2J", "holds control characters"),
        (b"a\x7fb", "holds control characters"),
        (b"a\xc2\x9bb", "holds control characters"),
    ],
)
def test_what_is_no_text_is_left_out(value: bytes, problem: str) -> None:
    assert read(b"X-A: " + value) == CustomHeaders({}, (f"X-A: its value {problem}",))


@pytest.mark.parametrize("value", ["a\tb", '"quoted\\"', "\ufffd", "\u202egold", "😀", "{}[],:"])
def test_any_other_text_is_shown_as_it_came(value: str) -> None:
    shown = read(f"X-A: {value}").shown
    assert shown == {"X-A": value}
    assert json.loads(msgspec.json.encode(shown)) == shown


def test_reasons_are_bounded() -> None:
    long = [f"X-{n:02}: {'1' * 257}" for n in range(9)]
    assert len(read(*long[:8]).left_out) == 8
    left_out = read(*long).left_out
    assert (len(left_out), left_out[-1]) == (9, "and 1 further headers")
    assert len(read(*(f"X-{n}: {'1' * 257}" for n in range(200))).left_out) == 9


def test_limits_can_be_others() -> None:
    limits = CustomHeaderLimits(ms_custom=1, others=0, name_characters=14, value_characters=2, reasons=1)
    shown, left_out = read("X-MS-Custom-A: 11", "X-A: 1", "X-B: 1", "User-To-User: 123", limits=limits)
    assert shown == {"X-MS-Custom-A": "11"}
    assert left_out == ("X-A: it comes after 0 other X-* headers, which is the most", "and 2 further headers")


def test_the_most_that_is_shown_fits_an_event() -> None:
    names = [f"{prefix}{n}".ljust(64, "n") for prefix in ("X-MS-Custom-", "X-") for n in range(5)]
    shown, left_out = read(*(f"{name}: {'😀' * 256}" for name in (*names, "User-To-User")))
    assert (len(shown), left_out) == (11, ())
    call = Call("id", "dev", from_raw_id("4:+31612345678"), "Ann", 0.0, [Hop(phone_number("+3120"), 0.0, 30.0)])
    call.custom_headers = shown
    body, less = announce(call, "context" * 200, "/topic", 0.0, EVENT_BYTES)
    assert less == ""
    assert json.loads(body)["data"]["customContext"]["sipHeaders"] == shown
    assert len(body) < EVENT_BYTES / 2
