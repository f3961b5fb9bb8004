"""The house rules that no linter knows: locks, generated pages, sizes, and the scripts that prepare a machine."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.docs import PAGES
from tools.mirrored_tests import complaints, mirror_of

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src/strowger").rglob("*.py"))

MOST_LINES_OF_A_FUNCTION = 60
MOST_LINES_OF_A_FILE = 600

REQUIREMENT = re.compile(
    r"^([A-Za-z0-9._-]+)==(\S+)( ; [^\\]+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)


def locked(name: str) -> dict[str, str]:
    """Package and version of every requirement that has hashes in a lock."""
    return {each[1]: each[2] for each in REQUIREMENT.finditer((ROOT / "requirements" / name).read_text())}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_up_to_date(page: str) -> None:
    assert (ROOT / page).read_text(encoding="utf-8") == PAGES[page](), "run make docs"


@pytest.mark.parametrize("name", ["runtime.lock", "dev.lock"])
def test_a_lock_has_hashes_and_no_place(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    assert len(locked(name)) == len(re.findall(r"^\S+==", text, re.M)) > 10
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_what_is_tested_is_what_is_run() -> None:
    development = locked("dev.lock")
    assert {name: development[name] for name in locked("runtime.lock")} == locked("runtime.lock")


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert text.rstrip().endswith("limitations under the License.")


def test_continuous_integration_has_no_command_of_its_own() -> None:
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "make test"


def test_every_command_of_the_makefile_is_phony() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]\w*):", text, re.M))
    phony = {word for line in re.findall(r"^\.PHONY:(.*)$", text, re.M) for word in line.split()}
    assert targets == phony


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src/strowger")))
def test_files_and_functions_stay_small(path: Path) -> None:
    long = [each.name for each in functions(path) if (each.end_lineno or 0) - each.lineno >= MOST_LINES_OF_A_FUNCTION]
    assert long == []
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES_OF_A_FILE


@pytest.mark.parametrize(
    ("source", "test"),
    [
        ("tls.py", "test_tls.py"),
        ("sip/message/uri.py", "sip/message/test_uri.py"),
        ("cli/__init__.py", "test_cli.py"),
        ("sip/message/__init__.py", "sip/test_message.py"),
    ],
)
def test_where_a_test_belongs(source: str, test: str) -> None:
    assert mirror_of(Path(source)) == Path(test)


def test_a_source_without_its_test_is_found_and_an_old_exception_too(tmp_path: Path) -> None:
    for name, text in {
        "src/strowger/__init__.py": '"""Only words."""\n',
        "src/strowger/a.py": "",
        "src/strowger/b.py": "",
        "src/strowger/c.py": "",
        "src/strowger/d/__init__.py": "def main(): ...\n",
        "tests/unit/test_a.py": "",
        "tools/mirrored_tests.txt": "# why\n\nb.py  # because\na.py  # was true once\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert complaints(tmp_path) == [
        "src/strowger/c.py has no tests/unit/test_c.py",
        "src/strowger/d/__init__.py has no tests/unit/test_d.py",
        "tools/mirrored_tests.txt lists a.py, which is no exception any more",
    ]


@pytest.mark.parametrize("folder", [ROOT / "tests/browser", ROOT / "tests/javascript"], ids=lambda path: path.name)
def test_what_the_tests_in_javascript_are_made_of_is_locked_and_comes_from_any_registry(folder: Path) -> None:
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert packages.pop("")["dependencies"] == wanted
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_what_is_to_be_ignored_is_not_committed() -> None:
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(listing, capture_output=True, text=True, check=False, timeout=20).stdout == ""


NEEDED = {"sipp": "sip-tester", "kamailio": "kamailio", "baresip": "baresip-core", "chromium": "chromium"}
NEEDED |= {"node": "nodejs", "npm": "npm"}
"""The programs of the tests, and the packages that bring them."""


class Machine:
    """A machine that has only the programs given to it, seen by tools/prepare.sh."""

    def __init__(self, directory: Path) -> None:
        self._programs = directory

    def install(self, name: str, script: str) -> None:
        path = self._programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def prepare(self, what: str) -> subprocess.CompletedProcess[str]:
        script = ROOT / "tools/prepare.sh"
        environ = {"PATH": str(self._programs), "SBIN": ""}
        return subprocess.run(
            ["/bin/bash", script, what], env=environ, capture_output=True, text=True, check=False, timeout=20
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Somebody who is not root."""
    machine = Machine(tmp_path)
    machine.install("id", "echo 1000")
    return machine


def test_without_root_the_missing_package_is_named(machine: Machine) -> None:
    machine.install("apt-get", "echo must not be called; exit 7")
    machine.install("kamailio", "exit 0")
    done = machine.prepare("tests")
    assert (done.returncode, done.stdout) == (1, "")
    missing = " ".join(package for program, package in NEEDED.items() if program != "kamailio")
    assert f"Missing: {missing}\n" in done.stderr
    assert f"sudo apt-get install --no-install-recommends {missing}\n" in done.stderr


def test_with_root_the_missing_package_is_installed(machine: Machine, tmp_path: Path) -> None:
    machine.install("id", "echo 0")
    machine.install("apt-get", f'echo "$DEBIAN_FRONTEND $*" >> {tmp_path}/log')
    assert machine.prepare("tests").returncode == 0
    assert (tmp_path / "log").read_text().splitlines() == [
        "noninteractive update -qq",
        f"noninteractive install -qq -y --no-install-recommends {' '.join(NEEDED.values())}",
    ]


def test_nothing_is_installed_when_all_is_there(machine: Machine) -> None:
    for program in NEEDED:
        machine.install(program, "exit 0")
    done = machine.prepare("tests")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_old_python_is_told(machine: Machine) -> None:
    machine.install("python3", 'if [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi')
    done = machine.prepare("python")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Strowger needs Python 3.11 or newer; python3 here is Python 3.9.2." in done.stderr
    assert "Missing: python3 python3-venv" in done.stderr


def test_a_python_that_cannot_make_environments_is_told(machine: Machine, tmp_path: Path) -> None:
    answers = f'case "$2" in *executable*) echo {tmp_path}/python3 ;; *ensurepip*) exit 1 ;; *%d*) echo 3.11 ;; esac'
    machine.install("python3", answers)
    done = machine.prepare("python")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Missing: python3.11-venv" in done.stderr


def test_a_good_python_is_named_and_one_that_does_not_start_passed_over(machine: Machine, tmp_path: Path) -> None:
    machine.install("python3.11", "exit 127")
    machine.install("python3", f'case "$2" in *executable*) echo {tmp_path}/python3 ;; esac')
    done = machine.prepare("python")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path}/python3\n", "")
