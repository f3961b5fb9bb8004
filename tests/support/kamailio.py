"""Kamailio, the carrier on the far side of a trunk: a real one, small, alone on a loopback address.

It does what carriers do: asks who calls, rings numbers behind it or refuses, registers its customers and rings them
where they registered. A request that names another host it passes on there, so that a phone behind it can call us.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.server import free_ports

PROGRAM = shutil.which("kamailio") or "/usr/sbin/kamailio"
START_S = 10.0
STOP_S = 5.0
MODULES = ("tm", "sl", "rr", "pv", "maxfwd", "textops", "textopsx", "siputils", "auth", "usrloc", "registrar", "uac")
MODULES_THAT_FOLLOW = ("acc", "uac_redirect")


class Account(NamedTuple):
    """Who is known to somebody who asks for a digest."""

    username: str
    password: str
    realm: str


class Kamailio:
    """One Kamailio, on a port that stays the same while it comes and goes."""

    def __init__(
        self,
        directory: Path,
        *,
        host: str = "127.0.0.21",
        account: Account | None = None,
        asks: int = 407,
        algorithm: str = "",
        phone: str = "",
        refuses: int = 0,
        retry_after_s: int = 0,
        registers_for_s: int = 3_600,
        proves: Account | None = None,
        follows: bool = False,
    ) -> None:
        """An INVITE that is not for another host is asked for the `account`, if there is one, with the status `asks`;
        0 asks only who registers, which lasts `registers_for_s` seconds at the most. `algorithm` is SHA-256, or empty
        for an MD5 that is not named. Then the call is refused with a status, or sent to the `phone` (host:port), or to
        whoever registered as its user. `proves` answers those who challenge a call that is passed on to them, and a
        302 from there is followed if it `follows`.
        """
        (self.port,) = free_ports(1)
        self.host = host
        self._account = account
        self._asks = asks
        self._algorithm = algorithm
        self._phone = phone
        self._refuses = refuses
        self._retry_after_s = retry_after_s
        self._registers_for_s = registers_for_s
        self._proves = proves
        self._follows = follows
        self._directory = directory / f"kamailio-{self.port}"
        self._directory.mkdir()
        self._log = self._directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """What a trunk or a phone calls it."""
        return f"sip:{self.host}:{self.port}"

    @property
    def log(self) -> str:
        """Everything it said, over all its starts."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start it and wait until it answers OPTIONS. It remembers no registration of an earlier start."""
        config = self._directory / "kamailio.cfg"
        config.write_text("\n".join(self._configuration()) + "\n", encoding="ascii")
        self._process = self._spawn(config)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.bind((self.host, 0))
            asking.setblocking(False)
            async with asyncio.timeout(START_S):
                while not await self._answers(asking):
                    assert self.is_running, f"Kamailio ended by itself:\n{self.log}"

    def stop(self) -> None:
        """End it: from then on its port is closed."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(STOP_S)
            self._process = None

    def pause(self) -> None:
        """Let it answer nothing, although its port is there."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on, with what arrived meanwhile."""
        self._signal(signal.SIGCONT)

    def _spawn(self, config: Path) -> subprocess.Popen[bytes]:
        """In a process group of its own, because a killed parent would leave its children behind."""
        where = str(self._directory)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [PROGRAM, "-DD", "-E", "-f", str(config), "-Y", where, "-w", where, "-m", "16", "-M", "4"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # all of them have ended already
                os.killpg(self._process.pid, number)

    async def _answers(self, asking: socket.socket) -> bool:
        host, port = asking.getsockname()
        asking.sendto(_OPTIONS.format(uri=self.uri, host=host, port=port).encode(), (self.host, self.port))
        with contextlib.suppress(TimeoutError, ConnectionRefusedError):
            async with asyncio.timeout(0.05):
                return (await asyncio.get_running_loop().sock_recv(asking, 65_535)).startswith(b"SIP/2.0 200 ")
        return False

    # The configuration -----------------------------------------------------------------------------------------------

    def _configuration(self) -> Iterator[str]:
        yield from ("#!KAMAILIO", "debug=0", "log_stderror=yes", "children=1", "tcp_children=1", "auto_aliases=no")
        yield from ("dns=no", "rev_dns=no", 'server_header=""', 'user_agent_header=""')
        yield from (f"listen={kind}:{self.host}:{self.port}" for kind in ("udp", "tcp"))
        yield f'alias="{self.host}"'  # with any port: that of a capture too
        yield from (f'loadmodule "{name}.so"' for name in self._modules())
        yield from self._parameters()
        yield from _ROUTES.splitlines()
        yield from ("route[ASK_REGISTER] {", *self._asking(401, "www"), "}")
        yield from ("route[ASK_INVITE] {", *self._asking(self._asks, "www" if self._asks == 401 else "proxy"), "}")
        yield from ("route[SERVE] {", *self._serving(), "}")
        yield from ("failure_route[FOREIGN] {", *self._going_on(), "}")

    def _modules(self) -> tuple[str, ...]:
        return MODULES + MODULES_THAT_FOLLOW if self._follows else MODULES

    def _parameters(self) -> Iterator[str]:
        yield 'modparam("rr", "append_fromtag", 1)'
        yield 'modparam("usrloc", "db_mode", 0)'
        yield f'modparam("registrar", "max_expires", {self._registers_for_s})'
        if self._algorithm:
            yield f'modparam("auth", "algorithm", "{self._algorithm}")'
        for name in ("realm", "username", "password"):
            yield f'modparam("uac", "auth_{name}_avp", "$avp({name})")'

    def _asking(self, status: int, kind: str) -> Iterator[str]:
        if self._account is None or not status:
            yield "return;"
            return
        _, password, realm = self._account
        yield f'if ($au != "{self._account.username}" || !pv_{kind}_authenticate("{realm}", "{password}", "0")) {{'
        yield f'    {kind}_challenge("{realm}", "1");'
        yield "    exit;"
        yield "}"
        yield "consume_credentials();"

    def _serving(self) -> Iterator[str]:
        if self._refuses:
            if self._retry_after_s:
                yield f'append_to_reply("Retry-After: {self._retry_after_s}\\r\\n");'
            yield f'sl_send_reply("{self._refuses}", "Refused");'
        elif self._phone:
            yield f'$du = "sip:{self._phone}";'
            yield "t_relay();"
        else:
            yield 'if (lookup("location")) { t_relay(); } else { sl_send_reply("404", "Not Found"); }'
        yield "exit;"

    def _going_on(self) -> Iterator[str]:
        if self._proves is not None:
            yield 'if (t_check_status("401|407")) {'
            yield from (f'    $avp({name}) = "{value}";' for name, value in self._proves._asdict().items())
            yield "    if (uac_auth()) { t_relay(); exit; }"
            yield "}"
        if self._follows:
            yield 'if (t_check_status("302") && get_redirects("*")) { t_relay(); exit; }'
        yield "return;"


_OPTIONS = (
    "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKstart;rport\r\nMax-Forwards: 1\r\n"
    "From: <sip:start@{host}>;tag=1\r\nTo: <{uri}>\r\nCall-ID: start\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)

# MD5 is the only algorithm that Kamailio proves itself with, and it looks at the first challenge only.
_ROUTES = """
request_route {
    force_rport();
    if (is_method("OPTIONS") && uri == myself) { sl_send_reply("200", "OK"); exit; }
    if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
    if (has_totag()) {
        if (loose_route() || (is_method("ACK") && t_check_trans())) { t_relay(); }
        else if (!is_method("ACK")) { sl_send_reply("481", "Call Does Not Exist"); }
        exit;
    }
    if (!is_method("REGISTER|INVITE")) { sl_send_reply("405", "Method Not Allowed"); exit; }
    if (is_method("REGISTER")) {
        route(ASK_REGISTER);
        save("location");
        exit;
    }
    t_check_trans();
    record_route();
    if (uri != myself) { t_on_failure("FOREIGN"); t_relay(); exit; }
    route(ASK_INVITE);
    route(SERVE);
}
reply_route {
    if ($hdr(WWW-Authenticate) =~ "SHA-256") { remove_hf_idx("WWW-Authenticate", "0"); msg_apply_changes(); }
    if ($hdr(Proxy-Authenticate) =~ "SHA-256") { remove_hf_idx("Proxy-Authenticate", "0"); msg_apply_changes(); }
}
"""
