"""One redirected call on this machine, with nothing faked: `make demo`.

Starts the server and the application of redirect_app.py as processes of their own, the way a user does, and two
scripted phones. A caller dials a number, the application is told and redirects the call to bob, bob answers. All of it
goes over loopback: SIP over UDP, the event over HTTP, the API over TLS with the official SDK. Exits with 0 when every
part of that happened, with 1 and the reason otherwise.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from ladder import Step, draw

from strowger.phones.behaviours import Answer
from strowger.phones.errors import PhoneError
from strowger.phones.incoming import LegState
from strowger.phones.phone import Phone
from strowger.phones.trace import TraceLine
from strowger.phones.waiting import Watch

CALLER = "+31612345678"
NUMBER = "+31201110001"
RESOURCE_ID = "1b5cc06b-f352-4571-b1e6-d9b259b7c776"
BOB = f"8:acs:{RESOURCE_ID}_00000000-0000-0000-0000-000000000002"

DEMO_S = 50.0
STEP_S = 15.0
LINES_KEPT = 40
RINGS_FOR_S = 0.2
PAUSE_S = 0.05

SETTINGS = """\
[server]
data_dir = "{data}"
public_url = "https://127.0.0.1:{api}"
[listen]
api = ["127.0.0.1:{api}"]
console = ["127.0.0.1:{console}"]
metrics = []
sip = ["udp:127.0.0.1:{sip}"]
[[resource]]
name = "demo"
id = "{resource}"
hosts = ["127.0.0.1"]
keys = ["{key}"]
[[number]]
resource = "demo"
e164 = "{number}"
[[user]]
resource = "demo"
name = "bob"
id = "{bob}"
contacts = ["{contact}"]
[events]
private_targets = "allow"
[[subscription]]
resource = "demo"
name = "app"
endpoint = "http://127.0.0.1:{app}/api/incomingCall"
"""

PARTIES = ("caller", "Strowger", "application", "bob")
CALLER_LANE, SERVER_LANE, APPLICATION_LANE, BOB_LANE = range(len(PARTIES))
CHAPTERS = {
    (CALLER_LANE, SERVER_LANE): f"1  A call to {NUMBER} arrives. Strowger holds it; the caller hears ringing.",
    (SERVER_LANE, APPLICATION_LANE): "2  The application is told of it, and redirects it to bob.",
    (SERVER_LANE, BOB_LANE): "3  Bob's phone rings and answers.",
    (CALLER_LANE, BOB_LANE): "4  They talk to each other directly, without Strowger in between.",
}


class DemoFailed(Exception):
    """The demonstration did not go as it should; the text says why."""


class Program:
    """A process whose output is read line by line."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, told: Callable[[str], None]) -> None:
        self.name = name
        self.output: deque[str] = deque(maxlen=LINES_KEPT)
        self._process = process
        self._told = told
        self._watch = Watch()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls, name: str, *arguments: str, environ: Mapping[str, str], told: Callable[[str], None] = lambda line: None
    ) -> Program:
        """Start `arguments` with this Python; `told` is called with each line of output."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        return cls(name, process, told)

    @property
    def has_ended(self) -> bool:
        """Whether the process has closed its output."""
        return self._reading.done()

    async def says(self, start: str) -> None:
        """Wait for a line that begins so. Raises DemoFailed."""
        try:
            await self._watch.until(lambda: self._has_said(start) or self.has_ended or None, STEP_S)
        except TimeoutError:
            raise DemoFailed(f"the {self.name} did not say {start!r} within {STEP_S:.0f} s") from None
        if not self._has_said(start):
            raise DemoFailed(f"the {self.name} ended before it said {start!r}")

    async def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(STEP_S / 3):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading

    def _has_said(self, start: str) -> bool:
        return any(line.startswith(start) for line in self.output)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        self._reading.add_done_callback(lambda _: self._watch.changed())
        async for raw in self._process.stdout:
            line = raw.decode(errors="backslashreplace").rstrip()
            self.output.append(line)
            self._told(line)
            self._watch.changed()


class Demo:
    """The parts of the demonstration, and what was seen of the call."""

    def __init__(self, stack: AsyncExitStack, directory: Path) -> None:
        self.programs: list[Program] = []
        self.steps: list[Step] = []
        self._stack = stack
        self._directory = directory
        self._key = base64.b64encode(secrets.token_bytes(32)).decode()
        self._ports = dict(zip(("api", "console", "sip", "app"), free_ports(4), strict=True))
        self._lanes: dict[str, int] = {f"udp:127.0.0.1:{self._ports['sip']}": SERVER_LANE}
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("STROWGER__")}

    async def run(self) -> None:
        """Everything, in order. Raises DemoFailed, PhoneError."""
        caller = await self._phone(CALLER, CALLER_LANE)
        bob = await self._phone("bob", BOB_LANE, Answer(RINGS_FOR_S))
        say("Starting the server …")
        await self._start_server(bob.uri)
        say("Starting the application …")
        application = await self._start_application()
        say(f"Calling {NUMBER} …\n")
        call = caller.call(f"sip:{NUMBER}@127.0.0.1:{self._ports['sip']}")
        await call.wait_for(200, STEP_S)
        leg = await bob.leg(timeout_s=STEP_S)
        await leg.reached(LegState.CONFIRMED, STEP_S)
        await application.says("Redirected.")
        await application.says(f"IncomingCall to {BOB}")
        if await call.hang_up() != 200 or leg.byes != 1:
            raise DemoFailed("bob did not hear that the caller hung up")

    # Parts

    async def _phone(self, user: str, lane: int, behaviour: Answer | None = None) -> Phone:
        phone = await Phone.open(user=user, behaviour=behaviour, trace=lambda line: self._signalled(lane, line))
        self._stack.push_async_callback(phone.close)
        self._lanes[phone.address] = lane
        return phone

    async def _start_server(self, contact: str) -> None:
        settings = self._directory / "strowger.toml"
        text = SETTINGS.format(
            data=self._directory,
            resource=RESOURCE_ID,
            key=self._key,
            number=NUMBER,
            bob=BOB,
            contact=contact,
            **self._ports,
        )
        settings.write_text(text)
        settings.chmod(0o600)
        server = await Program.start(
            "server", "-m", "strowger", "serve", "--config", str(settings), environ=self._environ
        )
        self._keep(server)
        await self._ready(server)

    async def _ready(self, server: Program) -> None:
        url = f"http://127.0.0.1:{self._ports['console']}/readyz"
        try:
            async with asyncio.timeout(STEP_S), aiohttp.ClientSession() as session:
                while not await answers_200(session, url):
                    if server.has_ended:
                        raise DemoFailed("the server ended while it started")
                    await asyncio.sleep(PAUSE_S)
        except TimeoutError:
            raise DemoFailed(f"the server was not ready within {STEP_S:.0f} s") from None

    async def _start_application(self) -> Program:
        authority = str(self._directory / "tls" / "ca.pem")
        environ = {
            **self._environ,
            "CONNECTION_STRING": f"endpoint=https://127.0.0.1:{self._ports['api']}/;accesskey={self._key}",
            "REQUESTS_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        script = str(Path(__file__).with_name("redirect_app.py"))
        application = await Program.start(
            "application", script, NUMBER, BOB, str(self._ports["app"]), environ=environ, told=self._told
        )
        self._keep(application)
        await application.says("Subscribed.")
        return application

    def _keep(self, program: Program) -> None:
        self.programs.append(program)
        self._stack.push_async_callback(program.stop)

    # What is seen

    def _signalled(self, lane: int, line: TraceLine) -> None:
        peer = self._lanes.get(line.peer, SERVER_LANE)
        if line.direction == "->":
            self._saw(lane, peer, short(line.summary), line.at)
        elif peer == SERVER_LANE:  # what one phone receives from the other was seen when it was sent
            self._saw(peer, lane, short(line.summary), line.at)

    def _told(self, line: str) -> None:
        now = asyncio.get_running_loop().time()
        if line.startswith("IncomingCall to 4:"):
            self._saw(SERVER_LANE, APPLICATION_LANE, "event IncomingCall", now)
            self._saw(APPLICATION_LANE, SERVER_LANE, "POST :redirect", now)
        elif line.startswith("IncomingCall to 8:"):
            self._saw(SERVER_LANE, APPLICATION_LANE, "event, to=bob", now)
        elif line.startswith("Redirected."):
            self._saw(SERVER_LANE, APPLICATION_LANE, "204 No Content", now)

    def _saw(self, sender: int, receiver: int, label: str, at_s: float) -> None:
        chapter = CHAPTERS.get((sender, receiver), "")
        self.steps.append(Step(at_s, sender, receiver, label, chapter))


def short(summary: str) -> str:
    """`INVITE sip:bob@127.0.0.1:5071` as `INVITE bob`; responses as they are."""
    method, _, uri = summary.partition(" sip:")
    return f"{method} {uri.partition('@')[0]}" if uri else summary


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody uses, neither over TCP nor over UDP."""
    found: list[int] = []
    kept: list[socket.socket] = []
    while len(found) < count:
        stream, datagram = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        kept += [stream, datagram]
        stream.bind(("127.0.0.1", 0))
        try:
            datagram.bind(stream.getsockname())
        except OSError:
            continue
        found.append(stream.getsockname()[1])
    for each in kept:
        each.close()
    return found


