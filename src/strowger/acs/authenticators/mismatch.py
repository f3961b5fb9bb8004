"""What a client signed instead of what it should have, found out for development.

A signature does not tell what was signed. But some clients send that along, and the mistakes that people make are few:
each is made here on purpose, and when the signature fits then, the mistake is found. This shows what the client knows
already and never a key; it is for a development server all the same, since it tells which key was used.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Final

from strowger.acs.auth import Resource
from strowger.acs.message import Request
from strowger.acs.signature import HOST, string_to_sign

SENT_ALONG: Final = "x-ms-hmac-string-to-sign-base64"
"""Where the Java client puts the string that it signed."""
MARK: Final = "▶"
"""Stands before the first character that differs."""
SHOWN_CHARACTERS: Final = 600
"""Of each string, around the difference."""


def explain(request: Request, values: dict[str, str], signature: bytes, resources: Sequence[Resource]) -> str:
    """Both strings to sign with the difference marked, or what else is wrong, as far as it can be found out.

    `values` are those of the signed headers, the first of `resources` the ones that the request names.
    """
    ours = string_to_sign(request.method, request.target, values, values[HOST])
    theirs, why = _sent_along(request), "as it was sent along"
    if theirs is None:
        found = _mistake(request, values, signature, resources)
        if found is None:
            return (
                f"String to sign as the server sees it: '{_shown(ours, None)}'; how the client signed it could not be "
                f"found out: send that string as base64 in {SENT_ALONG}, and both are compared."
            )
        theirs, why = found
    if theirs == ours:
        return f"Both sides have the string to sign '{_shown(ours, None)}'; {_about_key(why)}."
    differs = _first_difference(ours, theirs)
    return (
        f"String to sign as the server sees it: '{_shown(ours, differs)}'; as the client signed it: "
        f"'{_shown(theirs, differs)}' ({why}). They differ from character {differs + 1} on, marked {MARK}."
    )


def _about_key(why: str) -> str:
    return "so it is the access key that is wrong" if why == "as it was sent along" else why


def _sent_along(request: Request) -> bytes | None:
    written = request.headers.first(SENT_ALONG)
    try:
        return None if written is None else base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        return None


def _mistake(
    request: Request, values: dict[str, str], signature: bytes, resources: Sequence[Resource]
) -> tuple[bytes, str] | None:
    """What was signed, and what is wrong with it; None for a mistake that is not known."""
    ours = string_to_sign(request.method, request.target, values, values[HOST])
    for resource in resources:
        for key in resource.keys:
            if _fits(base64.b64encode(key), ours, signature):
                return ours, "the key was used as the text that it is written as: decode it from base64 first"
            if _fits(key, ours, signature):
                return ours, f"it is signed with a key of the resource '{resource.name}', which has other hosts"
            for text, why in _variants(request, values, resources):
                if _fits(key, text, signature):
                    return text, why
    return None


def _fits(key: bytes, text: bytes, signature: bytes) -> bool:
    return hmac.compare_digest(hmac.digest(key, text, "sha256"), signature)


def _variants(request: Request, values: dict[str, str], resources: Sequence[Resource]) -> Iterator[tuple[bytes, str]]:
    method, target, host = request.method, request.target, values[HOST]

    def text(method: str = method, target: str = target, host: str = host, **changed: str) -> bytes:
        return string_to_sign(method, target, values | changed, host)

    plain = text()
    yield text(method.lower()), "the method is in small letters"
    for other in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        yield text(other), "another method"
    yield text(target=request.path), "the path without its query"
    yield text(target=request.query), "the query without its path"
    yield text(target=target.lower()), "the path in small letters"
    yield text(target=target.lstrip("/")), "the path without its first slash"
    for scheme in ("https", "http"):
        yield text(target=f"{scheme}://{host}{target}"), "the whole URL for the path"
        yield text(host=f"{scheme}://{host}"), "the URL for the host"
    for spelled in {spelled for resource in resources for spelled in resource.hosts} | {"localhost", "127.0.0.1"}:
        port = host.rpartition(":")[2] if ":" in host else ""
        yield text(host=spelled), "another host"
        yield text(host=f"{spelled}:{port}"), "another host"
    names = [name for name in values if name != HOST]
    for name in names:
        yield text(**{name: hashlib.sha256(request.body).hexdigest()}), "the content hash in hexadecimal digits"
        yield text(**{name: base64.b64encode(hashlib.sha256(b"").digest()).decode()}), "the hash of an empty body"
    line, values_line = plain.rpartition(b"\n")[0], plain.rpartition(b"\n")[2]
    for separator in (b"\n", b",", b"&", b"; "):
        yield line + b"\n" + values_line.replace(b";", separator), "other separators between the values"
    ordered = sorted(values)
    yield string_to_sign(method, target, {name: values[name] for name in ordered}, host), "the values in another order"
    yield plain.replace(b"\n", b"\r\n"), "other line ends"
    yield plain + b"\n", "a line end too many"


def _first_difference(ours: bytes, theirs: bytes) -> int:
    for index, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if one != other:
            return index
    return min(len(ours), len(theirs))


def _shown(text: bytes, differs: int | None) -> str:
    begin = 0 if differs is None else max(0, differs - SHOWN_CHARACTERS // 2)
    part = text[begin : begin + SHOWN_CHARACTERS].decode("latin-1")
    if differs is not None:
        part = part[: differs - begin] + MARK + part[differs - begin :]
    return ("…" if begin else "") + part + ("…" if begin + SHOWN_CHARACTERS < len(text) else "")
