"""What the settings say of SIP, in the terms of its rooms; called by server alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final

from strowger.accounts import Accounts
from strowger.assembly import api_certificate
from strowger.calls.bindings import BindingStore
from strowger.settings import Settings
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
from strowger.sip.location.resolve import Reach
from strowger.sip.manners import Manners
from strowger.sip.message.errors import ParseError
from strowger.sip.message.limits import MessageLimits
from strowger.sip.message.uri import SipUri
from strowger.sip.outgoing import RecordRoute
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
from strowger.tls import DevCa, client_context, server_context

TIMER_C_MARGIN_S: Final = 5.0
"""Timer C never cuts a call short that the settings let ring longer."""
DIGEST_ALGORITHMS: Final[dict[str, tuple[Algorithm, ...]]] = {
    "off": (Algorithm.SHA_256,),
    "on": (Algorithm.SHA_256, Algorithm.MD5),
    "only": (Algorithm.MD5,),
}
"""What sip.digest_md5 offers, the preferred one first."""


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
        record_route=RecordRoute(sip.record_route),
        says_forwarded=sip.forwarding_notice == "on",
        udp_request_bytes=sip.udp_request_bytes,
        timer_c_s=sip.timer_c or max(TIMER_C_S, settings.limits.ring_budget + TIMER_C_MARGIN_S),
        message_limits=message_limits(settings),
    )


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
