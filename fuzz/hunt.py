"""How a fuzz target is run: by mutations of good inputs, which need nothing, or by atheris, guided by coverage.

A find is printed as a Python literal, ready to become a named unit test.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

SLOW_SECONDS = 0.25
"""No input may take longer; the largest takes a few milliseconds, and this leaves room for a busy machine."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is fuzzed: `examine` raises whatever is a find, `mutate` makes one input out of `corpus`."""

    name: str
    examine: Callable[[bytes], None]
    mutate: Callable[[random.Random, list[bytes]], bytes]
    corpus: list[bytes]


def main(target: Target, description: str | None) -> int:
    """Chooses between the two ways; the status of the process."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, help="run pure-Python mutations for that long")
    parser.add_argument("--seed", type=int, default=1, help="seed of the mutations, default 1")
    options, rest = parser.parse_known_args()
    if options.seconds is None:
        return run_atheris(target, rest)
    return run_mutations(target, options.seconds, options.seed)


def run_mutations(target: Target, seconds: float, seed: int) -> int:
    """Runs for that long; 0 when nothing was found, 1 after the first find."""
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    count, slowest = 0, 0.0
    while time.monotonic() < end:
        data = target.mutate(chance, target.corpus)
        started = time.process_time()
        try:
            target.examine(data)
        except Exception:  # noqa: BLE001  whatever it is, it is the find
            sys.excepthook(*sys.exc_info())
            print(f"seed {seed}, input {count}: {data!r}")
            return 1
        took = time.process_time() - started
        slowest = max(slowest, took)
        if took > SLOW_SECONDS:
            print(f"seed {seed}, input {count} took {took:.3f} s: {data!r}")
            return 1
        count += 1
    print(f"{target.name}: {count} inputs, seed {seed}, slowest {slowest * 1000:.1f} ms, no find")
    return 0


def run_atheris(target: Target, arguments: list[str]) -> int:
    """Hands over to atheris, which ends the process itself."""
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: use --seconds N, or install atheris to be guided by coverage", file=sys.stderr)
        return 2
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *arguments], target.examine)
    atheris.Fuzz()
    return 0
