"""The demonstration of `make demo`: it shows a whole call, and it does not claim success when a part is missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
DEMO_S = 60


def play(**environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py")],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=DEMO_S,
        check=False,
    )


def times(output: str) -> list[float]:
    return [float(found) for found in re.findall(r"^ *([0-9]+\.[0-9]) [|]", output, re.MULTILINE)]


@pytest.fixture(scope="module")
def demo() -> subprocess.CompletedProcess[str]:
    return play()


def test_demo_shows_one_redirected_call(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "| INVITE +31201110001 ->|" in demo.stdout
    for step in ("event IncomingCall", "POST :redirect", "204 No Content", "INVITE bob", "ACK bob", "BYE bob"):
        assert demo.stdout.count(f" {step} ") == 1
    assert demo.stdout.rstrip().endswith("as the application said.")


def test_demo_prints_plain_text_with_times_in_order(demo: subprocess.CompletedProcess[str]) -> None:
    seen = times(demo.stdout)
    assert seen[0] == 0.0
    assert seen == sorted(seen)
    assert max(map(len, demo.stdout.splitlines())) <= 80
    assert "\x1b" not in demo.stdout
    assert demo.stderr == ""


def test_demo_fails_with_the_reason_when_the_application_cannot_start(tmp_path: Path) -> None:
    broken = tmp_path / "azure"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('this SDK is broken')\n")
    failed = play(PYTHONPATH=os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    assert failed.returncode == 1
    assert "this SDK is broken" in failed.stdout
    assert "The demonstration failed: the application ended before it said 'Subscribed.'." in failed.stdout


def test_demo_fails_with_the_reason_when_the_server_cannot_start(tmp_path: Path) -> None:
    broken = tmp_path / "uvloop"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('this loop is broken')\n")
    failed = play(PYTHONPATH=os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    assert failed.returncode == 1
    assert "The demonstration failed: the server ended while it started." in failed.stdout
