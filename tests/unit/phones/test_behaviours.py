"""The orders that behaviours give, and the text forms of the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from strowger.phones.behaviours import (
    PATIENCE_S,
    Answer,
    Behaviour,
    Busy,
    Callee,
    Custom,
    Decline,
    NoAnswer,
    Redirect,
    Script,
    Silent,
    parse_behaviour,
)
from strowger.phones.errors import BehaviourInvalid
from strowger.sip.message.message import Request


class Recorder:
    """A callee that writes the orders down; later ones are carried out at once."""

    def __init__(self) -> None:
        self.orders: list[tuple] = []
        self.invite = Request.make("INVITE", "sip:bob@192.0.2.1", ())

    def trying(self) -> None:
        self.orders.append(("trying",))

    def ring(self) -> None:
        self.orders.append(("ring",))

    def answer(self, *, hang_up_after_s: float | None = None) -> None:
        self.orders.append(("answer", hang_up_after_s))

    def reject(self, status: int, reason: str | None = None, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.orders.append(("reject", status, reason, headers))

    def ignore(self) -> None:
        self.orders.append(("ignore",))

    def hang_up(self) -> asyncio.Future[int]:
        raise NotImplementedError

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.orders.append(("after", seconds))
        action()


CONTACT = (("Contact", "<sip:carol@192.0.2.1>"),)


@pytest.mark.parametrize(
    ("behaviour", "orders"),
    [
        (Answer(), [("ring",), ("answer", None)]),
        (Answer(2.0, 5.0), [("ring",), ("after", 2.0), ("answer", 5.0)]),
        (Answer(0.2, ring=False), [("after", 0.2), ("answer", None)]),
        (Answer(0.21, ring=False), [("trying",), ("after", 0.21), ("answer", None)]),
        (Busy(), [("reject", 486, None, ())]),
        (Busy(ring=True, after_s=1), [("ring",), ("after", 1), ("reject", 486, None, ())]),
        (Decline(), [("reject", 603, None, ())]),
        (Custom(404, "No", (("X", "y"),)), [("reject", 404, "No", (("X", "y"),))]),
        (Redirect("sip:carol@192.0.2.1"), [("reject", 302, None, CONTACT)]),
        (Redirect("sip:carol@192.0.2.1", 301, ring=True), [("ring",), ("reject", 301, None, CONTACT)]),
        (NoAnswer(), [("ring",), ("after", PATIENCE_S), ("reject", 480, None, ())]),
        (NoAnswer(9, ring=False), [("trying",), ("after", 9), ("reject", 480, None, ())]),
        (Silent(), [("ignore",)]),
        (Script(lambda callee: callee.reject(500)), [("reject", 500, None, ())]),
    ],
)
def test_what_is_ordered(behaviour: Behaviour, orders: list[tuple]) -> None:
    callee = Recorder()
    taken: Callee = callee
    behaviour.meet(taken)
    assert callee.orders == orders


@pytest.mark.parametrize("status", [200, 299, 700])
def test_what_does_not_refuse(status: int) -> None:
    with pytest.raises(BehaviourInvalid, match="300 to 699 do"):
        Custom(status)


@pytest.mark.parametrize(
    ("text", "name", "behaviour"),
    [
        ("bob=busy", "bob", Busy()),
        ("bob=decline", "bob", Decline()),
        ("+31201110001=noanswer", "+31201110001", NoAnswer()),
        ("bob=silent", "bob", Silent()),
        ("bob=answer", "bob", Answer()),
        ("bob=answer:2s", "bob", Answer(2.0)),
        ("bob=answer:500ms", "bob", Answer(0.5)),
        ("bob=answer:1.5", "bob", Answer(1.5)),
        ("bob=answer:0:10s", "bob", Answer(0.0, 10.0)),
        ("bob=answer:3600s", "bob", Answer(3600.0)),
        ("bob=reject:603", "bob", Custom(603)),
        ("bob=reject:400", "bob", Custom(400)),
        ("bob=reject:699", "bob", Custom(699)),
        ("bob=redirect:sip:carol@192.0.2.1:5070", "bob", Redirect("sip:carol@192.0.2.1:5070")),
    ],
)
def test_the_form_of_the_command_line(text: str, name: str, behaviour: Behaviour) -> None:
    assert parse_behaviour(text) == (name, behaviour)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("bob", "'bob' must be a name, =, and what the phone does: answer, answer:2s"),
        ("=busy", "must be a name, =,"),
        ("bob and carol=busy", "must be a name, =,"),
        ("bob\x1b=busy", r"'bob\\\\x1b=busy' must be a name"),
        ("bob=", "does not say what the phone does: answer"),
        ("bob=sleep", "does not say what the phone does: answer"),
        ("bob=Busy", "does not say what the phone does: answer"),
        ("bob=busy:486", "busy in 'bob=busy:486' takes no value"),
        ("bob=busy:", "'bob=busy:' ends in a colon without a value"),
        ("bob=answer:", "'bob=answer:' ends in a colon without a value"),
        ("bob=answer:soon", "'soon' in 'bob=answer:soon' is no duration up to an hour; 2s and 500ms are"),
        ("bob=answer:-1s", "'-1s' in .* is no duration"),
        ("bob=answer:1e3s", "'1e3s' in .* is no duration"),
        ("bob=answer:nan", "'nan' in .* is no duration"),
        ("bob=answer:3601s", "'3601s' in .* is no duration"),
        ("bob=answer:1s:", "'' in .* is no duration"),
        ("bob=reject", "must name a status from 400 to 699, as in reject:603"),
        ("bob=reject:399", "must name a status from 400 to 699"),
        ("bob=reject:700", "must name a status from 400 to 699"),
        ("bob=reject:busy", "must name a status from 400 to 699"),
        ("bob=reject:" + "4" * 5000, "must name a status from 400 to 699"),
        ("bob=redirect", "must name a SIP URI, as in redirect:sip:carol@127.0.0.1"),
        ("bob=redirect:carol", "must name a SIP URI"),
        ("bob=redirect:sip:", "must name a SIP URI"),
        ("bob=redirect:sip:carol@127.0.0.1>", "must name a SIP URI"),
    ],
)
def test_text_that_is_no_behaviour(text: str, sentence: str) -> None:
    with pytest.raises(BehaviourInvalid, match=sentence):
        parse_behaviour(text)
