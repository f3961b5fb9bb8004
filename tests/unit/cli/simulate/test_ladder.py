"""Ladders, character by character."""

from __future__ import annotations

from strowger.cli.simulate.ladder import Arrow, draw


def test_a_ladder() -> None:
    arrows = [
        Arrow(1.5, "bob", "Strowger", "200 OK"),
        Arrow(0.0, "alice", "Strowger", "INVITE"),
        Arrow(0.012, "Strowger", "bob", "INVITE"),
        Arrow(1.6, "Strowger", "Strowger", "answered"),
        Arrow(0.02, "bob", "Strowger", "487 Request Terminated"),
    ]
    assert draw(["alice", "Strowger", "app", "bob"], arrows) == [
        "        alice               Strowger                 app                   bob",
        "   0.000  |------ INVITE ------>|                     |                     |",
        "   0.012  |                     |----------------- INVITE ----------------->|",
        "   0.020  |                     |<--------- 487 Request Terminated ---------|",
        "   1.500  |                     |<----------------- 200 OK -----------------|",
        "   1.600  |                     | answered            |                     |",
    ]


def test_what_is_too_long_is_cut() -> None:
    _, line = draw(["a", "b"], [Arrow(0.0, "b", "a", "487 Request Terminated")])
    assert line == "   0.000  |<- 487 Request Te… --|"


def test_a_remark_may_stand_beyond_the_last_lane() -> None:
    _, line = draw(["a", "b"], [Arrow(0.0, "b", "b", "nobody answered within 30 s")])
    assert line == "   0.000  |                     | nobody answered within 30 s"


def test_lanes_and_texts_are_printable() -> None:
    text = "\n".join(draw(["a\x1b[2J", "b"], [Arrow(0.0, "b", "b", "\x1b[2J")]))
    assert "\x1b" not in text
