"""The settings of `strowger dev`, from strowger.settings.dev."""

from __future__ import annotations

from pathlib import Path

import pytest

from strowger.settings import SettingsError, dev_settings
from strowger.settings.dev import APPLICATION_ID, ISSUER, RESOURCE_ID, user_id


def test_everything_to_try_a_call() -> None:
    settings = dev_settings(Path("/tmp/dev"), "http://localhost:8080/api/incomingCall")
    resource = settings.resources[0]
    assert settings.server.data_dir == Path("/tmp/dev")
    assert (resource.name, resource.id) == ("dev", "1b5cc06b-f352-4571-b1e6-d9b259b7c776")
    assert (resource.hosts, resource.keys) == (("localhost", "127.0.0.1", "::1"), ())
    assert [each.e164 for each in settings.numbers] == ["+31201110001", "+31201110002"]
    assert [(each.name, each.id, each.contacts) for each in settings.users] == [
        ("alice", f"8:acs:{RESOURCE_ID}_00000000-0000-0000-0000-000000000001", ()),
        ("bob", f"8:acs:{RESOURCE_ID}_00000000-0000-0000-0000-000000000002", ()),
    ]
    assert [(each.name, each.endpoint) for each in settings.subscriptions] == [
        ("app", "http://localhost:8080/api/incomingCall")
    ]


def test_without_an_application_there_is_no_subscription() -> None:
    assert dev_settings(Path("/tmp/dev")).subscriptions == ()


def test_contacts_ring_users_and_make_new_ones() -> None:
    contacts = {"carol": ["sip:carol@127.0.0.1:5071"], "bob": ["sip:bob@127.0.0.1:5070"]}
    users = dev_settings(Path("/tmp/dev"), contacts=contacts).users
    assert [(each.name, each.id, each.contacts) for each in users] == [
        ("alice", user_id(1), ()),
        ("bob", user_id(2), ("sip:bob@127.0.0.1:5070",)),
        ("carol", user_id(3), ("sip:carol@127.0.0.1:5071",)),
    ]


def test_environment_and_flags_weigh_as_usual() -> None:
    settings = dev_settings(
        Path("/tmp/dev"),
        environ={"STROWGER__LIMITS__HOLD": "5s", "STROWGER__LISTEN__API": "127.0.0.1:1"},
        overrides={"listen": {"api": ["127.0.0.1:0"]}},
    )
    assert settings.limits.hold == 5.0
    assert [str(each) for each in settings.listen.api] == ["127.0.0.1:0"]


def test_a_bad_address_of_the_application_is_told() -> None:
    with pytest.raises(SettingsError, match=r"\$\.subscription\[0\]\.endpoint"):
        dev_settings(Path("/tmp/dev"), "localhost:8080")


def test_it_has_an_issuer_of_its_own() -> None:
    (issuer,) = dev_settings(Path("/tmp/dev")).issuers
    assert (issuer.resource, issuer.issuer, issuer.jwks_url) == ("dev", ISSUER, "dev")
    assert issuer.allowed == (APPLICATION_ID,)
    assert issuer.audiences == ("https://communication.azure.com", "https://communication.azure.com/")
