"""Our signatures, verified by the package of Standard Webhooks itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from strowger.base.clock import SystemClock
from strowger.events import signature

TODAY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOMORROW = signature.written(bytes(range(64)))
BODY = '[{"id":"8f0c","data":{"callerDisplayName":"Ann “A” Ørsted"}}]'.encode()


def signed(*secrets: str, events: Sequence[str] = ("8f0c",)) -> dict[str, str]:
    octets = [signature.secret(each) for each in secrets]
    return signature.headers(octets, signature.message_id(events), SystemClock().wall(), BODY)


@pytest.mark.parametrize("events", [("8f0c",), ("8f0c", "8f0d")])
@pytest.mark.parametrize("verifier", [TODAY, TOMORROW])
def test_two_active_secrets_satisfy_who_has_either(verifier: str, events: Sequence[str]) -> None:
    headers = signed(TODAY, TOMORROW, events=events)
    assert Webhook(verifier).verify(BODY, headers)[0]["id"] == "8f0c"


def test_what_was_changed_on_the_way_is_found_out() -> None:
    verifier, headers = Webhook(TODAY), signed(TODAY)
    verifier.verify(BODY, headers)
    tampered = [(BODY.replace(b"8f0c", b"8f0d"), headers)]
    tampered += [(BODY, headers | {name: value}) for name, value in (("webhook-id", "x"), ("webhook-timestamp", "1"))]
    for body, sent in [*tampered, (BODY, signed(TOMORROW)), (BODY, signed())]:
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body, sent)
