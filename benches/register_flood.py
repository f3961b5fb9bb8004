"""5,000 REGISTERs a second with wrong passwords for 20 s, while calls are held, redirected, answered and hung up.

Once from one address, once from many that each stay below their own limit. Flood, caller (SIPp), target (SIPp),
application and server share the machine. Run it from the root: `.venv/bin/python benches/register_flood.py`; it ends
with an error when a call failed or the memory of the server grew by more than `MOST_GROWTH_MIB`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.e2e.stage import Stage
from tests.support import register_flood
from tests.support.server import HOST, NUMBER, free_ports, until

STEADY_S = 40
"""Before the flood: as many transactions end by then as begin, since they last 32 s (RFC 3261 §17)."""
MOST_GROWTH_MIB = 8
"""A tenth of what the server takes; a REGISTER of which 100 octets stayed would cost more."""
MIB = 1 << 20


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(sources: int, arguments: argparse.Namespace) -> bool:
    """One run; whether all went well."""
    with tempfile.TemporaryDirectory(prefix="strowger-flood-") as directory:
        stage = Stage(Path(directory))
        await stage.application.start()
        try:
            return await flooded(stage, sources, arguments)
        finally:
            await stage.close()


async def flooded(stage: Stage, sources: int, arguments: argparse.Namespace) -> bool:
    """Calls at a steady rate, and the flood when they are steady."""
    target_port, caller_port = free_ports(2)
    calls = arguments.rate * (STEADY_S + arguments.seconds + 2)
    server = await stage.serve(
        users={"bob": []}, passwords={"bob": "s3cret"}, trunk=f"sip:{HOST}:{target_port}", sip={"trusted": [HOST]}
    )
    stage.application.on_call = stage.redirect
    ends = {"calls": calls, "timeout_s": 2 * STEADY_S + arguments.seconds}
    await stage.sipp("target", port=target_port, **ends)
    keys = {"dialled": NUMBER}
    caller = await stage.sipp(
        "caller", port=caller_port, remote=server.sip_port, rate=arguments.rate, keys=keys, **ends
    )
    await asyncio.sleep(STEADY_S)
    before, cpu = server.resident_bytes, cpu_s(server.pid)
    flooding = register_flood.start(server.sip_port, rate=arguments.flood, seconds=arguments.seconds, sources=sources)
    during = []
    while flooding.poll() is None:
        during.append(server.resident_bytes)
        await asyncio.sleep(0.25)
    used = cpu_s(server.pid) - cpu
    told = register_flood.report(flooding)
    await until(lambda: not caller.is_running, 2 * STEADY_S, "every call has ended")
    after = server.resident_bytes
    named = "strowger_sip_refused_total"
    refused = {name.partition('"')[2][:-2]: count for name, count in server.metrics.items() if name.startswith(named)}
    figures = {name: int(caller.figures[f"{name}(C)"]) for name in ("SuccessfulCall", "FailedCall", "Retransmissions")}
    print(f"{sources} source(s): {told['sent']} REGISTERs, {told['per_second']} a second; answered: {told['heard']}")
    print(f"  refused: { {name: round(count) for name, count in refused.items() if count} }")
    print(f"  of {calls} calls: {figures}")
    print(f"  RSS in MiB: {before / MIB:.1f} before, {max(during) / MIB:.1f} at most, {after / MIB:.1f} after")
    print(f"  CPU of the server: {100 * used / arguments.seconds:.0f} % of one processor")
    growth = (max(*during, after) - before) / MIB
    return figures["SuccessfulCall"] == calls and growth <= MOST_GROWTH_MIB


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flood", type=float, default=5_000, help="REGISTERs a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rate", type=int, default=10, help="calls a second")
    parser.add_argument("--sources", type=int, nargs="*", default=[1, 250])
    arguments = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    outcomes = [await measure(sources, arguments) for sources in arguments.sources]
    if not all(outcomes):
        sys.exit("a call failed, or the memory grew")


if __name__ == "__main__":
    asyncio.run(main())
