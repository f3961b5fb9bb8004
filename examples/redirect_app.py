"""A whole application: every call to one number is redirected to somebody else, with the official SDK as it is.

    CONNECTION_STRING="endpoint=https://localhost:7443/;accesskey=…" REQUESTS_CA_BUNDLE=… SSL_CERT_FILE=… \
    python redirect_app.py +31201110001 8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_00000000-0000-0000-0000-000000000002

The target is a phone number or the raw id of a user. Events are received on http://127.0.0.1:8080/api/incomingCall.
"""

import os
import sys
from collections.abc import AsyncIterator

from aiohttp import web
from azure.communication.callautomation import CommunicationUserIdentifier, PhoneNumberIdentifier
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.exceptions import HttpResponseError

NUMBER, TARGET, PORT = [*sys.argv[1:], "8080"][:3]
CLIENT = web.AppKey("client", CallAutomationClient)


async def receive(request: web.Request) -> web.Response:
    for event in await request.json():
        data = event["data"]
        if event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent":
            print("Subscribed.", flush=True)
            return web.json_response({"validationResponse": data["validationCode"]})
        if event["eventType"] == "Microsoft.Communication.IncomingCall":
            await decide(request.app[CLIENT], data["to"]["rawId"], data["incomingCallContext"])
    return web.Response()


async def decide(client: CallAutomationClient, to: str, context: str) -> None:
    # A redirect to a user raises an event of its own, with the user as `to`. Redirecting that one too would never end.
    if to != f"4:{NUMBER}":
        print(f"IncomingCall to {to}: not for us.", flush=True)
        return
    print(f"IncomingCall to {to}: redirecting it to {TARGET}.", flush=True)
    target = PhoneNumberIdentifier(TARGET) if TARGET.startswith("+") else CommunicationUserIdentifier(TARGET)
    try:
        await client.redirect_call(context, target)
        print("Redirected.", flush=True)
    except HttpResponseError as refusal:  # the caller hung up, or the event came twice: nothing to repeat
        print(f"Refused: {refusal.status_code} {refusal.message}", flush=True)


async def connect(app: web.Application) -> AsyncIterator[None]:
    async with CallAutomationClient.from_connection_string(os.environ["CONNECTION_STRING"]) as app[CLIENT]:
        yield


app = web.Application()
app.cleanup_ctx.append(connect)
app.router.add_post("/api/incomingCall", receive)
web.run_app(app, host="127.0.0.1", port=int(PORT), print=None)
