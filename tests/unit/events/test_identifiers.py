"""The exact JSON of each kind of identifier."""

from __future__ import annotations

import msgspec
import pytest

from strowger.calls.identifier import (
    Cloud,
    Identifier,
    Kind,
    TeamsExtension,
    from_raw_id,
    phone_number,
    teams_app,
    teams_extension_user,
    teams_user,
)
from strowger.events.identifiers import to_wire

WIRE = {
    "user": (
        from_raw_id("8:acs:res_alice"),
        '{"kind":"communicationUser","rawId":"8:acs:res_alice","communicationUser":{"id":"8:acs:res_alice"}}',
    ),
    "old user": (
        from_raw_id("8:spool:res_alice"),
        '{"kind":"communicationUser","rawId":"8:spool:res_alice","communicationUser":{"id":"8:spool:res_alice"}}',
    ),
    "number": (
        phone_number("+31612345678"),
        '{"kind":"phoneNumber","rawId":"4:+31612345678","phoneNumber":{"value":"+31612345678"}}',
    ),
    "hidden number": (
        from_raw_id("4:anonymous"),
        '{"kind":"phoneNumber","rawId":"4:anonymous","phoneNumber":{"value":"anonymous","isAnonymous":true}}',
    ),
    "asserted number": (
        from_raw_id("4:+31612345678_b47"),
        '{"kind":"phoneNumber","rawId":"4:+31612345678_b47","phoneNumber":{"value":"+31612345678","assertedId":"b47"}}',
    ),
    "Teams user": (
        teams_user("45ab2481"),
        '{"kind":"microsoftTeamsUser","rawId":"8:orgid:45ab2481",'
        '"microsoftTeamsUser":{"userId":"45ab2481","isAnonymous":false,"cloud":"public"}}',
    ),
    "Teams user in a government cloud": (
        teams_user("45ab2481", Cloud.GCCH),
        '{"kind":"microsoftTeamsUser","rawId":"8:gcch:45ab2481",'
        '"microsoftTeamsUser":{"userId":"45ab2481","isAnonymous":false,"cloud":"gcch"}}',
    ),
    "Teams visitor": (
        teams_user("45ab2481", is_anonymous=True),
        '{"kind":"microsoftTeamsUser","rawId":"8:teamsvisitor:45ab2481",'
        '"microsoftTeamsUser":{"userId":"45ab2481","isAnonymous":true,"cloud":"public"}}',
    ),
    "Teams app": (
        teams_app("45ab2481", Cloud.DOD),
        '{"kind":"microsoftTeamsApp","rawId":"28:dod:45ab2481","microsoftTeamsApp":{"appId":"45ab2481","cloud":"dod"}}',
    ),
    "Teams extension user": (
        teams_extension_user(TeamsExtension("res", "ten", "usr")),
        '{"kind":"teamsExtensionUser","rawId":"8:acs:res_ten_usr",'
        '"teamsExtensionUser":{"userId":"usr","tenantId":"ten","resourceId":"res","cloud":"public"}}',
    ),
    "unknown": (Identifier(Kind.UNKNOWN, "28:zzz"), '{"kind":"unknown","rawId":"28:zzz"}'),
}


@pytest.mark.parametrize(("identifier", "wire"), WIRE.values(), ids=WIRE)
def test_wire_form(identifier, wire):
    assert msgspec.json.encode(to_wire(identifier)).decode() == wire


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_written(kind):
    assert kind in {identifier.kind for identifier, _ in WIRE.values()}
