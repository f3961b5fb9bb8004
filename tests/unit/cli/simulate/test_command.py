"""`strowger simulate call`: options in, ladder and exit code out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strowger.cli import main
from strowger.cli.dev.directory import DevDirectory, DevStart
from strowger.cli.errors import Misconfigured
from strowger.cli.simulate import scenario as scenarios
from strowger.cli.simulate.command import dialled_ids, raw_id, sip_address
from strowger.cli.simulate.ladder import Arrow
from strowger.cli.simulate.scenario import Callee, Outcome, Scenario
from strowger.cli.target import settings_of
from strowger.console.views import view
from strowger.phones.behaviours import Busy
from strowger.phones.errors import AddressInvalid
from strowger.settings import Listen, Settings
from tests.support.console import a_redirected_call

LANES = ["+31612345678", "Strowger", "application"]
ARROWS = [Arrow(0.2001, "Strowger", "+31612345678", "200 OK"), Arrow(0.0, "+31612345678", "Strowger", "INVITE")]


class Stage:
    """What the command wanted to be played, and what it is told."""

    def __init__(self) -> None:
        self.played: Scenario
        self.has_admin = False
        self.outcome = Outcome((), 200, view(a_redirected_call()), LANES, ARROWS)

    async def play(self, scenario: Scenario, admin: object, names: dict[str, str]) -> Outcome:
        self.played, self.has_admin = scenario, admin is not None
        return self.outcome


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    directory = DevDirectory(tmp_path)
    start = DevStart(contacts={"bob": ["sip:bob@127.0.0.1:5071"]}, sip=["udp:127.0.0.1:1060"])
    directory.settings(start, {})
    directory.remember(start)
    (tmp_path / "admin.token").write_text("abc")
    stage = Stage()
    monkeypatch.setattr(scenarios, "play", stage.play)
    return stage


def simulate(tmp_path: Path, *arguments: str) -> Result:
    command = ["simulate", "call", "--data-dir", str(tmp_path), "--from", "+31612345678", "--to", "+31201110001"]
    return CliRunner().invoke(main, [*command, *arguments])


def test_all_options(stage: Stage, tmp_path: Path) -> None:
    options = ("--expect-redirect", "bob", "--expect-answer", "--timeout", "2s", "--caller-hangs-up", "500ms")
    result = simulate(tmp_path, *options, "--callee", "Bob=busy")
    assert result.exit_code == 0, result.output
    assert stage.played == Scenario(
        caller="+31612345678",
        dialled="+31201110001",
        server="udp:127.0.0.1:1060",
        timeout_s=2.0,
        hangs_up_after_s=0.5,
        callees=(Callee("bob", ("sip:bob@127.0.0.1:5071",), Busy()),),
        redirect=settings_of(None, tmp_path).users[1].id,
        answer=True,
        dialled_ids=frozenset({"4:+31201110001"}),
    )
    assert stage.has_admin


def test_the_ladder_and_the_verdict(stage: Stage, tmp_path: Path) -> None:
    assert simulate(tmp_path, "--server", "udp:127.0.0.1:9").output.splitlines() == [
        "    +31612345678            Strowger             application",
        "   0.000  |------ INVITE ------>|                     |",
        "   0.200  |<------ 200 OK ------|                     |",
        "",
        "As expected: the caller got 200; call 7f3a0000.",
    ]
    assert stage.played.server == "udp:127.0.0.1:9"


def test_not_as_expected(stage: Stage, tmp_path: Path) -> None:
    stage.outcome = Outcome(("nobody answered", "it rained"), None, None, LANES, [])
    result = simulate(tmp_path)
    assert result.exit_code == 1
    assert result.output.splitlines()[-2:] == ["Not as expected: nobody answered.", "Not as expected: it rained."]


def test_a_call_without_a_final_response(stage: Stage, tmp_path: Path) -> None:
    stage.outcome = Outcome((), None, None, LANES, [])
    assert simulate(tmp_path).output.endswith("As expected: the caller gave up before a final response.\n")


def test_for_a_program(stage: Stage, tmp_path: Path) -> None:
    assert json.loads(simulate(tmp_path, "--json").output) == {
        "as_expected": True,
        "reasons": [],
        "status": 200,
        "call_id": "7f3a0000-0000-4000-8000-000000000001",
        "messages": [
            {"at": 0.0, "source": "+31612345678", "target": "Strowger", "text": "INVITE"},
            {"at": 0.2, "source": "Strowger", "target": "+31612345678", "text": "200 OK"},
        ],
    }


def test_without_the_admin_api_only_the_redirect_cannot_be_judged(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "admin.token").unlink()
    result = simulate(tmp_path)
    assert (result.exit_code, stage.has_admin) == (0, False)
    assert result.stderr.startswith("Without the admin API: There is no admin token in ")
    assert simulate(tmp_path, "--expect-redirect", "bob").exit_code == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--timeout", "soon"), "is not a duration"),
        (("--timeout", "0s"), "a duration lies above zero"),
        (("--caller-hangs-up", "5s"), "--caller-hangs-up must come before --timeout is over."),
        (("--expect-redirect", "eve"), "--expect-redirect 'eve' is no user (alice, bob), no +number and no raw id."),
        (("--callee", "bob=dancing"), "'bob=dancing' does not say what the phone does"),
        (("--callee", "eve=busy"), "--callee 'eve' is no user; there are alice, bob."),
        (("--callee", "alice=busy"), "start the server with --phone alice=sip:alice@127.0.0.1:5071"),
    ],
)
def test_options_that_cannot_be(stage: Stage, tmp_path: Path, options: tuple[str, ...], complaint: str) -> None:
    result = simulate(tmp_path, *options)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_an_address_that_is_none(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*call: object) -> Outcome:
        raise AddressInvalid("'x' must start with udp: or tcp:")

    monkeypatch.setattr(scenarios, "play", refuse)
    result = simulate(tmp_path, "--server", "x")
    assert result.exit_code == 2
    assert result.stderr == "Error: The call cannot be made: 'x' must start with udp: or tcp:.\n"


def test_whom_a_person_means() -> None:
    settings = settings_of(None, None)
    assert raw_id("Bob", settings) == settings.users[1].id
    assert raw_id("+4512345678", settings) == "4:+4512345678"
    assert raw_id("8:orgid:x", settings) == "8:orgid:x"
    assert dialled_ids("31201110002", settings) == {"4:+31201110002"}
    assert dialled_ids("ALICE", settings) == {settings.users[0].id.lower()}
    assert dialled_ids("+999", settings) == frozenset()


def test_a_server_without_sip() -> None:
    with pytest.raises(Misconfigured, match="give --server"):
        sip_address(Settings(listen=Listen(sip=())))
