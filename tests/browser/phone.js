// A telephone of JsSIP. The test calls the functions of `phone` and waits for its events.
"use strict";

const phone = {
  events: [],
  waiting: [],
  session: null,

  // What happened, in order; also shown on the page, for screenshots.
  tell(name, details = "") {
    this.events.push({ name, details: String(details) });
    document.getElementById("events").textContent += `${name} ${details}\n`;
    this.waiting.splice(0).forEach((look) => look());
  },

  // The details of an event of this name, by its place among them, when it is there.
  async event(name, place) {
    for (;;) {
      const found = this.events.filter((each) => each.name === name)[place];
      if (found) return found.details;
      await new Promise((look) => this.waiting.push(look));
    }
  },

  start(server, uri, password, token) {
    JsSIP.debug.enable("JsSIP:Transport JsSIP:UA");
    const sockets = [new JsSIP.WebSocketInterface(server)];
    const recovery = { connection_recovery_min_interval: 1, connection_recovery_max_interval: 2 };
    const proof = token ? { authorization_jwt: `Bearer ${token}` } : { password };
    this.agent = new JsSIP.UA({ sockets, uri, ...proof, session_timers: false, ...recovery });
    this.agent.on("disconnected", () => this.tell("disconnected"));
    this.agent.on("registered", () => this.tell("registered"));
    this.agent.on("registrationFailed", ({ cause }) => this.tell("registrationFailed", cause));
    this.agent.on("newRTCSession", ({ originator, session }) => this.begin(originator, session));
    this.agent.start();
  },

  begin(originator, session) {
    this.session = session;
    for (const name of ["progress", "accepted", "confirmed", "ended", "failed"]) {
      session.on(name, ({ originator, cause }) => this.tell(name, `${originator} ${cause ?? ""}`.trim()));
    }
    session.on("peerconnection:setremotedescriptionfailed", (error) => this.tell("unacceptable", error));
    this.tell(originator === "remote" ? "incoming" : "outgoing", session.remote_identity.uri);
  },

  call(target) {
    this.agent.call(target, { mediaConstraints: { audio: true, video: false } });
  },

  answer() {
    this.session.answer({ mediaConstraints: { audio: true, video: false } });
  },

  hangUp() {
    this.session.terminate();
  },

  // Done when RTP has come in.
  async hears() {
    for (;;) {
      for (const report of (await this.session.connection.getStats()).values()) {
        if (report.type === "inbound-rtp" && report.packetsReceived > 0) return;
      }
      await new Promise((look) => setTimeout(look, 50));
    }
  },
};
