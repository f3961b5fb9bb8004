"""What happens to trunks, in the log."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from strowger.sip.trunk.health import WentDown, WentUp
from strowger.sip.trunk.registering import NotRegistered, Registered
from strowger.sip.trunk_care import Change
from strowger.trunk_log import log_change


@pytest.mark.parametrize(
    ("change", "entry"),
    [
        (WentUp("fine"), {"log_level": "info", "event": "a trunk serves again", "why": "fine"}),
        (WentDown("dead"), {"log_level": "warning", "event": "a trunk does not serve", "why": "dead"}),
        (Registered(60), {"log_level": "info", "event": "registered with a trunk", "expires_s": 60}),
        (
            NotRegistered("no", 59.7),
            {"log_level": "warning", "event": "not registered with a trunk", "why": "no", "retry_s": 60},
        ),
    ],
)
def test_each_change_is_one_line(change: Change, entry: dict[str, object]) -> None:
    with capture_logs() as entries:
        log_change("carrier", change)
    assert entries == [{"trunk": "carrier", **entry}]
