"""What the errors of access keys say."""

from __future__ import annotations

from pathlib import Path

from strowger.access_keys.errors import AccessKeysError, KeysUnusable, NoKeys


def test_they_name_the_place() -> None:
    path = Path("/data/keys/r1.json")
    assert str(KeysUnusable(path, "is odd")) == "/data/keys/r1.json is odd"
    assert str(NoKeys(path)).startswith("there are no access keys in /data/keys/r1.json: ")
    assert {KeysUnusable(path, "").path, NoKeys(path).path} == {path}
    assert issubclass(KeysUnusable, AccessKeysError) and issubclass(NoKeys, AccessKeysError)
