from __future__ import annotations

import pytest

from strowger.acs.auth import Principal
from strowger.acs.errors import ArgumentInvalid
from strowger.acs.operations.reject_call import Reject, read
from strowger.calls.decision import RejectCall, RejectReason
from tests.support.acs import ScriptedControl


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (b"", RejectReason.NONE),
        (b',"callRejectReason":null', RejectReason.NONE),
        (b',"callRejectReason":"none"', RejectReason.NONE),
        (b',"callRejectReason":"busy"', RejectReason.BUSY),
        (b',"callRejectReason":"Forbidden"', RejectReason.FORBIDDEN),
    ],
)
def test_every_reason(member: bytes, reason: RejectReason) -> None:
    control = ScriptedControl()
    request = read(b'{"incomingCallContext":"CTX"' + member + b"}")
    assert request == Reject("CTX", reason)
    request.submit(control, Principal("dev", "8:acs:a_b"), None, lambda answer: None)
    assert control.commands == [RejectCall("dev", "CTX", reason, None, "8:acs:a_b")]


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (b"{}", "incomingCallContext"),
        (b'{"incomingCallContext":"CTX","callRejectReason":"tired"}', "callRejectReason"),
        (b'{"incomingCallContext":"CTX","callRejectReason":1}', "callRejectReason"),
        (b'{"incomingCallContext":"CTX","target":{"rawId":"4:1"}}', "target"),
    ],
)
def test_the_part_at_fault(body: bytes, target: str) -> None:
    with pytest.raises(ArgumentInvalid) as caught:
        read(body)
    assert caught.value.target == target
