from __future__ import annotations

import pytest

from strowger.calls.call import Branch
from strowger.sip.branch_progress import REASON_CHARACTERS, heard, silent
from strowger.sip.leg import Attempt, Fork
from strowger.sip.message import Response


class Told:
    def __init__(self) -> None:
        self.log: list[tuple[object, ...]] = []

    def branch_rang(self, fork: Fork, number: int) -> None:
        self.log.append((fork.name, number))

    def branch_ended(self, fork: Fork, number: int, status: int, reason: str, cause: int) -> None:
        self.log.append((fork.name, number, status, reason, cause))


FORK = Fork("call", 1, [Branch("sip:a@b")], 0.0, 185.0)


def a_response(status: int, reason: str = "Reason", *headers: tuple[str, str]) -> Response:
    return Response.make(status, reason, headers)


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (a_response(100), []),
        (a_response(180), [("call/1", 0)]),
        (a_response(181), []),
        (a_response(183), [("call/1", 0)]),
        (a_response(200, "OK"), [("call/1", 0, 200, "OK", 0)]),
        (a_response(486, "Busy", ("Reason", "Q.850;cause=17")), [("call/1", 0, 486, "Busy", 17)]),
        (a_response(603, "No\x1b[2J"), [("call/1", 0, 603, "No\\x1b[2J", 0)]),
    ],
)
def test_what_a_response_tells(response: Response, told: list[tuple[object, ...]]) -> None:
    listener = Told()
    heard(listener, FORK, Attempt(Branch("sip:a@b"), 0), response)
    assert listener.log == told


def test_silence_has_our_own_words() -> None:
    listener, attempt = Told(), Attempt(Branch("sip:a@b"), 2)
    attempt.trouble = "x" * 200
    silent(listener, FORK, attempt, 408)
    assert listener.log == [("call/1", 2, 408, "x" * (REASON_CHARACTERS - 1) + "…", 0)]


def test_a_branch_that_is_not_kept_yet_tells_nothing() -> None:
    listener, attempt = Told(), Attempt(Branch("sip:a@b"), -1)
    heard(listener, FORK, attempt, a_response(180))
    silent(listener, FORK, attempt, 503)
    assert listener.log == []
