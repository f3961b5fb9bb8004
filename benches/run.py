"""`make bench`: real calls by SIPp through a real server and a small application, and what they cost.

Caller, target and application share the machine with the server, so latencies are those of a busy machine; the CPU
figure is the server's own. Every call is announced, redirected by a signed request to the API, answered and hung up.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import email.utils
import hashlib
import hmac
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import ClientSession, web

STROWGER = Path(sys.executable).parent / "strowger"
KEY = base64.b64encode(b"the access key of the benchmark.").decode()
NUMBER, OUTSIDE = "+31201110001", "+31612345678"
CALLERS = "+3165"
"""What the numbers of callers begin with, before that of the call (caller.xml)."""
OPERATION = "/calling/callConnections:redirect?api-version=2026-03-12"
API, SIP, CALLER, TARGET = random.sample(range(12_000, 32_000), 4)
WARM_UP = 100
CONFIG = f"""
server = {{data_dir = "data"}}
listen = {{api = ["127.0.0.1:{API}"], console = [], metrics = [], sip = ["udp:127.0.0.1:{SIP}"]}}
tls = {{mode = "off"}}
limits = {{hold = "300s"}}
sip = {{record_route = "on"}}
resource = [{{name = "bench", id = "{uuid.uuid4()}", hosts = ["127.0.0.1"], keys = ["{KEY}"]}}]
number = [{{resource = "bench", e164 = "{NUMBER}"}}]
events = {{private_targets = "allow"}}
subscription = [{{resource = "bench", name = "app", endpoint = "APPLICATION"}}]
trunk = [{{name = "target", uri = "sip:127.0.0.1:{TARGET}", options = "off"}}]
route = [{{kind = "phoneNumber", match = "+316*", to = "target"}}]
[[outside]]
calls = 0
calls_per_minute = 0
calls_per_day = 0
caller_calls = 0
caller_calls_per_minute = 0
caller_calls_per_day = 0
"""


class Application:
    """Redirects each call as soon as it hears of it, or when told."""

    def __init__(self) -> None:
        self.held: list[str] = []
        self.holds = False
        self.told: dict[str, float] = {}
        """When its event arrived, by the number of the latest call that it is of, counted by SIPp."""
        self._session = ClientSession(f"http://127.0.0.1:{API}")
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, stack: AsyncExitStack) -> str:
        """Listen; returns the URL for events."""
        application = web.Application()
        application.router.add_post("/", self._receive)
        runner = web.AppRunner(application)
        stack.push_async_callback(self._session.close)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/"

    async def release(self) -> None:
        """Redirect every held call."""
        self.holds = False
        while self.held:
            await asyncio.gather(*map(self._redirect, self.held[:20]))
            del self.held[:20]

    async def _receive(self, request: web.Request) -> web.Response:
        for event in await request.json():
            if code := event["data"].get("validationCode"):
                return web.json_response({"validationResponse": code})
            data = event["data"]
            self.told[data["from"]["phoneNumber"]["value"].removeprefix(CALLERS)] = time.time()
            context = data["incomingCallContext"]
            if self.holds:
                self.held.append(context)
                continue
            self._tasks.add(task := asyncio.create_task(self._redirect(context)))
            task.add_done_callback(self._tasks.discard)
        return web.Response()

    async def _redirect(self, context: str) -> None:
        target = f'{{"kind":"phoneNumber","phoneNumber":{{"value":"{OUTSIDE}"}}}}'
        body = f'{{"incomingCallContext":"{context}","target":{target}}}'.encode()
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        date = email.utils.formatdate(usegmt=True)
        text = f"POST\n{OPERATION}\n{date};127.0.0.1:{API};{digest}"
        signed = hmac.digest(base64.b64decode(KEY), text.encode(), "sha256")
        signature = "x-ms-date;host;x-ms-content-sha256&Signature=" + base64.b64encode(signed).decode()
        headers = {
            "Authorization": f"HMAC-SHA256 SignedHeaders={signature}",
            "Content-Type": "application/json",
            "Repeatability-First-Sent": date,
            "Repeatability-Request-ID": str(uuid.uuid4()),
            "x-ms-content-sha256": digest,
            "x-ms-date": date,
        }
        async with self._session.post(OPERATION, data=body, headers=headers) as response:
            if response.status != 204:
                raise SystemExit(f"redirect: {response.status} {await response.text()}")


class Stage(AsyncExitStack):
    """The processes of one run, ended in reverse order."""

    directory: Path

    def run(self, program: Path | str, *options: str) -> subprocess.Popen[bytes]:
        """A process that ends with the stage at the latest."""
        told = None if program is STROWGER else subprocess.DEVNULL
        running = subprocess.Popen((program, *options), cwd=self.directory, stdout=told, stderr=told)
        self.callback(running.wait)
        self.callback(running.kill)
        return running

    def sipp(self, scenario: str, port: int, *options: str) -> subprocess.Popen[bytes]:
        """SIPp, which logs its times."""
        script = Path(__file__).resolve().with_name(f"{scenario}.xml")
        log = ("-trace_logs", "-log_file", f"{scenario}.times")
        return self.run("sipp", "-sf", str(script), *log, "-i", "127.0.0.1", "-p", str(port), "-nostdin", *options)

    async def call(self, calls: int, rate: float) -> None:
        """So many calls from beginning to end."""
        count = ("-m", str(calls), "-l", str(calls), "-r", f"{rate:g}")
        caller = self.sipp("caller", CALLER, *count, "-key", "dialled", NUMBER, f"127.0.0.1:{SIP}")
        await until(lambda: caller.poll() is not None, "every call has ended", calls / rate + 60)
        if caller.returncode:
            raise SystemExit(f"SIPp ended with {caller.returncode}: calls failed")


async def until(condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
    """Look until the condition holds; the program ends if it never does."""
    end = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise SystemExit(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(0.05)


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_bytes(pid: int) -> int:
    """Its proportional share of memory."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1_024


