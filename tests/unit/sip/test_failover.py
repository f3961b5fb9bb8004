"""From one place to the next, and when not."""

from __future__ import annotations

import pytest

from strowger.calls.call import Branch
from strowger.sip import failover
from strowger.sip.leg import Attempt, Fork
from strowger.sip.location.resolve import Destination
from strowger.sip.transport.limits import TransportLimits

PLACES = tuple(Destination("UDP", f"192.0.2.{n}", 5060, "sbc.example") for n in (2, 3))


def a_fork(trunk: str = "a", reserve: tuple[Branch, ...] = (Branch("sip:1@b", "b"), Branch("sip:1@c", "c"))) -> Fork:
    return Fork("call", 1, [Branch("sip:1@sbc.example", trunk)], 0.0, 185.0, reserve=reserve)


def first(fork: Fork) -> Attempt:
    return fork.attempts[0]


@pytest.mark.parametrize(
    "status", [300, 302, 400, 401, 403, 404, 407, 408, 480, 484, 486, 487, 488, *range(500, 506), 513, 600, 603]
)
def test_which_final_responses_of_a_trunk_go_on(status: int) -> None:
    fork = a_fork()
    assert failover.goes_on(fork, first(fork), status) is (status in (408, 500, 502, 503, 504))


@pytest.mark.parametrize("status", [408, 486, 500, 502, 503, 504, 600])
def test_which_outcomes_of_a_users_place_go_on(status: int) -> None:
    fork = a_fork(trunk="")
    first(fork).places = PLACES
    assert failover.goes_on(fork, first(fork), status) is (status in (408, 503))


def test_a_user_has_no_reserve() -> None:
    fork = a_fork(trunk="")
    assert not failover.has_next(fork, first(fork))


@pytest.mark.parametrize(("status", "goes_on"), [(100, True), (180, False), (183, False), (199, False), (200, False)])
def test_where_somebody_has_heard_of_the_call_it_stays(status: int, goes_on: bool) -> None:
    fork = a_fork()
    first(fork).patient_until = 4.0
    failover.heard(first(fork), status)
    assert first(fork).patient_until is None
    assert failover.goes_on(fork, first(fork), 503) is goes_on


def test_a_hop_that_was_decided_tries_nothing_more() -> None:
    fork = a_fork()
    fork.context.cancel(0.0)
    assert not failover.goes_on(fork, first(fork), 503)


def test_the_places_of_a_trunk_come_first_and_then_the_reserve_in_order() -> None:
    fork = a_fork()
    attempt = first(fork)
    attempt.places = PLACES
    seen = []
    while failover.goes_on(fork, attempt, 503):
        following = failover.take_next(fork, attempt)
        assert not failover.goes_on(fork, attempt, 503), "it was replaced"
        seen.append(following.branch)
        following.number = len(seen)
        attempt = following
    assert seen == [
        Branch("sip:1@sbc.example", "a", "UDP/192.0.2.2/5060/sbc.example", 0),
        Branch("sip:1@sbc.example", "a", "UDP/192.0.2.3/5060/sbc.example", 1),
        Branch("sip:1@b", "b", replaces=2),
        Branch("sip:1@c", "c", replaces=3),
    ]
    assert fork.reserve == ()


def test_why_a_place_was_left_is_kept_within_bounds() -> None:
    fork = a_fork()
    attempt = first(fork)
    attempt.trouble = "503 " + "\r\n" + "x" * failover.BECAUSE_LIMIT
    because = failover.take_next(fork, attempt).branch.because
    assert because.startswith("503 \\r\\nx")
    assert len(because) == failover.BECAUSE_LIMIT


def test_a_place_that_lets_no_tcp_in_is_offered_the_call_over_udp_before_we_lose_patience() -> None:
    assert TransportLimits().connect_timeout_s < failover.PATIENCE_S


def test_each_line_has_a_reserve_of_its_own() -> None:
    both = [Branch("sip:1@a", "a"), Branch("sip:2@a", "a")]
    kept = (Branch("sip:1@b", "b", replaces=0, member="4:1"), Branch("sip:2@b", "b", replaces=1, member="4:2"))
    fork = Fork("call", 1, both, 0.0, 185.0, reserve=kept)
    following = failover.take_next(fork, fork.attempts[1])
    assert following.branch == Branch("sip:2@b", "b", replaces=1, member="4:2")
    assert fork.reserve == kept[:1]
    following.number = 2
    assert not failover.has_next(fork, following), "what is left is for another"
    assert failover.has_next(fork, fork.attempts[0])


def test_another_place_of_a_member_is_for_the_same_member() -> None:
    fork = Fork("call", 1, [Branch("sip:1@a", member="4:1")], 0.0, 185.0)
    fork.attempts[0].places = PLACES
    assert failover.take_next(fork, fork.attempts[0]).branch.member == "4:1"