async def answers_200(session: aiohttp.ClientSession, url: str) -> bool:
    """Whether a GET succeeds."""
    try:
        async with session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


def say(text: str) -> None:
    """Tell the person in front of the screen, at once."""
    print(text, flush=True)


async def main() -> int:
    """Play the demonstration; the exit status."""
    with tempfile.TemporaryDirectory(prefix="strowger-demo-") as directory:
        async with AsyncExitStack() as stack:
            demo = Demo(stack, Path(directory))
            reason = await play(demo)
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        if demo.steps:
            say("\n".join(draw(PARTIES, demo.steps, colour=colour)))
        if not reason:
            say(f"\nDone. The caller dialled {NUMBER} and reached bob, as the application said.")
            return 0
    for program in demo.programs:
        say(f"\nThe {program.name} said:\n" + "\n".join(f"  {line}" for line in program.output))
    say(f"\nThe demonstration failed: {reason}.")
    return 1


async def play(demo: Demo) -> str:
    """Why the demonstration failed, or nothing."""
    try:
        async with asyncio.timeout(DEMO_S):
            await demo.run()
    except (DemoFailed, PhoneError) as error:
        return str(error)
    except TimeoutError:
        return f"it took longer than {DEMO_S:.0f} s"
    except OSError as error:
        return f"the system refused: {error}"
    return ""


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
