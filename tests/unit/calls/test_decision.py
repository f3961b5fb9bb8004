"""What a rejected caller is told."""

from __future__ import annotations

from strowger.calls.decision import RejectReason, rejection


def test_every_reason_has_a_status() -> None:
    assert {reason: rejection(reason, 404) for reason in RejectReason} == {
        RejectReason.NONE: (404, "Decline"),
        RejectReason.BUSY: (486, "Busy Here"),
        RejectReason.FORBIDDEN: (403, "Forbidden"),
    }
