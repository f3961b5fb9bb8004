"""Bodies as the official SDKs send them, and the commands they become (ACS: Redirect Call, 2026-03-12)."""

from __future__ import annotations

from pathlib import Path

import pytest

from strowger.calls.decision import RedirectCall, RejectCall, RejectReason
from strowger.calls.identifier import Identifier, Kind
from tests.support.acs import REJECT, Bench

HERE = Path(__file__).parent
USER = "8:acs:1bdaa2b9-9507-4542-bb64-a7b22c00a8d4_00000018-a316-d36f-655d-573a0d008dde"
OBJECT = "8f7bd2f5-4b8e-4e0e-9a6d-0d5a5f2b1c11"
REDIRECTS = {
    "javascript-communication-user": (Kind.COMMUNICATION_USER, USER),
    "javascript-phone-number": (Kind.PHONE_NUMBER, "4:+4512345678"),
    "javascript-phone-number-anonymous": (Kind.PHONE_NUMBER, "4:anonymous"),
    "javascript-phone-number-asserted": (Kind.PHONE_NUMBER, "4:+4512345678_xyz"),
    "javascript-teams-app-gcch": (Kind.MICROSOFT_TEAMS_APP, f"28:gcch:{OBJECT}"),
    "javascript-teams-extension-user": (Kind.TEAMS_EXTENSION_USER, "8:dod-acs:r_t_u"),
    "javascript-teams-user": (Kind.MICROSOFT_TEAMS_USER, f"8:orgid:{OBJECT}"),
    "javascript-unknown": (Kind.UNKNOWN, "28:zzz"),
    "javascript-unknown-teams-like": (Kind.MICROSOFT_TEAMS_USER, "8:orgid:o:x"),
    "python-communication-user": (Kind.COMMUNICATION_USER, USER),
    "python-phone-number": (Kind.PHONE_NUMBER, "4:+4512345678"),
    "python-phone-number-anonymous": (Kind.PHONE_NUMBER, "4:anonymous"),
    "python-phone-number-asserted": (Kind.PHONE_NUMBER, "4:+4512345678_xyz"),
    "python-teams-app-dod": (Kind.MICROSOFT_TEAMS_APP, f"28:dod:{OBJECT}"),
    "python-teams-app-gcch": (Kind.MICROSOFT_TEAMS_APP, f"28:gcch:{OBJECT}"),
    "python-teams-app-public": (Kind.MICROSOFT_TEAMS_APP, f"28:orgid:{OBJECT}"),
    "python-teams-extension-user": (Kind.TEAMS_EXTENSION_USER, "8:acs:r_t_u"),
    "python-teams-user-dod": (Kind.MICROSOFT_TEAMS_USER, f"8:dod:{OBJECT}"),
    "python-teams-user-gcch": (Kind.MICROSOFT_TEAMS_USER, f"8:gcch:{OBJECT}"),
    "python-teams-user-public": (Kind.MICROSOFT_TEAMS_USER, f"8:orgid:{OBJECT}"),
    "python-teams-visitor": (Kind.MICROSOFT_TEAMS_USER, f"8:teamsvisitor:{OBJECT}"),
    "python-unknown": (Kind.UNKNOWN, "28:zzz"),
    "python-unknown-teams-like": (Kind.MICROSOFT_TEAMS_USER, "8:orgid:o:x"),
}
REJECTS = {
    "javascript-forbidden": RejectReason.FORBIDDEN,
    "javascript-none": RejectReason.NONE,
    "python-busy": RejectReason.BUSY,
    "python-default": RejectReason.NONE,
}


def test_no_shape_is_left_out() -> None:
    assert sorted(path.stem for path in (HERE / "redirect").glob("*.json")) == sorted(REDIRECTS)
    assert sorted(path.stem for path in (HERE / "reject").glob("*.json")) == sorted(REJECTS)


@pytest.mark.parametrize("name", sorted(REDIRECTS))
@pytest.mark.asyncio
async def test_redirect(name: str) -> None:
    bench = Bench()
    reply = await bench.send(bench.repeatable((HERE / "redirect" / f"{name}.json").read_bytes()))
    assert (reply.status, reply.body) == (204, b"")
    command = bench.control.commands[0]
    assert isinstance(command, RedirectCall)
    assert (command.incoming_call_context, command.target) == ("CTX", Identifier(*REDIRECTS[name]))


@pytest.mark.parametrize("name", sorted(REJECTS))
@pytest.mark.asyncio
async def test_reject(name: str) -> None:
    bench = Bench()
    reply = await bench.send(bench.repeatable((HERE / "reject" / f"{name}.json").read_bytes(), target=REJECT))
    assert (reply.status, reply.body) == (204, b"")
    command = bench.control.commands[0]
    assert isinstance(command, RejectCall)
    assert (command.incoming_call_context, command.reason) == ("CTX", REJECTS[name])
