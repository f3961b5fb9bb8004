"""A flood of REGISTERs with wrong passwords, from one address of this machine or from many: a process of its own.

Each source asks, is challenged, and answers the challenge with a digest that is wrong; when it hears nothing it goes on
all the same. `python -m tests.support.register_flood PORT --rate 5000 --seconds 20 --sources 250` prints what was sent
and what came back, as JSON.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
FIRST_SOURCE = IPv4Address("127.0.1.1")
TICK_S = 0.002
USERS = 50
REGISTER = (
    b"REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %b;branch=z9hG4bKf%d;rport\r\nMax-Forwards: 70\r\n"
    b"From: <sip:user%d@127.0.0.1>;tag=1\r\nTo: <sip:user%d@127.0.0.1>\r\nCall-ID: f%d\r\nCSeq: 1 REGISTER\r\n"
    b"Contact: <sip:evil@%b>\r\n%bContent-Length: 0\r\n\r\n"
)
AUTHORIZATION = (
    b'Authorization: Digest username="user%d", realm="strowger", nonce="%b", uri="sip:127.0.0.1", algorithm=SHA-256, '
    b'qop=auth, nc=00000001, cnonce="x", response="%064x"\r\n'
)


class Source:
    """One address that floods."""

    def __init__(self, address: IPv4Address, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((str(address), 0))
        self.socket.connect((HOST, port))
        self.socket.setblocking(False)
        self._host = f"{address}:{self.socket.getsockname()[1]}".encode()
        self._nonce = b""
        self.heard: Counter[str] = Counter()

    def send(self, number: int) -> bool:
        """One REGISTER; with a wrong digest if there is a challenge to answer. Whether it left."""
        user, proof = number % USERS, b""
        if self._nonce:
            proof, self._nonce = AUTHORIZATION % (user, self._nonce, number), b""
        try:
            self.socket.send(REGISTER % (self._host, number, user, user, number, self._host, proof))
        except (BlockingIOError, ConnectionError):
            return False
        return True

    def receive(self) -> None:
        """Read every answer that is there."""
        while True:
            try:
                answer = self.socket.recv(65_535)
            except (BlockingIOError, ConnectionError):
                return
            self.heard[answer[8:11].decode("ascii")] += 1
            _, found, rest = answer.partition(b'nonce="')
            if found:
                self._nonce = rest.partition(b'"')[0]


def flood(port: int, rate: float, seconds: float, sources: int) -> dict[str, Any]:
    """So many REGISTERs a second, by all sources in turn."""
    selector = selectors.DefaultSelector()
    every = [Source(FIRST_SOURCE + number, port) for number in range(sources)]
    for source in every:
        selector.register(source.socket, selectors.EVENT_READ, source)
    began, number, sent = time.monotonic(), 0, 0
    while (gone := time.monotonic() - began) < seconds:
        while number < gone * rate:
            sent += every[number % sources].send(number)
            number += 1
        for key, _ in selector.select(TICK_S):
            key.data.receive()
    heard: Counter[str] = Counter()
    for source in every:
        source.receive()
        heard += source.heard
        source.socket.close()
    return {"sent": sent, "per_second": round(sent / gone), "heard": dict(heard)}


def start(port: int, *, rate: float, seconds: float, sources: int) -> subprocess.Popen[bytes]:
    """The flood in a process of its own."""
    options = ["--rate", str(rate), "--seconds", str(seconds), "--sources", str(sources)]
    command = [sys.executable, "-m", "tests.support.register_flood", str(port), *options]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def report(flooding: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What it printed, once it has ended."""
    printed, _ = flooding.communicate(timeout=60)
    told: dict[str, Any] = json.loads(printed)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=5_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--sources", type=int, default=1)
    arguments = parser.parse_args()
    print(json.dumps(flood(arguments.port, arguments.rate, arguments.seconds, arguments.sources)))


if __name__ == "__main__":
    main()
