"""Which number the far side is shown, and what it is told in confidence (RFC 3323, RFC 3325).

Identity headers are never touched: a signature over a number that is shown no longer does not fit, and it is the far
side's business to say so (RFC 8224 §6). To change From is more than a proxy may do, so it is done only where a trunk
takes no foreign number; `with_own_from` then gives the caller its own From back in every response. The tag stays, which
is all that dialogs go by (RFC 3261 §12).
"""

from __future__ import annotations

from typing import NamedTuple

from strowger.calls.directory import escape_user
from strowger.sip.message.message import Request, Response
from strowger.sip.message.uri import SipUri
from strowger.sip.trunk.privacy import ANONYMOUS_URI, hides_caller, privacy_of, set_privacy
from strowger.sip.trunk.trunk import CallerId, Trunk

_ASSERTED = "P-Asserted-Identity"
_PREFERRED = "P-Preferred-Identity"
"""Meant for us alone (RFC 3325 §9.2)."""
_REMOTE_PARTY = "Remote-Party-ID"
"""The older form of the same, which some carriers still believe."""


class Caller(NamedTuple):
    """What is known of the caller besides its request."""

    is_trusted: bool = False
    """The request came from within our trust domain, so its asserted identity is believed (RFC 3325 §5)."""
    asserted: str = ""
    """The URI that we vouch for: of an authenticated user, or of a trunk's number. Empty when we cannot."""
    dialled: str = ""
    """The number of ours that was dialled, in E.164 form, for `CallerId.OWNED`."""


def identify(request: Request, trunk: Trunk, caller: Caller) -> None:
    """Write into `request` who calls, as the trunk wants it and the caller allows it."""
    hides = hides_caller(request)
    number = _number(trunk, caller)
    if trunk.caller_id is CallerId.OWNED and not number:
        _identify_nobody(request)
        return
    _assert_identity(request, trunk, caller, number, hides=hides)
    if hides and (number or not trunk.is_trusted):
        _set_from(request, '"Anonymous" ', ANONYMOUS_URI)
    elif number:
        _set_from(request, "", number)
    request.remove(_PREFERRED)
    if hides or number or not caller.is_trusted:
        request.remove(_REMOTE_PARTY)
    _set_privacy(request, trunk, hides=hides)


def _identify_nobody(request: Request) -> None:
    """Only numbers of ours may be shown, and there is none: so nobody's is, for the caller's may be any."""
    _set_from(request, '"Anonymous" ', ANONYMOUS_URI)
    for name in (_ASSERTED, _PREFERRED, _REMOTE_PARTY):
        request.remove(name)


def without_hidden(invite: Request) -> Request:
    """The INVITE as a phone may see it: phones are of no trust domain, so that an identity is taken out which the
    caller hides (RFC 3325 §7); a copy if it must change.
    """
    told = [name for name in (_ASSERTED, _REMOTE_PARTY) if invite.has(name)]
    if not told or not hides_caller(invite):
        return invite
    copy = invite.copy()
    for name in told:
        copy.remove(name)
    return copy


def with_own_from(response: Response, invite: Request) -> Response:
    """A response to the changed request with the From that the caller sent, byte for byte; a copy if it must change."""
    own = invite.lines_of("From")
    if not own or response.lines_of("From") == own:
        return response
    copy = response.copy()
    copy.set("From", invite.first("From") or "")
    return copy


def _number(trunk: Trunk, caller: Caller) -> str:
    """The URI of the number that is shown in place of the caller's; empty when its own is."""
    own = {CallerId.PASS: "", CallerId.TRUNK: trunk.number, CallerId.OWNED: caller.dialled or trunk.number}
    number = own[trunk.caller_id]
    if not number:
        return ""
    return f"sip:{escape_user(trunk.number_format.shown(number))}@{SipUri.parse(trunk.uri).host}"


def _assert_identity(request: Request, trunk: Trunk, caller: Caller, number: str, *, hides: bool) -> None:
    if hides and not trunk.is_trusted:
        # RFC 3325 §7: what is private does not leave the trust domain. A number of ours is not the caller's secret.
        own = number
    elif number or not caller.is_trusted or not request.has(_ASSERTED):
        own = number or caller.asserted
    else:
        return  # asserted by somebody we believe: it passes as it is
    if own:
        request.set(_ASSERTED, f"<{own}>")
    else:
        request.remove(_ASSERTED)


def _set_from(request: Request, display: str, uri: str) -> None:
    tag = request.from_tag
    request.set("From", f"{display}<{uri}>" + (f";tag={tag}" if tag is not None else ""))


def _set_privacy(request: Request, trunk: Trunk, *, hides: bool) -> None:
    """Whoever is trusted must go on hiding what we told it; for whoever is not, all that we could do is done."""
    asked = privacy_of(request)
    if trunk.is_trusted:
        if hides and "id" not in asked and request.has(_ASSERTED):
            set_privacy(request, asked | {"id"})
    elif asked:
        # RFC 3323 §5: what was provided is not asked for again.
        set_privacy(request, asked - {"user", "id", "history"})
