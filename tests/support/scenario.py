"""Scenario files for SIPp in which the messages of an ordinary call are one element each.

    <invite/>  <ack/>  <cancel/>  <request method="BYE" cseq="2"/>     what a caller sends
    <reply status="180 Ringing"/>                                      what a target answers to what it received last

Lines inside such an element are further headers. Everything else is as SIPp has it. The attributes, all optional:

    branch    a word; the messages of one transaction share it. invite, ack and cancel take `invite`.
    cseq      its number, 1; in a reply the whole value, where it is not that of the message received last.
    of        `answer`, and an ack goes to the contact of the answer; without it, it belongs to a refusal.
    retrans   milliseconds to the first repeat, by SIPp itself.
    via       host and port in Via, in place of our own; rport is written after it as it is.
    tag       a word for the To tag of a reply, `t`; empty where the message received last has one. In a request the
              whole parameter, where it is not that of the response received last.
    sdp       `yes`, and there is a body.
    pad       octets of padding in a header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Final

_ELEMENT: Final = re.compile(r"<(invite|ack|cancel|request|reply)\b([^>]*?)(?:/>|>(.*?)</\1>)", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r'(\w+)="([^"]*)"')

_BRANCH: Final = "z9hG4bK-[pid]-[call_number]-"
_SELF: Final = "[local_ip]:[local_port]"
_BODY: Final = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=peer 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio 40000 RTP/AVP 8
a=rtpmap:8 PCMA/8000"""
_NO_BODY: Final = "Content-Length: 0"


def expanded(text: str) -> str:
    """The scenario with every element of ours written out."""
    return _ELEMENT.sub(_message, text)


def _message(match: re.Match[str]) -> str:
    kind, attributes, inside = match[1], dict(_ATTRIBUTE.findall(match[2])), match[3] or ""
    headers = [unescape(line.strip()) for line in inside.splitlines() if line.strip()]
    if "pad" in attributes:
        headers.append("X-Padding: " + "x" * int(attributes["pad"]))
    lines = _reply(attributes, headers) if kind == "reply" else _request(kind, attributes, headers)
    retrans = f' retrans="{attributes["retrans"]}"' if "retrans" in attributes else ""
    return f"<send{retrans}><![CDATA[\n\n" + "\n".join(lines) + "\n\n]]></send>"


def _request(kind: str, attributes: Mapping[str, str], headers: list[str]) -> list[str]:
    method = attributes.get("method", kind.upper())
    in_dialog = kind == "request" or attributes.get("of") == "answer"
    cseq = attributes.get("cseq", "1")
    branch = attributes.get("branch", f"{method}{cseq}" if in_dialog else "invite")
    tag = "" if kind in ("invite", "cancel") else attributes.get("tag", "[peer_tag_param]")
    return [
        f"{method} {'[next_url]' if in_dialog else 'sip:[dialled]@[remote_ip]:[remote_port]'} SIP/2.0",
        f"Via: SIP/2.0/[transport] {attributes.get('via', _SELF)};branch={_BRANCH}{branch}",
        *(["[routes]"] if in_dialog else []),
        "Max-Forwards: 70",
        f"From: <sip:+3165[call_number]@{_SELF}>;tag=[pid]c[call_number]",
        f"To: <sip:[dialled]@[remote_ip]:[remote_port]>{tag}",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:caller@{_SELF};transport=[transport]>",
        *headers,
        _BODY if kind == "invite" or attributes.get("sdp") else _NO_BODY,
    ]


def _reply(attributes: Mapping[str, str], headers: list[str]) -> list[str]:
    tag = attributes.get("tag", "t")
    return [
        f"SIP/2.0 {attributes['status']}",
        "[last_Via:]",
        "[last_Record-Route:]",
        "[last_From:]",
        "[last_To:]" + (f";tag=[pid]{tag}[call_number]" if tag else ""),
        "[last_Call-ID:]",
        f"CSeq: {attributes['cseq']}" if "cseq" in attributes else "[last_CSeq:]",
        f"Contact: <sip:target@{_SELF};transport=[transport]>",
        *headers,
        _BODY if attributes.get("sdp") else _NO_BODY,
    ]
