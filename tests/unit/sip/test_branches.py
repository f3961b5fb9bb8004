"""Whose transaction it is."""

from __future__ import annotations

from strowger.calls.call import Branch
from strowger.sip.branches import Branches
from strowger.sip.flow import Flow
from strowger.sip.leg import Fork, Leg
from tests.support.sip_edge import CALLER

SOCKET = Flow("WS", "198.51.100.4", 40_000, 1, 7)
LEG = Leg("call", "key", CALLER, b"")


def a_fork(*flows: Flow) -> Fork:
    fork = Fork("call", 0, [Branch("sip:a@b")] * len(flows), 0.0, 185.0)
    for number, (attempt, flow) in enumerate(zip(fork.attempts, flows, strict=True)):
        attempt.key, attempt.flow = f"key {number}", flow
    return fork


def test_a_branch_is_found_until_it_is_forgotten() -> None:
    branches, fork = Branches(), a_fork(CALLER)
    branches.add(LEG, fork, 0)
    assert branches.get("key 0") == (LEG, fork, 0)
    assert (branches.forget("key 0"), branches.forget("key 0")) == (True, False)
    assert (branches.get("key 0"), len(branches)) == (None, 0)


def test_a_connection_takes_with_it_what_only_it_leads_to() -> None:
    tcp = Flow("TCP", "198.51.100.4", 40_001, 1, 8)  # another one can be opened
    branches, fork = Branches(), a_fork(SOCKET, tcp, SOCKET, SOCKET._replace(connection=9))
    for index in range(4):
        branches.add(LEG, fork, index)
    branches.forget("key 2")
    assert branches.lost_with(SOCKET) == [("key 0", LEG, fork, 0)]
    assert branches.lost_with(tcp) == branches.lost_with(SOCKET) == []
    assert len(branches) == 2
    branches.forget("key 3")
    assert branches._by_connection == {}
