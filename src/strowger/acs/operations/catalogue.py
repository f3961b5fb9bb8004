"""Every operation of Call Automation at 2026-03-12, and those of the identity service, by method and path.

The table says what exists; whether this server carries an operation out is decided where the implementations are
joined to it. Paths are matched as received, still percent-encoded. A colon starts a verb, on collections as well as
on items, so an identifier of a call or recording holds none; those of participants and identities may, because some
clients send it bare.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from strowger.acs.errors import MethodRefused, PathUnknown

CALL_AUTOMATION: Final = "Call Automation"
IDENTITY: Final = "Identity"


class Operation(msgspec.Struct, frozen=True, gc=False):
    """One operation of the contract."""

    name: str
    """As the published contract calls it."""
    method: str
    path: str
    success: int
    """The status of success that the official SDKs accept."""
    service: str = CALL_AUTOMATION


_CALLS: Final = "/calling/callConnections"
_CALL: Final = _CALLS + "/{callConnectionId}"
_PARTICIPANTS: Final = _CALL + "/participants"
_RECORDINGS: Final = "/calling/recordings"
_RECORDING: Final = _RECORDINGS + "/{recordingId}"
_STORED: Final = "/v1/objects/{documentId}"
_IDENTITIES: Final = "/identities"
_IDENTITY: Final = _IDENTITIES + "/{identityId}"

REDIRECT_CALL: Final = Operation("Redirect Call", "POST", _CALLS + ":redirect", 204)
REJECT_CALL: Final = Operation("Reject Call", "POST", _CALLS + ":reject", 204)
CREATE_IDENTITY: Final = Operation("Create Identity", "POST", _IDENTITIES, 201, IDENTITY)
DELETE_IDENTITY: Final = Operation("Delete Identity", "DELETE", _IDENTITY, 204, IDENTITY)
ISSUE_ACCESS_TOKEN: Final = Operation("Issue Access Token", "POST", _IDENTITY + "/:issueAccessToken", 200, IDENTITY)
REVOKE_ACCESS_TOKENS: Final = Operation(
    "Revoke Access Tokens", "POST", _IDENTITY + "/:revokeAccessTokens", 204, IDENTITY
)
EXCHANGE_TEAMS_TOKEN: Final = Operation(
    "Exchange Teams User Access Token", "POST", "/teamsUser/:exchangeAccessToken", 200, IDENTITY
)
EXCHANGES: Final = (
    Operation("Exchange Entra Access Token", "POST", "/access/entra/:exchangeAccessToken", 200, IDENTITY),
    Operation(
        "Exchange Teams Extension Access Token", "POST", "/access/teamsExtension/:exchangeAccessToken", 200, IDENTITY
    ),
)

CATALOGUE: Final[tuple[Operation, ...]] = (
    Operation("Create Call", "POST", _CALLS, 201),
    Operation("Answer Call", "POST", _CALLS + ":answer", 200),
    REDIRECT_CALL,
    REJECT_CALL,
    Operation("Connect", "POST", _CALLS + ":connect", 200),
    Operation("Get Call", "GET", _CALL, 200),
    Operation("Hangup Call", "DELETE", _CALL, 204),
    Operation("Terminate Call", "POST", _CALL + ":terminate", 204),
    Operation("Transfer To Participant", "POST", _CALL + ":transferToParticipant", 202),
    Operation("Get Participants", "GET", _PARTICIPANTS, 200),
    Operation("Add Participant", "POST", _PARTICIPANTS + ":add", 202),
    Operation("Remove Participant", "POST", _PARTICIPANTS + ":remove", 202),
    Operation("Mute", "POST", _PARTICIPANTS + ":mute", 200),
    Operation("Cancel Add Participant", "POST", _PARTICIPANTS + ":cancelAddParticipant", 202),
    Operation("Move Participants", "POST", _PARTICIPANTS + ":moveHere", 202),
    Operation("Get Participant", "GET", _PARTICIPANTS + "/{participantRawId}", 200),
    Operation("Play", "POST", _CALL + ":play", 202),
    Operation("Recognize", "POST", _CALL + ":recognize", 202),
    Operation("Cancel All Media Operations", "POST", _CALL + ":cancelAllMediaOperations", 202),
    Operation("Start Continuous Dtmf Recognition", "POST", _CALL + ":startContinuousDtmfRecognition", 200),
    Operation("Stop Continuous Dtmf Recognition", "POST", _CALL + ":stopContinuousDtmfRecognition", 200),
    Operation("Send Dtmf Tones", "POST", _CALL + ":sendDtmfTones", 202),
    Operation("Hold", "POST", _CALL + ":hold", 200),
    Operation("Unhold", "POST", _CALL + ":unhold", 200),
    Operation("Start Media Streaming", "POST", _CALL + ":startMediaStreaming", 202),
    Operation("Stop Media Streaming", "POST", _CALL + ":stopMediaStreaming", 202),
    Operation("Start Transcription", "POST", _CALL + ":startTranscription", 202),
    Operation("Stop Transcription", "POST", _CALL + ":stopTranscription", 202),
    Operation("Update Transcription", "POST", _CALL + ":updateTranscription", 202),
    Operation("Start Recording", "POST", _RECORDINGS, 200),
    Operation("Get Recording Properties", "GET", _RECORDING, 200),
    Operation("Stop Recording", "DELETE", _RECORDING, 204),
    Operation("Pause Recording", "POST", _RECORDING + ":pause", 202),
    Operation("Resume Recording", "POST", _RECORDING + ":resume", 202),
    Operation("Download Recording", "GET", _STORED + "/content/{contentKind}", 200),
    Operation("Delete Recording", "DELETE", _STORED, 200),
    CREATE_IDENTITY,
    DELETE_IDENTITY,
    ISSUE_ACCESS_TOKEN,
    REVOKE_ACCESS_TOKENS,
    EXCHANGE_TEAMS_TOKEN,
    *EXCHANGES,
)

_MAY_HOLD_COLONS: Final = frozenset(("participantRawId", "identityId"))
_PLACE: Final = re.compile(r"\{([A-Za-z]+)\}")


def _pattern(path: str) -> re.Pattern[str]:
    """The expression for a path with places; each place takes one segment, which no other part of the path can take."""
    pieces = _PLACE.split(path)
    for index, piece in enumerate(pieces):
        is_place = index % 2 == 1
        pieces[index] = ("[^/]+" if piece in _MAY_HOLD_COLONS else "[^/:]+") if is_place else re.escape(piece)
    return re.compile("".join(pieces))


def _by_path() -> dict[str, dict[str, Operation]]:
    methods: dict[str, dict[str, Operation]] = {}
    for operation in CATALOGUE:
        methods.setdefault(operation.path, {})[operation.method] = operation
    return methods


_LITERAL: Final = {path: methods for path, methods in _by_path().items() if "{" not in path}
_PATTERNS: Final = tuple((_pattern(path), methods) for path, methods in _by_path().items() if "{" in path)


def find_operation(method: str, path: str) -> Operation:
    """The operation that a request names. Raises PathUnknown, or MethodRefused with the methods that the path has."""
    methods = _LITERAL.get(path) or _match(path)
    if methods is None:
        raise PathUnknown(
            "No operation has this path. Call Automation lives below /calling, at the root of the endpoint."
        )
    operation = methods.get(method)
    if operation is None:
        allowed = ", ".join(sorted(methods))
        raise MethodRefused(f"This path is used with {allowed} only.", headers=(("Allow", allowed),))
    return operation


def _match(path: str) -> dict[str, Operation] | None:
    # An intermediary may encode the colon of a verb.
    methods = _LITERAL.get(path.replace("%3A", ":").replace("%3a", ":"))
    if methods is not None:
        return methods
    return next((methods for pattern, methods in _PATTERNS if pattern.fullmatch(path)), None)
