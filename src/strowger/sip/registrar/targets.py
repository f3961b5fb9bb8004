"""Whom to ring for an address of record: its bindings as targets, in order of preference (RFC 3261 §16.5, §16.6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from strowger.sip.flow import Flow
from strowger.sip.message.uri import SipUri
from strowger.sip.registrar.binding import Binding
from strowger.sip.registrar.registrar import live

_METHOD: Final = "method"


class Target(Struct, frozen=True):
    """One phone."""

    uri: str
    """For the Request-URI: the contact without what may not stand there."""
    contact: str
    """The contact as the phone wrote it."""
    q: int
    """Preference in thousandths."""
    route: tuple[str, ...]
    """Route values to put in front (RFC 3327 §5.3)."""
    flow: Flow
    """The way its REGISTER came."""
    is_bound_to_flow: bool
    """Whether only that way leads to it: otherwise its URI may be tried when the flow is gone (RFC 5626 §5.3)."""
    spares: tuple[Target, ...] = ()
    """Other flows of the same phone, the latest first: to be tried when this one fails, never beside it."""


def targets(bindings: Iterable[Binding], now: float) -> tuple[Target, ...]:
    """The phones to ring, the preferred ones first, among equals the one heard of last. `now` is wall clock."""
    latest_first = sorted(live(bindings, now), key=lambda binding: -binding.updated_at)
    phones: dict[object, list[Binding]] = {}
    for binding in latest_first:
        # RFC 5626 §7: an instance is in the target set once, whatever the number of its flows.
        key = binding.instance if binding.reg_id else (binding.contact, binding.path)
        phones.setdefault(key, []).append(binding)
    found = [_target(flows[0], tuple(map(_target, flows[1:]))) for flows in phones.values()]
    return tuple(sorted(found, key=lambda target: -target.q))


def _target(binding: Binding, spares: tuple[Target, ...] = ()) -> Target:
    uri = request_uri(binding.uri)
    return Target(uri, binding.contact, binding.q, binding.path, binding.flow, binding.is_bound_to_flow, spares)


def request_uri(contact: SipUri) -> str:
    """A contact as a Request-URI: without headers and without a method (RFC 3261 §19.1.1, §16.6 step 2)."""
    text = contact.raw if contact.headers is None else contact.raw.removesuffix(f"?{contact.headers}")
    if _METHOD not in contact.params:
        return text
    user, at, rest = text.rpartition("@")
    address, *parameters = rest.split(";")
    kept = [each for each in parameters if each.partition("=")[0].strip().lower() != _METHOD]
    return user + at + ";".join([address, *kept])
