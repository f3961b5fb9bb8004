"""What a signed request says about itself, and the spellings under which its client may have signed it.

The scheme is HMAC-SHA256 over method, target and the values of the signed headers (ACS: Authenticate with an access
key). Clients sign the host and the path as they see them, which is not always how they reach the server, so there are
several candidates.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from strowger.acs.errors import CredentialRefused
from strowger.acs.message import Headers, Request

SCHEME: Final = "HMAC-SHA256"
CONTENT_HASH: Final = "x-ms-content-sha256"
HOST: Final = "host"
DATES: Final = ("x-ms-date", "date")
"""The headers that may carry the date; the first one signed counts."""
MAX_AUTHORIZATION_CHARACTERS: Final = 2_048
MAX_SIGNED_HEADERS: Final = 16
_DIGEST_BYTES: Final = 32
_DEFAULT_PORTS: Final = {True: ("443", "80"), False: ("80", "443")}
"""By whether the request came over TLS; the other one is for a server behind a TLS proxy."""


class Signed(msgspec.Struct, frozen=True, gc=False):
    """The signature of a request and what it covers."""

    names: tuple[str, ...]
    """The signed headers in the order signed, in lower case."""
    date_name: str
    signature: bytes


def is_signed(headers: Headers) -> bool:
    """Whether a request brings a signature, good or bad."""
    return (headers.first("authorization") or "").partition(" ")[0].upper() == SCHEME


def read_signature(headers: Headers) -> Signed:
    """The signature of a request. Raises CredentialRefused for none, or one that leaves essentials uncovered."""
    if headers.is_repeated("authorization"):
        raise CredentialRefused("There is more than one Authorization header.", "Authorization")
    authorization = headers.first("authorization")
    if authorization is None:
        raise CredentialRefused(
            "The Authorization header is missing; sign the request with an access key.", "Authorization"
        )
    if len(authorization) > MAX_AUTHORIZATION_CHARACTERS:
        raise CredentialRefused(
            f"The Authorization header is longer than {MAX_AUTHORIZATION_CHARACTERS} characters.", "Authorization"
        )
    scheme, _, rest = authorization.partition(" ")
    if scheme.upper() != SCHEME:
        raise CredentialRefused(f"The Authorization scheme is not {SCHEME}.", "Authorization")
    names, signature = _parameters(rest)
    signed, date_name = _covered(names)
    return Signed(signed, date_name, _octets(signature))


def _parameters(text: str) -> tuple[str, str]:
    found: dict[str, str] = {}
    for pair in text.split("&"):
        name, equals, value = pair.strip().partition("=")
        if not equals or name in found:
            raise CredentialRefused(
                "The Authorization header is not a list of distinct name=value pairs.", "Authorization"
            )
        found[name] = value
    try:
        return found["SignedHeaders"], found["Signature"]
    except KeyError as error:
        raise CredentialRefused(f"The Authorization header has no {error.args[0]}.", "Authorization") from None


@lru_cache(maxsize=64)
def _covered(names: str) -> tuple[tuple[str, ...], str]:
    """The names of the signed headers, and which of them is the date."""
    signed = tuple(name.strip().lower() for name in names.split(";"))
    if len(signed) > MAX_SIGNED_HEADERS or len(set(signed)) != len(signed):
        raise CredentialRefused("SignedHeaders repeats a header, or lists too many.", "Authorization")
    date_name = next((name for name in DATES if name in signed), None)
    if date_name is None or HOST not in signed or CONTENT_HASH not in signed:
        raise CredentialRefused(
            f"SignedHeaders must cover x-ms-date (or date), {HOST} and {CONTENT_HASH}.", "Authorization"
        )
    return signed, date_name


def _octets(signature: str) -> bytes:
    try:
        octets = binascii.a2b_base64(signature, strict_mode=True)
    except ValueError:
        octets = b""
    if len(octets) != _DIGEST_BYTES:
        raise CredentialRefused(f"The Signature is not the base64 of {_DIGEST_BYTES} bytes.", "Authorization")
    return octets


def signed_values(signed: Signed, headers: Headers) -> dict[str, str]:
    """The values of the signed headers by name, in order. Raises CredentialRefused when one is missing or doubled."""
    values: dict[str, str] = {}
    for name in signed.names:
        value = headers.first(name)
        if value is None:
            raise CredentialRefused(f"The signed header {name} is missing.", name)
        if headers.is_repeated(name):
            raise CredentialRefused(f"The signed header {name} is given more than once.", name)
        values[name] = value
    return values


def content_hash(body: bytes) -> str:
    """What x-ms-content-sha256 says of a body."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")


def string_to_sign(method: str, target: str, values: dict[str, str], host: str) -> bytes:
    """What the client signed if it spelled target and host like this."""
    line = ";".join([host if name == HOST else value for name, value in values.items()])
    return f"{method}\n{target}\n{line}".encode("utf-8", "surrogateescape")


def targets(target: str) -> Iterator[str]:
    """How the client may have spelled the target, likeliest first: as sent, decoded, or with everything encoded."""
    yield target
    path, mark, query = target.partition("?")
    decoded = unquote(path, errors="surrogateescape")
    if decoded != path:
        yield decoded + mark + query
    encoded = quote(decoded, errors="surrogateescape")
    if encoded != path:
        yield encoded + mark + query


def hosts(request: Request, spelled: Iterable[str], forwarded: str | None) -> Iterator[str]:
    """How the client may have spelled the host, likeliest first.

    `spelled` are the hosts of the resource as the operator wrote them, `forwarded` is what a trusted proxy saw.
    """
    seen: set[str] = set()
    for host in _hosts(request, spelled, forwarded):
        if host not in seen:
            seen.add(host)
            yield host


def _hosts(request: Request, spelled: Iterable[str], forwarded: str | None) -> Iterator[str]:
    on_the_wire = request.headers.first(HOST) or ""
    _, port = split_host(on_the_wire)
    for host in filter(None, (on_the_wire, forwarded, *spelled)):
        yield host
        yield host + "/"  # Python, when the endpoint ends in a slash
        name, own_port = split_host(host)
        yield name  # Java leaves the port out
        if own_port is None:
            for default in (port, *_DEFAULT_PORTS[request.is_tls]) if port else _DEFAULT_PORTS[request.is_tls]:
                yield f"{name}:{default}"  # Python, when the port is typed; a port the resource does not mention
                yield f"{name}:{default}/"


def split_host(host: str) -> tuple[str, str | None]:
    """A host and its port, if it has one; the brackets of an IPv6 address stay."""
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal() and not (":" in name and not name.endswith("]")):
        return name, port
    return host, None
