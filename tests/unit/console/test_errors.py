"""The console's refusals, and what each answers."""

from __future__ import annotations

from strowger.console import errors
from strowger.console.errors import ConsoleError


def test_every_refusal_has_its_own_status_and_code() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ConsoleError)]
    answers = {kind.__name__: (kind.status, kind.code) for kind in kinds if kind is not ConsoleError}
    assert answers == {
        "RequestMalformed": (400, "malformed"),
        "HostForeign": (421, "host_foreign"),
        "TokenMissing": (401, "token_missing"),
        "NotThere": (404, "not_found"),
        "MethodRefused": (405, "method_not_allowed"),
        "BodyInvalid": (400, "body_invalid"),
        "BodyLate": (408, "body_late"),
        "BodyTooLarge": (413, "body_too_large"),
        "Conflict": (409, "conflict"),
        "QueryInvalid": (400, "query_invalid"),
        "Unavailable": (503, "unavailable"),
        "ServerFault": (500, "internal"),
    }
