// An application that is told of calls, made of the official SDKs, which are as their registry has them.
//
//   node receiver.mjs [PORT]   listens on that port of 127.0.0.1, or on a free one, and prints a line of JSON: its port,
//                              then one for each request with an event
//
// POST /event-grid takes the Event Grid schema and POST /cloudevents CloudEvents, both read by the deserializer of
// @azure/eventgrid, which throws at what it does not like; several events in one request only where the URL asks for a
// batch. The handshake of Event Grid is answered by what the
// deserializer found in it; that of CloudEvents by the middleware of @azure/web-pubsub-express.

import { createServer } from "node:http";
import { EventGridDeserializer, isSystemEvent } from "@azure/eventgrid";
import { WebPubSubEventHandler } from "@azure/web-pubsub-express";

const VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent";
const deserializer = new EventGridDeserializer();
const consent = new WebPubSubEventHandler("calls", {
  path: "/cloudevents",
  allowedEndpoints: ["https://example.com", "https://eventgrid.azure.net"],
}).getMiddleware();

function say(what) {
  process.stdout.write(JSON.stringify(what) + "\n");
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

async function read(request) {
  const text = await body(request);
  const ofCloudEvents = request.url.startsWith("/cloudevents");
  const events = ofCloudEvents
    ? await deserializer.deserializeCloudEvents(text)
    : await deserializer.deserializeEventGridEvents(text);
  const schema = ofCloudEvents ? "cloudevents" : "event-grid";
  if (request.url.includes("batch")) return { schema, event: events[0], events, text, headers: request.headers };
  if (events.length !== 1) throw new Error(`${events.length} events in one request`);
  return { schema, event: events[0], headers: request.headers };
}

async function take(request, response) {
  const got = await read(request);
  if (got.schema === "event-grid" && isSystemEvent(VALIDATION, got.event)) {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ validationResponse: got.event.data.validationCode }));
    return;
  }
  response.end();
  say(got);
}

const server = createServer((request, response) => {
  const refuse = (error) => {
    say({ failed: String(error ?? "nobody answers this") });
    response.statusCode = 500;
    response.end();
  };
  if (request.method === "OPTIONS") {
    // What Express would have found out, whose middleware it is, and the mark of the only service that it knows.
    request.headers["ce-awpsversion"] = "1.0";
    Object.assign(request, { baseUrl: "", path: new URL(request.url, "http://localhost").pathname });
    consent(request, response, refuse);
  } else {
    take(request, response).catch(refuse);
  }
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => say({ port: server.address().port }));
