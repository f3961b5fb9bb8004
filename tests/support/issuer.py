"""An issuer of tokens: keys of every kind, tokens good and forged, and a place that publishes the keys."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey, RSAKey

ISSUER: Final = "https://login.example/tenant/v2.0"
AUDIENCE: Final = "https://communication.azure.com"
APPLICATION: Final = "6d6c7a70-0000-4000-8000-0000000000a1"
NOW: Final = 1_767_225_600.0
RSA: Final = RSAKey.generate_key(2_048, {"kid": "rsa"})
EC: Final = ECKey.generate_key("P-256", {"kid": "ec"})
FOREIGN: Final = RSAKey.generate_key(2_048, {"kid": "rsa"})
"""A key of somebody else, under the name of ours."""


def published(*keys: RSAKey | ECKey) -> bytes:
    """The public halves of these keys, or of both of ours, as a JSON Web Key Set."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys or (RSA, EC)]}).encode()


def claims(now: float = NOW, **changes: Any) -> dict[str, Any]:
    """What a good token says; a change to None leaves a claim out."""
    plain = {"iss": ISSUER, "aud": AUDIENCE, "appid": APPLICATION, "iat": int(now), "nbf": int(now)}
    return {name: value for name, value in ({**plain, "exp": int(now) + 3_600} | changes).items() if value is not None}


def token(
    payload: Mapping[str, Any] | bytes | None = None, *, key: RSAKey | ECKey = RSA, header: dict[str, Any] | None = None
) -> str:
    """A token signed by `key`; `header` lies over the usual one."""
    algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
    octets = payload if isinstance(payload, bytes) else json.dumps(claims() if payload is None else payload).encode()
    head = {"alg": algorithm, "kid": key.kid, "typ": "JWT"} | (header or {})
    signed = f"{encoded(head)}.{encoded(octets)}"
    return f"{signed}.{encoded(_signature(key, signed.encode()))}"


def _signature(key: RSAKey | ECKey, octets: bytes) -> bytes:
    # By hand, so that headers which no library would sign can be tried.
    assert key.private_key is not None
    if isinstance(key, RSAKey):
        return key.private_key.sign(octets, PKCS1v15(), SHA256())
    numbers = decode_dss_signature(key.private_key.sign(octets, ECDSA(SHA256())))
    return b"".join(number.to_bytes(32) for number in numbers)


def encoded(value: object) -> str:
    """A part of a token that nobody signed."""
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


class KeyServer:
    """Publishes keys on this machine, and counts who asks."""

    def __init__(self) -> None:
        self.body = published()
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked = 0
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Serve, on a port of its own."""
        application = web.Application()
        application.router.add_get("/keys", self._keys)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._runner.addresses[0][1]}/keys"

    async def close(self) -> None:
        """Serve no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _keys(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(status=self.status, body=self.body, headers=self.headers)
