"""ACS: Exchange Teams User Access Token, and the two exchanges of Entra tokens: refused, because they need what only
Microsoft has, the tenant that says who its users are.
"""

from __future__ import annotations

from strowger.acs.errors import OperationNotImplemented
from strowger.acs.operations.identity.service import Asked, IdentityService
from strowger.acs.repeatability import Outcome


async def answer(service: IdentityService, asked: Asked) -> Outcome:
    """Raises OperationNotImplemented, always."""
    raise OperationNotImplemented(
        "This server speaks for no Microsoft tenant, so it exchanges no tokens of Teams or Entra users. "
        "Create an identity and issue a token for it instead."
    )
