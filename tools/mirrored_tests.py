"""Every source file has its own unit test file: src/strowger/a/b.py has tests/unit/a/test_b.py.

`python tools/mirrored_tests.py` prints what is missing and fails. tools/mirrored_tests.txt lists the exceptions, a path
below src/strowger on each line and its reason after a #. What is no longer an exception fails too: the list shrinks.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
EXCEPTIONS: Final = "tools/mirrored_tests.txt"


def mirror_of(source: Path) -> Path:
    """Where the test of `source`, a path below src/strowger, belongs below tests/unit."""
    name = source.parent.name if source.name == "__init__.py" else source.stem
    folder = source.parent.parent if source.name == "__init__.py" else source.parent
    return folder / f"test_{name}.py"


def complaints(root: Path) -> list[str]:
    """What is wrong below `root`, a sentence each."""
    excepted = _exceptions(root / EXCEPTIONS)
    untested = {
        source for source in _sources(root / "src/strowger") if not (root / "tests/unit" / mirror_of(source)).exists()
    }
    return [
        *(f"src/strowger/{each} has no tests/unit/{mirror_of(each)}" for each in sorted(untested - excepted)),
        *(f"{EXCEPTIONS} lists {each}, which is no exception any more" for each in sorted(excepted - untested)),
    ]


def _sources(package: Path) -> list[Path]:
    return [path.relative_to(package) for path in package.rglob("*.py") if _has_code(path)]


def _has_code(path: Path) -> bool:
    """Whether there is more than a docstring and imports; every file but an __init__.py counts in any case."""
    if path.name != "__init__.py":
        return True
    body = ast.parse(path.read_bytes()).body
    return any(isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for each in body)


def _exceptions(path: Path) -> set[Path]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {Path(line.partition("#")[0].strip()) for line in lines if line.partition("#")[0].strip()}


def main() -> int:
    """Print the complaints; 1 when there are any."""
    found = complaints(ROOT)
    print("\n".join(found) or "Every source file has its unit test file.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
