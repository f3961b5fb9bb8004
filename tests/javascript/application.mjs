// What a program of a user does with the official SDKs, which are as their registry has them and know no Strowger.
//
//   node application.mjs redirect           by the connection string
//   node application.mjs redirect-by-key    by an AzureKeyCredential
//
// It takes what it needs from the environment and prints one line of JSON: what happened, or how it was refused.

import { CallAutomationClient } from "@azure/communication-call-automation";
import { AzureKeyCredential } from "@azure/core-auth";

const { CONNECTION_STRING, ENDPOINT, KEY, CONTEXT, TARGET } = process.env;

const actions = {
  redirect: () => redirect(new CallAutomationClient(CONNECTION_STRING)),
  "redirect-by-key": () => redirect(new CallAutomationClient(ENDPOINT, new AzureKeyCredential(KEY))),
};

async function redirect(client) {
  const target = TARGET.startsWith("+") ? { phoneNumber: TARGET } : { communicationUserId: TARGET };
  await client.redirectCall(CONTEXT, { targetParticipant: target });
  return { redirected: true };
}

function refusal({ name, statusCode, code, message }) {
  return { refused: { name, status: statusCode, code, message } };
}

console.log(JSON.stringify(await actions[process.argv[2]]().catch(refusal)));
