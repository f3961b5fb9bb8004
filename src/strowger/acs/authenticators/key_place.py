"""Where the keys of an issuer may come from."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

DEVELOPMENT: Final = "dev"
"""Stands for the URL of an issuer that is this server itself."""


def is_secure(url: str) -> bool:
    """Whether nobody on the way can put in keys of his own: https, or http from this machine itself."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    if parts.scheme != "http" or parts.hostname is None:
        return False
    try:
        return ip_address(parts.hostname).is_loopback
    except ValueError:
        return parts.hostname == "localhost"
