"""What may not leave for the outside, written to the log."""

from __future__ import annotations

import structlog

from strowger.base.text import printable
from strowger.calls.outside_policy import Attempt

_log = structlog.stdlib.get_logger("strowger.outside")


def log_refusal(attempt: Attempt, reason: str, why: str) -> None:
    """Write down a call to the outside that was refused: every one is worth a look."""
    _log.warning(
        "a call to the outside is refused",
        resource=printable(attempt.resource),
        reason=reason,
        dialled=printable(attempt.dialled),
        caller=printable(attempt.caller),
        why=printable(why, 500),
    )
