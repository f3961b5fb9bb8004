"""The tables [[trunk]] and [[route]]: the ways to and from the outside, and which targets are rung by which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from strowger.settings import kinds
from strowger.settings.row import row

ROUTE_KINDS: Final = ("phoneNumber", "microsoftTeamsUser", "microsoftTeamsApp", "teamsExtensionUser", "unknown")
"""Kinds of communication identifier that leave through a trunk; a communicationUser is always ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """One way to and from the outside."""

    name: str = row(kinds.TEXT, None, "What routes call it.")
    uri: str = row(kinds.SIP_URI, None, "Where calls to the outside are sent.")
    from_: tuple[str, ...] = row(
        kinds.NETWORKS,
        [],
        "Addresses of this trunk: a call from one of them needs no password, and is shown as coming by it.",
        key="from",
    )
    priority: int = row(kinds.count(0, 65_535), 10, "Of several trunks of one route the lowest is tried first.")
    weight: int = row(
        kinds.count(0, 65_535), 1, "Share of the calls among trunks of the same priority; 0 is for a reserve."
    )
    number_format: Literal["e164", "digits", "national"] = row(
        kinds.choice("e164", "digits", "national"),
        "e164",
        "How it wants numbers: e164 +31201110001, digits 31201110001, national 0201110001 at home.",
    )
    country_code: str = row(kinds.COUNTRY_CODE, "", "The country that national is at home in.")
    national_prefix: str = row(kinds.DIAL_PREFIX, "0", "What national begins a number of the own country with.")
    international_prefix: str = row(kinds.DIAL_PREFIX, "00", "What national begins a number of another country with.")
    prefix: str = row(kinds.DIAL_PREFIX, "", "What it wants before every number that is dialled, in any format.")
    caller_id: Literal["pass", "trunk", "owned"] = row(
        kinds.choice("pass", "trunk", "owned"),
        "pass",
        "Which number it is shown. pass: the caller's. trunk: its `number`. owned: the one of ours that was dialled, "
        "or else `number`, or none.",
    )
    number: str = row(kinds.OPTIONAL_E164, "", "The number of the trunk itself; calls to its registration are for it.")
    forwarded_as: tuple[Literal["history-info", "diversion"], ...] = row(
        kinds.words("history-info", "diversion"), [], "How it is told that a call was forwarded (RFC 7044, RFC 5806)."
    )
    trusted: Literal["off", "on"] = row(
        kinds.choice("off", "on"),
        "off",
        "on: it is told asserted identities and honours privacy itself, and is believed (RFC 3325).",
    )
    mode: Literal["relay", "302"] = row(
        kinds.choice("relay", "302"),
        "relay",
        "What follows when a call from it is redirected. relay: we ring the target. 302: it is told where to send it, "
        "unless a phone that registered here is to ring.",
    )
    username: str = row(kinds.OPTIONAL_TEXT, "", "What we prove ourselves with when it challenges us, by digest.")
    password: str = row(kinds.PASSWORD, "", "The password of that user name.")
    realm: str = row(kinds.OPTIONAL_TEXT, "", "The realm of its challenges; empty takes the host of uri.")
    register: Literal["off", "on"] = row(
        kinds.choice("off", "on"), "off", "on: register there as username, so that it sends us its calls."
    )
    register_expires: float = row(kinds.DURATION, "1h", "How long a registration shall last; it is renewed before.")
    peer_username: str = row(kinds.OPTIONAL_TEXT, "", "What it proves itself with when it calls us, by digest.")
    peer_password: str = row(kinds.PASSWORD, "", "The password of that user name.")
    options: Literal["on", "off"] = row(
        kinds.choice("on", "off"),
        "on",
        "on: ask it by OPTIONS whether it serves; while it does not, no call goes there.",
    )
    options_interval: float = row(kinds.DURATION, "15s", "How often it is asked while nothing is wrong.")
    patience: float = row(
        kinds.DURATION, "4s", "How long it may leave a call without any response before the next trunk is tried."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which targets are rung by which trunks."""

    kind: Literal["phoneNumber", "microsoftTeamsUser", "microsoftTeamsApp", "teamsExtensionUser", "unknown"] = row(
        kinds.choice(*ROUTE_KINDS), None, "The kind of target."
    )
    match: str = row(kinds.MATCH, None, "Which targets of that kind; of several the longest match wins.")
    to: tuple[str, ...] = row(kinds.NAMES, None, "The trunk that rings them, or several to choose from.")
