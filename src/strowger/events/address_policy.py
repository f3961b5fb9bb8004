"""Which addresses events may be posted to: what keeps an endpoint from being a way into our own network.

Somebody who may add a subscription chooses where this server connects to, and the answer's status comes back in logs.
So only addresses of the public Internet are taken, unless the operator names networks of his own, by the tables of
special addresses (RFC 6890 and the IANA registries it founded). An address is judged when a connection to it is about
to be made, which no answer of a name server can get around; `refusal_of_url` is for an early word about what an
endpoint says literally. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL_4: Final = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this host itself"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by the customers of a carrier"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "the platform of a cloud"),  # Azure's, reachable from every machine there
        ("169.254.0.0/16", "link-local"),  # the metadata services of clouds among them
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_SPECIAL_6: Final = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("::/128", "this host itself"),
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "private"),  # translation to IPv4 of a network's own (RFC 8215)
        ("2001::/23", "reserved"),  # Teredo among them
        ("2001:db8::/32", "for documentation"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_6: Final = IPv6Network("2000::/3")
"""What of IPv6 is given out as addresses of hosts; the rest is reserved."""
_HOLDING_4: Final = (
    (IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped (RFC 4291 §2.5.5.2)
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64 (RFC 6052 §2.1)
    (IPv6Network("2002::/16"), 80),  # 6to4 (RFC 3056 §2)
)
"""Networks whose addresses stand for one of IPv4, and how many bits follow that one."""

REFUSED_PORTS: Final[dict[int, str]] = {
    22: "SSH",
    23: "Telnet",
    25: "SMTP",
    53: "DNS",
    110: "POP3",
    143: "IMAP",
    389: "LDAP",
    445: "SMB",
    465: "SMTP",
    587: "SMTP",
    636: "LDAP",
    993: "IMAP",
    995: "POP3",
    1433: "SQL Server",
    2049: "NFS",
    2375: "Docker",
    2379: "etcd",
    3306: "MySQL",
    3389: "RDP",
    5060: "SIP",
    5061: "SIP",
    5432: "PostgreSQL",
    6379: "Redis",
    6667: "IRC",
    9200: "Elasticsearch",
    11211: "memcached",
    27017: "MongoDB",
}
"""Ports on which something listens that a POST could do harm to, and nobody's application."""

ADVICE: Final = "events.private_networks or events.private_targets can allow it"
"""What an operator can do about a refusal."""

_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_LOCAL: Final = "localhost"


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be connected to; nothing but the public Internet by default."""

    allows_all: bool = False
    """Every address and port: for development."""
    private_networks: tuple[Network, ...] = ()
    """Where the operator's own applications are."""

    def refusal(self, address: str, port: int) -> str:
        """Why no connection to an IP address and a port is made, in words; empty if it is.

        Raises ValueError for what is no address.
        """
        if self.allows_all:
            return ""
        return self._of_port(port) or self._of_address(ip_address(address.partition("%")[0]))

    def refusal_of_url(self, url: str) -> str:
        """The same for a complete URL, as far as it tells by itself; names but localhost are not judged."""
        if self.allows_all:
            return ""
        parts = urlsplit(url)
        address = literal(parts.hostname or "")
        return (parts.port and self._of_port(parts.port)) or (self._of_address(address) if address else "")

    def _of_port(self, port: int) -> str:
        service = REFUSED_PORTS.get(port)
        return f"its port {port} is for {service}: events.private_targets can allow it" if service else ""

    def _of_address(self, address: Address) -> str:
        inner = standing_for(address)
        if any(each in network for each in (address, inner) for network in self.private_networks):
            return ""
        what = special(inner)
        meant = f"its address {address}" if inner == address else f"its address {address} stands for {inner}, which"
        return f"{meant} is {what}: {ADVICE}" if what else ""


def special(address: Address) -> str:
    """What an address is for if it is not one of the public Internet; empty if it is."""
    if isinstance(address, IPv4Address):
        return next((what for network, what in _SPECIAL_4 if address in network), "")
    what = next((what for network, what in _SPECIAL_6 if address in network), "")
    return what or ("" if address in _GLOBAL_6 else "reserved")


def standing_for(address: Address) -> Address:
    """The IPv4 address that one of IPv6 leads to; itself if it is no such one."""
    for network, after in _HOLDING_4:
        if address in network:
            return IPv4Address(int(address) >> after & 0xFFFF_FFFF)
    return address


def literal(host: str) -> Address | None:
    """The address that a host of a URL is, in any spelling that a system's resolver takes; None for a name.

    localhost and what is below it are names with one meaning (RFC 6761 §6.3).
    """
    host = host.lower().rstrip(".")
    if host == _LOCAL or host.endswith(f".{_LOCAL}"):
        return IPv4Address("127.0.0.1")
    if ":" in host:
        try:
            return IPv6Address(host.partition("%")[0])
        except AddressValueError:
            return None
    return _numeric(host.split("."))


def _numeric(parts: list[str]) -> IPv4Address | None:
    """One to four numbers, decimal, octal or hexadecimal, of which the last fills what is left (inet_aton)."""
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)):
        return None
    try:
        *leading, last = (_number(part) for part in parts)
    except ValueError:  # a digit that octal does not have
        return None
    left = 8 * (4 - len(leading))
    if any(number > 0xFF for number in leading) or last >= 1 << left:
        return None
    value = last
    for place, number in enumerate(leading):
        value |= number << 8 * (3 - place)
    return IPv4Address(value)


def _number(digits: str) -> int:
    if digits[:2].lower() == "0x":
        return int(digits[2:] or "0", 16)
    return int(digits, 8 if digits.startswith("0") else 10)
