"""What must hold between settings: nothing twice, nothing that refers to nothing.

Blank values were refused before and are passed over here, so that one slip gives one problem.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from urllib.parse import urlsplit

from strowger.acs.authenticators.key_place import DEVELOPMENT, is_secure
from strowger.calls.spelling import spellings, user_part
from strowger.events import delivery_headers
from strowger.events.event_types import EVENT_TYPES
from strowger.events.filters import ALL_TYPES, CLOUD_EVENTS_KEYS, EVENT_GRID_KEYS
from strowger.events.subscription import MEMBERS, Channel, Schema
from strowger.settings import check_trunks
from strowger.settings.check_effect import effects
from strowger.settings.check_groups import groups
from strowger.settings.problem import Problem
from strowger.settings.row import default_of
from strowger.settings.rows import Settings
from strowger.settings.subscription import PUSH_ONLY

LONGEST_T1_S = 4.0
"""T2 of RFC 3261 §17.1.2.1: the interval that T1 doubles up to."""


def check(settings: Settings) -> list[Problem]:
    """Every contradiction in `settings`, in the order of the file."""
    rules: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
        _listeners,
        _tls,
        _sip_tls,
        _duplicates,
        _hosts,
        _resource_names,
        _resource_ids,
        _references,
        _delivery_modes,
        _delivery_headers,
        _endpoints,
        _outside,
        _issuers,
        _event_types,
        _filter_keys,
        _user_ids,
        _user_spellings,
        _user_hashes,
        groups,
        check_trunks.formats,
        check_trunks.passwords,
        _peer_names,
        check_trunks.times,
        _route_trunks,
        _default_targets,
        _limits,
        _sizes,
        _registrations,
        _timers,
        effects,
    )
    return [problem for rule in rules for problem in rule(settings)]


def _listeners(settings: Settings) -> Iterator[Problem]:
    listen = settings.listen
    http = [
        (f"$.listen.{key}[{index}]", each)
        for key in ("api", "console", "metrics")
        for index, each in enumerate(getattr(listen, key))
    ]
    yield from _twice(((path, each) for path, each in http if each.port), "one address serves one purpose")
    sip = ((f"$.listen.sip[{index}]", each) for index, each in enumerate(listen.sip) if each.port)
    yield from _twice(sip, "name each address once")


def _tls(settings: Settings) -> Iterator[Problem]:
    tls = settings.tls
    for name, path, other in (("cert", tls.cert, "key"), ("key", tls.key, "cert")):
        if tls.mode == "files" and path is None:
            yield Problem(f"$.tls.{name}", "this is required in mode files", f"give cert and key, not only {other}")
        elif tls.mode != "files" and path is not None:
            yield Problem("$.tls.mode", f'"{tls.mode}" would ignore {name}', 'leave mode out, or write "files"')


def _sip_tls(settings: Settings) -> Iterator[Problem]:
    cert, key = settings.sip.tls_cert, settings.sip.tls_key
    if (cert is None) != (key is None):
        missing, given = ("tls_cert", "tls_key") if cert is None else ("tls_key", "tls_cert")
        yield Problem(f"$.sip.{missing}", f"this is required beside {given}", "give both, or none for those of [tls]")
    if settings.tls.mode == "off" and cert is None and key is None:
        for index, each in enumerate(settings.listen.sip):
            if each.transport in ("tls", "wss"):
                path = f"$.listen.sip[{index}]"
                yield Problem(path, f'"{each}" needs a certificate', "give sip.tls_cert and sip.tls_key")


def _duplicates(settings: Settings) -> Iterator[Problem]:
    yield from _twice(_column("resource", "name", (each.name for each in settings.resources)), "choose another name")
    yield from _twice(_column("resource", "id", (each.id for each in settings.resources)), "each has its own id")
    yield from _twice(_column("number", "e164", (each.e164 for each in settings.numbers)), "one resource owns a number")
    yield from _twice(_column("user", "name", (each.name.lower() for each in settings.users)), "choose another name")
    yield from _twice(_column("user", "id", (each.id for each in settings.users)), "each user has its own id")
    names = (each.name for each in settings.subscriptions)
    yield from _twice(_column("subscription", "name", names), "choose another name")
    yield from _twice(_column("trunk", "name", (each.name for each in settings.trunks)), "choose another name")
    matches = (f"{each.kind} {each.match.removesuffix('*')}*" if each.match else "" for each in settings.routes)
    yield from _twice(_column("route", "match", matches), "one route for one match; it may name several trunks")


def _hosts(settings: Settings) -> Iterator[Problem]:
    hosts = (
        (f"$.resource[{index}].hosts[{position}]", host)
        for index, resource in enumerate(settings.resources)
        for position, host in enumerate(resource.hosts)
    )
    yield from _twice(hosts, "requests tell resources apart by host")


def _resource_names(settings: Settings) -> Iterator[Problem]:
    """Everything of a subscription goes by RESOURCE/NAME, which must be of one resource only."""
    names = {each.name for each in settings.resources}
    for path, name in _column("resource", "name", (each.name for each in settings.resources)):
        other = next((each for each in names if each and str(name).startswith(f"{each}/")), "")
        if other:
            hint = "choose another name, for RESOURCE/NAME is whose subscription it is"
            yield Problem(path, f'"{name}" begins with another one, "{other}", and a slash', hint)


def _resource_ids(settings: Settings) -> Iterator[Problem]:
    for index, resource in enumerate(settings.resources):
        if not resource.id.replace("-", "a").isalnum() and resource.id:
            yield Problem(
                f"$.resource[{index}].id", f'"{resource.id}" has more than letters, digits and "-"', "use a UUID"
            )


def _references(settings: Settings) -> Iterator[Problem]:
    resources = {each.name for each in settings.resources}
    for section, tables in (
        ("entra", settings.issuers),
        ("number", settings.numbers),
        ("user", settings.users),
        ("subscription", settings.subscriptions),
        ("outside", settings.outside),
    ):
        yield from _unknown(_column(section, "resource", (each.resource for each in tables)), resources, "resource")


def _delivery_modes(settings: Settings) -> Iterator[Problem]:
    for index, each in enumerate(settings.subscriptions):
        path = f"$.subscription[{index}]"
        if each.delivery == "push" and not each.endpoint:
            hint = 'say where events are posted, or write delivery = "pull"'
            yield Problem(f"{path}.endpoint", 'this is required with delivery = "push"', hint)
        if each.delivery == "pull":
            for name in PUSH_ONLY:
                if getattr(each, name) != default_of(type(each), name):
                    yield Problem(f"{path}.{name}", 'nothing is posted with delivery = "pull"', "leave it out")


def _delivery_headers(settings: Settings) -> Iterator[Problem]:
    for index, each in enumerate(settings.subscriptions):
        fixed, taken = map(delivery_headers.split, each.headers), map(delivery_headers.split, each.headers_from)
        has_user = any("@" in urlsplit(url).netloc for url in (each.endpoint, each.failover_endpoint))
        try:
            delivery_headers.check(tuple(fixed), tuple(taken), MEMBERS[Schema(each.schema)], has_user=has_user)
        except ValueError as error:
            yield Problem(f"$.subscription[{index}].headers", str(error), "look at headers and headers_from together")
        if each.batch_events > 1 and each.headers_from:
            path = f"$.subscription[{index}].headers_from"
            yield Problem(path, "in a batch there is no one event to take them from", "set batch_events = 1")


def _endpoints(settings: Settings) -> Iterator[Problem]:
    """What a name of a host comes to is judged when it is connected to."""
    policy = settings.events.address_policy
    for index, each in enumerate(settings.subscriptions):
        for name in ("endpoint", "failover_endpoint"):
            url = getattr(each, name)
            refusal = policy.refusal_of_url(url) if url else ""
            if refusal:
                message, _, hint = refusal.partition(": ")
                yield Problem(f"$.subscription[{index}].{name}", message, hint)


def _outside(settings: Settings) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, each in enumerate(settings.outside):
        other = first.setdefault(each.resource, index)
        if other != index:
            whose = f'"{each.resource}"' if each.resource else "every other resource"
            yield Problem(f"$.outside[{index}].resource", f"{whose} has $.outside[{other}] already", "join the two")


def _issuers(settings: Settings) -> Iterator[Problem]:
    names = (each.issuer and f"{each.resource} {each.issuer}" for each in settings.issuers)
    yield from _twice(_column("entra", "issuer", names), "one table for one issuer of a resource")
    first: dict[str, tuple[int, str]] = {}
    for index, each in enumerate(settings.issuers):
        path = f"$.entra[{index}].jwks_url"
        if each.jwks_url and each.jwks_url != DEVELOPMENT and not is_secure(each.jwks_url):
            hint = "http is for addresses of this machine itself, where nobody can change the keys on their way"
            yield Problem(path, f'"{each.jwks_url}" is not https', hint)
        if not each.allowed and not each.tenant:
            hint = "give the ids of applications, or a tenant whose users may exchange tokens"
            yield Problem(f"$.entra[{index}].allowed", "nobody is allowed anything by this table", hint)
        both = set(each.audiences) & set(each.exchange_audiences)
        if each.tenant and both:
            hint = "who shows a token for one purpose has none for the other"
            yield Problem(f"$.entra[{index}].exchange_audiences", f'"{min(both)}" is among audiences too', hint)
        other, its_url = first.setdefault(each.issuer, (index, each.jwks_url))
        if each.jwks_url and its_url and its_url != each.jwks_url:
            yield Problem(path, f'the same issuer has "{its_url}" in $.entra[{other}]', "an issuer has one set of keys")


def _event_types(settings: Settings) -> Iterator[Problem]:
    """A misspelt type would leave every call without an application, and nobody would be told why."""
    for index, each in enumerate(settings.subscriptions):
        of_channel = EVENT_TYPES[Channel(each.channel)]
        known = {name.lower() for name in (*of_channel, ALL_TYPES)}
        if each.included_event_types and known.isdisjoint(map(str.lower, each.included_event_types)):
            path = f"$.subscription[{index}].included_event_types"
            message = f'no event of these types is ever sent with channel = "{each.channel}"'
            yield Problem(path, message, f"there is {', '.join(of_channel)}")


def _filter_keys(settings: Settings) -> Iterator[Problem]:
    for index, each in enumerate(settings.subscriptions):
        keys = CLOUD_EVENTS_KEYS if each.schema == "cloudevents" else EVENT_GRID_KEYS
        for position, condition in enumerate(each.advanced_filters):
            if not condition.asks(keys):
                path = f"$.subscription[{index}].advanced_filters[{position}]"
                message = f'"{condition.key}" is no key of an event with schema = "{each.schema}"'
                yield Problem(path, message, f"there are {', '.join(keys)}, and data.NAME…")


def _route_trunks(settings: Settings) -> Iterator[Problem]:
    trunks = {each.name for each in settings.trunks}
    for index, route in enumerate(settings.routes):
        path = f"$.route[{index}].to"
        places = [path] if len(route.to) == 1 else [f"{path}[{position}]" for position in range(len(route.to))]
        yield from _unknown(zip(places, route.to, strict=True), trunks, "trunk")
        yield from _twice(zip(places, route.to, strict=True), "name each trunk once")


def _default_targets(settings: Settings) -> Iterator[Problem]:
    for index, number in enumerate(settings.numbers):
        path, target = f"$.number[{index}].default", number.default.partition("redirect:")[2]
        if target and target == number.e164:
            yield Problem(path, "this redirects the number to itself", "name somebody else")
        if target and ":" not in target and not target.startswith("+"):
            users = {each.name for each in settings.users if each.resource == number.resource}
            yield from _unknown([(path, target)], users, "user")


def _user_ids(settings: Settings) -> Iterator[Problem]:
    ids = {each.name: each.id for each in reversed(settings.resources) if each.id}  # of a name given twice the first
    for index, user in enumerate(settings.users):
        prefix = f"8:acs:{ids.get(user.resource, '')}_"
        if user.resource in ids and user.id and (not user.id.startswith(prefix) or user.id == prefix):
            yield Problem(
                f"$.user[{index}].id", f'"{user.id}" is not a user of {user.resource}', f'it begins "{prefix}"'
            )


def _user_spellings(settings: Settings) -> Iterator[Problem]:
    """Whoever is dialled, or registers, is one user: the user part of one id is neither a name nor that of another."""
    first: dict[str, tuple[int, str]] = {}
    for index, user in enumerate(settings.users):
        words = {user_part(user.id).lower(): "id", user.name.lower(): "name"}
        for word, key in words.items():
            other, its_key = first.setdefault(word, (index, key)) if word else (index, key)
            if other != index and (key, its_key) != ("name", "name") and user.id != settings.users[other].id:
                path, its_path = f"$.user[{index}].{key}", f"$.user[{other}].{its_key}"
                yield Problem(path, f'"{word}" also means the user of {its_path}', "a user is dialled by either")


def _user_hashes(settings: Settings) -> Iterator[Problem]:
    """A hash must be one that a challenge asks for."""
    offered = {"off": ("SHA-256",), "on": ("SHA-256", "MD5"), "only": ("MD5",)}[settings.sip.digest_md5]
    for index, user in enumerate(settings.users):
        path = f"$.user[{index}].sip_ha1"
        if user.sip_ha1 and user.sip_password:
            yield Problem(path, "there is a sip_password as well", "give one of them")
        if user.sip_ha1 and not any(each.startswith(f"{name}:") for each in user.sip_ha1 for name in offered):
            message = f'no phone is asked for these while sip.digest_md5 is "{settings.sip.digest_md5}"'
            yield Problem(path, message, f"give one of {' or '.join(offered)}")


def _peer_names(settings: Settings) -> Iterator[Problem]:
    peers = _column("trunk", "peer_username", (each.peer_username for each in settings.trunks))
    yield from _twice(peers, "trunks are told apart by it")
    users = {
        word.lower(): f"$.user[{index}]"
        for index, user in enumerate(settings.users)
        for word in spellings(user.name, user.id)
    }
    for index, trunk in enumerate(settings.trunks):
        user = users.get(trunk.peer_username.lower())
        if user is not None:
            path = f"$.trunk[{index}].peer_username"
            yield Problem(path, f'"{trunk.peer_username}" also means {user}', "one user name is one account")


def _limits(settings: Settings) -> Iterator[Problem]:
    limits = settings.limits
    if limits.ring > limits.ring_budget:
        yield Problem(
            "$.limits.ring", "this is longer than ring_budget", "a ring that the budget cuts short is no limit"
        )
    if limits.tcp_connections_per_address > limits.tcp_connections:
        path = "$.limits.tcp_connections_per_address"
        yield Problem(path, "this is more than tcp_connections", "lower it, or raise tcp_connections")


def _sizes(settings: Settings) -> Iterator[Problem]:
    limits = settings.limits
    if limits.sip_header_line > limits.sip_message:
        yield Problem("$.limits.sip_header_line", "this is more than sip_message", "a line is part of a message")
    if limits.sip_uri > limits.sip_header_line:
        yield Problem("$.limits.sip_uri", "this is more than sip_header_line", "a URI is part of a line")


def _registrations(settings: Settings) -> Iterator[Problem]:
    limits = settings.limits
    for name in ("registration_min", "registration_default", "registration_max"):
        if getattr(limits, name) % 1:
            yield Problem(f"$.limits.{name}", "this is no whole number of seconds", "SIP tells it in seconds")
    if not limits.registration_min <= limits.registration_default <= limits.registration_max:
        path = "$.limits.registration_default"
        yield Problem(path, "this is not between registration_min and registration_max", "lift or lower one of them")


def _timers(settings: Settings) -> Iterator[Problem]:
    if settings.sip.t1 > LONGEST_T1_S:
        yield Problem("$.sip.t1", "this is longer than T2, four seconds", 'the usual value is "500ms"')


def _column(section: str, key: str, values: Iterable[Hashable]) -> Iterator[tuple[str, Hashable]]:
    return ((f"$.{section}[{index}].{key}", value) for index, value in enumerate(values))


def _twice(values: Iterable[tuple[str, Hashable]], hint: str) -> Iterator[Problem]:
    first: dict[Hashable, str] = {}
    for path, value in values:
        if value and first.setdefault(value, path) != path:
            yield Problem(path, f'"{value}" is already at {first[value]}', hint)


def _unknown(values: Iterable[tuple[str, Hashable]], known: set[str], what: str) -> Iterator[Problem]:
    for path, value in values:
        if value and value not in known:
            hint = f"there are {', '.join(sorted(known))}" if known else f"there is no [[{what}]] at all"
            yield Problem(path, f'there is no {what} called "{value}"', hint)
