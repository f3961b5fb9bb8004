"""What the settings say, in the terms of the rooms: plain functions from Settings to limits, tables and parts.

Nothing is started here and nothing is kept. `server` calls these in its order and owns what comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from strowger.accounts import Accounts
from strowger.acs.api import ApiSettings
from strowger.acs.auth import Resource
from strowger.acs.http_limits import HttpLimits
from strowger.acs.operations.identity.service import LONGEST_MINUTES, IdentityService
from strowger.acs.token_keys import TokenKeys
from strowger.acs.user_tokens import Given, UserTokens
from strowger.calls import directory
from strowger.calls.bindings import BindingStore
from strowger.calls.directory import CreatedUsers, Directory, Presence
from strowger.calls.exchange import Limits
from strowger.calls.identities import Identities, Identity, IdentityStore
from strowger.calls.outside_policy import OutsidePolicy, Refused
from strowger.calls.outside_rules import OutsideRules
from strowger.calls.ports import WaysOut
from strowger.calls.signing_keys import SigningKeyStore
from strowger.calls.token_passwords import PasswordStore
from strowger.console.listener import ListenerLimits
from strowger.events.delivery import DeliverySettings
from strowger.events.delivery_headers import dynamic, static
from strowger.events.filters import EventFilter
from strowger.events.outbox import OutboxLimits
from strowger.events.retry import Profile
from strowger.events.schema import resource_topic
from strowger.events.subscription import Schema, Subscription
from strowger.settings import Outside as OutsideRow
from strowger.settings import Settings
from strowger.settings import Subscription as SubscriptionRow
from strowger.settings import Trunk as TrunkRow
from strowger.sip.admission import Admission
from strowger.sip.authentication.authenticator import Authenticator
from strowger.sip.authentication.bearer import Bearer, Verify
from strowger.sip.authentication.client import Account
from strowger.sip.authentication.credentials import Credential
from strowger.sip.authentication.digest import Algorithm
from strowger.sip.authentication.errors import CredentialInvalid
from strowger.sip.authentication.failures import Failures
from strowger.sip.authentication.nonce import Nonces
from strowger.sip.edge import Manners
from strowger.sip.location.resolve import Reach
from strowger.sip.message.errors import ParseError
from strowger.sip.message.limits import MessageLimits
from strowger.sip.message.uri import SipUri
from strowger.sip.overload import Overload, OverloadLimits
from strowger.sip.proxy.response_context import TIMER_C_S
from strowger.sip.rate_limits import RateLimits, Rates
from strowger.sip.registrar.limits import Limits as RegistrarLimits
from strowger.sip.registrar.location_service import LocationService
from strowger.sip.registration import Registration
from strowger.sip.throttle import Throttle
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.tls import TlsContexts
from strowger.sip.trunk.health import HealthPolicy
from strowger.sip.trunk.numbers import NumberFormat
from strowger.sip.trunk.origin import Origins
from strowger.sip.trunk.roster import Entry, Roster
from strowger.sip.trunk.selection import Fitness, Selection
from strowger.sip.trunk.trunk import CallerId, ForwardedAs, Mode, Route, Trunk
from strowger.storage.retention import Retention
from strowger.tls import DevCa, client_context, server_context
from strowger.token_passwords import TokenPasswords

TIMER_C_MARGIN_S: Final = 5.0
"""Timer C never cuts a call short that the settings let ring longer."""
DIGEST_ALGORITHMS: Final[dict[str, tuple[Algorithm, ...]]] = {
    "off": (Algorithm.SHA_256,),
    "on": (Algorithm.SHA_256, Algorithm.MD5),
    "only": (Algorithm.MD5,),
}
"""What sip.digest_md5 offers, the preferred one first."""


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


def transport_limits(settings: Settings) -> TransportLimits:
    """The bounds of the SIP listeners."""
    limits = settings.limits
    return TransportLimits(
        message=message_limits(settings),
        tcp_connections=limits.tcp_connections,
        tcp_connections_per_address=limits.tcp_connections_per_address,
        tcp_connecting=limits.tcp_connecting,
        handshakes=limits.handshakes,
        handshake_s=limits.handshake,
        tcp_idle_s=limits.tcp_idle,
        tcp_message_s=limits.tcp_message,
        tcp_write_buffer_bytes=limits.tcp_write_buffer,
        ws_frame_bytes=limits.ws_frame,
        ws_origins=settings.sip.ws_origins,
        ws_ping_s=limits.ws_ping,
        connect_timeout_s=limits.connect,
        connecting_queue=limits.connecting_queue,
        udp_receive_buffer_bytes=limits.udp_receive_buffer,
        datagram_bytes=limits.datagram,
    )


def message_limits(settings: Settings) -> MessageLimits:
    """The bounds of one SIP message."""
    limits = settings.limits
    return MessageLimits(
        message_bytes=limits.sip_message,
        header_lines=limits.sip_header_lines,
        header_line_bytes=limits.sip_header_line,
        vias=limits.sip_via,
        addresses=limits.sip_addresses,
        uri_bytes=limits.sip_uri,
    )


def registrar_limits(settings: Settings) -> RegistrarLimits:
    """The bounds of registrations."""
    limits = settings.limits
    return RegistrarLimits(
        default_expires_s=round(limits.registration_default),
        min_expires_s=round(limits.registration_min),
        max_expires_s=round(limits.registration_max),
        contacts=limits.registration_contacts,
    )


def failures(settings: Settings) -> Failures:
    """How many wrong passwords are forgiven."""
    limits = settings.limits
    return Failures(
        per_user=limits.wrong_passwords_per_user,
        per_source=limits.wrong_passwords_per_source,
        window_s=limits.wrong_passwords_within,
    )


def nonces(settings: Settings, key: bytes) -> Nonces:
    """The challenges of our realm."""
    limits = settings.limits
    return Nonces(key, settings.sip.realm, lifetime_s=limits.nonce_lifetime, used_limit=limits.nonces_remembered)


def throttle(settings: Settings, *, chance: Callable[[], float], resident_bytes: Callable[[], int]) -> Throttle:
    """Who is let in, how often, and until when."""
    limits = settings.limits
    rates = Rates(
        messages_per_source=limits.messages_per_source,
        calls_per_source=limits.calls_per_source,
        calls=limits.calls_per_second,
        strangers=limits.strangers_per_second,
        sources=limits.sources,
    )
    trunks, trusted = origins(settings), Origins([("trusted", settings.sip.trusted)])
    return Throttle(
        RateLimits(rates, lambda host: trusted.trunk_of(host) is not None or trunks.trunk_of(host) is not None),
        Overload(OverloadLimits(limits.memory, limits.loop_lag), resident_bytes),
        chance=chance,
    )


def manners(settings: Settings) -> Manners:
    """How we speak SIP."""
    sip = settings.sip
    return Manners(
        record_route=sip.record_route == "on",
        says_forwarded=sip.forwarding_notice == "on",
        udp_request_bytes=sip.udp_request_bytes,
        timer_c_s=sip.timer_c or max(TIMER_C_S, settings.limits.ring_budget + TIMER_C_MARGIN_S),
        message_limits=message_limits(settings),
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
    known = Identities(store, users=users, limit=settings.limits.identities, ended=ended)
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
    return UserTokens(keys, known, given=given)


def identity_service(
    settings: Settings, known: Identities, tokens: UserTokens, new_id: Callable[[], str]
) -> IdentityService:
    """The identity service of all resources."""
    resource_ids = {row.name: row.id for row in settings.resources}
    return IdentityService(known, tokens, resource_ids=resource_ids, new_id=new_id)


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
    limits = settings.limits
    return DeliverySettings(OutboxLimits(events_pending=limits.events_pending), limits.event_bytes)


def subscriptions(settings: Settings) -> list[Subscription]:
    """Who is told of calls."""
    return [_subscription(settings, row) for row in settings.subscriptions]


def _subscription(settings: Settings, row: SubscriptionRow) -> Subscription:
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
        filter=chosen,
    )


# Certificates --------------------------------------------------------------------------------------------------------


def api_certificate(settings: Settings, dev_ca: DevCa | None) -> tuple[Path, Path] | None:
    """The certificate and the key of the API; None when it is not encrypted."""
    if dev_ca is not None:
        return dev_ca.cert, dev_ca.key
    tls = settings.tls
    return (tls.cert, tls.key) if tls.cert is not None and tls.key is not None else None


def sip_tls(settings: Settings, dev_ca: DevCa | None) -> TlsContexts | None:
    """The certificate of [sip], else that of the API; None when no listener needs one. Raises ValueError."""
    if not any(each.transport in ("tls", "wss") for each in settings.listen.sip):
        return None
    sip, pair = settings.sip, api_certificate(settings, dev_ca)
    cert, key = (sip.tls_cert, sip.tls_key) if sip.tls_cert is not None else pair or (None, None)
    authority = sip.tls_ca or (dev_ca.authority if dev_ca is not None else None)
    if cert is None or key is None:
        raise ValueError("SIP over TLS needs a certificate: give sip.tls_cert and sip.tls_key")
    others = [(each.cert, each.key) for each in settings.certificates]
    return TlsContexts(
        server=lambda: server_context(cert, key, others),
        client=lambda: client_context(authority, sip.tls_cert, sip.tls_key),
        files=[each for each in (cert, key, authority, *chain.from_iterable(others)) if each is not None],
    )


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
    )


def reach(settings: Settings) -> Reach:
    """What new requests can be sent over: only a peer can open a WebSocket."""
    listeners = settings.listen.sip
    transports = dict.fromkeys(each.transport.upper() for each in listeners if each.transport in ("udp", "tcp", "tls"))
    families = dict.fromkeys(6 if ":" in each.host else 4 for each in listeners)
    return Reach(tuple(transports), tuple(families))


def authenticator(
    settings: Settings,
    known: Accounts,
    *,
    nonce_key: bytes,
    proven: Callable[[str, float], None] = lambda source, now: None,
    verify: Verify | None = None,
    more: Callable[[str], Sequence[Credential]] = lambda user: (),
) -> Authenticator:
    """Who may prove to be somebody. Raises CredentialInvalid.

    `nonce_key` is to be new with each start, because counts used before are not remembered. `proven` hears of sources
    that showed to know a password. With `verify` a user access token will do, where nobody can read it on the way;
    `more` gives what it was hashed to, as the password that it may be everywhere.
    """
    sip, issued, failed = settings.sip, nonces(settings, nonce_key), failures(settings)
    offered = DIGEST_ALGORITHMS[sip.digest_md5]
    return Authenticator(
        sip.realm,
        known.credentials.get,
        issued,
        failures=failed,
        algorithms=offered,
        proven=proven,
        more=more,
        bearer=Bearer(sip.realm, verify, settings.server.public_url) if verify is not None else None,
    )


def registration(
    settings: Settings, known: Accounts, digest: Authenticator, bindings: BindingStore, *, wall: Callable[[], float]
) -> Registration:
    """Who may register, and where they are."""
    standing = frozenset(chain.from_iterable(user.contacts for user in settings.users))
    location = LocationService(bindings, registrar_limits(settings))
    return Registration(digest, location, known.users, wall=wall, standing=standing)


def trunks(settings: Settings) -> list[Trunk]:
    """The ways outside. Raises ValueError for a URI that cannot be read, and for what Digest cannot carry."""
    return [_trunk(row) for row in settings.trunks]


def _trunk(row: TrunkRow) -> Trunk:
    try:
        uri = SipUri.parse(row.uri)
        account = _account(row, uri) if row.username else None
    except (ParseError, CredentialInvalid) as error:
        raise ValueError(f"the trunk {row.name} cannot be used with these settings: {error}") from error
    return Trunk(
        row.name,
        row.uri,
        priority=row.priority,
        weight=row.weight,
        number_format=NumberFormat(
            row.number_format, row.country_code, row.national_prefix, row.international_prefix, row.prefix
        ),
        caller_id=CallerId(row.caller_id),
        number=row.number,
        forwarded_as=frozenset(map(ForwardedAs, row.forwarded_as)),
        is_trusted=row.trusted == "on",
        mode=Mode(row.mode),
        account=account,
        username=row.username,
        register_expires_s=row.register_expires if row.register == "on" else None,
        patience_s=row.patience,
    )


def _account(row: TrunkRow, uri: SipUri) -> Account:
    """MD5 is answered too: most carriers know nothing else (RFC 8760 §2.1)."""
    host = uri.host.strip("[]")
    return Account(Credential.of_password(row.username, row.realm or host, row.password, md5=True), frozenset((host,)))


def roster(settings: Settings, now: float, spread: Callable[[], float]) -> Roster:
    """How all trunks are, from `now` on; see `Roster`."""
    return Roster((Entry(row.name, _health_policy(row)) for row in settings.trunks), now, spread)


def _health_policy(row: TrunkRow) -> HealthPolicy:
    usual = HealthPolicy()
    return HealthPolicy(
        asks=row.options == "on",
        interval_s=row.options_interval,
        suspect_interval_s=min(usual.suspect_interval_s, row.options_interval),
    )


def selection(settings: Settings, trunks: Iterable[Trunk], fitness: Fitness) -> Selection:
    """Which trunks a call to the outside may take."""
    routes = [Route(row.kind, row.match, row.to) for row in settings.routes]
    return Selection(trunks, routes, fitness)


def origins(settings: Settings) -> Origins:
    """Which trunk a call comes by."""
    return Origins((row.name, row.from_) for row in settings.trunks)


def admission(settings: Settings, known: Accounts, digest: Authenticator) -> Admission:
    """Who may call."""
    return Admission(
        digest,
        users=known.users,
        trunks={trunk.name: trunk for trunk in trunks(settings)},
        peers=known.peers,
        origins=origins(settings),
        trusted=Origins([("", settings.sip.trusted)]),
        takes_strangers=settings.sip.strangers == "accept",
    )
