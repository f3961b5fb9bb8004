"""The settings themselves: every row with its name, default, unit and meaning.

`strowger.settings.load` fills these from a file, the environment and flags; docs/settings.md is generated from them.
Values are checked while loading, not when these classes are made by hand.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from strowger.settings import kinds
from strowger.settings.address import Listener, SipListener
from strowger.settings.events import Events
from strowger.settings.group import Group
from strowger.settings.limits import Limits
from strowger.settings.outside import Outside
from strowger.settings.row import Section, row, sections_of, table, tables
from strowger.settings.subscription import Subscription
from strowger.settings.trunk import Route, Trunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server itself."""

    data_dir: Path = row(
        kinds.PATH, "~/.local/share/strowger", "Where the database and the development certificates live."
    )
    public_url: str = row(
        kinds.ORIGIN, "https://localhost:7443", "How applications reach the API; printed in connection strings."
    )
    node: str = row(kinds.OPTIONAL_NAME, "", "Name of this server among several; empty takes the name of the machine.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """The addresses the server listens on."""

    api: tuple[Listener, ...] = row(
        kinds.LISTENERS, ["127.0.0.1:7443"], "Where applications call the API, over TLS unless tls.mode is off."
    )
    console: tuple[Listener, ...] = row(
        kinds.LISTENERS, ["127.0.0.1:7080"], "Where the web console listens, in plain HTTP."
    )
    sip: tuple[SipListener, ...] = row(
        kinds.SIP_LISTENERS,
        ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "udp:[::1]:5060"],
        "Where phones and trunks send SIP.",
    )
    metrics: tuple[Listener, ...] = row(
        kinds.LISTENERS, ["127.0.0.1:7090"], "Where Prometheus reads measurements; an empty list for nowhere."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How the API is encrypted."""

    mode: Literal["dev-ca", "files", "off"] = row(
        kinds.choice("dev-ca", "files", "off"),
        "dev-ca",
        "dev-ca: our own certificate authority for one machine. files: cert and key, which imply this mode. "
        "off: plain HTTP, for a TLS proxy in front.",
    )
    cert: Path | None = row(kinds.OPTIONAL_PATH, "", "The certificate and its chain, in PEM.")
    key: Path | None = row(kinds.OPTIONAL_PATH, "", "The private key of the certificate, in PEM, without a password.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One more certificate for SIP, beside the one of [sip]."""

    cert: Path = row(
        kinds.PATH,
        None,
        "The certificate and its chain, in PEM. It is shown over tls and wss to those who ask for a host that it names "
        "and the one of [sip] does not.",
    )
    key: Path = row(kinds.PATH, None, "The private key of that certificate, in PEM, without a password.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One Communication Services resource."""

    name: str = row(kinds.NAME, None, "What the other tables call it.")
    id: str = row(kinds.TEXT, None, "Its identifier; the ids of its users contain it. A UUID, as everywhere in ACS.")
    hosts: tuple[str, ...] = row(
        kinds.HOSTS, None, "The Host names by which requests name it; no two resources share one."
    )
    keys: tuple[str, ...] = row(
        kinds.KEYS,
        [],
        "The access keys that sign requests: a primary and perhaps a secondary. Without any the server makes two at "
        "its first start, which strowger key lists and rotates.",
    )
    on_failure: Literal["caller", "application"] = row(
        kinds.choice("caller", "application"),
        "caller",
        "Who hears that a redirect led nowhere, or that no phone of a user answered. caller: the caller, and the call "
        "ends. application: the call is held again and announced with the failure, to be redirected once more.",
    )

    @property
    def key_octets(self) -> tuple[bytes, ...]:
        """The keys, decoded."""
        return tuple(map(base64.b64decode, self.keys))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entra:
    """One issuer whose tokens are believed for one resource: Microsoft Entra ID, or any other of OpenID Connect."""

    resource: str = row(kinds.TEXT, None, "The resource that its tokens may act for.")
    issuer: str = row(
        kinds.TEXT, None, "The iss of its tokens, exactly: https://login.microsoftonline.com/TENANT/v2.0, for instance."
    )
    jwks_url: str = row(
        kinds.KEY_SET,
        None,
        "Where it publishes its keys. dev: it is this server itself, and strowger token entra makes its tokens.",
    )
    audiences: tuple[str, ...] = row(
        kinds.NAMES,
        ["https://communication.azure.com", "https://communication.azure.com/"],
        "The aud of its tokens: any of these.",
    )
    allowed: tuple[str, ...] = row(
        kinds.SOME_NAMES,
        None,
        "Who may act for the resource: ids of applications (appid, azp) and of objects (oid); of users their oid. "
        "Nobody where the table is there for its tenant only.",
    )
    tenant: str = row(
        kinds.OPTIONAL_TEXT,
        "",
        "The tid of its tokens. With it applications of the resource may exchange tokens of that tenant's users for "
        "ours (getTokenForTeamsUser); empty, that is refused.",
    )
    exchange_audiences: tuple[str, ...] = row(
        kinds.NAMES,
        ["https://auth.msft.communication.azure.com", "https://auth.msft.communication.azure.com/"],
        "The aud of tokens that are exchanged: any of these. A v2.0 token has the id of an application there.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One telephone number of ours."""

    resource: str = row(kinds.TEXT, None, "The resource that is told of calls to it.")
    e164: str = row(kinds.E164, None, "The number.")
    on_failure: Literal["resource", "caller", "application"] = row(
        kinds.choice("resource", "caller", "application"),
        "resource",
        "Who hears that a redirect of a call to this number led nowhere; resource: whoever its resource says.",
    )
    default: str = row(
        kinds.DEFAULT_DECISION,
        "",
        "What holds for a call that the application does not decide about: a redirect to a number, to a user of the "
        "resource or to any raw id, or an end. Empty: the call ends with 480 when limits.hold is over.",
    )
    default_after: float = row(
        kinds.DURATION,
        "10s",
        "When the default holds; never later than limits.hold, and at once when no subscription is told of the call.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person with phones."""

    resource: str = row(kinds.TEXT, None, "The resource it belongs to.")
    name: str = row(kinds.TEXT, None, "What it is dialled by and registers as, and its name in commands and logs.")
    id: str = row(kinds.TEXT, None, 'Its raw id: "8:acs:", the id of the resource, "_", and something unique.')
    contacts: tuple[str, ...] = row(kinds.SIP_URIS, [], "Where it is always rung, beside the phones it registers.")
    sip_password: str = row(
        kinds.PASSWORD,
        "",
        "What its phones register and call with, by digest; empty, and no sip_ha1: they cannot register.",
    )
    sip_ha1: tuple[str, ...] = row(
        kinds.HASHES,
        [],
        "Its hashes instead of sip_password, made by strowger user ha1. They are good for the name alone, as it is "
        "written here, and for one realm; whoever has them can pretend to be the user there.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compat:
    """Where ACS or a user may want the other behaviour."""

    repeatability: Literal["lenient", "acs-strict"] = row(
        kinds.choice("lenient", "acs-strict"),
        "lenient",
        "lenient: a repeat is recognised as long as its answer is kept. "
        "acs-strict: only for five minutes after it was first sent.",
    )
    voip_to_phone: Literal["allow", "refuse"] = row(
        kinds.choice("allow", "refuse"),
        "allow",
        "Whether a call from a user may be redirected to a phone number; ACS refuses it.",
    )
    reject_none_status: int = row(
        kinds.count(400, 699), 603, "SIP status for the caller when an application rejects without a reason."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sip:
    """How we speak SIP."""

    record_route: Literal["off", "outside", "on"] = row(
        kinds.choice("off", "outside", "on"),
        "outside",
        "Which answered calls we stay in the path of. outside: those that a trunk takes, so that [[outside]] counts "
        "them until they are hung up. on: all, for phones that cannot reach each other as well. off: none; where one "
        "end is reached by its connection only, we stay all the same.",
    )
    tls_cert: Path | None = row(
        kinds.OPTIONAL_PATH,
        "",
        "The certificate and its chain for tls and wss, in PEM, shown to peers that we connect to as well, if they "
        "ask; empty takes the one of [tls]. A new file is used from the next connection on.",
    )
    tls_key: Path | None = row(
        kinds.OPTIONAL_PATH, "", "The private key of that certificate, in PEM, without a password."
    )
    tls_ca: Path | None = row(
        kinds.OPTIONAL_PATH,
        "",
        "Authorities to believe when we connect over TLS, in PEM, besides those that this machine trusts; empty takes "
        "our own where tls.mode is dev-ca.",
    )
    ws_origins: tuple[str, ...] = row(
        kinds.ORIGINS, [], "Web pages that may connect over ws and wss, by where they come from."
    )
    console_websocket: Literal["off", "on"] = row(
        kinds.choice("off", "on"),
        "off",
        "on: phones may also connect over WebSocket to /sip on each address of listen.console. Off by itself, because "
        "what was opened for operators should not be open to phones and web pages unasked.",
    )
    trusted: tuple[str, ...] = row(
        kinds.NETWORKS,
        ["127.0.0.0/8", "::1"],
        "Networks that may call without a password, beside those of trunks, and that have no rate limit "
        "of their own. Over UDP an address is easily claimed: name only networks whose addresses nobody outside can "
        "send from. Over WebSocket nobody may: any web page on a machine can open one.",
    )
    strangers: Literal["challenge", "accept"] = row(
        kinds.choice("challenge", "accept"),
        "challenge",
        "What becomes of a call from anywhere else that proves nothing. challenge: a user or a trunk has to prove "
        "itself by digest. accept: it is taken, though never as a user's; over UDP an INVITE with a false source "
        "then makes us send several packets there.",
    )
    realm: str = row(kinds.TEXT, "strowger", "The realm of passwords, shown to phones that register or call.")
    digest_md5: Literal["off", "on", "only"] = row(
        kinds.choice("off", "on", "only"),
        "off",
        "on: offer MD5 after SHA-256 (RFC 8760). only: offer nothing but MD5, for phones that give up at an algorithm "
        "they do not know.",
    )
    forwarding_notice: Literal["off", "on"] = row(
        kinds.choice("off", "on"),
        "off",
        "on: tell callers by 181 that their call is redirected.",
    )
    udp_request_bytes: int = row(
        kinds.count(500, 65_535),
        1_300,
        "Octets of the longest request that is sent over UDP where the URI leaves the choice (RFC 3261 §18.1.1).",
    )
    t1: float = row(
        kinds.DURATION, "500ms", "Round trip estimate from which all SIP timers derive (RFC 3261 §17.1.1.1)."
    )
    timer_c: float = row(
        kinds.OPTIONAL_DURATION,
        0,
        "How long a target that rings may say nothing more before it is given up (RFC 3261 §16.6 wants more than three "
        "minutes); 0: longer than limits.ring_budget, and than three minutes.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Made without arguments it holds the defaults, and no resource."""

    server: Server = table("server", Server, "The server itself.")
    listen: Listen = table("listen", Listen, "The addresses it listens on.")
    tls: Tls = table("tls", Tls, "How the API is encrypted.")
    resources: tuple[Resource, ...] = tables(
        "resource", Resource, "What ACS calls a Communication Services resource: hosts and keys."
    )
    issuers: tuple[Entra, ...] = tables("entra", Entra, "Whose tokens are believed, beside access keys.")
    numbers: tuple[Number, ...] = tables("number", Number, "Telephone numbers that are ours.")
    users: tuple[User, ...] = tables("user", User, "People with phones.")
    groups: tuple[Group, ...] = tables("group", Group, "Several phones and people behind one user or number.")
    subscriptions: tuple[Subscription, ...] = tables(
        "subscription", Subscription, "Applications that are told of calls."
    )
    events: Events = table("events", Events, "How applications are told of calls.")
    trunks: tuple[Trunk, ...] = tables("trunk", Trunk, "Ways to and from the outside.")
    routes: tuple[Route, ...] = tables("route", Route, "Which trunks lead to which targets.")
    outside: tuple[Outside, ...] = tables(
        "outside", Outside, "What keeps a stolen key from running up a bill; a resource without one has the defaults."
    )
    limits: Limits = table("limits", Limits, "What keeps everything bounded.")
    compat: Compat = table("compat", Compat, "Where a user may want the other behaviour.")
    sip: Sip = table("sip", Sip, "How we speak SIP.")
    certificates: tuple[Certificate, ...] = tables(
        "certificate", Certificate, "Further certificates for SIP, for a server with several names."
    )


def sections() -> Iterator[tuple[str, Section]]:
    """The field name of Settings and the section of each table, in order."""
    return sections_of(Settings)
