"""Raw ids: what each prefix says, and that nothing outside the grammar is an error."""

from __future__ import annotations

import pytest

from strowger.calls import identifier
from strowger.calls.identifier import Cloud, Identifier, Kind, TeamsExtension, from_raw_id


@pytest.mark.parametrize(
    ("raw_id", "kind"),
    [
        ("4:+31201110001", Kind.PHONE_NUMBER),
        ("4:anonymous", Kind.PHONE_NUMBER),
        ("4:", Kind.UNKNOWN),
        ("8:acs:r_u", Kind.COMMUNICATION_USER),
        ("8:gcch-acs:r_u", Kind.COMMUNICATION_USER),
        ("8:spool:u", Kind.COMMUNICATION_USER),
        ("8:acs:r_t_u", Kind.TEAMS_EXTENSION_USER),
        ("8:acs:r_t_u_x", Kind.COMMUNICATION_USER),
        ("8:orgid:o", Kind.MICROSOFT_TEAMS_USER),
        ("8:orgid:o:x", Kind.MICROSOFT_TEAMS_USER),
        ("8:dod:o", Kind.MICROSOFT_TEAMS_USER),
        ("8:teamsvisitor:o", Kind.MICROSOFT_TEAMS_USER),
        ("28:orgid:a", Kind.MICROSOFT_TEAMS_APP),
        ("28:gcch:a", Kind.MICROSOFT_TEAMS_APP),
        ("28:acs:a", Kind.UNKNOWN),
        ("28:gcch-global:a", Kind.UNKNOWN),
        ("28:bare", Kind.UNKNOWN),
        ("8:ACS:r_u", Kind.UNKNOWN),
        ("8:orgid:", Kind.UNKNOWN),
        ("", Kind.UNKNOWN),
        ("::::", Kind.UNKNOWN),
    ],
)
def test_the_prefix_names_the_kind(raw_id: str, kind: Kind) -> None:
    assert from_raw_id(raw_id) == Identifier(kind, raw_id)


def test_the_parts_of_a_phone_number() -> None:
    plain, asserted = from_raw_id("4:+45123"), from_raw_id("4:+45123_xyz")
    assert (plain.number, plain.asserted_id, plain.is_anonymous) == ("+45123", "", False)
    assert (asserted.number, asserted.asserted_id) == ("+45123", "xyz")
    assert from_raw_id("4:anonymous").is_anonymous


@pytest.mark.parametrize(
    ("made", "raw_id"),
    [
        (identifier.teams_user("o"), "8:orgid:o"),
        (identifier.teams_user("o", Cloud.GCCH), "8:gcch:o"),
        (identifier.teams_user("o", is_anonymous=True), "8:teamsvisitor:o"),
        (identifier.teams_app("a", Cloud.DOD), "28:dod:a"),
        (identifier.teams_extension_user(TeamsExtension("r", "t", "u"), Cloud.DOD), "8:dod-acs:r_t_u"),
    ],
)
def test_what_is_made_is_what_is_read(made: Identifier, raw_id: str) -> None:
    assert made == from_raw_id(raw_id)


def test_cloud_and_scoped_id() -> None:
    assert (from_raw_id("28:dod:a").cloud, from_raw_id("28:dod:a").scoped_id) == (Cloud.DOD, "a")
    assert from_raw_id("8:acs:r_t_u").extension == TeamsExtension("r", "t", "u")
    assert from_raw_id("strange").scoped_id == ""
