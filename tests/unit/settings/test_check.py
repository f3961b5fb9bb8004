"""Contradictions between settings, found by strowger.settings.check."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from strowger.events.filters import Operator, advanced_filter
from strowger.settings import (
    Entra,
    Limits,
    Listen,
    Listener,
    Number,
    Outside,
    Resource,
    Route,
    Settings,
    Sip,
    SipListener,
    Subscription,
    Tls,
    Trunk,
    User,
    kinds,
)
from strowger.settings.check import check

DEV = Resource(name="dev", id="1b5c", hosts=("localhost", "::1"), keys=("c3Ryb3dnZXItc2VjcmV0LWtleQ==",))
PROD = Resource(name="prod", id="2c6d", hosts=("acs.example.test",), keys=DEV.keys)
BOB = User(resource="dev", name="bob", id="8:acs:1b5c_2")
CARRIER = Trunk(name="carrier", uri="sip:sbc.example")
ABROAD = Route(kind="phoneNumber", match="+*", to=("carrier",))
APP = Subscription(resource="dev", name="app", endpoint="https://app.example/events")
NUMBER = Number(resource="dev", e164="+31201110001")

GOOD = Settings(
    resources=(DEV, PROD), numbers=(NUMBER,), users=(BOB,), subscriptions=(APP,), trunks=(CARRIER,), routes=(ABROAD,)
)


def problems(settings: Settings) -> list[str]:
    return [str(each) for each in check(settings)]


def test_the_defaults_are_good() -> None:
    assert problems(Settings()) == []


def test_a_full_configuration_is_good() -> None:
    assert problems(GOOD) == []


def test_a_subscription_is_of_one_resource_whatever_has_a_slash_in_its_name() -> None:
    names = ("dev/eu", "prod", "devel/eu", "dev")
    resources = tuple(replace(DEV, name=name, id=f"{len(name)}", hosts=(f"host{len(name)}",)) for name in names)
    assert problems(replace(Settings(), resources=resources)) == [
        '$.resource[0].name: "dev/eu" begins with another one, "dev", and a slash '
        "(choose another name, for RESOURCE/NAME is whose subscription it is)"
    ]
    assert problems(replace(Settings(), resources=resources[:3])) == []


@pytest.mark.parametrize("default", ["redirect:bob", "redirect:+31201110002", "redirect:8:acs:1b5c_9", "reject:486"])
def test_a_default_that_leads_somewhere_is_good(default: str) -> None:
    assert problems(replace(GOOD, numbers=(replace(NUMBER, default=default),))) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            replace(GOOD, numbers=(replace(NUMBER, default="redirect:+31201110001"),)),
            "$.number[0].default: this redirects the number to itself (name somebody else)",
        ),
        (
            replace(GOOD, numbers=(replace(NUMBER, default="redirect:ann"),)),
            '$.number[0].default: there is no user called "ann" (there are bob)',
        ),
        (
            replace(GOOD, numbers=(replace(NUMBER, resource="prod", default="redirect:bob"),)),
            '$.number[0].default: there is no user called "bob" (there is no [[user]] at all)',
        ),
        (
            replace(GOOD, resources=(DEV, replace(PROD, name="dev"))),
            '$.resource[1].name: "dev" is already at $.resource[0].name (choose another name)',
        ),
        (
            replace(GOOD, resources=(DEV, replace(PROD, id="1b5c"))),
            '$.resource[1].id: "1b5c" is already at $.resource[0].id (each has its own id)',
        ),
        (
            replace(GOOD, resources=(DEV, replace(PROD, hosts=("a", "::1")))),
            '$.resource[1].hosts[1]: "::1" is already at $.resource[0].hosts[1] (requests tell resources apart by host)',  # noqa: E501
        ),
        (
            replace(GOOD, numbers=(NUMBER, replace(NUMBER, resource="prod"))),
            '$.number[1].e164: "+31201110001" is already at $.number[0].e164 (one resource owns a number)',
        ),
        (
            replace(GOOD, users=(BOB, replace(BOB, id="8:acs:1b5c_3"))),
            '$.user[1].name: "bob" is already at $.user[0].name (choose another name)',
        ),
        (
            replace(GOOD, users=(BOB, replace(BOB, name="BOB", id="8:acs:1b5c_3"))),
            '$.user[1].name: "bob" is already at $.user[0].name (choose another name)',
        ),
        (
            replace(GOOD, users=(BOB, replace(BOB, name="bobby"))),
            '$.user[1].id: "8:acs:1b5c_2" is already at $.user[0].id (each user has its own id)',
        ),
        (
            replace(GOOD, subscriptions=(APP, APP)),
            '$.subscription[1].name: "app" is already at $.subscription[0].name (choose another name)',
        ),
        (
            replace(GOOD, subscriptions=(APP, replace(APP, name="b", included_event_types=("Microsoft.Incoming",)))),
            '$.subscription[1].included_event_types: no event of these types is ever sent with channel = "acs" '
            "(there is Microsoft.Communication.IncomingCall, Microsoft.Communication.CallStarted, "
            "Microsoft.Communication.CallEnded, Microsoft.Communication.CallParticipantAdded, "
            "Microsoft.Communication.CallParticipantRemoved)",
        ),
        (
            replace(GOOD, outside=(Outside(resource="dev"), Outside(), Outside(resource="dev"))),
            '$.outside[2].resource: "dev" has $.outside[0] already (join the two)',
        ),
        (
            replace(GOOD, outside=(Outside(), Outside(resource="dev"), Outside())),
            "$.outside[2].resource: every other resource has $.outside[0] already (join the two)",
        ),
        (
            replace(GOOD, outside=(Outside(resource="gone"),)),
            '$.outside[0].resource: there is no resource called "gone" (there are dev, prod)',
        ),
        (
            replace(GOOD, trunks=(CARRIER, CARRIER)),
            '$.trunk[1].name: "carrier" is already at $.trunk[0].name (choose another name)',
        ),
        (
            replace(GOOD, routes=(ABROAD, ABROAD)),
            '$.route[1].match: "phoneNumber +*" is already at $.route[0].match (one route for one match; it may name several trunks)',  # noqa: E501
        ),
        (
            replace(GOOD, routes=(ABROAD, replace(ABROAD, match="+"))),
            '$.route[1].match: "phoneNumber +*" is already at $.route[0].match (one route for one match; it may name several trunks)',  # noqa: E501
        ),
        (
            replace(GOOD, routes=(replace(ABROAD, to=("carrier", "carrier")),)),
            '$.route[0].to[1]: "carrier" is already at $.route[0].to[0] (name each trunk once)',
        ),
        (
            replace(GOOD, listen=Listen(console=(Listener("127.0.0.1", 7443),))),
            '$.listen.console[0]: "127.0.0.1:7443" is already at $.listen.api[0] (one address serves one purpose)',
        ),
        (
            replace(GOOD, listen=Listen(sip=(SipListener("udp", "::1", 5060),) * 2)),
            '$.listen.sip[1]: "udp:[::1]:5060" is already at $.listen.sip[0] (name each address once)',
        ),
    ],
)
def test_nothing_twice(settings: Settings, expected: str) -> None:
    assert problems(settings) == [expected]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (
            User(resource="dev", name="2", id="8:acs:1b5c_3"),
            '$.user[1].name: "2" also means the user of $.user[0].id (a user is dialled by either)',
        ),
        (
            User(resource="dev", name="eve", id="8:acs:1b5c_BOB"),
            '$.user[1].id: "bob" also means the user of $.user[0].name (a user is dialled by either)',
        ),
        (
            User(resource="prod", name="eve", id="8:acs:2c6d_2"),
            '$.user[1].id: "2" also means the user of $.user[0].id (a user is dialled by either)',
        ),
    ],
)
def test_whoever_is_dialled_is_one_user(other: User, expected: str) -> None:
    assert problems(replace(GOOD, users=(BOB, other))) == [expected]


def test_a_user_may_be_called_like_its_own_id() -> None:
    assert problems(replace(GOOD, users=(BOB, replace(BOB, name="eve", id="8:acs:1b5c_Eve")))) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            replace(GOOD, numbers=(replace(NUMBER, resource="test"),)),
            '$.number[0].resource: there is no resource called "test" (there are dev, prod)',
        ),
        (
            replace(GOOD, users=(replace(BOB, resource="test"),)),
            '$.user[0].resource: there is no resource called "test" (there are dev, prod)',
        ),
        (
            replace(GOOD, subscriptions=(replace(APP, resource="test"),)),
            '$.subscription[0].resource: there is no resource called "test" (there are dev, prod)',
        ),
        (
            replace(GOOD, subscriptions=(replace(APP, headers=("X-A: 1",), headers_from=("x-a: id",)),)),
            "$.subscription[0].headers: X-A is there twice (look at headers and headers_from together)",
        ),
        (
            replace(GOOD, subscriptions=(replace(APP, batch_events=2, headers_from=("X-A: id",)),)),
            "$.subscription[0].headers_from: in a batch there is no one event to take them from (set batch_events = 1)",
        ),
        (
            replace(GOOD, subscriptions=(replace(APP, schema="cloudevents", headers_from=("X-A: eventType",)),)),
            "$.subscription[0].headers: X-A: an event of this schema has id, source, subject, type, time, specversion, "
            "data (look at headers and headers_from together)",
        ),
        (
            replace(
                GOOD,
                subscriptions=(replace(APP, endpoint="http://ann:pass@h/", headers=("Authorization: Bearer x",)),),
            ),
            "$.subscription[0].headers: Authorization is there twice: the endpoint has user information "
            "(look at headers and headers_from together)",
        ),
        (
            replace(GOOD, subscriptions=(replace(APP, endpoint="http://0xa9fea9fe/latest"),)),
            "$.subscription[0].endpoint: its address 169.254.169.254 is link-local "
            "(events.private_networks or events.private_targets can allow it)",
        ),
        (
            replace(GOOD, subscriptions=(replace(APP, endpoint="https://app.example:22/"),)),
            "$.subscription[0].endpoint: its port 22 is for SSH (events.private_targets can allow it)",
        ),
        (
            replace(GOOD, routes=(replace(ABROAD, to=("teams",)),)),
            '$.route[0].to: there is no trunk called "teams" (there are carrier)',
        ),
        (
            replace(GOOD, routes=(replace(ABROAD, to=("carrier", "teams")),)),
            '$.route[0].to[1]: there is no trunk called "teams" (there are carrier)',
        ),
        (
            replace(GOOD, trunks=()),
            '$.route[0].to: there is no trunk called "carrier" (there is no [[trunk]] at all)',
        ),
    ],
)
def test_nothing_refers_to_nothing(settings: Settings, expected: str) -> None:
    assert problems(settings) == [expected]


def test_two_trunks_do_not_prove_themselves_by_one_name() -> None:
    other = replace(CARRIER, peer_username="them", peer_password="secret")
    trunks = (other, replace(other, name="other"))
    assert problems(replace(GOOD, trunks=trunks)) == [
        '$.trunk[1].peer_username: "them" is already at $.trunk[0].peer_username (trunks are told apart by it)'
    ]


SHA_256, MD5 = f"SHA-256:{'a' * 64}", f"MD5:{'b' * 32}"


@pytest.mark.parametrize(
    ("user", "digest_md5", "expected"),
    [
        (replace(BOB, sip_ha1=(SHA_256,)), "off", None),
        (replace(BOB, sip_ha1=(MD5,)), "on", None),
        (replace(BOB, sip_ha1=(SHA_256, MD5)), "only", None),
        (
            replace(BOB, sip_ha1=(SHA_256,), sip_password="x"),
            "off",
            "$.user[0].sip_ha1: there is a sip_password as well (give one of them)",
        ),
        (
            replace(BOB, sip_ha1=(MD5,)),
            "off",
            '$.user[0].sip_ha1: no phone is asked for these while sip.digest_md5 is "off" (give one of SHA-256)',
        ),
        (
            replace(BOB, sip_ha1=(SHA_256,)),
            "only",
            '$.user[0].sip_ha1: no phone is asked for these while sip.digest_md5 is "only" (give one of MD5)',
        ),
    ],
)
def test_a_hash_stands_for_a_password_and_is_asked_for(
    user: User, digest_md5: Literal["off", "on", "only"], expected: str | None
) -> None:
    settings = replace(GOOD, users=(user,), sip=Sip(digest_md5=digest_md5))
    assert problems(settings) == ([expected] if expected else [])


@pytest.mark.parametrize("name", ["bob", "BOB", "8:acs:1b5c_2", "2"])
def test_a_trunk_does_not_prove_itself_by_the_name_of_a_user(name: str) -> None:
    trunk = replace(CARRIER, peer_username=name, peer_password="secret")
    assert problems(replace(GOOD, trunks=(trunk,))) == [
        f'$.trunk[0].peer_username: "{name}" also means $.user[0] (one user name is one account)'
    ]


@pytest.mark.parametrize("raw_id", ["8:acs:2c6d_2", "8:acs:1b5c", "8:acs:1b5c_", "bob", "4:+31"])
def test_a_user_id_begins_with_its_resource(raw_id: str) -> None:
    expected = f'$.user[0].id: "{raw_id}" is not a user of dev (it begins "8:acs:1b5c_")'
    assert problems(replace(GOOD, users=(replace(BOB, id=raw_id),))) == [expected]


@pytest.mark.parametrize("identifier", ["1b5c_2", "8:acs", "a b"])
def test_a_resource_id_can_stand_in_a_user_id(identifier: str) -> None:
    expected = f'$.resource[0].id: "{identifier}" has more than letters, digits and "-" (use a UUID)'
    assert problems(replace(GOOD, resources=(replace(DEV, id=identifier), PROD), users=())) == [expected]


def test_blanks_were_refused_before_and_are_passed_over() -> None:
    blank = replace(DEV, name="", id="", hosts=(), keys=())
    settings = Settings(
        resources=(blank, blank),
        numbers=(Number(resource="", e164=""),) * 2,
        users=(User(resource="", name="", id=""),) * 2,
        subscriptions=(Subscription(resource="", name="", endpoint=kinds.OPTIONAL_URL.blank),) * 2,
        trunks=(Trunk(name="", uri=""),) * 2,
        routes=(Route(kind="unknown", match="", to=()),) * 2,
    )
    assert problems(settings) == []


@pytest.mark.parametrize(
    ("schema", "key", "hint"),
    [
        ("event-grid", "Source", "id, topic, subject, eventType, dataVersion, and data.NAME…"),
        ("cloudevents", "eventType", "id, source, subject, type, specversion, and data.NAME…"),
    ],
)
def test_filters_ask_what_the_schema_has(schema: Literal["event-grid", "cloudevents"], key: str, hint: str) -> None:
    good, bad = (advanced_filter(Operator.IS_NOT_NULL, each, ()) for each in ("data.source", key))
    app = replace(APP, schema=schema, advanced_filters=(good, bad))
    path = "$.subscription[0].advanced_filters[1]"
    expected = f'{path}: "{key}" is no key of an event with schema = "{schema}" (there are {hint})'
    assert problems(replace(GOOD, subscriptions=(app,))) == [expected]


@pytest.mark.parametrize("types", [(), ("ALL",), ("Microsoft.Other", "microsoft.communication.incomingcall")])
def test_event_types_of_which_one_is_sent(types: tuple[str, ...]) -> None:
    assert problems(replace(GOOD, subscriptions=(replace(APP, included_event_types=types),))) == []


def test_each_channel_has_types_of_its_own() -> None:
    own = replace(APP, channel="outcomes", included_event_types=("strowger.redirect.failed",))
    assert problems(replace(GOOD, subscriptions=(own,))) == []
    wrong = replace(own, included_event_types=("Microsoft.Communication.IncomingCall",))
    assert problems(replace(GOOD, subscriptions=(wrong,))) == [
        '$.subscription[0].included_event_types: no event of these types is ever sent with channel = "outcomes" '
        "(there is Strowger.Redirect.Ringing, Strowger.Redirect.Answered, Strowger.Redirect.Failed, "
        "Strowger.Redirect.Cancelled)"
    ]


def test_port_zero_may_be_written_often() -> None:
    free = Listener("127.0.0.1", 0)
    sip = (SipListener("udp", "127.0.0.1", 0),) * 2
    assert problems(Settings(listen=Listen(api=(free,), console=(free,), metrics=(free,), sip=sip))) == []


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        (Tls(mode="files", cert=Path("/a"), key=Path("/b")), []),
        (Tls(mode="off"), []),
        (Tls(mode="files", cert=Path("/a")), ["$.tls.key: this is required in mode files"]),
        (Tls(mode="files", key=Path("/b")), ["$.tls.cert: this is required in mode files"]),
        (
            Tls(mode="files"),
            ["$.tls.cert: this is required in mode files", "$.tls.key: this is required in mode files"],
        ),
        (Tls(mode="dev-ca", cert=Path("/a")), ['$.tls.mode: "dev-ca" would ignore cert']),
        (Tls(mode="off", key=Path("/b")), ['$.tls.mode: "off" would ignore key']),
    ],
)
def test_a_certificate_needs_its_key_and_its_mode(tls: Tls, expected: list[str]) -> None:
    assert [each.partition(" (")[0] for each in problems(Settings(tls=tls))] == expected


SECURE = Listen(sip=(SipListener("ws", "::1", 80), SipListener("tls", "::1", 5061), SipListener("wss", "::1", 443)))


@pytest.mark.parametrize(
    ("tls", "sip", "expected"),
    [
        (Tls(), Sip(), []),
        (Tls(mode="off"), Sip(tls_cert=Path("/a"), tls_key=Path("/b")), []),
        (
            Tls(mode="off"),
            Sip(),
            [
                '$.listen.sip[1]: "tls:[::1]:5061" needs a certificate',
                '$.listen.sip[2]: "wss:[::1]:443" needs a certificate',
            ],
        ),
        (Tls(), Sip(tls_cert=Path("/a")), ["$.sip.tls_key: this is required beside tls_cert"]),
        (Tls(mode="off"), Sip(tls_key=Path("/b")), ["$.sip.tls_cert: this is required beside tls_key"]),
    ],
)
def test_encrypted_sip_needs_a_certificate(tls: Tls, sip: Sip, expected: list[str]) -> None:
    found = problems(Settings(tls=tls, sip=sip, listen=SECURE))
    assert [each.partition(" (")[0] for each in found] == expected


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (Settings(limits=Limits(ring=60.0, ring_budget=60.0)), None),
        (Settings(limits=Limits(ring=60.1, ring_budget=60.0)), "$.limits.ring"),
        (Settings(limits=Limits(tcp_connections=10, tcp_connections_per_address=10)), None),
        (Settings(limits=Limits(sip_message=8_192)), None),
        (Settings(limits=Limits(sip_message=8_191)), "$.limits.sip_header_line"),
        (Settings(limits=Limits(sip_header_line=2_048)), None),
        (Settings(limits=Limits(sip_header_line=2_047)), "$.limits.sip_uri"),
        (Settings(limits=Limits(registration_min=60.5)), "$.limits.registration_min"),
        (Settings(limits=Limits(registration_min=60.0, registration_default=60.0, registration_max=60.0)), None),
        (Settings(limits=Limits(registration_min=3_601.0)), "$.limits.registration_default"),
        (Settings(limits=Limits(registration_max=3_599.0)), "$.limits.registration_default"),
        (
            Settings(limits=Limits(tcp_connections=10, tcp_connections_per_address=11)),
            "$.limits.tcp_connections_per_address",
        ),
        (Settings(sip=Sip(t1=4.0)), None),
        (Settings(sip=Sip(t1=4.1)), "$.sip.t1"),
    ],
)
def test_limits_do_not_contradict_each_other(settings: Settings, path: str | None) -> None:
    assert [each.path for each in check(settings)] == ([path] if path else [])


TENANT = Entra(
    resource="dev", issuer="https://login.example/t/v2.0", jwks_url="https://login.example/keys", allowed=("a",)
)


@pytest.mark.parametrize(
    ("issuers", "expected"),
    [
        ((TENANT, replace(TENANT, resource="prod")), []),
        ((TENANT, replace(TENANT, issuer="https://login.example/u/v2.0")), []),
        ((replace(TENANT, jwks_url="dev"), replace(TENANT, resource="prod", jwks_url="dev")), []),
        ((replace(TENANT, jwks_url="http://127.0.0.1:8080/keys"),), []),
        ((replace(TENANT, allowed=(), tenant="t"),), []),
        ((replace(TENANT, audiences=("x", "y"), exchange_audiences=("y",)),), []),
        (
            (replace(TENANT, tenant="t", audiences=("x", "y"), exchange_audiences=("y",)),),
            [
                '$.entra[0].exchange_audiences: "y" is among audiences too '
                "(who shows a token for one purpose has none for the other)"
            ],
        ),
        (
            (replace(TENANT, allowed=()),),
            [
                "$.entra[0].allowed: nobody is allowed anything by this table "
                "(give the ids of applications, or a tenant whose users may exchange tokens)"
            ],
        ),
        (
            (replace(TENANT, resource="none"),),
            ['$.entra[0].resource: there is no resource called "none" (there are dev, prod)'],
        ),
        (
            (TENANT, replace(TENANT, allowed=("b",))),
            [
                '$.entra[1].issuer: "dev https://login.example/t/v2.0" is already at $.entra[0].issuer '
                "(one table for one issuer of a resource)"
            ],
        ),
        (
            (replace(TENANT, jwks_url="http://login.example/keys"),),
            [
                '$.entra[0].jwks_url: "http://login.example/keys" is not https '
                "(http is for addresses of this machine itself, where nobody can change the keys on their way)"
            ],
        ),
        (
            (TENANT, replace(TENANT, resource="prod", jwks_url="https://login.example/others")),
            [
                '$.entra[1].jwks_url: the same issuer has "https://login.example/keys" in $.entra[0] '
                "(an issuer has one set of keys)"
            ],
        ),
    ],
)
def test_issuers(issuers: tuple[Entra, ...], expected: list[str]) -> None:
    assert problems(replace(GOOD, issuers=issuers)) == expected


def test_a_subscription_is_posted_somewhere_or_fetched() -> None:
    rows = (
        Subscription(resource="dev", name="a"),
        Subscription(resource="dev", name="b", delivery="pull"),
        Subscription(
            resource="dev",
            name="c",
            delivery="pull",
            endpoint="https://example.com/",
            headers=("X-Key: secret",),
            headers_from=("X-From: data.from.rawId",),
            max_delivery_attempts=3,
        ),
    )
    assert problems(Settings(resources=(DEV,), subscriptions=rows)) == [
        '$.subscription[0].endpoint: this is required with delivery = "push" '
        '(say where events are posted, or write delivery = "pull")',
        '$.subscription[2].endpoint: nothing is posted with delivery = "pull" (leave it out)',
        '$.subscription[2].headers: nothing is posted with delivery = "pull" (leave it out)',
        '$.subscription[2].headers_from: nothing is posted with delivery = "pull" (leave it out)',
        '$.subscription[2].max_delivery_attempts: nothing is posted with delivery = "pull" (leave it out)',
    ]
