"""The program under test: configured, started, killed and started again as a user would, with its log kept."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

HOST = "127.0.0.1"
RESOURCE_ID = "1b5cc06b-f352-4571-b1e6-d9b259b7c776"
OTHER_RESOURCE_ID = "2c6dd17c-0463-4682-a2f7-eaca360a8887"
KEY_OCTETS = b"the access key of the e2e tests!"
KEY = base64.b64encode(KEY_OCTETS).decode()
OTHER_KEY = base64.b64encode(b"the key of the other resource!!!").decode()
NUMBER = "+31201110001"
SECOND_NUMBER = "+31201110002"
THIRD_NUMBER = "+31201110003"
OUTSIDE = "+31612345678"
STROWGER = Path(sys.executable).parent / "strowger"
READY_S = 20.0
STOP_S = 10.0

Document = dict[str, Any]
DEV_ISSUER: Document = {
    "resource": "main",
    "issuer": "https://dev.example",
    "jwks_url": "dev",
    "allowed": ["an-application"],
}
"""An issuer of tokens that is the server itself."""
TEAMS_ISSUER: Document = {**DEV_ISSUER, "tenant": "9d2b7c70-0000-4000-8000-0000000000c3"}
"""The same, for a tenant."""
TEAMS_USER = "6d6c7a70-0000-4000-8000-0000000000b2"
TEAMS_APPLICATION = "6d6c7a70-0000-4000-8000-0000000000a1"


def user_id(name: str) -> str:
    """The raw id of a user of the resource."""
    return f"8:acs:{RESOURCE_ID}_{name}"


def free_ports(count: int) -> list[int]:
    """Ports free for UDP and TCP, below those that the system gives to clients: nobody takes one before we do."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(12_000, 32_000)
        if port not in found and _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as attempt:
            try:
                attempt.bind((HOST, port))
            except OSError:
                return False
    return True


async def until(condition: Callable[[], object], timeout_s: float, what: Callable[[], str] | str) -> None:
    """Look until the condition holds: for things outside of this process, which cannot tell us."""
    end = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"not within {timeout_s} s: {what if isinstance(what, str) else what()}")
        await asyncio.sleep(0.02)


UNLIMITED: Final[Document] = {
    f"{of}{limit}": 0 for of in ("", "caller_") for limit in ("calls", "calls_per_minute", "calls_per_day")
}
"""Calls to the outside: tests place more of them in a minute than a stolen key should."""


def document(
    *,
    endpoint: str,
    users: Mapping[str, Sequence[str]] | None = None,
    trunks: Mapping[str, str | Document] | None = None,
    routes: Sequence[tuple[str, str, str | list[str]]] = (),
    passwords: Mapping[str, str] | None = None,
    keys: bool = True,
    outside: Document = UNLIMITED,
    subscriptions: Sequence[Document] = (),
    filters: Document | None = None,
    number: Document | None = None,
    resource: Document | None = None,
    **tables: Any,
) -> Document:
    """Settings with our numbers, users by name and contacts, trunks by name and URI or all their rows, routes as kind,
    match and trunk or trunks; without `keys` the server makes them. An empty `outside` is for the limits that calls to
    there have by default, `filters` are of the subscription that `endpoint` has, `subscriptions` come beside it;
    `number` has further rows of the first number and `resource` of its resource; `tables` lie over the rest."""
    main = {"name": "main", "id": RESOURCE_ID, "hosts": [HOST], "keys": [KEY] if keys else []} | (resource or {})
    other = {"name": "other", "id": OTHER_RESOURCE_ID, "hosts": ["localhost"], "keys": [OTHER_KEY] if keys else []}
    names = {name: list(contacts) for name, contacts in (users or {}).items()}
    result: Document = {
        **tables,
        "resource": [main, other],
        "number": [
            {"resource": "main", "e164": e164} | ((number or {}) if e164 == NUMBER else {})
            for e164 in (NUMBER, SECOND_NUMBER, THIRD_NUMBER)
        ],
        "user": [
            {"resource": "main", "name": name, "id": user_id(name), "contacts": contacts}
            | ({"sip_password": passwords[name]} if passwords and name in passwords else {})
            for name, contacts in names.items()
        ],
        "subscription": [
            {"resource": "main", "name": "app", "endpoint": endpoint} | (filters or {}),
            *({"resource": "main", **each} for each in subscriptions),
        ],
        "events": {"private_targets": "allow"} | tables.get("events", {}),
        "trunk": [
            # Scripted peers say what a test tells them, and OPTIONS would be out of their script.
            {"name": name, "options": "off", **(rows if isinstance(rows, dict) else {"uri": rows})}
            for name, rows in (trunks or {}).items()
        ],
        "outside": [outside],
        "route": [{"kind": kind, "match": match, "to": to} for kind, match, to in routes],
    }
    return {name: value for name, value in result.items() if value and value != [{}]}


