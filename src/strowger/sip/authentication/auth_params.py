"""The grammar that credentials and challenges share: a scheme and a list of name=value (RFC 3261 §25.1, RFC 7616 §3.3).

Values are given without quotes and escapes, whether or not the peer wrote quotes: phones disagree about which
parameters have them, and no meaning depends on it.
"""

from __future__ import annotations

from typing import Final

from strowger.sip.message.errors import ParseError
from strowger.sip.message.grammar import BLANK, is_token, split_list, unquote

MAX_AUTH_PARAMS: Final = 32
"""Parameters of one challenge or of one set of credentials; Digest knows thirteen."""


def scheme_of(value: str) -> str:
    """The scheme of a challenge or of credentials, lower case."""
    return value.partition(" ")[0].lower()


def parse_auth_params(value: str) -> dict[str, str]:
    """The parameters after the scheme: lower-case names, values without quotes. Raises ParseError(400)."""
    _, _, text = value.partition(" ")
    pieces = split_list(text.strip(BLANK))
    if len(pieces) > MAX_AUTH_PARAMS:
        raise ParseError(400, "The credentials have too many parameters")
    params: dict[str, str] = {}
    for piece in pieces:
        name, equals, written = piece.partition("=")
        name, written = name.rstrip(BLANK).lower(), written.lstrip(BLANK)
        if not equals or not is_token(name) or name in params:
            raise ParseError(400, "The credentials hold a parameter that is nameless, without value or given twice")
        params[name] = _content(written)
    return params


def quoted(text: str) -> str:
    """`text` as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _content(written: str) -> str:
    content = unquote(written)
    if content is written and (not written or '"' in written or " " in written):
        raise ParseError(400, "The credentials hold a parameter with neither a word nor a quoted string")
    return content
