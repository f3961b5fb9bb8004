"""What Prometheus reads."""

from __future__ import annotations

import aiohttp
import pytest

from strowger.console.metrics import Metrics, Sample

pytestmark = pytest.mark.asyncio


async def get(port: int, path: str = "/metrics", method: str = "GET") -> tuple[int, str, str]:
    url = f"http://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession() as client, client.request(method, url) as response:
        return response.status, response.headers["Content-Type"], await response.text()


async def test_counters_are_read_when_somebody_asks() -> None:
    reads = 0

    def read() -> list[Sample]:
        nonlocal reads
        reads += 1
        return [
            Sample("strowger_calls_ended", "counter", "Calls that ended.", (("state", "answered"),), 2),
            Sample("strowger_calls_live", "gauge", "Calls that live.", (), reads),
            Sample("strowger_calls_ended", "counter", "Calls that ended.", (("state", 'a"\nb'),), 1),
        ]

    metrics = Metrics(read)
    port = await metrics.start("127.0.0.1", 0)
    assert reads == 0
    status, content_type, text = await get(port)
    assert status == 200
    assert content_type.startswith("text/plain; version=")
    assert text == (
        "# HELP strowger_calls_ended_total Calls that ended.\n"
        "# TYPE strowger_calls_ended_total counter\n"
        'strowger_calls_ended_total{state="answered"} 2.0\n'
        'strowger_calls_ended_total{state="a\\"\\nb"} 1.0\n'
        "# HELP strowger_calls_live Calls that live.\n"
        "# TYPE strowger_calls_live gauge\n"
        "strowger_calls_live 1.0\n"
    )
    assert "strowger_calls_live 2.0\n" in (await get(port))[2]
    await metrics.stop()


async def test_nothing_else_is_there() -> None:
    metrics = Metrics(list)
    port = await metrics.start("127.0.0.1", 0)
    assert (await get(port, "/"))[0] == 404
    assert (await get(port, method="POST"))[0] == 405
    assert (await get(port))[::2] == (200, "")
    await metrics.stop()
