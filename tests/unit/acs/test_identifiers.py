from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from strowger.acs.errors import ArgumentInvalid
from strowger.acs.identifiers import MAX_IDENTIFIER_CHARACTERS, CommunicationIdentifier, identify
from strowger.calls.identifier import Identifier, Kind

USER = "8:acs:1bdaa2b9-9507-4542-bb64-a7b22c00a8d4_00000018-a316-d36f-655d-573a0d008dde"


def read(wire: dict[str, Any]) -> Identifier:
    return identify(msgspec.json.decode(json.dumps(wire), type=CommunicationIdentifier), "target")


def refusal(wire: dict[str, Any]) -> tuple[str, str | None]:
    with pytest.raises(ArgumentInvalid) as caught:
        read(wire)
    assert (caught.value.status, caught.value.code) == (400, "8523")
    return caught.value.message, caught.value.target


@pytest.mark.parametrize(
    ("wire", "kind", "raw_id"),
    [
        ({"communicationUser": {"id": USER}}, Kind.COMMUNICATION_USER, USER),
        ({"communicationUser": {"id": "alice"}}, Kind.COMMUNICATION_USER, "alice"),
        ({"phoneNumber": {"value": "+45"}}, Kind.PHONE_NUMBER, "4:+45"),
        ({"phoneNumber": {"value": "+45_xyz"}}, Kind.PHONE_NUMBER, "4:+45_xyz"),
        ({"phoneNumber": {"value": "+45_xyz", "assertedId": "xyz"}}, Kind.PHONE_NUMBER, "4:+45_xyz"),
        ({"phoneNumber": {"value": "+45", "assertedId": "xyz"}}, Kind.PHONE_NUMBER, "4:+45_xyz"),
        ({"phoneNumber": {"value": "+45", "isAnonymous": False}}, Kind.PHONE_NUMBER, "4:+45"),
        ({"phoneNumber": {"value": "anonymous", "isAnonymous": True}}, Kind.PHONE_NUMBER, "4:anonymous"),
        ({"microsoftTeamsUser": {"userId": "u"}}, Kind.MICROSOFT_TEAMS_USER, "8:orgid:u"),
        ({"microsoftTeamsUser": {"userId": "u", "cloud": "PUBLIC"}}, Kind.MICROSOFT_TEAMS_USER, "8:orgid:u"),
        ({"microsoftTeamsUser": {"userId": "u", "cloud": "GCCH"}}, Kind.MICROSOFT_TEAMS_USER, "8:gcch:u"),
        ({"microsoftTeamsUser": {"userId": "u", "cloud": "dod"}}, Kind.MICROSOFT_TEAMS_USER, "8:dod:u"),
        ({"microsoftTeamsUser": {"userId": "u", "isAnonymous": True}}, Kind.MICROSOFT_TEAMS_USER, "8:teamsvisitor:u"),
        ({"microsoftTeamsApp": {"appId": "a", "cloud": "Dod"}}, Kind.MICROSOFT_TEAMS_APP, "28:dod:a"),
        ({"microsoftTeamsApp": {"appId": "28:acs:1"}}, Kind.MICROSOFT_TEAMS_APP, "28:orgid:28:acs:1"),
        (
            {"teamsExtensionUser": {"userId": "u", "tenantId": "t", "resourceId": "r", "cloud": "GCCH"}},
            Kind.TEAMS_EXTENSION_USER,
            "8:gcch-acs:r_t_u",
        ),
        ({"rawId": "4:+45_xyz"}, Kind.PHONE_NUMBER, "4:+45_xyz"),
        ({"rawId": "8:orgid:o:x"}, Kind.MICROSOFT_TEAMS_USER, "8:orgid:o:x"),
        ({"rawId": "8:acs:a_b_c"}, Kind.TEAMS_EXTENSION_USER, "8:acs:a_b_c"),
        ({"rawId": "28:zzz"}, Kind.UNKNOWN, "28:zzz"),
        ({"kind": "unknown", "rawId": "28:zzz"}, Kind.UNKNOWN, "28:zzz"),
        ({"kind": "unknown", "rawId": "8:orgid:o:x"}, Kind.MICROSOFT_TEAMS_USER, "8:orgid:o:x"),
        ({"kind": "PhoneNumber", "rawId": "4:+45"}, Kind.PHONE_NUMBER, "4:+45"),
        ({"kind": "phoneNumber", "phoneNumber": {"value": "+45"}}, Kind.PHONE_NUMBER, "4:+45"),
        ({"kind": None, "phoneNumber": {"value": "+45"}, "communicationUser": None}, Kind.PHONE_NUMBER, "4:+45"),
        ({"rawId": "4:+46", "phoneNumber": {"value": "+45"}}, Kind.PHONE_NUMBER, "4:+45"),
        ({"rawId": "8:orgid:u", "phoneNumber": {"value": "+45"}}, Kind.PHONE_NUMBER, "4:+45"),
        ({"phoneNumber": {"value": "+45", "newerMember": 1}}, Kind.PHONE_NUMBER, "4:+45"),
    ],
)
def test_every_form(wire: dict[str, Any], kind: Kind, raw_id: str) -> None:
    assert read(wire) == Identifier(kind, raw_id)


