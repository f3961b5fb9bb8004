"""Baresip, a telephone in software, without microphone and loudspeaker; told what to do over a socket of its own."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from strowger.phones.waiting import Watch
from strowger.sip.message.message import Message, parse_message
from tests.support.server import HOST, free_ports, until

PROGRAM = shutil.which("baresip") or "/usr/bin/baresip"
MODULES = "/usr/lib/baresip/modules"
EVENT_S = 10.0
LOG_SHOWN = 6_000

CONFIG = """\
poll_method epoll
sip_listen {host}:{sip_port}
call_local_timeout 60
call_max_calls 4
audio_source ausine,440
audio_player aubridge,heard
audio_alert aubridge,rang
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 2
auplay_channels 1
rtp_ports {rtp_first}-{rtp_last}
net_interface {host}
module_path {modules}
module g711.so
module ausine.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control_port}
"""

_TRACE = re.compile(r"#\n(?:UDP|TCP|TLS) \S+:(?P<port>\d+) -> \S+\n(?P<text>.*?)\x1b\[;m", re.DOTALL)
"""A message in its log, with the port it was sent from."""

Event = dict[str, Any]


class Baresip:
    """One telephone of one user. `events` holds what it told, in the order of arrival."""

    def __init__(
        self,
        user: str,
        password: str,
        directory: Path,
        *,
        proxy_port: int,
        transport: str = "udp",
    ) -> None:
        """`proxy_port` is where the server listens on that transport. Over TLS version 1 believes any certificate."""
        self.user = user
        self.events: list[Event] = []
        self.sip_port, self._control_port = free_ports(2)
        self._rtp_port = 2 * (self.sip_port // 2) + 2
        self._directory = directory / f"baresip-{user}-{self.sip_port}"
        self._directory.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._watch = Watch()
        self._write("config", self._config())
        proxy = f"{HOST}:{proxy_port};transport={transport}"
        self._write("accounts", f'<sip:{user}@{proxy}>;auth_pass={password};outbound="sip:{proxy}";regint=60\n')

    def _config(self) -> str:
        return CONFIG.format(
            host=HOST,
            sip_port=self.sip_port,
            control_port=self._control_port,
            rtp_first=self._rtp_port,
            rtp_last=self._rtp_port + 20,
            directory=self._directory,
            modules=MODULES,
        )

    def _write(self, name: str, text: str) -> None:
        (self._directory / name).write_text(text, "utf-8")

    @property
    def log(self) -> str:
        """What it printed, every SIP message among it."""
        path = self._directory / "log"
        return path.read_bytes().decode("utf-8", "replace") if path.exists() else ""  # with the line ends of SIP

    async def start(self) -> None:
        """Start it, and wait until it can be told something."""
        self._process = self._spawn()
        await until(self._is_listening, EVENT_S, lambda: f"baresip is up:\n{self._end_of_log}")
        reader, self._writer = await asyncio.open_connection(HOST, self._control_port)
        self._listening = asyncio.create_task(self._listen(reader))

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self._directory / "log").open("ab") as log:
            arguments = [PROGRAM, "-f", str(self._directory), "-s", "-v"]
            return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    async def registered(self) -> None:
        """Wait until the server has taken its registration."""
        await self.says("200 OK () [")

    async def says(self, text: str) -> None:
        """Wait until this is in its log."""
        await until(lambda: text in self.log, EVENT_S, lambda: f"{self.user} says {text!r}:\n{self._end_of_log}")

    def sent(self, start: str, method: str = "") -> Message:
        """The first message it sent that begins so, in transactions of that method."""
        return self._message(start, method, is_ours=True)

    def received(self, start: str, method: str = "") -> Message:
        """The first message it received that begins so, in transactions of that method."""
        return self._message(start, method, is_ours=False)

    def _message(self, start: str, method: str, *, is_ours: bool) -> Message:
        wire = list(_TRACE.finditer(self.log))
        for match in wire:  # it spoke first, to register
            if (match["port"] == wire[0]["port"]) is is_ours and match["text"].startswith(start):
                message = parse_message(match["text"].encode())
                if method in ("", message.cseq.method):
                    return message
        raise AssertionError(f"{self.user} has no {start}:\n{self._end_of_log}")

    @property
    def _end_of_log(self) -> str:
        return self.log[-LOG_SHOWN:]

    def _is_listening(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"baresip ended by itself:\n{self._end_of_log}"
        wanted = f"0100007F:{self._control_port:04X}"
        return any(line.split()[1] == wanted for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:])

    async def close(self) -> None:
        """Leave nothing behind."""
        if self._listening is not None:
            self._listening.cancel()
        if self._writer is not None:
            self._writer.close()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def tell(self, command: str, parameters: str = "") -> None:
        """Give one of its own commands, such as dial, accept and hangup."""
        assert self._writer is not None
        text = json.dumps({"command": command, "params": parameters})
        self._writer.write(f"{len(text)}:{text},".encode())

    async def event(self, kind: str, *, timeout_s: float = EVENT_S) -> Event:
        """The first event of this kind, when it is there."""
        try:
            return await self._watch.until(lambda: self.told(kind), timeout_s)
        except TimeoutError:
            seen = [each["type"] for each in self.events]
            raise AssertionError(f"no {kind} within {timeout_s} s, only {seen}:\n{self._end_of_log}") from None

    def told(self, kind: str) -> Event | None:
        """The first event of this kind so far."""
        return next((each for each in self.events if each["type"] == kind), None)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Netstrings of JSON: events, and the answers to commands."""
        while length := (await reader.readuntil(b":"))[:-1]:
            told = json.loads(await reader.readexactly(int(length)))
            await reader.readexactly(1)
            if told.get("event"):
                self.events.append(told)
                self._watch.changed()
