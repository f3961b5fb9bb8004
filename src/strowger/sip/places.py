"""Where the INVITE of a branch goes: the flow of a phone that registered, a place that was noted, or where its URI is
served (RFC 3261 §16.6 step 7, RFC 3263, RFC 5626 §5.3).

A phone that registered is no way to a trunk: calls there go by a route only, which is where somebody asks whether they
may. A contact or a Path that leads to a trunk is not followed, unless the phone registered from there.

Fills an attempt in; sends nothing. Looking a name up may take seconds, so that the answer comes by a callback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from strowger.sip.leg import Attempt, Fork
from strowger.sip.location.resolve import Destination
from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError
from strowger.sip.message.uri import SipUri, parse_uri
from strowger.sip.network import Location, Network, flows_to
from strowger.sip.registration import Way

Ready = Callable[[str], None]
"""Told when the attempt has its flow; or why it has none."""


class Places:
    """The ways to branches."""

    __slots__ = ("_location", "_network", "_trunk_at", "_way")

    def __init__(
        self,
        network: Network,
        location: Location,
        way: Callable[[str, str], Way | None],
        trunk_at: Callable[[str, str], str],
    ) -> None:
        """`way` knows how to reach the registered phones of a user, `trunk_at` which trunk an address or a name is."""
        self._network = network
        self._location = location
        self._way = way
        self._trunk_at = trunk_at

    def find(self, fork: Fork, attempt: Attempt, ready: Ready) -> None:
        """Give the attempt its flow, its route and what else may be tried; then tell."""
        branch = attempt.branch
        way = None if branch.trunk else self._way(branch.member or fork.user, branch.uri)
        if way is not None:
            attempt.route, attempt.is_behind_nat = way.route, way.is_behind_nat
        if way is not None and way.flows:
            attempt.flow, *rest = way.flows
            attempt.flows = tuple(rest)
            ready("")
        elif branch.destination:
            self._take((read_destination(branch.destination), *attempt.places), attempt, way, ready)
        else:
            what = f"{fork.name} {branch.uri}"
            self._location.locate(
                _first_hop(attempt), what, lambda found, why: self._found(attempt, found, why, way, ready)
            )

    def longer(self, attempt: Attempt) -> None:
        """The request is too long for a datagram: prefer TCP, if the URI leaves the choice (RFC 3261 §18.1.1)."""
        flow = attempt.flow
        if flow is None or attempt.is_behind_nat or not _leaves_the_choice(_first_hop(attempt)):
            return
        ways = flows_to(self._network, Destination("UDP", flow.host, flow.port, ""), or_tcp=True)
        if ways and ways[0].transport == "TCP":
            attempt.flow, attempt.flows = ways[0], (flow, *attempt.flows)

    def _found(
        self, attempt: Attempt, found: Sequence[Destination], why: str, way: Way | None, ready: Ready
    ) -> None:
        if found:
            self._take(found, attempt, way, ready)
        else:
            ready(why)

    def _take(self, places: Sequence[Destination], attempt: Attempt, way: Way | None, ready: Ready) -> None:
        if way is not None:
            places = [place for place in places if not self._is_a_trunk_beside(place, way)]
            if not places:
                ready("the phone registered a way to a trunk, where calls go by a route only")
                return
        for position, place in enumerate(places):
            flows = flows_to(self._network, place, or_tcp=False)
            if flows:
                attempt.flow, attempt.flows, attempt.place = flows[0], (), place
                attempt.places = tuple(places[position + 1 :])
                ready("")
                return
        ready("no listener of ours leads there")

    def _is_a_trunk_beside(self, place: Destination, way: Way) -> bool:
        trunk = self._trunk_at(place.host, place.domain)
        return bool(trunk) and trunk != self._trunk_at(way.source, "")


def write_destination(destination: Destination) -> str:
    """A destination as a call keeps it."""
    return "/".join((destination.transport, destination.host, str(destination.port), destination.domain))


def read_destination(text: str) -> Destination:
    """What `write_destination` wrote."""
    transport, host, port, domain = text.split("/", 3)
    return Destination(transport, host, int(port), domain)


def _first_hop(attempt: Attempt) -> str:
    """The URI that the request is sent to: its first route, else its target (RFC 3261 §16.6 step 7)."""
    if not attempt.route:
        return attempt.branch.uri
    try:
        return Address.parse(attempt.route[0]).uri
    except ParseError:  # kept as the phone wrote it; nobody serves such a URI
        return attempt.route[0]


def _leaves_the_choice(uri: str) -> bool:
    try:
        parsed = parse_uri(uri)
    except ParseError:
        return False
    return isinstance(parsed, SipUri) and parsed.scheme == "sip" and parsed.transport is None
