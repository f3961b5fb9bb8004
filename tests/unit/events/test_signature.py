"""Signatures of Standard Webhooks, by the published example and at the edges of secrets."""

from __future__ import annotations

import base64

import pytest

from strowger.events.signature import headers, message_id, secret, written

PUBLISHED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The secret of the example in the specification."""
EXAMPLE = b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = bytes(range(24))


def test_the_published_example():
    assert headers([secret(PUBLISHED)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330.9, EXAMPLE) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNED,
    }


def test_two_secrets_make_two_signatures():
    (first, second) = headers([secret(PUBLISHED), OTHER], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, EXAMPLE)[
        "webhook-signature"
    ].split(" ")
    assert first == SIGNED
    assert second != first
    assert second.startswith("v1,")
    assert len(base64.b64decode(second.removeprefix("v1,"))) == 32


def test_no_secret_no_headers():
    assert headers((), "id", 1.0, b"") == {}


@pytest.mark.parametrize("octets", [24, 25, 26, 32, 64])
def test_secrets(octets):
    assert secret(written(bytes(octets))) == bytes(octets)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (written(bytes(23)), "of 23 octets is none of 24 to 64"),
        (written(bytes(65)), "of 65 octets is none of 24 to 64"),
        ("whsec_", "of 0 octets"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"),
        ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La aSw", "not base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "not base64"),
        ("whsec_ö", "not base64"),
    ],
)
def test_what_is_no_secret(text, why):
    with pytest.raises(ValueError, match=why) as caught:
        secret(text)
    assert "MfKQ" not in str(caught.value)


def test_one_event_names_its_request_and_several_do_together():
    assert message_id(["8f0c"]) == "8f0c"
    both = message_id(["a", "b"])
    assert both == message_id(["a", "b"]) == "batch_2e7336dc8eba87ef472df568c35482ab"
    assert len({both, message_id(["b", "a"]), message_id(["a", "b", "c"]), message_id(["a"])}) == 4
