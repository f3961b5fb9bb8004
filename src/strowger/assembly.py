"""What the settings say, in the terms of the rooms: plain functions from Settings to limits, tables and parts.

Nothing is started here and nothing is kept. `server` calls these in its order and owns what comes back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from strowger.acs.api import ApiSettings
from strowger.acs.auth import Resource
from strowger.acs.authenticators.tenant import Tenants
from strowger.acs.http_limits import HttpLimits
from strowger.acs.operations.identity.service import LONGEST_MINUTES, IdentityService
from strowger.acs.pull import PullSettings
from strowger.acs.token_keys import TokenKeys
from strowger.acs.user_tokens import Given, UserTokens
from strowger.calls import directory
from strowger.calls.directory import CreatedUsers, Directory, Presence
from strowger.calls.fallbacks import Default, Fallbacks
from strowger.calls.groups import Group, Member, Mode
from strowger.calls.identifier import Identifier, from_raw_id, phone_number
from strowger.calls.identities import Identities, Identity, IdentityStore
from strowger.calls.limits import Limits
from strowger.calls.outside_policy import OutsidePolicy, Refused
from strowger.calls.outside_rules import OutsideRules
from strowger.calls.ports import WaysOut
from strowger.calls.signing_keys import SigningKeyStore
from strowger.calls.token_passwords import PasswordStore
from strowger.console.listener import ListenerLimits
from strowger.events import signature
from strowger.events.dead_letters import DeadLetterLimits
from strowger.events.delivery import DeliverySettings
from strowger.events.delivery_headers import dynamic, static
from strowger.events.filters import EventFilter
from strowger.events.handshake import POLICIES
from strowger.events.outbox import BatchLimits, OutboxLimits
from strowger.events.pull import PullLimits
from strowger.events.retry import Profile
from strowger.events.schema import resource_topic
from strowger.events.subscription import Channel, DeliveryMode, Schema, Subscription
from strowger.events.terms import DeliveryTerms
from strowger.settings import Group as GroupRow
from strowger.settings import Number as NumberRow
from strowger.settings import Outside as OutsideRow
from strowger.settings import Settings
from strowger.settings import Subscription as SubscriptionRow
from strowger.settings.group import found_by, named
from strowger.storage.retention import Retention
from strowger.tls import DevCa
from strowger.token_passwords import TokenPasswords

# Limits --------------------------------------------------------------------------------------------------------------


def retention(settings: Settings) -> Retention:
    """How much of the past the store keeps."""
    limits = settings.limits
    return Retention(
        calls_kept=limits.calls_kept,
        calls_kept_for_s=limits.calls_kept_for,
        receipts_kept=limits.repeatability_entries,
        receipts_kept_for_s=limits.repeatability_kept_for,
        events_pending=limits.events_pending,
    )


def exchange_limits(settings: Settings) -> Limits:
    """The bounds of calls."""
    limits = settings.limits
    return Limits(
        hold_s=limits.hold,
        ring_s=limits.ring,
        ring_budget_s=limits.ring_budget,
        redirects_per_call=limits.redirects_per_call,
        held_calls=limits.held_calls,
        reject_none_status=settings.compat.reject_none_status,
    )


# Towards applications ------------------------------------------------------------------------------------------------


def resources(settings: Settings) -> list[Resource]:
    """Whose requests the API believes."""
    return [Resource(row.name, row.hosts, row.key_octets) for row in settings.resources]


def identities(settings: Settings, store: IdentityStore, ended: Callable[[str], None]) -> Identities:
    """Who may be given tokens: users of the settings, and those that applications create. Raises StoreUnavailable.

    `ended` is told whose tokens are over, by raw id in lower case.
    """
    users = [Identity(row.id, row.resource, 0.0) for row in settings.users]
    tenants = {row.resource for row in settings.issuers if row.tenant}
    known = Identities(store, users=users, tenants=tenants, limit=settings.limits.identities, ended=ended)
    known.restore()
    return known


def token_passwords(
    settings: Settings, known: Identities, store: PasswordStore, wall: Callable[[], float]
) -> TokenPasswords:
    """User access tokens as passwords of phones. Raises StoreUnavailable."""
    names = {row.id.lower(): row.name for row in settings.users}
    sip = settings.sip
    kept = TokenPasswords(store, known, realm=sip.realm, md5=sip.digest_md5 != "off", wall=wall, names=names)
    kept.restore()
    return kept


def user_tokens(
    settings: Settings, known: Identities, store: SigningKeyStore, given: Given | None = None
) -> UserTokens:
    """What gives tokens and verifies them. Raises StoreUnavailable, ValueError for a key that cannot be read."""
    keys = TokenKeys(store, max_age_s=settings.limits.token_key_age, longest_token_s=LONGEST_MINUTES * 60.0)
    keys.restore()
    resource_ids = {row.name: row.id for row in settings.resources}
    return UserTokens(keys, known, given=given, resource_ids=resource_ids)


def identity_service(
    settings: Settings, known: Identities, tokens: UserTokens, new_id: Callable[[], str], tenants: Tenants | None = None
) -> IdentityService:
    """The identity service of all resources."""
    resource_ids = {row.name: row.id for row in settings.resources}
    return IdentityService(known, tokens, resource_ids=resource_ids, new_id=new_id, tenants=tenants)


def api_settings(settings: Settings) -> ApiSettings:
    """How the API behaves."""
    limits, compat = settings.limits, settings.compat
    return ApiSettings(
        request_body_bytes=limits.request_body,
        clock_skew_s=limits.clock_skew,
        signatures_remembered=limits.signatures_remembered,
        context_guesses=limits.context_guesses,
        repeatability=compat.repeatability,
        repeatability_kept_for_s=limits.repeatability_kept_for,
        shows_string_to_sign=settings.tls.mode == "dev-ca",
    )


def http_limits(settings: Settings) -> HttpLimits:
    """The bounds of the listeners of the API."""
    limits = settings.limits
    return HttpLimits(
        head_bytes=limits.http_head,
        body_bytes=limits.request_body,
        head_s=limits.http_head_within,
        body_s=limits.http_body_within,
        write_s=limits.http_reply_within,
        idle_s=limits.http_idle,
        connections=limits.http_connections,
    )


def console_limits(settings: Settings) -> ListenerLimits:
    """The bounds of the listeners of the console."""
    return ListenerLimits(head_s=settings.limits.http_head_within)


def delivery_settings(settings: Settings) -> DeliverySettings:
    """How events are sent."""
    limits, events = settings.limits, settings.events
    manual = dataclasses.replace(POLICIES[Profile.EVENT_GRID], manual_s=events.manual_validation)
    return DeliverySettings(
        OutboxLimits(limits.event_attempts, limits.events_pending),
        PullLimits(events=limits.pull_events, readers=limits.pull_readers),
        limits.event_bytes,
        limits.reports_kept_for,
        policies={**POLICIES, Profile.EVENT_GRID: manual},
        not_retried=frozenset(events.not_retried),
        addresses=events.address_policy,
    )


def dead_letter_limits(settings: Settings) -> DeadLetterLimits:
    """What is kept of events that were given up."""
    limits = settings.limits
    return DeadLetterLimits(limits.dead_letters, limits.dead_letter_bytes, limits.dead_letters_kept_for)


def pull_settings(settings: Settings) -> PullSettings:
    """How long those wait who fetch events."""
    limits = settings.limits
    return PullSettings(wait_s=limits.pull_wait, keep_alive_s=limits.pull_keep_alive, stream_s=limits.pull_stream)


def subscriptions(settings: Settings) -> list[Subscription]:
    """Who is told of calls."""
    return [subscription(settings, row) for row in settings.subscriptions]


def subscription(settings: Settings, row: SubscriptionRow) -> Subscription:
    """One of them, as the room of events knows it. Raises SubscriptionInvalid."""
    resource = next(each for each in settings.resources if each.name == row.resource)
    topic = resource_topic(resource.id, resource.name)
    chosen = EventFilter(
        event_types=row.included_event_types,
        subject_begins_with=row.subject_begins_with,
        subject_ends_with=row.subject_ends_with,
        subject_case_sensitive=row.subject_case_sensitive == "on",
        advanced=row.advanced_filters,
        on_arrays=row.advanced_filtering_on_arrays == "on",
    )
    return Subscription(
        row.resource,
        row.name,
        row.endpoint,
        topic,
        Profile(row.profile),
        schema=Schema(row.schema),
        headers=tuple(map(static, row.headers)),
        headers_from=tuple(map(dynamic, row.headers_from)),
        signing_secrets=tuple(map(signature.secret, row.signing_secrets)),
        filter=chosen,
        is_paused=row.paused == "on",
        terms=DeliveryTerms(
            row.max_delivery_attempts,
            row.event_time_to_live,
            BatchLimits(row.batch_events, row.batch_kilobytes * 1_024),
        ),
        failover_endpoint=row.failover_endpoint,
        channel=Channel(row.channel),
        delivery=DeliveryMode(row.delivery),
    )


# Certificates --------------------------------------------------------------------------------------------------------


def api_certificate(settings: Settings, dev_ca: DevCa | None) -> tuple[Path, Path] | None:
    """The certificate and the key of the API; None when it is not encrypted."""
    if dev_ca is not None:
        return dev_ca.cert, dev_ca.key
    tls = settings.tls
    return (tls.cert, tls.key) if tls.cert is not None and tls.key is not None else None


# Who is ours, and which way leads out --------------------------------------------------------------------------------


def the_directory(settings: Settings, presence: Presence, outside: WaysOut, created: CreatedUsers) -> Directory:
    """Everything that can be dialled."""
    return Directory(
        numbers=[directory.Number(row.resource, row.e164) for row in settings.numbers],
        users=[directory.User(row.resource, row.name, row.id, row.contacts) for row in settings.users],
        user_may_dial_out=settings.compat.voip_to_phone == "allow",
        presence=presence,
        outside=outside,
        created=created,
    )


def fallbacks(settings: Settings) -> Fallbacks:
    """Who hears of failures, and what holds when nobody decides."""
    return Fallbacks(
        resources=[row.name for row in settings.resources if row.on_failure == "application"],
        numbers={row.e164: row.on_failure == "application" for row in settings.numbers if row.on_failure != "resource"},
        defaults={row.e164: _default(settings, row) for row in settings.numbers if row.default},
    )


def _default(settings: Settings, row: NumberRow) -> Default:
    what, _, of = row.default.partition(":")
    if what == "reject":
        return Default(row.default_after, status=int(of))
    return Default(row.default_after, _target(settings, of))


def _target(settings: Settings, text: str) -> Identifier:
    if text.startswith("+"):
        return phone_number(text)
    user = next((each.id for each in settings.users if each.name == text), text)
    return from_raw_id(user)


def groups(settings: Settings) -> list[Group]:
    """Several members behind one id."""
    known = found_by((row.resource, row.name, row.id) for row in settings.users)

    def raw_id(word: str) -> str:
        user = known.get(word.lower())
        return user.raw_id if user is not None else f"4:{word}"

    def members(row: GroupRow) -> tuple[Member, ...]:
        return tuple(
            Member(from_raw_id(raw_id(who)), time_s or row.member_time) for who, time_s in map(named, row.members)
        )

    return [
        Group(from_raw_id(raw_id(row.id)), Mode(row.mode), members(row), row.ends_on) for row in settings.groups
    ]


def outside_policy(settings: Settings, refused: Refused) -> OutsidePolicy:
    """What each resource may call outside; `refused` is told of every refusal."""
    rules = {row.resource: _outside_rules(row) for row in settings.outside}
    usual = rules.pop("", None)
    return OutsidePolicy(rules, usual, callers=settings.limits.outside_callers, refused=refused)


def _outside_rules(row: OutsideRow) -> OutsideRules:
    return OutsideRules(
        allow=frozenset(row.allow),
        deny=frozenset(row.deny),
        costly=row.costly,
        emergency=frozenset(row.emergency),
        calls=row.calls,
        calls_per_minute=row.calls_per_minute,
        calls_per_day=row.calls_per_day,
        caller_calls=row.caller_calls,
        caller_calls_per_minute=row.caller_calls_per_minute,
        caller_calls_per_day=row.caller_calls_per_day,
        minutes_per_day=row.minutes_per_day,
        longest_call_s=row.longest_call,
        assumed_call_s=row.assumed_call,
        may_hairpin=row.hairpin == "allow",
    )
