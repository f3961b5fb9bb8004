"""Who sends a request: access keys, HMAC-SHA256 (ACS: Authenticate with an access key).

The key is not named in the request; it follows from the host, or from trying. A refusal says which part does not fit,
so that a mistake can be found without a packet trace, and never more than the client knows already.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from strowger.acs import fixdate
from strowger.acs.auth import Principal, Resource
from strowger.acs.authenticators.mismatch import explain
from strowger.acs.errors import CredentialRefused
from strowger.acs.message import Request
from strowger.acs.replay import SignatureMemory
from strowger.acs.resources import HostedResources
from strowger.acs.signature import (
    CONTENT_HASH,
    HOST,
    Signed,
    content_hash,
    hosts,
    is_signed,
    read_signature,
    signed_values,
    string_to_sign,
    targets,
)

REQUEST_ID: Final = "repeatability-request-id"


class AccessKeyAuthenticator:
    """Checks signatures against the keys of all resources."""

    def __init__(
        self,
        resources: Sequence[Resource],
        *,
        clock_skew_s: float,
        memory: SignatureMemory,
        trusts_forwarded_host: bool = False,
        shows_string_to_sign: bool = False,
    ) -> None:
        """`clock_skew_s` is how far a date may lie from ours; `shows_string_to_sign` is for development only."""
        self._trusts_forwarded_host: Final = trusts_forwarded_host
        self.use(resources)
        self._clock_skew_s: Final = clock_skew_s
        self._memory: Final = memory
        self._shows_string_to_sign: Final = shows_string_to_sign

    def use(self, resources: Sequence[Resource]) -> None:
        """From now on believe the keys of these, and of no others."""
        self._resources = HostedResources(resources, trusts_forwarded_host=self._trusts_forwarded_host)

    async def authenticate(self, request: Request, now: float) -> Principal | None:
        """Who signed `request`, by the wall clock `now`; None when nobody did. Raises CredentialRefused."""
        return self.verify(request, now) if is_signed(request.headers) else None

    def verify(self, request: Request, now: float) -> Principal:
        """Who signed `request`, by the wall clock `now`. Raises CredentialRefused."""
        signed = read_signature(request.headers)
        values = signed_values(signed, request.headers)
        _check_content(values[CONTENT_HASH], request.body)
        self._check_date(signed.date_name, values[signed.date_name], now)
        resource, digest = self._find_key(request, signed, values)
        return Principal(resource.name, signature=digest)

    def require_unseen(self, principal: Principal, request: Request, now: float) -> None:
        """Refuse a signature that was used before under another request id; else remember it. `now` is the monotonic
        clock. Raises CredentialRefused.

        For requests that are otherwise in order: a mistake that is mended within the second is no replay.
        """
        request_id = request.headers.first(REQUEST_ID)
        request_id = request_id.lower() if request_id else None
        if self._memory.is_replay(principal.signature, request.method, request_id, now):
            raise CredentialRefused(
                "The very same request, signed in the same second, was sent before under another "
                "Repeatability-Request-ID. If it is meant twice, sign it again.",
                "Authorization",
            )

    def _check_date(self, name: str, written: str, now: float) -> None:
        date = fixdate.parse(written)
        if date is None:
            raise CredentialRefused(
                f"The header {name} is not a date like '{fixdate.EXAMPLE}' with English names of day and month.", name
            )
        ahead = date - now
        if abs(ahead) > self._clock_skew_s:
            raise CredentialRefused(
                f"The date differs: {name} is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's "
                f"clock, at most {self._clock_skew_s:.0f} s are allowed. Set the clocks.",
                name,
            )

    def _find_key(self, request: Request, signed: Signed, values: dict[str, str]) -> tuple[Resource, bytes]:
        configured = self._resources.of(request)
        forwarded = self._resources.forwarded(request)
        # First as nearly every client spells it; the other spellings are made up only when that does not fit.
        as_sent = string_to_sign(request.method, request.target, values, values[HOST])
        for resource in configured or self._resources.all:
            for key in resource.keys:
                digest = hmac.digest(key, as_sent, "sha256")
                if hmac.compare_digest(digest, signed.signature):
                    return resource, digest
        for resource in configured or self._resources.all:
            # Without a match by host the operator's spellings cannot help; leaving them out keeps the work small.
            spellings = hosts(request, resource.hosts if configured else (), forwarded)
            for text in _candidates(request, values, spellings):
                for key in resource.keys:
                    digest = hmac.digest(key, text, "sha256")
                    if hmac.compare_digest(digest, signed.signature):
                        return resource, digest
        raise CredentialRefused(self._mismatch(request, values, signed.signature), "Authorization")

    def _mismatch(self, request: Request, values: dict[str, str], signature: bytes) -> str:
        message = (
            "The signature differs: date and content hash are right, so it is the access key, the method, the path "
            "or the host."
        )
        if self._resources.of(request) is None:
            message += f" The host '{values[HOST][:100]}' is not configured for any resource."
        if self._shows_string_to_sign:
            message += f" {explain(request, values, signature, self._resources.all)}"
        return message


def _candidates(request: Request, values: dict[str, str], spellings: Iterable[str]) -> Iterator[bytes]:
    for host in spellings:
        for target in targets(request.target):
            yield string_to_sign(request.method, target, values, host)


def _check_content(written: str, body: bytes) -> None:
    if written != content_hash(body):
        raise CredentialRefused(
            f"The content hash differs: {CONTENT_HASH} is not the base64 of the SHA-256 of the body as received.",
            CONTENT_HASH,
        )