@pytest.mark.parametrize(
    ("wire", "message", "target"),
    [
        ({}, "The identifier names nobody", "target"),
        ({"kind": "phoneNumber"}, "The identifier names nobody", "target"),
        (
            {"communicationUser": {"id": USER}, "phoneNumber": {"value": "+45"}},
            "this one has communicationUser and phoneNumber",
            "target",
        ),
        (
            {"kind": "communicationUser", "phoneNumber": {"value": "+45"}},
            "kind is communicationUser, but the member is of kind phoneNumber",
            "target.kind",
        ),
        (
            {"kind": "unknown", "rawId": "4:+45", "phoneNumber": {"value": "+45"}},
            "kind is unknown, but the member is of kind phoneNumber",
            "target.kind",
        ),
        ({"kind": "phoneNumber", "rawId": USER}, "the rawId is of kind communicationUser", "target.kind"),
        ({"kind": "robot", "rawId": "28:zzz"}, "'robot' is no kind of identifier", "target.kind"),
        (
            {"phoneNumber": {"value": "+45", "isAnonymous": True}},
            "but there is a number",
            "target.phoneNumber.isAnonymous",
        ),
        (
            {"microsoftTeamsUser": {"userId": "u", "cloud": "moon"}},
            "'moon' is no cloud",
            "target.microsoftTeamsUser.cloud",
        ),
        (
            {"teamsExtensionUser": {"userId": "u", "tenantId": "t_t", "resourceId": "r"}},
            "hold no underscore",
            "target.teamsExtensionUser",
        ),
        ({"rawId": "4:+45\r\nX: y"}, "holds no control characters", "target"),
        ({"phoneNumber": {"value": "+45\x00"}}, "holds no control characters", "target"),
        ({"phoneNumber": {"value": "+45\u2028"}}, "holds no control characters", "target"),
        ({"microsoftTeamsApp": {"appId": "a\x7f"}}, "holds no control characters", "target"),
    ],
)
def test_what_is_refused(wire: dict[str, Any], message: str, target: str) -> None:
    said, where = refusal(wire)
    assert message in said
    assert where == target


@pytest.mark.parametrize(
    "wire",
    [
        {"rawId": ""},
        {"communicationUser": {}},
        {"communicationUser": {"id": ""}},
        {"phoneNumber": {"value": 45}},
        {"microsoftTeamsUser": {"userId": "u", "isAnonymous": "true"}},
        {"robot": {"id": "x"}},
    ],
)
def test_what_does_not_fit_the_schema(wire: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(wire)


def test_the_length_of_a_string_is_limited() -> None:
    longest = "4:" + "1" * (MAX_IDENTIFIER_CHARACTERS - 2)
    assert read({"rawId": longest}).raw_id == longest
    with pytest.raises(msgspec.ValidationError, match="length <= 2048"):
        read({"rawId": longest + "1"})
