"""The two exchanges that clients ask for in the name of an Entra user, who shows nothing but its own token: refused,
because whom a tenant lets use which resource only Microsoft knows.
"""

from __future__ import annotations

from strowger.acs.errors import OperationNotImplemented
from strowger.acs.operations.identity.service import Asked, IdentityService
from strowger.acs.repeatability import Outcome


async def answer(service: IdentityService, asked: Asked) -> Outcome:
    """Raises OperationNotImplemented, always."""
    raise OperationNotImplemented(
        "This server exchanges no tokens of Entra users who ask for it themselves. Create an identity and issue a "
        "token for it instead."
    )
