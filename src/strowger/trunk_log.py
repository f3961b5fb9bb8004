"""What happens to trunks, written to the log."""

from __future__ import annotations

import structlog

from strowger.sip.trunk.health import WentDown, WentUp
from strowger.sip.trunk.registering import NotRegistered, Registered
from strowger.sip.trunk_care import Change

_log = structlog.stdlib.get_logger("strowger.trunks")


def log_change(trunk: str, change: Change) -> None:
    """Write down what happened to the trunk of that name."""
    match change:
        case WentUp(why):
            _log.info("a trunk serves again", trunk=trunk, why=why)
        case WentDown(why):
            _log.warning("a trunk does not serve", trunk=trunk, why=why)
        case Registered(expires_s):
            _log.info("registered with a trunk", trunk=trunk, expires_s=expires_s)
        case NotRegistered(why, retry_s):
            _log.warning("not registered with a trunk", trunk=trunk, why=why, retry_s=round(retry_s))
