from __future__ import annotations

import pytest

from strowger.acs.auth import Principal
from strowger.acs.errors import ArgumentInvalid
from strowger.acs.operations.redirect_call import Redirect, read
from strowger.calls.decision import RedirectCall
from strowger.calls.identifier import Identifier, Kind
from strowger.calls.ports import Receipt
from tests.support.acs import ScriptedControl

NUMBER = Identifier(Kind.PHONE_NUMBER, "4:+45")


def test_a_body_becomes_a_command() -> None:
    control = ScriptedControl()
    answers: list[object] = []
    receipt = Receipt("dev POST /", "id", b"", 1.0, 204)
    request = read(b'{"incomingCallContext":"CTX","target":{"phoneNumber":{"value":"+45"}}}')
    assert request == Redirect("CTX", NUMBER)
    request.submit(control, Principal("dev", "8:acs:a_b"), receipt, answers.append)
    assert control.commands == [RedirectCall("dev", "CTX", NUMBER, receipt, "8:acs:a_b")]
    assert answers == [control.answer]


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (b"{}", "incomingCallContext"),
        (b'{"incomingCallContext":"CTX"}', "target"),
        (b'{"incomingCallContext":null,"target":{"rawId":"4:1"}}', "incomingCallContext"),
        (b'{"incomingCallContext":"","target":{"rawId":"4:1"}}', "incomingCallContext"),
        (b'{"incomingCallContext":"CTX","target":null}', "target"),
        (b'{"incomingCallContext":"CTX","target":{}}', "target"),
        (b'{"incomingCallContext":"CTX","target":{"rawId":7}}', "target.rawId"),
        (b'{"incomingCallContext":"CTX","target":{"phoneNumber":{}}}', "target.phoneNumber.value"),
        (b'{"incomingCallContext":"CTX","target":{"kind":"x","rawId":"4:1"}}', "target.kind"),
        (b'{"incomingCallContext":"CTX","target":{"rawId":"4:1"},"customCallingContext":{}}', "customCallingContext"),
        (b'{"incomingCallContext":"C\\u0000","target":{"rawId":"4:1"}}', "incomingCallContext"),
    ],
)
def test_the_part_at_fault(body: bytes, target: str) -> None:
    with pytest.raises(ArgumentInvalid) as caught:
        read(body)
    assert caught.value.target == target
