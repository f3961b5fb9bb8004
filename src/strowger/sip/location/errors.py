"""The error of the location room.

Unlocatable   no address can be given for a URI now; the sentence says why
"""

from __future__ import annotations


class Unlocatable(Exception):
    """No server can be found for a URI: the settings', the domain's or the name servers' fault, as the text says.

    A request that meets it is treated as if its target had answered 503 (RFC 3261 §16.9).
    """
