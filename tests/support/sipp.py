"""SIPp, the reference traffic generator, run with scenario files of ours."""

from __future__ import annotations

import asyncio
import csv
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.scenario import expanded
from tests.support.server import HOST, until

SCENARIOS = Path(__file__).resolve().parents[1] / "e2e" / "sipp"
PROGRAM = shutil.which("sipp") or "/usr/bin/sipp"
ERRORS_SHOWN = 3_000


class Sipp:
    """One run of SIPp. As a caller it ends by itself; as a target it waits for `calls` calls."""

    def __init__(
        self,
        scenario: str,
        directory: Path,
        *,
        port: int,
        remote: int | None = None,
        transport: str = "udp",
        calls: int = 1,
        rate: int = 10,
        timeout_s: int = 30,
        keys: dict[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """`options` are further ones of SIPp itself."""
        self.name = f"{scenario}-{port}"
        self._directory = directory
        self._errors = directory / f"{self.name}.errors"
        self._figures = directory / f"{self.name}.csv"
        written = directory / f"{self.name}.xml"
        written.write_text(expanded((SCENARIOS / f"{scenario}.xml").read_text("utf-8")), "utf-8")
        self._arguments = [
            PROGRAM,
            *([f"{HOST}:{remote}"] if remote else []),
            *("-sf", str(written), "-i", HOST, "-p", str(port)),
            *("-t", {"udp": "u1", "tcp": "t1"}[transport], "-max_socket", "100"),
            *("-m", str(calls), "-l", str(calls), "-r", str(rate)),
            *("-timeout", str(timeout_s), "-timeout_error", "-nostdin"),
            *("-trace_err", "-error_file", str(self._errors)),
            *("-trace_stat", "-stf", str(self._figures), "-fd", "1"),
            *(part for name, value in (keys or {}).items() for part in ("-key", name, value)),
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._port = port
        self._transport = transport

    async def start(self) -> None:
        """Start it and wait until its socket is there."""
        self._process = self._spawn()
        await until(lambda: self._is_bound() or not self.is_running, 5, f"{self.name} is bound")

    def _spawn(self) -> subprocess.Popen[bytes]:
        nothing = subprocess.DEVNULL
        return subprocess.Popen(self._arguments, cwd=self._directory, stdin=nothing, stdout=nothing, stderr=nothing)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def figures(self) -> dict[str, str]:
        """The last line of its statistics."""
        if not self._figures.exists():
            return {}
        with self._figures.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter=";"))[-1]

    @property
    def story(self) -> str:
        """What it has to say about a failure."""
        errors = self._errors.read_text("utf-8", "replace")[-ERRORS_SHOWN:] if self._errors.exists() else ""
        counts = {name: count for name, count in self.figures.items() if name in _TOLD}
        return f"{self.name} {counts}\n{errors}"

    async def succeeded(self, timeout_s: float) -> None:
        """Wait for its end; every one of its calls must have gone as the scenario says."""
        assert self._process is not None
        await until(lambda: not self.is_running, timeout_s, lambda: f"SIPp ended; {self.story}")
        assert self._process.returncode == 0, f"exit status {self._process.returncode}: {self.story}"

    def close(self) -> None:
        """Leave nothing behind."""
        if self._process is not None and self.is_running:
            self._process.kill()
            self._process.wait()

    def _is_bound(self) -> bool:
        wanted = f"0100007F:{self._port:04X}"
        table = Path("/proc/net", self._transport).read_text("ascii").splitlines()[1:]
        return any(line.split()[1] == wanted for line in table)


_TOLD = ("TotalCallCreated", "SuccessfulCall(C)", "FailedCall(C)", "Retransmissions(C)")


async def together(*runs: Sipp, timeout_s: float) -> None:
    """Every run succeeds."""
    await asyncio.gather(*(run.succeeded(timeout_s) for run in runs))
