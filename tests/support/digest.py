"""Digest authentication by the standard library: somebody else's idea of it than ours."""

from __future__ import annotations

import hashlib
import urllib.request


def digest(challenge: str, password: str, *, uri: str, user: str = "bob") -> str:
    """What urllib makes, for a REGISTER, of the challenge with MD5, the only one of our algorithms it knows."""
    offer = next(line for line in challenge.split("\r\n") if line.startswith("WWW-Authenticate") and "MD5" in line)
    parameters = urllib.request.parse_keqv_list(urllib.request.parse_http_list(offer.partition("Digest ")[2]))
    passwords = urllib.request.HTTPPasswordMgr()
    passwords.add_password(parameters["realm"], "http://registrar/", user, password)
    handler = urllib.request.AbstractDigestAuthHandler(passwords)
    request = urllib.request.Request("http://registrar/", method="REGISTER")
    request.selector = uri
    return f"Digest {handler.get_authorization(request, parameters)}"


def credentials(challenge: str, password: str, *, user: str, method: str, uri: str, count: int = 1) -> str:
    """What RFC 7616 §3.4 makes of one challenge with SHA-256, written down once more."""
    parameters = urllib.request.parse_keqv_list(urllib.request.parse_http_list(challenge.partition("Digest ")[2]))
    realm, nonce = parameters["realm"], parameters["nonce"]
    nc, cnonce = f"{count:08x}", "0a4f113b"
    ha1, ha2 = _sha_256(f"{user}:{realm}:{password}"), _sha_256(f"{method}:{uri}")
    response = _sha_256(f"{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}")
    return (
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}", '
        f'algorithm=SHA-256, qop=auth, nc={nc}, cnonce="{cnonce}"'
    )


def _sha_256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
