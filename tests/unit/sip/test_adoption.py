"""Branches of before a restart as they are taken up. What is sent then is in test_forks and test_restart."""

from __future__ import annotations

from strowger.calls.call import Branch
from strowger.sip.adoption import Adoption
from strowger.sip.attempts import Attempts
from strowger.sip.branches import Branches
from strowger.sip.leg import Fork, Leg
from strowger.sip.outgoing import NoTrunks, Outgoing, RecordRoute
from strowger.sip.places import Places
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.proxy.response_context import CancelBranch
from strowger.sip.transaction.invite_client import State
from strowger.sip.transaction.layer import TransactionLayer
from tests.support.sip_edge import CALLER, INVITE, Names, Wire

A, B = "sip:a@192.0.2.10", "sip:b@192.0.2.11"


class Rig:
    def __init__(self, *uris: str, is_slow: bool = False) -> None:
        self.wire, self.names, self.branches = Wire(), Names(), Branches()
        self.names.is_slow = is_slow
        outgoing = Outgoing(self.wire, Forwarding(b"f" * 32), NoTrunks(), record_route=RecordRoute.OFF)
        places = Places(self.wire, self.names, lambda user, uri: None, lambda host, domain: "")
        attempts = Attempts(outgoing, places, NoTrunks(), self.names, 1_300)
        self.lost: list[str] = []
        self.ready: list[int] = []
        self.adoption = Adoption(
            places,
            attempts,
            TransactionLayer(),
            self.branches,
            monotonic=lambda: 1.0,
            ignored=lambda reason, summary: self.lost.append(reason),
        )
        self.leg = Leg("call", "key", CALLER, INVITE.format(to="bob", n=1, hops=70).replace("\n", "\r\n").encode())
        self.fork = Fork("call", 0, [Branch(uri) for uri in uris], 0.0, 185.0)

    def take_up(self, state: State = State.PROCEEDING, answered: int = -1) -> list[object]:
        return list(self.adoption.take_up(self.leg, self.fork, state, answered, self.ready.append))


def test_every_branch_has_its_transaction_again_and_nothing_is_sent() -> None:
    rig = Rig(A, B)
    assert rig.take_up() == []
    assert (rig.ready, len(rig.branches), rig.wire.take(), rig.lost) == ([0, 1], 2, [], [])
    assert all(attempt.is_adopted and attempt.key for attempt in rig.fork.attempts)


def test_a_branch_whose_way_is_found_later_is_ready_then() -> None:
    rig = Rig(A, is_slow=True)
    rig.take_up()
    assert (rig.ready, rig.fork.attempts[0].key) == ([], "")
    rig.names.answer()
    assert rig.ready == [0]
    assert rig.branches.get(rig.fork.attempts[0].key) == (rig.leg, rig.fork, 0)


def test_a_branch_that_cannot_be_reached_any_more_is_lost_alone() -> None:
    rig = Rig("sip:a@192.0.2.10;transport=sctp", B)
    rig.take_up()
    assert rig.ready == [1]
    (reason,) = rig.lost
    assert reason.startswith("a branch of before the restart is lost: ")


def test_where_one_had_answered_the_others_are_owed_their_cancel() -> None:
    rig = Rig(A, B)
    assert rig.take_up(State.ACCEPTED, answered=1) == [CancelBranch(0)]
    assert rig.ready == [0, 1]
