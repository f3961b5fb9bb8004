"""An edge between a hand-driven exchange and a wire that is a list, fed by hand and read back line by line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from strowger.calls.decision import RedirectCall, RejectCall
from strowger.calls.identifier import Identifier, phone_number
from strowger.sip.admission import Admission
from strowger.sip.edge import Edge
from strowger.sip.flow import Flow
from strowger.sip.location.errors import Unlocatable
from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.records import Answer, Question
from strowger.sip.location.resolve import Destination, Reach, locate, run
from strowger.sip.location.target import target_of
from strowger.sip.manners import Manners
from strowger.sip.message import Request, Response, parse_message
from strowger.sip.network import Found, Unreachable
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.sender import Sender
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.trunk.trunk import Trunk
from tests.support.exchange import BY_TWO_TRUNKS, NUMBER, OUTSIDE, Bench

ANN = "192.0.2.9:5062"
TRUNK = "127.0.0.1:5090"
OUT_URI = f"sip:{OUTSIDE}@127.0.0.1:5090"
FIRST, SECOND = "127.0.0.3:5090", "127.0.0.4:5090"
US = "192.0.2.1:5060"
CALLER = Flow("UDP", "192.0.2.9", 5062, 0, 0)

INVITE = """INVITE sip:{to}@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bKcaller{n};rport
Max-Forwards: {hops}
From: "Ann" <sip:+31612345678@192.0.2.9>;tag=ann
To: <sip:{to}@192.0.2.1>
Call-ID: call-{n}@192.0.2.9
CSeq: 1 INVITE
Contact: <sip:ann@192.0.2.9:5062>
Content-Length: 0

