"""`python -m strowger`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from strowger import __version__


@pytest.mark.slow
def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "strowger", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == f"Strowger {__version__}\n"
