"""Counting always, logging sometimes."""

from __future__ import annotations

from structlog.testing import capture_logs

from strowger.base.clock import VirtualClock
from strowger.sip.transport.trouble import LOG_EVERY_S, Counters, Trouble, Troubles


def test_a_flood_is_counted_whole_and_logged_once():
    clock, counters = VirtualClock(), Counters()
    troubles = Troubles(counters, clock.monotonic)
    with capture_logs() as lines:
        for _ in range(1_000):
            troubles.note(Trouble.DATAGRAM_TOO_LONG, "a datagram was dropped", "192.0.2.1")
    assert counters.troubles["datagram too long"] == 1_000
    assert lines == [
        {
            "event": "a datagram was dropped",
            "log_level": "warning",
            "trouble": "datagram too long",
            "peer": "192.0.2.1",
            "not_logged": 0,
        }
    ]


def test_the_next_line_says_how_many_were_not_logged():
    clock = VirtualClock()
    troubles = Troubles(Counters(), clock.monotonic)
    with capture_logs() as lines:
        for _ in range(3):
            troubles.note(Trouble.IDLE, "idle")
        clock.advance(LOG_EVERY_S)
        troubles.note(Trouble.IDLE, "idle")
    assert [line["not_logged"] for line in lines] == [0, 2]


def test_kinds_do_not_silence_each_other():
    troubles = Troubles(Counters(), VirtualClock().monotonic)
    with capture_logs() as lines:
        troubles.note(Trouble.IDLE, "idle")
        troubles.note(Trouble.SILENT, "silent")
    assert len(lines) == 2


def test_foreign_text_cannot_forge_a_line():
    troubles = Troubles(Counters(), VirtualClock().monotonic)
    with capture_logs() as lines:
        troubles.note(Trouble.UNDELIVERED, "to a\nb\x1b[2J", "c\r\nd")
    assert (lines[0]["event"], lines[0]["peer"]) == ("to a\\nb\\x1b[2J", "c\\r\\nd")


def test_every_trouble_has_a_counter_from_the_start():
    assert Counters().troubles == {str(trouble): 0 for trouble in Trouble}
