"""Which function carries out which operation of the identity service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from strowger.acs.operations.catalogue import (
    CREATE_IDENTITY,
    DELETE_IDENTITY,
    EXCHANGE_TEAMS_TOKEN,
    EXCHANGES,
    ISSUE_ACCESS_TOKEN,
    REVOKE_ACCESS_TOKENS,
    Operation,
)
from strowger.acs.operations.identity import (
    create_identity,
    delete_identity,
    exchange_access_token,
    exchange_teams_token,
    issue_access_token,
    revoke_access_tokens,
)
from strowger.acs.operations.identity.service import Asked, IdentityService
from strowger.acs.repeatability import Outcome

CARRIED_OUT: Final[dict[Operation, Callable[[IdentityService, Asked], Awaitable[Outcome]]]] = {
    CREATE_IDENTITY: create_identity.answer,
    ISSUE_ACCESS_TOKEN: issue_access_token.answer,
    REVOKE_ACCESS_TOKENS: revoke_access_tokens.answer,
    DELETE_IDENTITY: delete_identity.answer,
    EXCHANGE_TEAMS_TOKEN: exchange_teams_token.answer,
    **dict.fromkeys(EXCHANGES, exchange_access_token.answer),
}
