"""The resources of this installation, and which of them a request names by its host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from strowger.acs.auth import Resource
from strowger.acs.message import Request
from strowger.acs.signature import HOST, split_host

FORWARDED_HOST: Final = "x-forwarded-host"


class HostedResources:
    """All resources, by the hosts at which applications reach them."""

    def __init__(self, resources: Sequence[Resource], *, trusts_forwarded_host: bool = False) -> None:
        """`trusts_forwarded_host` says that X-Forwarded-Host comes from a proxy of ours."""
        self.all: Final = tuple(resources)
        self._by_host: Final = _by_host(resources)
        self._trusts_forwarded_host: Final = trusts_forwarded_host

    def of(self, request: Request) -> tuple[Resource, ...] | None:
        """The resources that a request may be for; None when its host is that of none."""
        host = self.forwarded(request) or request.headers.first(HOST) or ""
        found = self._by_host.get(host)
        if found is None:
            plain = _plain(host)
            found = self._by_host.get(plain) or self._by_host.get(split_host(plain)[0])
        return found

    def forwarded(self, request: Request) -> str | None:
        """The host that a proxy of ours saw, if there is one."""
        return request.headers.first(FORWARDED_HOST) if self._trusts_forwarded_host else None


def _plain(host: str) -> str:
    return host.strip().rstrip("/").lower()


def _by_host(resources: Iterable[Resource]) -> dict[str, tuple[Resource, ...]]:
    found: dict[str, tuple[Resource, ...]] = {}
    for resource in resources:
        for host in dict.fromkeys(_plain(host) for host in resource.hosts):
            found[host] = (*found.get(host, ()), resource)
    return found
