// What a program of a user does with the official SDKs, which are as their registry has them and know no Strowger.
//
//   node application.mjs redirect           by the connection string
//   node application.mjs redirect-by-key    by an AzureKeyCredential
//   node application.mjs redirect-by-token  by a TokenCredential that holds TOKEN
//   node application.mjs identities         a user and its tokens, from beginning to end
//   node application.mjs teams              the token of a Teams user, exchanged
//
// It takes what it needs from the environment and prints one line of JSON: what happened, or how it was refused.

import { CallAutomationClient } from "@azure/communication-call-automation";
import { CommunicationIdentityClient } from "@azure/communication-identity";
import { AzureKeyCredential } from "@azure/core-auth";

const { CONNECTION_STRING, ENDPOINT, KEY, TOKEN, CONTEXT, TARGET } = process.env;

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
  await client.revokeTokens(user);
  const second = await client.getToken(user, ["voip"]);
  await client.deleteUser(user);
  const deleted = await client.getToken(user, ["voip"]).then(() => "a token", refusal);
  return { user, token, both, second, deleted };
}

async function teams(client) {
  return client.getTokenForTeamsUser({ teamsUserAadToken: TOKEN, clientId: "app", userObjectId: "object" });
}

function refusal({ name, statusCode, code, message }) {
  return { refused: { name, status: statusCode, code, message } };
}

console.log(JSON.stringify(await actions[process.argv[2]]().catch(refusal)));
