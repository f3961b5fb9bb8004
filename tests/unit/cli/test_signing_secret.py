"""`strowger subscription secret`."""

from __future__ import annotations

import json

from click.testing import CliRunner

from strowger.cli.program import main
from strowger.events.signature import secret

COMMAND = ["subscription", "secret"]


def test_a_secret_is_made_that_settings_take() -> None:
    first, second = (CliRunner().invoke(main, COMMAND).output.strip() for _ in range(2))
    assert len(secret(first)) == len(secret(second)) == 32
    assert first != second


def test_in_json() -> None:
    assert len(secret(json.loads(CliRunner().invoke(main, [*COMMAND, "--json"]).output)["secret"])) == 32
