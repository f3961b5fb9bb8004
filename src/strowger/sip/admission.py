"""Who may open a call: decides for an INVITE who sent it, before anything of it is kept (RFC 3261 §16.3 step 6, §22.3).

Whoever proves by digest to be a user or a trunk is that. Without credentials the source decides: the network of a
trunk, a network that is trusted, or anybody, who is asked for credentials, or taken as a stranger if the settings say
so. Who comes by a WebSocket is anybody: a web page on a trusted machine is not that machine. The challenge is
stateless: one packet for one packet, under a nonce of no use to any other source. It leaves to others: which requests
open a call (edge), what the caller may then do (calls).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from strowger.sip import arrival
from strowger.sip.authentication.authenticator import Authenticated, Authenticator, Challenge
from strowger.sip.authentication.bearer import TokenUse, remove_tokens, tokens
from strowger.sip.authentication.challenge import ORIGIN, PROXY
from strowger.sip.authentication.credentials import remove_credentials
from strowger.sip.flow import Flow
from strowger.sip.message.errors import Refusal
from strowger.sip.message.message import Request
from strowger.sip.registration import Silence
from strowger.sip.sender import STRANGER, TRUSTED, Sender
from strowger.sip.trunk.origin import Origins
from strowger.sip.trunk.trunk import Trunk

ASSERTIONS: Final = ("P-Asserted-Identity", "Remote-Party-ID")
"""Headers that phones and carriers believe, because only those we trust should have written them."""


class Admission:
    """One realm, and who is known by address."""

    def __init__(
        self,
        authenticator: Authenticator,
        *,
        users: Mapping[str, str],
        trunks: Mapping[str, Trunk],
        peers: Mapping[str, str],
        origins: Origins,
        trusted: Origins,
        takes_strangers: bool = False,
    ) -> None:
        """`users` gives the raw id for each word that means a user, both in lower case; `trunks` are by name, `peers`
        gives the name of the trunk for each user name of a digest that is one's.
        """
        self._authenticator = authenticator
        self._users = users
        self._trunks = trunks
        self._peers = peers
        self._origins = origins
        self._trusted = trusted
        self._takes_strangers = takes_strangers

    @property
    def realm(self) -> str:
        """Whose credentials are meant for us, and for nobody behind us."""
        return self._authenticator.realm

    def sender_of(self, invite: Request, flow: Flow, now: float) -> Sender:
        """Who sent it. Raises Refusal with what to answer to anybody else, or Silence; nothing is kept of either.

        Credentials are checked wherever they come from: what somebody claims to prove is true, or refused.
        """
        by_address = self.by_address(flow)
        use = TokenUse.on(flow)
        # RFC 8898 §2.3 has a token in Proxy-Authorization; JsSIP writes it in Authorization, unasked.
        given = [*invite.all(PROXY.credentials), *tokens(invite.all(ORIGIN.credentials))]
        if by_address is not None and not self._authenticator.is_addressed(given, tokens=use):
            return by_address
        decision = self._authenticator.decide(
            invite.method, invite.uri, given, flow.received, now, side=PROXY, tokens=use
        )
        if isinstance(decision, Authenticated):
            return self._proven(decision.user, invite, by_address)
        if isinstance(decision, Challenge):
            raise Refusal(decision.status, "", decision.headers)
        if decision.status is None:
            raise Silence(decision.reason)
        raise Refusal(decision.status, decision.reason)

    def keep_to_ourselves(self, invite: Request, sender: Sender) -> None:
        """Take out what nobody behind us is to see: credentials for us (RFC 3261 §22.3), tokens, and an identity
        asserted by somebody whose word we do not take (RFC 3325 §5), in its older form too.
        """
        remove_credentials(invite, PROXY, self.realm)
        remove_tokens(invite)
        if sender.trunk is None or not sender.trunk.is_trusted:
            for name in ASSERTIONS:
                invite.remove(name)

    def by_address(self, flow: Flow) -> Sender | None:
        """Who sends an INVITE without credentials that comes by this flow; None for somebody who is asked for some."""
        trunk = self._origins.trunk_of(flow.received) if flow.is_of_its_host else None
        if trunk is not None:
            return Sender(trunk=self._trunks[trunk])
        if flow.is_of_its_host and self._trusted.trunk_of(flow.received) is not None:
            return TRUSTED
        return STRANGER if self._takes_strangers else None

    def _proven(self, name: str, invite: Request, by_address: Sender | None) -> Sender:
        """A trunk speaks for many callers; a user for itself alone."""
        peer = self._peers.get(name)
        if peer is not None:
            return Sender(trunk=self._trunks[peer])
        user = self._users[name.lower()]
        if self._users.get(arrival.caller(invite).lower()) != user:
            raise Refusal(403, "Forbidden")
        return Sender(user, by_address.trunk if by_address is not None else None)
