"""What the settings say, in the terms of the rooms."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from strowger import assembly, sip_assembly
from strowger.acs.http_limits import HttpLimits
from strowger.acs.pull import PullSettings
from strowger.calls.errors import TargetForbidden, TooManyIdentities
from strowger.calls.fallbacks import Default
from strowger.calls.groups import Group, Member, Mode
from strowger.calls.identifier import Kind, from_raw_id, phone_number
from strowger.calls.identities import Identities, Identity
from strowger.calls.outside_policy import Attempt
from strowger.calls.outside_rules import OutsideRules
from strowger.console.listener import ListenerLimits
from strowger.events.dead_letters import DeadLetterLimits
from strowger.events.outbox import BatchLimits
from strowger.events.retry import Profile
from strowger.events.subscription import Channel, Schema
from strowger.events.terms import DeliveryTerms
from strowger.settings import Settings
from tests.support.exchange import ways_out
from tests.support.settings import KEY, the_registration, the_settings
from tests.support.tokens import KeptIdentities, KeptKeys


def test_limits_go_to_the_rooms_that_keep_them(tmp_path: Path) -> None:
    settings = the_settings(
        tmp_path,
        """
        [events]
        manual_validation = "14s"
        [limits]
        hold = "1s"
        ring = "2s"
        ring_budget = "3s"
        redirects_per_call = 4
        held_calls = 5
        tcp_connections = 7
        tcp_connections_per_address = 6
        calls_kept = 8
        calls_kept_for = "9s"
        events_pending = 10
        event_bytes = 11
        pull_events = 14
        pull_readers = 15
        pull_wait = "16s"
        pull_keep_alive = "17s"
        pull_stream = "18s"
        request_body = 12
        clock_skew = "13s"
        reports_kept_for = "15s"
        [compat]
        reject_none_status = 480
        [sip]
        ws_origins = ["https://pages.example"]
        """,
    )
    calls = assembly.exchange_limits(settings)
    assert (calls.hold_s, calls.ring_s, calls.ring_budget_s) == (1.0, 2.0, 3.0)
    assert (calls.redirects_per_call, calls.held_calls, calls.reject_none_status) == (4, 5, 480)
    sockets = sip_assembly.transport_limits(settings)
    assert (sockets.tcp_connections, sockets.tcp_connections_per_address) == (7, 6)
    assert sockets.ws_origins == ("https://pages.example",)
    past = assembly.retention(settings)
    assert (past.calls_kept, past.calls_kept_for_s, past.events_pending) == (8, 9.0, 10)
    events = assembly.delivery_settings(settings)
    assert (events.outbox.events_pending, events.event_bytes, events.reports_kept_for_s) == (10, 11, 15.0)
    assert [events.policies[profile].manual_s for profile in Profile] == [5.0, 14.0]
    assert (events.pull.events, events.pull.readers) == (14, 15)
    assert assembly.pull_settings(settings) == PullSettings(wait_s=16.0, keep_alive_s=17.0, stream_s=18.0)
    api = assembly.api_settings(settings)
    assert (api.request_body_bytes, api.clock_skew_s, api.shows_string_to_sign) == (12, 13.0, True)


def test_limits_of_http_go_to_its_listeners(tmp_path: Path) -> None:
    settings = the_settings(
        tmp_path,
        """
        [limits]
        request_body = 1
        http_head = "4KiB"
        http_head_within = "3s"
        http_body_within = "4s"
        http_reply_within = "5s"
        http_idle = "6s"
        http_connections = 7
        """,
    )
    assert assembly.http_limits(settings) == HttpLimits(
        body_bytes=1, head_bytes=4_096, head_s=3.0, body_s=4.0, write_s=5.0, idle_s=6.0, connections=7
    )
    assert assembly.console_limits(settings) == ListenerLimits(head_s=3.0)
    assert assembly.http_limits(Settings()) == HttpLimits()
    assert assembly.console_limits(Settings()) == ListenerLimits()


def test_resources_and_subscriptions(tmp_path: Path) -> None:
    settings = the_settings(
        tmp_path,
        """
        [[subscription]]
        resource = "one"
        name = "app"
        endpoint = "https://app.example/events"
        profile = "event-grid"
        schema = "cloudevents"
        headers = ["X-Key: s3cret"]
        headers_from = ["X-Caller: data.from.rawId"]
        signing_secrets = ["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
        included_event_types = ["All"]
        channel = "outcomes"
        """,
    )
    (resource,) = assembly.resources(settings)
    assert (resource.name, resource.hosts, resource.keys) == ("one", ("calls.example",), (base64.b64decode(KEY),))
    (subscription,) = assembly.subscriptions(settings)
    assert (subscription.resource, subscription.name, subscription.profile) == ("one", "app", Profile.EVENT_GRID)
    assert subscription.topic.endswith("/one")
    assert subscription.schema is Schema.CLOUD_EVENTS
    assert subscription.headers == (("X-Key", "s3cret"),)
    assert subscription.headers_from == (("X-Caller", "data.from.rawId"),)
    assert subscription.signing_secrets == (bytes(24),)
    assert subscription.filter.is_open
    assert subscription.channel is Channel.OUTCOMES


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ('included_event_types = ["Microsoft.Communication.IncomingCall"]', [True, True]),
        ('subject_begins_with = "/CALLER/4:+316"', [True, False]),
        ('subject_begins_with = "/CALLER/4:+316"\nsubject_case_sensitive = "on"', [False, False]),
        ('subject_ends_with = "/4:+31201110002"', [False, True]),
        ('advanced_filters = [{operatorType = "StringIn", key = "data.Tags", values = ["B"]}]', [False, False]),
        (
            'advanced_filters = [{operatorType = "StringIn", key = "data.Tags", values = ["B"]}]\n'
            'advanced_filtering_on_arrays = "on"',
            [True, False],
        ),
    ],
)
def test_the_filters_of_a_subscription(tmp_path: Path, filters: str, expected: list[bool]) -> None:
    row = f'[[subscription]]\nresource = "one"\nname = "app"\nendpoint = "https://app.example/"\n{filters}'
    (subscription,) = assembly.subscriptions(the_settings(tmp_path, row))
    called = {"eventType": "Microsoft.Communication.IncomingCall", "data": {"tags": ["a", "b"]}}
    first = {**called, "subject": "/caller/4:+31612345678/recipient/4:+31201110001"}
    second = {**called, "subject": "/caller/4:+4930123456/recipient/4:+31201110002", "data": {}}
    assert [subscription.filter.matches(each) for each in (first, second)] == expected


def test_the_certificate_of_the_api(tmp_path: Path) -> None:
    settings = the_settings(tmp_path)
    assert assembly.api_certificate(settings, None) is None
    files = the_settings(tmp_path, '[tls]\ncert = "/c.pem"\nkey = "/k.pem"')
    assert assembly.api_certificate(files, None) == (Path("/c.pem"), Path("/k.pem"))


def test_the_directory_knows_numbers_users_and_routes(tmp_path: Path) -> None:
    settings = the_settings(
        tmp_path,
        """
        [[number]]
        resource = "one"
        e164 = "+31201110001"
        [[user]]
        resource = "one"
        name = "alice"
        id = "8:acs:r1_a"
        contacts = ["sip:alice@192.0.2.1"]
        [[trunk]]
        name = "carrier"
        uri = "sip:carrier.example"
        [[route]]
        kind = "phoneNumber"
        match = "+31*"
        to = "carrier"
        """,
    )
    found = assembly.the_directory(settings, the_registration(settings), ways_out(), the_identities(settings))
    assert found.addressee("+31201110001")[0] == "one"
    assert found.addressee("alice")[1].ring == ("sip:alice@192.0.2.1",)
    caller = from_raw_id("4:+1")
    plan = found.target("one", phone_number("+12125550100"), caller)
    assert (plan.to.kind, plan.ring) == (Kind.PHONE_NUMBER, ("sip:+12125550100@sbc.example;transport=tcp",))


def the_identities(settings: Settings, store: KeptIdentities | None = None) -> Identities:
    return assembly.identities(settings, store or KeptIdentities(), lambda user: None)


@pytest.mark.asyncio
async def test_users_and_what_applications_create_get_tokens(tmp_path: Path) -> None:
    settings = the_settings(
        tmp_path,
        """
        [[user]]
        resource = "one"
        name = "alice"
        id = "8:acs:r1_a"
        [limits]
        identities = 2
        token_key_age = "2h"
        """,
    )
    created = Identity("8:acs:r1_new", "one", 5.0)
    store = KeptIdentities()
    store.save(created, lambda error: None)
    known = the_identities(settings, store)
    assert known.find("8:acs:r1_a") == Identity("8:acs:r1_a", "one", 0.0)
    assert known.created("new") == created
    tokens = assembly.user_tokens(settings, known, KeptKeys())
    service = assembly.identity_service(settings, known, tokens, lambda: "x")
    made = service.new_identity("one", 6.0)
    assert made == Identity("8:acs:r1_x", "one", 6.0)
    known.create(made, lambda error: None)
    with pytest.raises(TooManyIdentities):
        known.create(made, lambda error: None)
    first = await tokens.keys.latest(0.0)
    assert (await tokens.keys.latest(7_199.0)).kid == first.kid
    assert (await tokens.keys.latest(7_200.0)).kid != first.kid


def test_each_resource_has_its_rules_for_the_outside(tmp_path: Path) -> None:
    text = """
        [[outside]]
        calls = 7
        [[outside]]
        resource = "one"
        allow = ["+31*", "0"]
        deny = ["+3190"]
        costly = ["satellite"]
        emergency = ["112"]
        calls = 1
        calls_per_minute = 2
        calls_per_day = 3
        caller_calls = 4
        caller_calls_per_minute = 5
        caller_calls_per_day = 6
        [limits]
        outside_callers = 8
        """
    told: list[str] = []
    policy = assembly.outside_policy(the_settings(tmp_path, text), lambda attempt, reason, why: told.append(reason))
    assert policy.rules("one") == OutsideRules(
        allow=frozenset(("+31", "0")),
        deny=frozenset(("+3190",)),
        costly=("satellite",),
        emergency=frozenset(("112",)),
        calls=1,
        calls_per_minute=2,
        calls_per_day=3,
        caller_calls=4,
        caller_calls_per_minute=5,
        caller_calls_per_day=6,
    )
    assert policy.rules("two") == OutsideRules(calls=7)
    assert policy.most_callers == 8
    with pytest.raises(TargetForbidden):
        policy.begin("c", Attempt("two", "4:+1", "112"), 0.0, lambda outcome: None)
    assert told == ["emergency"]


def test_what_follows_a_failure_and_silence(tmp_path: Path) -> None:
    text = """
        [[resource]]
        name = "three"
        id = "33333333-0000-4000-8000-000000000001"
        hosts = ["three.test"]
        on_failure = "application"
        [[number]]
        resource = "three"
        e164 = "+31203330001"
        default = "redirect:carol"
        [[number]]
        resource = "three"
        e164 = "+31203330002"
        on_failure = "caller"
        default = "redirect:+31203330001"
        default_after = "5s"
        [[number]]
        resource = "three"
        e164 = "+31203330003"
        default = "reject:486"
        [[user]]
        resource = "three"
        name = "carol"
        id = "8:acs:33333333-0000-4000-8000-000000000001_carol"
        """
    fallbacks = assembly.fallbacks(the_settings(tmp_path, text))
    first, second, third = (phone_number(f"+3120333000{digit}") for digit in (1, 2, 3))
    carol = from_raw_id("8:acs:33333333-0000-4000-8000-000000000001_carol")
    assert [fallbacks.returns("three", to) for to in (first, second, carol)] == [True, False, True]
    assert not fallbacks.returns("one", phone_number("+1"))
    assert fallbacks.default(first) == Default(10.0, carol)
    assert fallbacks.default(second) == Default(5.0, first)
    assert fallbacks.default(third) == Default(10.0, status=486)


def test_without_a_table_a_resource_has_the_defaults(tmp_path: Path) -> None:
    policy = assembly.outside_policy(the_settings(tmp_path), lambda attempt, reason, why: None)
    assert policy.rules("one") == OutsideRules()


def test_groups(tmp_path: Path) -> None:
    settings = the_settings(
        tmp_path,
        """
        [[number]]
        resource = "one"
        e164 = "+31201110001"
        [[user]]
        resource = "one"
        name = "alice"
        id = "8:acs:r1_a"
        [[trunk]]
        name = "carrier"
        uri = "sip:carrier.example"
        [[route]]
        kind = "phoneNumber"
        match = "+31*"
        to = "carrier"
        [[group]]
        id = "+31201110001"
        mode = "in-order"
        members = ["Alice@5s", "+31612345678"]
        member_time = "12s"
        ends_on = [603]
        [[group]]
        id = "A"
        members = ["alice", "+31612345678"]
        """,
    )
    alice, mobile = from_raw_id("8:acs:r1_a"), phone_number("+31612345678")
    assert assembly.groups(settings) == [
        Group(phone_number("+31201110001"), Mode.IN_ORDER, (Member(alice, 5.0), Member(mobile, 12.0)), (603,)),
        Group(alice, Mode.ALL, (Member(alice, 20.0), Member(mobile, 20.0)), (486, 603)),
    ]


def test_what_the_settings_say_of_delivery(tmp_path: Path) -> None:
    settings = the_settings(
        tmp_path,
        """
        [limits]
        event_attempts = 3
        dead_letters = 4
        dead_letter_bytes = 5
        dead_letters_kept_for = 6
        [events]
        not_retried = [404]
        private_targets = "allow"
        [[subscription]]
        resource = "one"
        name = "app"
        endpoint = "http://localhost:8080/"
        failover_endpoint = "http://localhost:8081/"
        batch_events = 7
        batch_kilobytes = 8
        profile = "event-grid"
        max_delivery_attempts = 9
        event_time_to_live = "10m"
        """,
    )
    delivery = assembly.delivery_settings(settings)
    assert (delivery.outbox.concurrency, delivery.not_retried) == (3, {404})
    assert assembly.dead_letter_limits(settings) == DeadLetterLimits(4, 5, 6.0)
    (app,) = assembly.subscriptions(settings)
    assert app.terms == DeliveryTerms(9, 600.0, BatchLimits(7, 8 * 1024))
    assert app.failover_endpoint == "http://localhost:8081/"
