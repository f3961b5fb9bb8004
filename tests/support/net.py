"""A virtual network: nodes exchange datagrams over links that delay, lose and repeat them, all decided by a seed.

There is no real time. The network jumps from one event to the next: the arrival of a datagram, the deadline of a node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple, Protocol


class Datagram(NamedTuple):
    """Bytes for the node at an address."""

    destination: str
    payload: bytes


class Node(Protocol):
    """What is attached to the network: a core with the thinnest possible shell."""

    def receive(self, payload: bytes, source: str, now: float) -> Iterable[Datagram]:
        """Take a datagram, give those to be sent."""

    def advance(self, now: float) -> Iterable[Datagram]:
        """Fire what is due, give the datagrams to be sent."""

    def next_deadline(self) -> float | None:
        """When to call `advance`, None if nothing is pending."""


@dataclass(frozen=True, slots=True)
class Link:
    """How datagrams travel."""

    latency: tuple[float, float] = (0.005, 0.05)
    """Shortest and longest time under way, seconds; unequal ones let datagrams overtake each other."""
    loss: float = 0.0
    """Part of the datagrams that never arrive, 0..1."""
    duplication: float = 0.0
    """Part of the datagrams that arrive twice, 0..1."""


class Delivery(NamedTuple):
    """A line of the ladder: one datagram, sent."""

    sent_at: float
    source: str
    destination: str
    payload: bytes
    copies: int
    """0: lost, 2: repeated."""


@dataclass(slots=True)
class Network:
    """Nodes by address, and the datagrams under way between them."""

    seed: int = 0
    link: Link = field(default_factory=Link)
    now: float = 0.0
    ladder: list[Delivery] = field(default_factory=list)
    """Everything that was sent, in order: what a failing test wants to print."""
    drop: Callable[[Delivery], bool] | None = None
    """Chosen losses, on top of those by chance."""
    max_events: int = 100_000
    """More than this in one `run` means that two nodes answer each other for ever."""
    _nodes: dict[str, Node] = field(default_factory=dict)
    _under_way: list[tuple[float, int, str, Datagram]] = field(default_factory=list)
    _serial: int = 0
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def attach(self, address: str, node: Node) -> None:
        """Put a node at an address."""
        self._nodes[address] = node

    def send(self, source: str, datagrams: Iterable[Datagram]) -> None:
        """Let datagrams leave `source` now. One to an address without a node is lost, as in life."""
        for datagram in datagrams:
            copies = 0 if self._random.random() < self.link.loss else 1
            copies += self._random.random() < self.link.duplication and copies
            delivery = Delivery(self.now, source, datagram.destination, datagram.payload, copies)
            if datagram.destination not in self._nodes or (self.drop is not None and self.drop(delivery)):
                delivery = delivery._replace(copies=0)
            self.ladder.append(delivery)
            for _ in range(delivery.copies):
                self._serial += 1
                arrival = self.now + self._random.uniform(*self.link.latency)
                heappush(self._under_way, (arrival, self._serial, source, datagram))

    def run(self, until: float = float("inf")) -> None:
        """Go on until nothing is pending, or until that time; then `now` is the time of the last event, or `until`."""
        for _ in range(self.max_events):
            arrival = self._under_way[0][0] if self._under_way else float("inf")
            deadline, address = self._next_deadline()
            if min(arrival, deadline) > until:
                self.now = until
                return
            if min(arrival, deadline) == float("inf"):
                return
            self.now = max(self.now, min(arrival, deadline))
            if arrival <= deadline:
                _, _, source, datagram = heappop(self._under_way)
                node = self._nodes[datagram.destination]
                self.send(datagram.destination, node.receive(datagram.payload, source, self.now))
            else:
                self.send(address, self._nodes[address].advance(self.now))
        raise AssertionError(f"still busy after {self.max_events} events, at {self.now} s")

    def _next_deadline(self) -> tuple[float, str]:
        pending = ((node.next_deadline(), address) for address, node in self._nodes.items())
        return min(((at, address) for at, address in pending if at is not None), default=(float("inf"), ""))
