"""GET /metrics: measurements for Prometheus, read from plain counters only when somebody asks.

The path of a call counts with an integer and knows nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from strowger.console import reply
from strowger.console.errors import ConsoleError, MethodRefused, NotThere
from strowger.console.listener import Listener, ListenerLimits

PATH: Final = "/metrics"
METHODS: Final = ("GET", "HEAD")

Family = CounterMetricFamily | GaugeMetricFamily


class Sample(NamedTuple):
    """One value of one measurement; samples of one name have the same kind, help and label names."""

    name: str
    """Without `_total`, which a counter gets by itself."""
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[tuple[str, str], ...]
    """Name and value of each label, in order."""
    value: float


Read = Callable[[], Iterable[Sample]]


class Metrics:
    """Serves what `read` returns, in the text format of Prometheus."""

    def __init__(self, read: Read, limits: ListenerLimits | None = None) -> None:
        """`read` is called once for each request."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Samples(read))
        self._listener = Listener(self._answer, limits)

    async def start(self, host: str, port: int) -> int:
        """Listen on one more address; returns the port, chosen by the system when 0. Raises OSError."""
        return await self._listener.start(host, port)

    async def stop(self) -> None:
        """Stop listening."""
        await self._listener.stop()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            if request.path != PATH:
                raise NotThere(f"Measurements are at {PATH}.")
            if request.method not in METHODS:
                raise MethodRefused(PATH, METHODS)
        except ConsoleError as error:
            return reply.refusal(error)
        return web.Response(body=generate_latest(self._registry), headers=reply.headers(CONTENT_TYPE_LATEST))


class _Samples(Collector):
    """What prometheus-client asks for values."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterator[Family]:
        """One family for each name, in the order in which the names first come."""
        families: dict[str, Family] = {}
        for sample in self._read():
            family = families.get(sample.name)
            if family is None:
                family = families[sample.name] = _family(sample)
            family.add_metric([value for _, value in sample.labels], sample.value)
        yield from families.values()

    def describe(self) -> Iterator[Family]:
        """Nothing: registering must not read the counters, which are not there yet."""
        yield from ()


def _family(sample: Sample) -> Family:
    make = CounterMetricFamily if sample.kind == "counter" else GaugeMetricFamily
    return make(sample.name, sample.help, labels=[name for name, _ in sample.labels])
