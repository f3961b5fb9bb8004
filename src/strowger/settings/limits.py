"""The table [limits]: what keeps everything bounded, each bound with its default and unit."""

from __future__ import annotations

from dataclasses import dataclass

from strowger.settings import kinds
from strowger.settings.row import row


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What keeps everything bounded."""

    hold: float = row(kinds.DURATION, "30s", "How long an application may think before the caller gets 480.")
    ring: float = row(kinds.DURATION, "60s", "How long a redirected call rings its target.")
    ring_budget: float = row(kinds.DURATION, "180s", "How long one call may ring in all, over all its redirects.")
    drain: float = row(kinds.DURATION, "35s", "How long a server that is told to stop waits for its calls to end.")
    redirects_per_call: int = row(kinds.count(1, 70), 5, "Redirects of one call; beyond it the caller gets 482.")
    held_calls: int = row(kinds.count(1), 10_000, "Calls that wait or ring at one time; beyond it callers get 503.")
    transactions: int = row(kinds.count(1), 50_000, "SIP transactions at one time; beyond it new requests get 503.")
    tcp_connections: int = row(
        kinds.count(1), 4_000, "SIP connections at one time; beyond it the oldest silent or the new one is closed."
    )
    tcp_connections_per_address: int = row(
        kinds.count(1), 100, "The same, from one IPv4 address or one IPv6 /64."
    )
    tcp_connecting: int = row(kinds.count(1), 256, "SIP connections being opened by us at one time.")
    connecting_queue: int = row(kinds.count(1), 64, "Messages that wait for one connection to stand.")
    connect: float = row(
        kinds.DURATION,
        "3s",
        "How long a connection that we open may take to stand; less than the `patience` of a trunk, so that one that "
        "lets no TCP in gets a long INVITE over UDP.",
    )
    handshakes: int = row(
        kinds.count(1),
        256,
        "SIP connections at one time whose TLS or WebSocket handshake is not complete; beyond it the oldest is closed.",
    )
    handshake: float = row(kinds.DURATION, "5s", "How long such a handshake may take before the connection is closed.")
    tcp_message: float = row(
        kinds.DURATION,
        "32s",
        "How long a SIP message may take to arrive, and a new connection to bring its first, before it is closed.",
    )
    tcp_idle: float = row(
        kinds.DURATION, "1h", "How long a SIP connection may be silent before it is closed; for tcp and tls."
    )
    tcp_write_buffer: int = row(
        kinds.octets(4_096, 1 << 30),
        "256KiB",
        "What waits for one peer to read it; beyond it the connection is closed.",
    )
    ws_ping: float = row(
        kinds.DURATION, "30s", "How long a WebSocket may be silent before it is pinged; half of that to answer."
    )
    ws_frame: int = row(
        kinds.octets(1_300, 1 << 24), "64KiB", "One WebSocket message; beyond it the connection is closed."
    )
    datagram: int = row(kinds.octets(1_300, 65_507), "65507", "One UDP datagram; a longer one is dropped.")
    udp_receive_buffer: int = row(
        kinds.octets(65_536, 1 << 30),
        "4MiB",
        "What the kernel keeps of datagrams until we read them; it may grant less, which is logged.",
    )
    sip_message: int = row(
        kinds.octets(4_096, 1 << 24),
        "64KiB",
        "One SIP message; beyond it 513. As much is kept of a connection until a message is complete.",
    )
    sip_header_lines: int = row(kinds.count(16, 10_000), 256, "Header lines of one SIP message; beyond it 513.")
    sip_header_line: int = row(
        kinds.octets(512, 1 << 20), "8KiB", "One header line, or the start line; beyond it 513."
    )
    sip_via: int = row(kinds.count(1, 10_000), 64, "Via values of one SIP message; beyond it 513.")
    sip_addresses: int = row(
        kinds.count(1, 10_000), 64, "Values of Contact, of Route and of Record-Route, each; beyond it 513."
    )
    sip_uri: int = row(
        kinds.octets(128, 8_192), "2KiB", "One URI; beyond it 414 for a Request-URI, and 400 for any other."
    )
    registration_contacts: int = row(
        kinds.count(1, 100), 10, "Phones of one user that are registered at one time; beyond it 403."
    )
    identities: int = row(
        kinds.count(1),
        100_000,
        "Users that the applications of each resource may create, beside those of [[user]]; beyond it 429.",
    )
    token_key_age: float = row(
        kinds.DURATION,
        "30d",
        "How long a key signs user access tokens before a new one does. An old one verifies until its last token ends.",
    )
    registration_min: float = row(kinds.DURATION, "60s", "A phone that registers for less gets 423.")
    registration_default: float = row(kinds.DURATION, "1h", "How long a registration lasts that names no time.")
    registration_max: float = row(kinds.DURATION, "1h", "A registration for more is cut to this.")
    wrong_passwords_per_user: int = row(
        kinds.count(1), 5, "Wrong passwords for one user from one source; beyond it there is no answer for a while."
    )
    wrong_passwords_per_source: int = row(
        kinds.count(1), 30, "The same for all users; many phones may share an address."
    )
    wrong_passwords_within: float = row(
        kinds.DURATION, "60s", "The while, and the time within which wrong passwords are counted."
    )
    nonce_lifetime: float = row(kinds.DURATION, "5m", "How long a digest challenge can be answered.")
    nonces_remembered: int = row(
        kinds.count(1), 100_000, "Challenges answered rightly, remembered to refuse a replay; the oldest go first."
    )
    messages_per_source: int = row(
        kinds.count(),
        200,
        "SIP messages a second from one source that is neither in sip.trusted nor a trunk; beyond it datagrams are "
        "dropped unread, and connections are read no faster. 0 for no limit, as in the next three.",
    )
    calls_per_source: int = row(kinds.count(), 10, "New calls a second from one such source; beyond it 503.")
    calls_per_second: int = row(kinds.count(), 500, "Calls a second from all who may call; beyond it 503.")
    strangers_per_second: int = row(
        kinds.count(),
        500,
        "REGISTERs, new calls and the like a second from all such sources together that have not shown to know a "
        "password within the hour; beyond it datagrams are dropped unread, and others get 503.",
    )
    sources: int = row(kinds.count(1), 20_000, "Sources whose rates are remembered; the first met is forgotten first.")
    outside_callers: int = row(
        kinds.count(1, 1_000_000),
        10_000,
        "Callers whose calls to the outside are remembered for a day; who made none for longest is forgotten first.",
    )
    memory: int = row(
        kinds.OPTIONAL_SIZE,
        "1GiB",
        "Memory of the process; beyond it new calls and registrations get 503 until it is below nine tenths.",
    )
    loop_lag: float = row(
        kinds.OPTIONAL_DURATION,
        "500ms",
        "How late the server may be with its work; beyond it new calls and registrations get 503 until it has been "
        "less than half as late for two seconds.",
    )
    request_body: int = row(kinds.SIZE, "64KiB", "Body of one API request; beyond it 413.")
    http_head: int = row(
        kinds.octets(4_096, 1 << 20), "16KiB", "Request line and headers of one API request; beyond it 431."
    )
    http_head_within: float = row(
        kinds.DURATION,
        "10s",
        "How long these may take to arrive, at the API and at the console; beyond it 408, or the connection is closed.",
    )
    http_body_within: float = row(
        kinds.DURATION, "20s", "How long the body of an API request may take to arrive; beyond it 408."
    )
    http_reply_within: float = row(
        kinds.DURATION, "20s", "How long a client of the API may take to read a reply before it is cut."
    )
    http_idle: float = row(kinds.DURATION, "75s", "How long a connection of the API may be silent before it is closed.")
    http_connections: int = row(kinds.count(1), 4_000, "Connections of the API at one time; further ones are cut.")
    event_bytes: int = row(kinds.SIZE, "32KiB", "One event as it is stored and sent.")
    events_pending: int = row(kinds.count(1), 100_000, "Events that wait for delivery.")
    subscriptions: int = row(
        kinds.count(0, 10_000), 100, "Subscriptions that may be added at run time, beside those of the settings."
    )
    event_attempts: int = row(
        kinds.count(1),
        256,
        "Requests with events in flight at one time, to each application; further events wait for a free place.",
    )
    dead_letters: int = row(kinds.count(0), 10_000, "Events kept that were given up; the oldest go first.")
    dead_letter_bytes: int = row(kinds.SIZE, "64MiB", "The same, all together.")
    dead_letters_kept_for: float = row(kinds.DURATION, "168h", "How long an event is kept that was given up.")
    reports_kept_for: float = row(
        kinds.DURATION,
        "1h",
        "How long an event is tried that only reports: what became of a redirect, CallStarted and the like. With the "
        "profile event-grid it is the event_time_to_live of its subscription.",
    )
    pull_events: int = row(
        kinds.count(1, 1_000_000),
        10_000,
        'Events of one subscription with delivery = "pull" that are not acknowledged; beyond it the oldest are '
        "dropped, a hundredth at one time.",
    )
    pull_readers: int = row(
        kinds.count(1, 1_000), 16, "Readers that wait for the events of one such subscription; beyond it 429."
    )
    pull_wait: float = row(kinds.DURATION, "60s", "How long one poll for events may wait; for more 400.")
    pull_keep_alive: float = row(
        kinds.DURATION, "15s", "How long a stream of events may be silent before a comment is sent."
    )
    pull_stream: float = row(
        kinds.DURATION, "1h", "How long one stream of events lasts; its reader then comes again, with a credential."
    )
    calls_kept: int = row(kinds.count(0), 10_000, "Ended calls kept to look at.")
    calls_kept_for: float = row(kinds.DURATION, "24h", "How long an ended call is kept to look at.")
    repeatability_kept_for: float = row(
        kinds.DURATION, "24h", "How long an answer is kept for a repeat of its request."
    )
    repeatability_entries: int = row(kinds.count(1), 1_000_000, "Answers kept for repeats; the oldest go first.")
    signatures_remembered: int = row(kinds.count(1), 100_000, "Signatures remembered to recognise a replayed request.")
    context_guesses: int = row(
        kinds.count(1),
        100,
        "Requests of one client per minute with an incomingCallContext that was never issued; beyond it 429.",
    )
    clock_skew: float = row(kinds.DURATION, "15m", "How far the date of a signed request may lie from our clock.")
