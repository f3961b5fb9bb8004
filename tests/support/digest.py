"""Digest authentication by the standard library: somebody else's idea of it than ours."""

from __future__ import annotations

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
