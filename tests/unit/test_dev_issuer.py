"""The development issuer: its key, and tokens that the API believes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from strowger.acs.authenticators.bearer import read_token
from strowger.acs.authenticators.key_set import read_key_set
from strowger.cli.dev.directory import ISSUER_KEY
from strowger.dev_issuer import KEY_FILE, Life, dev_key, dev_token, dev_user_token, published

NOW = 1_767_225_600.0


def test_the_key_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    first, second = dev_key(tmp_path / "new"), dev_key(tmp_path / "new")
    assert first.as_dict(private=True) == second.as_dict(private=True)
    assert dev_key(tmp_path).kid != first.kid
    path = tmp_path / "new" / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY_FILE == ISSUER_KEY


def test_its_public_half_checks_its_tokens(tmp_path: Path) -> None:
    key = dev_key(tmp_path)
    text = dev_token(key, issuer="i", audience="a", application_id="p", life=Life(NOW + 0.9, 60))
    token = read_token(text)
    read_key_set(published(key))[token.key_id].check(token)
    times = {"iat": int(NOW), "nbf": int(NOW), "exp": int(NOW) + 60}
    assert token.claims == {"iss": "i", "aud": "a", "appid": "p", "oid": "p", **times}
    assert b'"d"' not in published(key)


def test_a_token_of_a_user_says_whose_and_what_it_allows(tmp_path: Path) -> None:
    key = dev_key(tmp_path)
    text = dev_user_token(
        key, issuer="i", audience="a", application_id="p", object_id="o", tenant="t", life=Life(NOW, 60)
    )
    token = read_token(text)
    read_key_set(published(key))[token.key_id].check(token)
    who = {"appid": "p", "oid": "o", "tid": "t", "scp": "Teams.ManageCalls Teams.ManageChats"}
    assert token.claims == {"iss": "i", "aud": "a", **who, "iat": int(NOW), "nbf": int(NOW), "exp": int(NOW) + 60}


PUBLIC = json.dumps(ECKey.generate_key("P-256").as_dict(private=False))


@pytest.mark.parametrize(
    "text", ["x", "{}", "[]", "1", '{"kty":"EC"}', '{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}', PUBLIC]
)
def test_a_file_that_holds_no_key(tmp_path: Path, text: str) -> None:
    (tmp_path / KEY_FILE).write_text(text)
    with pytest.raises(ValueError, match="does not hold a key"):
        dev_key(tmp_path)
