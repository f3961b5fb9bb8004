"""What a trunk is told of a call: how it came here and who calls. Requests in, changed copies out.

Everything else passes as it came; so do Identity headers, byte for byte (RFC 8224 §4).
"""

from __future__ import annotations

from collections.abc import Sequence

from strowger.sip.message.message import Request
from strowger.sip.trunk.diversion import add_diversion, hide_diversion
from strowger.sip.trunk.history_info import add_history, hide_history
from strowger.sip.trunk.identity import Caller, identify
from strowger.sip.trunk.passage import Step
from strowger.sip.trunk.trunk import ForwardedAs, Trunk


def for_trunk(request: Request, trunk: Trunk, caller: Caller, steps: Sequence[Step], goes_to: str) -> Request:
    """A copy of the caller's INVITE that tells the trunk what it is to know; the same bytes for the same arguments.

    `steps`: the addressees before, the first being the Request-URI as it came in. `goes_to`: the Request-URI that the
    copy will be sent with. Raises ParseError for a From that cannot be read, BuildError for a value that cannot be
    written.
    """
    told = request.copy()
    if ForwardedAs.HISTORY_INFO in trunk.forwarded_as:
        add_history(told, steps, goes_to)
    if ForwardedAs.DIVERSION in trunk.forwarded_as:
        add_diversion(told, steps, is_trusted=trunk.is_trusted)
    if not trunk.is_trusted and told.has("History-Info"):
        hide_history(told)
    if not trunk.is_trusted and told.has("Diversion"):
        hide_diversion(told)
    identify(told, trunk, caller)
    return told
