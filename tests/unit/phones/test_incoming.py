"""The callee's side against a caller that is played by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from strowger.phones import incoming
from strowger.phones.behaviours import Answer, Callee, NoAnswer, Script
from strowger.phones.errors import WaitedTooLong, WrongState
from strowger.phones.incoming import LegState
from strowger.phones.phone import Phone
from strowger.sip.message.message import Response
from strowger.sip.transaction.timers import Timings
from tests.unit.phones.conftest import TIMEOUT_S, OpenPhone, OpenWire, Wire

pytestmark = pytest.mark.asyncio

QUICK = Timings(t1=0.003, t2=0.02, t4=0.02)
"""64·T1 = 0.192 s."""


def ack(wire: Wire, phone: Phone, response: Response) -> None:
    wire.send(wire.make("ACK", phone, to_tag=response.to_tag, branch="z9hG4bKack"))


async def test_the_200_is_repeated_until_the_ack(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob", behaviour=Answer(ring=False))
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    responses = [await wire.response(200) for _ in range(3)]
    assert len({response.to_bytes() for response in responses}) == 1
    leg = bob.received[0]
    assert (leg.state, leg.status) == ("answered", 200)
    ack(wire, bob, responses[0])
    await leg.reached(LegState.CONFIRMED, TIMEOUT_S)
    ack(wire, bob, responses[0])
    wire.send(wire.make("OPTIONS", bob, number=2, branch="z9hG4bKlast", call_id="other"))
    assert (await wire.response(200, "OPTIONS")).status == 200
    assert leg.answered_at is not None and leg.answered_at <= asyncio.get_running_loop().time()


async def test_an_answer_that_is_never_acknowledged_ends_in_a_bye(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob", behaviour=Answer(ring=False), timings=QUICK)
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    bye = await wire.request("BYE")
    leg = bob.received[0]
    assert bye.uri == f"sip:wire@127.0.0.1:{wire.port}"
    assert (bye.to_tag, bye.from_tag, bye.cseq) == ("wire", leg.tag, (1, "BYE"))
    await leg.reached(LegState.ENDED, TIMEOUT_S)


async def test_hanging_up_waits_for_the_ack(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    hung_up: list[asyncio.Future[int]] = []

    def play(callee: Callee) -> None:
        callee.answer()
        hung_up.extend((callee.hang_up(), callee.hang_up()))

    bob = await open_phone(user="bob", behaviour=Script(play))
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    response = await wire.response(200)
    assert bob.received[0].state == "answered"
    ack(wire, bob, response)
    bye = await wire.request("BYE")
    wire.respond(bye, 200)
    assert await hung_up[0] == await hung_up[1] == 200


async def test_a_bye_of_the_caller_settles_a_hang_up_that_was_waiting(
    open_phone: OpenPhone, open_wire: OpenWire
) -> None:
    bob = await open_phone(user="bob", behaviour=Answer(ring=False))
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    response = await wire.response(200, "INVITE")
    waiting = bob.received[0].hang_up()
    wire.send(wire.make("BYE", bob, number=2, to_tag=response.to_tag, branch="z9hG4bKbye"))
    await wire.response(200, "BYE")
    assert await waiting == 481
    assert (bob.received[0].state, bob.received[0].byes) == ("ended", 1)


async def test_a_bye_before_the_answer_ends_the_call(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob", behaviour=NoAnswer())
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    tag = (await wire.response(180)).to_tag
    wire.send(wire.make("INFO", bob, number=2, to_tag=tag, branch="z9hG4bKinfo"))
    await wire.response(405, "INFO")
    wire.send(wire.make("OPTIONS", bob, number=3, to_tag=tag, branch="z9hG4bKoptions"))
    await wire.response(200, "OPTIONS")
    wire.send(wire.make("INVITE", bob, number=4, to_tag=tag, branch="z9hG4bKagain"))
    await wire.response(491, "INVITE")
    wire.send(wire.make("BYE", bob, number=5, to_tag=tag, branch="z9hG4bKbye"))
    await wire.response(200, "BYE")
    await wire.response(487, "INVITE")
    assert (bob.received[0].state, bob.received[0].byes) == ("cancelled", 0)


async def test_a_phone_says_trying_when_it_takes_its_time(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob", behaviour=NoAnswer(ring=False))
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    assert (await wire.response(100)).to_tag is None
    assert (bob.received[0].state, bob.received[0].rings) == ("arrived", 0)


async def test_ringing_is_repeated_for_the_proxies(
    open_phone: OpenPhone, open_wire: OpenWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "RING_AGAIN_S", 0.01)
    bob = await open_phone(user="bob", behaviour=NoAnswer(gives_up_after_s=0.05))
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    await wire.response(180)
    await wire.response(180)
    await wire.response(480)
    assert bob.received[0].rings == 1


async def test_record_routes_are_copied(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob", behaviour=Answer(hang_up_after_s=0))
    wire = await open_wire()
    routes = (("Record-Route", f"<sip:127.0.0.1:{wire.port};lr>"), ("Record-Route", "<sip:b.example.com;lr>"))
    wire.send(wire.make("INVITE", bob, headers=routes), bob)
    assert (await wire.response(180)).all("Record-Route") == [value for _, value in routes]
    response = await wire.response(200)
    assert response.all("Record-Route") == [value for _, value in routes]
    assert response.first("Contact") == f"<{bob.uri}>"
    ack(wire, bob, response)
    bye = await wire.request("BYE")
    assert bye.all("Route") == [value for _, value in routes]
    assert bye.uri == f"sip:wire@127.0.0.1:{wire.port}"


ORDERS: list[Callable[[Callee], object]] = [
    lambda callee: callee.trying(),
    lambda callee: callee.ring(),
    lambda callee: callee.answer(),
    lambda callee: callee.reject(486),
    lambda callee: callee.ignore(),
    lambda callee: callee.hang_up(),
]


@pytest.mark.parametrize("order", ORDERS)
async def test_orders_after_the_end(open_phone, open_wire, order: Callable[[Callee], object]) -> None:
    bob = await open_phone(user="bob", behaviour=Script(lambda callee: callee.reject(603)))
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    await wire.response(603)
    with pytest.raises(WrongState, match="rejected"):
        order(bob.received[0])


async def test_what_does_not_reject(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob", behaviour=NoAnswer())
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    await wire.response(180)
    for status in (200, 299, 700):
        with pytest.raises(ValueError, match="does not reject"):
            bob.received[0].reject(status)
    assert bob.received[0].state == "ringing"


async def test_waiting_for_a_state(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob", behaviour=NoAnswer())
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    await wire.response(180)
    leg = await bob.leg(timeout_s=TIMEOUT_S)
    with pytest.raises(WaitedTooLong, match=r"still ringing after 0\.01 s, not answered"):
        await leg.reached(LegState.ANSWERED, 0.01)
    leg.reject(486)
    with pytest.raises(WaitedTooLong, match="is rejected and will not be answered"):
        await leg.reached(LegState.ANSWERED, TIMEOUT_S)


async def test_what_was_planned_for_later_is_dropped_with_the_call(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    done: list[str] = []

    def play(callee: Callee) -> None:
        callee.after(0, lambda: done.append("answer"))
        callee.reject(486)

    bob = await open_phone(user="bob", behaviour=Script(play))
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    await wire.response(486)
    wire.send(wire.make("OPTIONS", bob, branch="z9hG4bKlater", call_id="two"))
    await wire.response(200, "OPTIONS")
    assert done == []