def times(path: Path) -> dict[str, float]:
    """When each Call-ID was logged."""
    lines = map(str.split, path.read_text("ascii").splitlines())
    return {call_id: float(at) for *_, at, call_id in lines}


def spread(waits_s: list[float]) -> str:
    """How long things took, in milliseconds."""
    waits = sorted(1_000 * each for each in waits_s)
    return f"p50 {waits[len(waits) // 2]:.1f} ms, p99 {waits[len(waits) * 99 // 100]:.1f} ms"


async def measure(stage: Stage, arguments: argparse.Namespace) -> None:
    application = Application()
    (stage.directory / "bench.toml").write_text(CONFIG.replace("APPLICATION", await application.start(stage)), "utf-8")
    server = stage.run(STROWGER, "serve", "--config", "bench.toml", "--log-level", "warning").pid
    stage.sipp("target", TARGET)
    await until(lambda: f":{API:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text("ascii"), "the API listens")
    await stage.call(WARM_UP, WARM_UP / 2)
    application.holds, empty = True, pss_bytes(server)
    holding = asyncio.create_task(stage.call(arguments.held, arguments.rate * 2))
    await until(lambda: len(application.held) == arguments.held or holding.done(), "all calls are held")
    print(f"{arguments.held} held calls: {(pss_bytes(server) - empty) / arguments.held:,.0f} bytes (PSS) for each")
    await application.release()
    await holding

    before = cpu_s(server)
    await stage.call(arguments.calls, arguments.rate)
    used_ms = 1_000 * (cpu_s(server) - before) / arguments.calls
    left, arrived = times(stage.directory / "caller.times"), times(stage.directory / "target.times")
    told = application.told
    print(f"{arguments.calls} calls at {arguments.rate}/s: {used_ms:.2f} ms of CPU per call")
    print(f"INVITE to event: {spread([told[call_id.partition('-')[0]] - at for call_id, at in left.items()])}")
    print(f"INVITE to INVITE: {spread([arrived[call_id] - at for call_id, at in left.items()])}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_500)
    parser.add_argument("--rate", type=int, default=100, help="calls per second")
    parser.add_argument("--held", type=int, default=1_000, help="calls held at once")
    arguments = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="strowger-bench-") as directory:
        async with Stage() as stage:
            stage.directory = Path(directory)
            await measure(stage, arguments)


if __name__ == "__main__":
    asyncio.run(main())
