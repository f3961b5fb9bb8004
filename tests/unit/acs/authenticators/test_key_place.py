from __future__ import annotations

import pytest

from strowger.acs.authenticators.key_place import is_secure


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://login.example/keys", True),
        ("https://", False),
        ("http://127.0.0.1:8080/keys", True),
        ("http://127.9.9.9/keys", True),
        ("http://[::1]:8080/keys", True),
        ("http://localhost/keys", True),
        ("http://login.example/keys", False),
        ("http://127.0.0.1.example/keys", False),
        ("http://10.0.0.7/keys", False),
        ("http://0.0.0.0/keys", False),
        ("http:///keys", False),
        ("file:///keys", False),
        ("dev", False),
        ("ftp://127.0.0.1/keys", False),
    ],
)
def test_nobody_on_the_way_puts_in_keys_of_his_own(url: str, expected: bool) -> None:
    assert is_secure(url) is expected
