// What a program of a user does with the official SDKs, which are as their registry has them and know no Strowger.
//
//   node application.mjs redirect           by the connection string
//   node application.mjs redirect-by-key    by an AzureKeyCredential
//   node application.mjs redirect-by-token  by a TokenCredential that holds TOKEN
//   node application.mjs identities         a user and its tokens, from beginning to end; requests by hand show which
//                                           of them are believed
//   node application.mjs teams              the token of a Teams user, exchanged
//
// It takes what it needs from the environment and prints one line of JSON: what happened, or how it was refused.

import { CallAutomationClient } from "@azure/communication-call-automation";
import { CommunicationIdentityClient } from "@azure/communication-identity";
import { AzureKeyCredential } from "@azure/core-auth";

const { CONNECTION_STRING, ENDPOINT, KEY, TOKEN, CONTEXT, TARGET, APP_ID, USER_ID } = process.env;

const actions = {
  redirect: () => redirect(new CallAutomationClient(CONNECTION_STRING)),
  "redirect-by-key": () => redirect(new CallAutomationClient(ENDPOINT, new AzureKeyCredential(KEY))),
  "redirect-by-token": () => redirect(new CallAutomationClient(ENDPOINT, holding(TOKEN))),
  identities: () => identities(new CommunicationIdentityClient(CONNECTION_STRING)),
  teams: () => teams(new CommunicationIdentityClient(CONNECTION_STRING)),
};

function holding(token) {
  return { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
}

async function redirect(client) {
  const target = TARGET.startsWith("+") ? { phoneNumber: TARGET } : { communicationUserId: TARGET };
  await client.redirectCall(CONTEXT, { targetParticipant: target });
  return { redirected: true };
}

async function identities(client) {
  const user = await client.createUser();
  const token = await client.getToken(user, ["voip"]);
  const both = await client.createUserAndToken(["chat", "voip.join"], { tokenExpiresInMinutes: 60 });
  const statuses = [await status(token)];
  await client.revokeTokens(user);
  statuses.push(await status(token));
  const second = await client.getToken(user, ["voip"]);
  statuses.push(await status(second));
  await client.deleteUser(user);
  statuses.push(await status(second));
  const deleted = await client.getToken(user, ["voip"]).then(() => "a token", refusal);
  return { user, token, both, second, deleted, statuses };
}

async function status({ token }) {
  const answer = await fetch(`${ENDPOINT}/calling/callConnections:redirect?api-version=2025-06-15`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({
      incomingCallContext: "no context at all",
      target: { kind: "phoneNumber", phoneNumber: { value: "+31612345678" } },
    }),
  });
  return answer.status;
}

async function teams(client) {
  return client.getTokenForTeamsUser({ teamsUserAadToken: TOKEN, clientId: APP_ID, userObjectId: USER_ID });
}

function refusal({ name, statusCode, code, message }) {
  return { refused: { name, status: statusCode, code, message } };
}

console.log(JSON.stringify(await actions[process.argv[2]]().catch(refusal)));
