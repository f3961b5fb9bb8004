"""Which trunk an INVITE comes from, by the address of its source.

The networks are prepared once; a look-up costs one masking and one dictionary access per prefix length in use.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

REMEMBERED_SOURCES: Final = 1_024
"""Source addresses whose reading is remembered."""


class _Prefix(NamedTuple):
    """All networks of one family and length."""

    mask: int
    trunks: dict[int, str]
    """Trunk by network address."""


class Origins:
    """The source networks of all trunks; where several contain an address, the smallest decides."""

    def __init__(self, networks: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Trunk names with their networks or single addresses. Raises ValueError for text that is neither, and for two
        trunks with the same network.
        """
        self._prefixes: dict[int, list[_Prefix]] = {4: [], 6: []}
        lengths: dict[tuple[int, int], _Prefix] = {}
        for trunk, written in networks:
            for text in written:
                self._add(trunk, ipaddress.ip_network(text), lengths)
        for (version, _), prefix in sorted(lengths.items(), key=lambda item: -item[0][1]):
            self._prefixes[version].append(prefix)

    def trunk_of(self, source: str) -> str | None:
        """The trunk of a numeric source address, None when it is nobody's. IPv6 zones are looked through."""
        version, address = _read(source)
        for prefix in self._prefixes[version]:
            trunk = prefix.trunks.get(address & prefix.mask)
            if trunk is not None:
                return trunk
        return None

    @staticmethod
    def _add(trunk: str, network: Network, lengths: dict[tuple[int, int], _Prefix]) -> None:
        key = (network.version, network.prefixlen)
        prefix = lengths.setdefault(key, _Prefix(int(network.netmask), {}))
        other = prefix.trunks.setdefault(int(network.network_address), trunk)
        if other != trunk:
            raise ValueError(f"calls from {network} would come from the trunks {other} and {trunk}")


@lru_cache(REMEMBERED_SOURCES)
def _read(source: str) -> tuple[int, int]:
    """The family and number of an address; an IPv4 address inside IPv6 is IPv4 (RFC 4291 §2.5.5.2)."""
    address = ipaddress.ip_address(source.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    return address.version, int(address)
