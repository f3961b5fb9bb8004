"""Fuzzing of what proves who sends a request: nothing but a refusal may come of it, and never somebody's name.

    python fuzz/fuzz_credentials.py [atheris options] [corpus]     coverage-guided, needs the package atheris
    python fuzz/fuzz_credentials.py --seconds 20 [--seed 1]        mutations of good credentials, needs nothing

Both call `examine`. `hunt` runs either.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from hunt import Target, main  # noqa: E402
from joserfc import jws  # noqa: E402
from joserfc.jwk import ECKey  # noqa: E402

from strowger.acs.auth import Credentials, Resource  # noqa: E402
from strowger.acs.authenticators.access_key import AccessKeyAuthenticator  # noqa: E402
from strowger.acs.authenticators.entra import EntraAuthenticator, TrustedIssuer  # noqa: E402
from strowger.acs.authenticators.key_cache import StaticKeys  # noqa: E402
from strowger.acs.authenticators.key_set import KeySetInvalid, read_key_set  # noqa: E402
from strowger.acs.errors import RequestRefused  # noqa: E402
from strowger.acs.message import Headers, Request  # noqa: E402
from strowger.acs.replay import SignatureMemory  # noqa: E402
from strowger.acs.resources import HostedResources  # noqa: E402

MAX_INPUT_BYTES = 20_000
NOW = 784_111_777.0
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
HASH = base64.b64encode(hashlib.sha256(b"").digest()).decode()
TARGET = "/calling/callConnections:redirect?api-version=2026-03-12"
ACCESS_KEY = b"0123456789abcdef0123456789abcdef"
ISSUER_KEY = ECKey.generate_key("P-256", {"kid": "ec"})
KEY_SET = json.dumps({"keys": [ISSUER_KEY.as_dict(private=False)]}).encode()
CLAIMS = {"iss": "i", "aud": "a", "appid": "p", "nbf": int(NOW), "exp": int(NOW) + 60}
WORDS = (
    *(b".", b"..", b"=", b"&", b";", b" ", b"-", b"_", b"+", b"/", b"\x00", b"\xff", b"eyJ", b"e30", b"bnVsbA", b"W10"),
    *(b"Bearer ", b"HMAC-SHA256 ", b"SignedHeaders=", b"Signature=", b"host", b"none", b'{"alg":"none"}', b"null"),
)


def good() -> list[bytes]:
    """Credentials that are believed, and the keys that one of them is believed by."""
    text = f"POST\n{TARGET}\n{DATE};localhost;{HASH}"
    mark = base64.b64encode(hmac.digest(ACCESS_KEY, text.encode(), "sha256")).decode()
    header = {"alg": "ES256", "kid": "ec", "typ": "JWT"}
    token = jws.serialize_compact(header, json.dumps(CLAIMS), ISSUER_KEY, ["ES256"])
    return [
        f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={mark}".encode(),
        f"Bearer {token}".encode(),
        KEY_SET,
    ]


def credentials() -> Credentials:
    """What the API asks."""
    resources = [Resource("r", ("localhost",), (ACCESS_KEY,))]
    issuer = TrustedIssuer("r", "i", ("a",), frozenset(("p",)), StaticKeys(read_key_set(KEY_SET)))
    memory = SignatureMemory(remembered=10, valid_for_s=1_800.0)
    keys = AccessKeyAuthenticator(resources, clock_skew_s=900.0, memory=memory, shows_string_to_sign=True)
    return Credentials((keys, EntraAuthenticator([issuer], HostedResources(resources))))


CREDENTIALS = credentials()
GOOD = good()
RUNNER = asyncio.Runner()


def examine(data: bytes) -> None:
    """Reads `data` as a credential and as a set of keys; raises whatever is a find."""
    with contextlib.suppress(KeySetInvalid):
        read_key_set(data)
    written = data.decode("latin-1")
    fields = [("Host", "localhost"), ("x-ms-date", DATE), ("x-ms-content-sha256", HASH), ("Authorization", written)]
    request = Request("POST", TARGET, Headers(fields))
    try:
        principal = RUNNER.run(_ask(request))
    except RequestRefused as refusal:
        assert refusal.status in (401, 403), f"refused with {refusal.status}"
        refusal.body()
        return
    assert principal == "r"
    assert _means_the_same(written), "somebody was believed without the credential of it"


async def _ask(request: Request) -> str:
    return (await CREDENTIALS.authenticate(request, NOW)).resource


def _means_the_same(written: str) -> bool:
    """Whether it is a good one after all: around the proof itself a little is free."""
    proofs = [each.decode().rpartition("Signature=")[2].removeprefix("Bearer ") for each in GOOD[:2]]
    return any(proof in written for proof in proofs)


def mutate(chance: random.Random, corpus: list[bytes]) -> bytes:
    """One input: a few cuts, insertions, repetitions and splices."""
    data = chance.choice(corpus)
    for _ in range(chance.randint(1, 6)):
        start = chance.randint(0, len(data))
        end = min(len(data), start + chance.choice((0, 0, 1, 1, 2, 8, 40)))
        insert = chance.choice(WORDS)
        kind = chance.random()
        if kind < 0.1:
            insert *= chance.randint(2, 2_000)
        elif kind < 0.4:
            insert = bytes(chance.getrandbits(8) for _ in range(chance.randint(1, 4)))
        elif kind < 0.5:
            insert = data[end : end + chance.randint(1, 80)] * chance.randint(1, 20)
        data = (data[:start] + insert + data[end:])[:MAX_INPUT_BYTES]
    return data


if __name__ == "__main__":
    sys.exit(main(Target("fuzz_credentials", examine, mutate, GOOD), __doc__))
