"""A whole application that nobody can call: it listens nowhere, reads its events, and redirects by the official SDK.

    CONNECTION_STRING="endpoint=https://localhost:7443/;accesskey=…" REQUESTS_CA_BUNDLE=… SSL_CERT_FILE=… \
    python pull_app.py app +31201110001 8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_00000000-0000-0000-0000-000000000002

`app` is a subscription with delivery = "pull", the target a phone number or the raw id of a user.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.request
from email.utils import formatdate
from urllib.parse import urlsplit

from azure.communication.callautomation import (
    CallAutomationClient,
    CommunicationUserIdentifier,
    PhoneNumberIdentifier,
)
from azure.core.exceptions import HttpResponseError

SUBSCRIPTION, NUMBER, TARGET = sys.argv[1:]
ENDPOINT, KEY = (part.partition("=")[2] for part in os.environ["CONNECTION_STRING"].split(";")[:2])
EVENTS = f"{ENDPOINT.rstrip('/')}/strowger/subscriptions/{SUBSCRIPTION}/events"


def ask(url: str, body: bytes = b"") -> bytes:
    """GET, or POST where there is a body, signed with the access key like every request to ACS."""
    method, parts, date = "POST" if body else "GET", urlsplit(url), formatdate(usegmt=True)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    signed = f"{method}\n{parts.path}{parts.query and '?' + parts.query}\n{date};{parts.netloc};{digest}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), signed.encode(), "sha256")).decode()
    headers = {
        "x-ms-date": date,
        "x-ms-content-sha256": digest,
        "Authorization": f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(url, body or None, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read()


def decide(client: CallAutomationClient, to: str, context: str) -> None:
    # A redirect to a user raises an event of its own, with the user as `to`. Redirecting that one too would never end.
    if to != f"4:{NUMBER}":
        print(f"IncomingCall to {to}: not for us.", flush=True)
        return
    print(f"IncomingCall to {to}: redirecting it to {TARGET}.", flush=True)
    target = PhoneNumberIdentifier(TARGET) if TARGET.startswith("+") else CommunicationUserIdentifier(TARGET)
    try:
        client.redirect_call(context, target)
        print("Redirected.", flush=True)
    except HttpResponseError as refusal:  # the caller hung up, or the event came twice: nothing to repeat
        print(f"Refused: {refusal.status_code} {refusal.message}", flush=True)


client = CallAutomationClient.from_connection_string(os.environ["CONNECTION_STRING"])
print("Waiting for calls.", flush=True)
while True:
    try:
        found = json.loads(ask(f"{EVENTS}?wait=25s"))
        for each in found["events"]:
            if each["event"]["eventType"] == "Microsoft.Communication.IncomingCall":
                data = each["event"]["data"]
                decide(client, data["to"]["rawId"], data["incomingCallContext"])
        if found["events"]:
            ask(f"{EVENTS}:acknowledge", json.dumps({"upTo": found["last"]}).encode())
    except OSError as trouble:  # the server is gone for a while, or says why not: what is not acknowledged comes again
        print(f"No events: {trouble}", flush=True)
        time.sleep(1)
