"""Who may call at a small installation: two users, a trunk known by address and password, a trusted network."""

from __future__ import annotations

from strowger.sip.admission import Admission
from strowger.sip.authentication.authenticator import Authenticator
from strowger.sip.authentication.bearer import Bearer
from strowger.sip.authentication.credentials import Credential
from strowger.sip.authentication.errors import TokenInvalid
from strowger.sip.authentication.nonce import Nonces
from strowger.sip.message.message import Request, parse_message
from strowger.sip.trunk.origin import Origins
from strowger.sip.trunk.trunk import Trunk
from tests.support.exchange import ALICE, BOB

REALM = "example.com"
PASSWORDS = {"alice": "hers", "bob": "his", "Carrier": "theirs"}
CARRIER = Trunk("carrier", "sip:carrier.example")
USERS = {"alice": ALICE.lower(), "bob": BOB.lower(), BOB.lower(): BOB.lower()}
URI = "sip:+31201110001@192.0.2.1"


def an_admission(
    *, takes_strangers: bool = False, takes_tokens: bool = False, origins: tuple[str, ...] = ("192.0.2.9",)
) -> Admission:
    """The networks: `origins` of the carrier, 10.0.0.0/8 trusted. That of bob is `token of bob`."""
    bearer = Bearer(REALM, _user_of_token) if takes_tokens else None
    known = {name: Credential.of_password(name, REALM, password) for name, password in PASSWORDS.items()}
    return Admission(
        Authenticator(REALM, known.get, Nonces(bytes(32), REALM), bearer=bearer),
        users=USERS,
        trunks={"carrier": CARRIER},
        peers={"Carrier": "carrier"},
        origins=Origins([("carrier", origins)]),
        trusted=Origins([("", ["10.0.0.0/8"])]),
        takes_strangers=takes_strangers,
    )


def _user_of_token(token: str) -> str:
    name = token.removeprefix("token of ")
    if name not in USERS:
        raise TokenInvalid("The token has expired.")
    return USERS[name]


def an_invite(caller: str = "+31612345678", *authorization: str, n: int = 1, uri: str = URI) -> Request:
    """An INVITE with these values of Proxy-Authorization; `caller` is the user of From."""
    lines = [
        f"INVITE {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKadmit{n};rport",
        "Max-Forwards: 70",
        f"From: <sip:{caller}@198.51.100.7>;tag=1",
        f"To: <{uri}>",
        f"Call-ID: admit-{n}@198.51.100.7",
        f"CSeq: {n} INVITE",
        "Contact: <sip:x@198.51.100.7:5062>",
        *(f"Proxy-Authorization: {value}" for value in authorization),
        "Content-Length: 0",
    ]
    message = parse_message("\r\n".join([*lines, "", ""]).encode("latin-1"))
    assert isinstance(message, Request)
    return message
