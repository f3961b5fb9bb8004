"""What an application connects with (ACS: connection string)."""

from __future__ import annotations

from urllib.parse import urlsplit

from strowger.settings.rows import Resource, Settings


def connection_string(settings: Settings, resource: Resource, key: str = "") -> str:
    """Endpoint and key of a resource: the public URL, under the resource's own host if that is another.

    Without a `key` it is the primary one, and there has to be one.
    """
    url = urlsplit(settings.server.public_url)
    is_ours = url.hostname in resource.hosts or url.netloc in resource.hosts
    authority = url.netloc if is_ours else _authority(resource.hosts[0], url.port)
    return f"endpoint={url.scheme}://{authority}/;accesskey={key or resource.keys[0]}"


def _authority(host: str, port: int | None) -> str:
    """A host as settings spell it, with or without a port of its own, as a URL has it."""
    is_bare_ipv6 = host.count(":") > 1 and not host.startswith("[")
    host = f"[{host}]" if is_bare_ipv6 else host
    has_port = ":" in host.rpartition("]")[2]
    return host if has_port or port is None else f"{host}:{port}"
