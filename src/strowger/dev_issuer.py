"""An issuer of tokens for one machine: what Entra is for an application in the cloud, without Entra.

Its key is made once for a data directory and kept where only the owner can read it. The server believes the key's
public half, and whoever can read the private one makes tokens with it; nobody is asked over the network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from strowger.console.secret_file import kept

KEY_FILE: Final = "entra.key"
ALGORITHM: Final = "ES256"
TEAMS_PERMISSIONS: Final = "Teams.ManageCalls Teams.ManageChats"


def dev_key(data_dir: Path) -> ECKey:
    """The key kept in `data_dir`, made on first use. Raises OSError, ValueError for a file that holds none."""
    path = data_dir / KEY_FILE
    text = kept(path, _make)
    try:
        key = ECKey.import_key(json.loads(text))
        if key.private_key is None:
            raise ValueError("it is no private one")
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not hold a key ({error}); remove it, and another one is made") from error
    return key


def published(key: ECKey) -> bytes:
    """The public half, as an issuer publishes it (RFC 7517)."""
    return json.dumps({"keys": [key.as_dict(private=False)]}).encode()


class Life(NamedTuple):
    """When a token is made, by the wall clock, and how long it is good; in seconds."""

    now: float
    lifetime_s: float


def dev_token(key: ECKey, *, issuer: str, audience: str, application_id: str, life: Life) -> str:
    """A token for an application, of the shape that Entra gives to one (Microsoft identity platform: access tokens)."""
    return _signed(key, {"iss": issuer, "aud": audience, "appid": application_id, "oid": application_id}, life)


def dev_user_token(
    key: ECKey, *, issuer: str, audience: str, application_id: str, object_id: str, tenant: str, life: Life
) -> str:
    """A token by which a Teams user lets an application act in its name (ACS: Teams interoperability, permissions)."""
    who = {"appid": application_id, "oid": object_id, "tid": tenant}
    return _signed(key, {"iss": issuer, "aud": audience, **who, "scp": TEAMS_PERMISSIONS}, life)


def _signed(key: ECKey, claims: dict[str, Any], life: Life) -> str:
    times = {"iat": int(life.now), "nbf": int(life.now), "exp": int(life.now + life.lifetime_s)}
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
    return jws.serialize_compact(header, json.dumps(claims | times), key, [ALGORITHM])


def _make() -> str:
    key = ECKey.generate_key("P-256", auto_kid=True)
    return json.dumps(key.as_dict(private=True))
