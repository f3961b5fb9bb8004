from __future__ import annotations

from strowger.acs.message import Headers, Reply, Request


def test_header_names_are_compared_without_case() -> None:
    headers = Headers([("X-MS-Date", "a")])
    assert headers.first("x-ms-date") == "a"
    assert headers.all("x-ms-date") == ["a"]
    assert not headers.is_repeated("x-ms-date")


def test_repeated_headers_keep_their_order() -> None:
    headers = Headers([("Date", "a"), ("Host", "h"), ("date", "b"), ("DATE", "c")])
    assert headers.first("date") == "a"
    assert headers.all("date") == ["a", "b", "c"]
    assert headers.is_repeated("date")
    assert not headers.is_repeated("host")


def test_an_absent_header_is_none() -> None:
    assert Headers().first("date") is None
    assert Headers().all("date") == []


def test_the_target_is_split_at_the_first_question_mark() -> None:
    request = Request("GET", "/a%3Ab/c?d=e?f", Headers())
    assert (request.path, request.query) == ("/a%3Ab/c", "d=e?f")
    assert Request("GET", "/a", Headers()).query == ""


def test_reply_headers_are_found_without_case() -> None:
    reply = Reply(200, (("Retry-After", "1"),))
    assert reply.header("retry-after") == "1"
    assert reply.header("allow") is None