def toml(settings: Document) -> str:
    """The document as TOML: tables, arrays of tables, and in them what may be in a list of a row."""
    lines: list[str] = []
    for name, value in settings.items():
        for table in value if isinstance(value, list) else [value]:
            lines.append(f"[[{name}]]" if isinstance(value, list) else f"[{name}]")
            lines += [f"{key} = {_literal(entry)}" for key, entry in table.items()]
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_literal(each)}' for name, each in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False)


class Server:
    """`strowger serve`, in a process of its own. Ports and data stay the same over restarts."""

    def __init__(self, directory: Path, settings: Document) -> None:
        self.sip_port, self.api_port, self.console_port, self.metrics_port, *others = free_ports(7)
        self.ws_port, self.tls_port, self.wss_port = others
        self.directory = directory
        self.log_path = directory / "server.log"
        self.config = directory / "strowger.toml"
        self.config.write_text(toml(self._completed(settings)), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def _completed(self, settings: Document) -> Document:
        fixed: Document = {
            "server": {"data_dir": str(self.directory / "data"), "public_url": self.api_origin, "node": "e2e"},
            "listen": {
                "api": [f"{HOST}:{self.api_port}"],
                "console": [f"{HOST}:{self.console_port}"],
                "metrics": [f"{HOST}:{self.metrics_port}"],
                "sip": [
                    f"{kind}:{host}:{port}"
                    for kind, port in (("udp", self.sip_port), ("tcp", self.sip_port), ("ws", self.ws_port))
                    for host in (HOST, "[::1]")
                ]
                + [f"tls:{HOST}:{self.tls_port}", f"wss:{HOST}:{self.wss_port}"],
            },
        }
        return {**fixed, **settings}

    @property
    def sip_address(self) -> str:
        """What a phone takes as its proxy."""
        return f"udp:{HOST}:{self.sip_port}"

    @property
    def api_origin(self) -> str:
        """Scheme, host and port of the API."""
        return f"https://{HOST}:{self.api_port}"

    @property
    def metrics(self) -> dict[str, float]:
        """What the server measures, by name with labels, as Prometheus would read it."""
        with urllib.request.urlopen(f"http://{HOST}:{self.metrics_port}/metrics", timeout=5) as response:
            lines = response.read().decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def subscription(self, name: str) -> str:
        """What the server says of how a subscription is."""
        token = (self.directory / "data" / "admin.token").read_text("ascii").strip()
        url = f"http://{HOST}:{self.console_port}/admin/subscriptions/{name}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=5) as response:
            return str(json.loads(response.read())["why"])

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None
        return self._process.pid

    @property
    def resident_bytes(self) -> int:
        """Octets of the process in memory."""
        pages = Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def connection_string(self) -> str:
        """For the resource that owns the numbers."""
        return f"endpoint={self.api_origin}/;accesskey={KEY}"

    def entra_token(self, *more: str) -> str:
        """What `strowger token entra` prints."""
        return self._token("entra", *more)

    def teams_token(self, user: str, application: str, *more: str) -> str:
        """What `strowger token teams` prints."""
        return self._token("teams", "--user", user, "--app", application, *more)

    def _token(self, kind: str, *more: str) -> str:
        arguments = [str(STROWGER), "token", kind, "--config", str(self.config), *more]
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=READY_S, check=True, env=_clean_environment()
        )
        return done.stdout.strip()

    @property
    def authority(self) -> Path:
        """The certificate that clients have to trust."""
        return self.directory / "data" / "tls" / "ca.pem"

    @property
    def log(self) -> str:
        """Everything the program said, over all its starts."""
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self._process = self._spawn()
        await until(self._is_ready_or_over, READY_S, "the server is ready")
        assert self.is_running, f"the server ended by itself:\n{self.log}"

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [str(STROWGER), "serve", "--config", str(self.config), "--log-level", "debug"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_clean_environment(),
            )

    def kill(self) -> None:
        """kill -9: no chance to tidy up."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """Stop it as a service manager does; the exit status."""
        return self._end(signal.SIGTERM)

    def close(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        if self.is_running:
            self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def _is_ready_or_over(self) -> bool:
        if not self.is_running:
            return True
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.console_port}/readyz", timeout=1) as response:
                return response.status == 200
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False


def _clean_environment() -> dict[str, str]:
    """Ours, without settings that somebody may have exported."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STROWGER")}