"""


class Wire:
    """A network of two listeners, UDP and TCP over IPv4."""

    def __init__(self) -> None:
        self.sent: list[tuple[Flow, Request | Response]] = []
        self.is_dead = False
        self.gone: set[int] = set()
        """Connections that do not stand any more."""

    def has(self, flow: Flow) -> bool:
        return flow.connection not in self.gone

    def flow_to(self, transport: str, host: str, port: int) -> Flow:
        if transport not in ("UDP", "TCP"):
            raise Unreachable(f"no listener for {transport}")
        return Flow(transport, host, port, 0, 0)

    def flow_back(self, transport: str, host: str, port: int, listener: int) -> Flow:
        if self.is_dead:
            raise Unreachable("the listener is gone")
        return Flow(transport, host, port, listener, 0)

    def sent_by(self, flow: Flow) -> str:
        return US

    def send(self, flow: Flow, payload: bytes, key: str) -> None:
        self.sent.append((flow, parse_message(payload)))

    def take(self) -> list[tuple[Flow, Request | Response]]:
        """What was sent since last time."""
        sent, self.sent = self.sent, []
        return sent


class Names:
    """Where URIs are served: numeric hosts at once, names by the table, and late when told so."""

    def __init__(self) -> None:
        self.records: dict[Question, Answer] = {}
        self.avoided: list[str] = []
        self.is_slow = False
        self.asked: list[Callable[[], None]] = []

    def locate(self, uri: str, what: str, found: Found) -> None:
        if self.is_slow:
            self.asked.append(lambda: self._answer(uri, found))
        else:
            self._answer(uri, found)

    def _answer(self, uri: str, found: Found) -> None:
        try:
            procedure = locate(target_of(uri), Reach(("UDP", "TCP"), (4,)), lambda: 0.0, LocationLimits())
            found(run(procedure, lambda question: self.records.get(question, Answer())), "")
        except Unlocatable as error:
            found((), str(error))

    def answer(self) -> None:
        """Let the slow answers come."""
        asked, self.asked = self.asked, []
        for each in asked:
            each()

    def avoid(self, destination: Destination, seconds: float | None = None) -> None:
        self.avoided.append(destination.host)


class EverybodyBy(Admission):
    """Takes every caller for that of a trunk."""

    def __init__(self, trunk: str) -> None:
        self._sender = Sender(trunk=Trunk(trunk, "sip:192.0.2.9"))

    @property
    def realm(self) -> str:
        return ""

    def sender_of(self, invite: Request, flow: Flow, now: float) -> Sender:
        return self._sender


class EdgeBench:
    """Edge, layer and exchange of one server; `line()` says what went out, one line per message."""

    def __init__(self, bench: Bench | None = None, *, manners: Manners | None = None, **options: Any) -> None:
        self.bench = bench or Bench()
        self.names = Names()
        self.wire = Wire()
        self.layer = TransactionLayer()
        self.ignored: list[str] = []
        self.edge = Edge(
            exchange=self.bench.exchange,
            layer=self.layer,
            network=self.wire,
            location=self.names,
            forwarding=Forwarding(b"f" * 32),
            monotonic=self.bench.clock.monotonic,
            manners=manners,
            ignored=lambda reason, summary: self.ignored.append(reason),
            **options,
        )
        self.bench.exchange.telephony = self.edge.telephony

    def feed(self, text: str | bytes, flow: Flow = CALLER, *, flush: bool = True) -> list[str]:
        """Let one message arrive, commit what it caused, and say what went out."""
        data = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()
        self.edge.receive(parse_message(data), flow)
        return self.out(flush=flush)

    def out(self, *, flush: bool = True) -> list[str]:
        """What went out: `who: what`."""
        if flush:
            self.bench.store.flush()
        self.last = self.wire.take()
        return [f"{flow.host}:{flow.port} {_summary(message)}" for flow, message in self.last]

    def invite(self, to: str = NUMBER, n: int = 1, hops: int = 70) -> list[str]:
        return self.feed(INVITE.format(to=to, n=n, hops=hops))

    def answer(
        self,
        request: Request,
        status: int,
        *,
        contact: str = "sip:target@192.0.2.77:5090",
        tag: str = "t",
        more: Sequence[tuple[str, str]] = (),
        reason: str = "",
        flush: bool = True,
    ) -> list[str]:
        """The target answers a request that was sent to it."""
        headers = [("Via", via) for via in request.vias]
        headers += [(name, request.first(name) or "") for name in ("From", "Call-ID", "CSeq")]
        to = request.first("To") or ""
        headers += [("To", to if request.to_tag else f"{to};tag={tag}")]
        headers += [("Contact", "*" if contact == "*" else f"<{contact}>")]
        headers += [("Record-Route", value) for value in request.values("Record-Route")]
        headers += more
        usual = {180: "Ringing", 200: "OK", 486: "Busy Here", 487: "Request Terminated"}
        reason = reason or usual.get(status, "Reason")
        response = Response.make(status, reason, headers).to_bytes()
        return self.feed(response, Flow("UDP", "127.0.0.1", 5090, 0, 0), flush=flush)

    def later(self, seconds: float) -> list[str]:
        """Let time pass, timer by timer."""
        until = self.bench.clock.now + seconds
        lines: list[str] = []
        while True:
            deadlines = [d for d in (self.edge.next_deadline(), self.bench.exchange.next_deadline()) if d is not None]
            if not deadlines or min(deadlines) > until:
                break
            self.bench.clock.now = max(self.bench.clock.now, min(deadlines))
            self.edge.advance(self.bench.clock.now)
            self.bench.exchange.advance(self.bench.clock.now)
            lines += self.out()
        self.bench.clock.now = until
        return lines


def _summary(message: Request | Response) -> str:
    if isinstance(message, Request):
        return f"{message.method} {message.uri}"
    return f"{message.status} {message.cseq.method}"


def redirect(edge: EdgeBench, target: Identifier, hop_index: int = 0) -> list[str]:
    call_id = next(iter(edge.bench.store.rows))
    context = edge.bench.recorder.contexts[f"{call_id}/{hop_index}"]
    edge.bench.exchange.redirect(RedirectCall("dev", context, target), lambda outcome: None)
    return edge.out()


def reject(edge: EdgeBench) -> list[str]:
    call_id = next(iter(edge.bench.store.rows))
    edge.bench.exchange.reject(RejectCall("dev", edge.bench.recorder.contexts[f"{call_id}/0"]), lambda outcome: None)
    return edge.out()


def request_to(edge: EdgeBench, host: str, method: str = "INVITE") -> Request:
    """The last request that was sent to a host."""
    for flow, message in reversed(edge.last):
        if flow.host == host and isinstance(message, Request) and message.method == method:
            return message
    raise AssertionError(f"no {method} was sent to {host}")


def ringing() -> tuple[EdgeBench, Request]:
    edge = EdgeBench()
    edge.invite()
    redirect(edge, phone_number(OUTSIDE))
    out = request_to(edge, "127.0.0.1")
    edge.answer(out, 180)
    return edge, out


def ack(to_tag: str, uri: str = f"sip:{NUMBER}@192.0.2.1") -> str:
    return (
        INVITE.format(to=NUMBER, n=1, hops=70)
        .replace(f"INVITE sip:{NUMBER}@192.0.2.1", f"ACK {uri}")
        .replace("1 INVITE", "1 ACK")
        .replace("@192.0.2.1>\nCall-ID", f"@192.0.2.1>;tag={to_tag}\nCall-ID")
    )


def cancel() -> str:
    return INVITE.format(to=NUMBER, n=1, hops=70).replace("INVITE sip", "CANCEL sip").replace("1 INVITE", "1 CANCEL")


def by_two_trunks() -> tuple[EdgeBench, Request]:
    edge = EdgeBench()
    edge.invite()
    assert redirect(edge, phone_number(BY_TWO_TRUNKS)) == [f"{FIRST} INVITE sip:{BY_TWO_TRUNKS}@{FIRST}"]
    return edge, request_to(edge, "127.0.0.3")


def bye_by(route: str, *, uri: str = "sip:target@192.0.2.77:5090", to_tag: str = ";tag=t") -> str:
    bye = ack("t", uri).replace("ACK", "BYE").replace("Max", f"Route: {route}\nMax")
    return bye.replace(";tag=t\n", f"{to_tag}\n")
