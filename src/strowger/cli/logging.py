"""The log of a server: one line for each event on standard error, as JSON or as text.

What strangers wrote is escaped once more here, whoever forgot it before, so that no line can be forged and no terminal
repainted. The standard library's log, which asyncio and aiohttp use, comes out in the same shape.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from strowger.base.text import printable

FIELD_LIMIT: Final = 2_000
"""Characters of one field of a log line."""
TRACE_LIMIT: Final = 20_000
"""Characters of a stack trace."""


def configure(log_format: str, level: str) -> None:
    """Log events of `level` ("debug", "info", "warning", "error") and above as "json" or "text"."""
    number = logging.getLevelNamesMapping()[level.upper()]
    render: Processor = as_json if log_format == "json" else as_text
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt=None, utc=True),
            structlog.processors.format_exc_info,
            escape,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forward()], level=max(number, logging.WARNING), force=True)


def escape(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Escape every text that is not plain; a structlog processor. A stack trace keeps its lines."""
    for name, value in event.items():
        if name == "exception":
            lines = str(value)[:TRACE_LIMIT].splitlines()
            event[name] = "\n".join(_escaped(line) for line in lines)
        elif isinstance(value, str | bytes):
            event[name] = _escaped(value)
    return event


def _escaped(text: str | bytes) -> str:
    """What was made printable before has backslashes in it, which must not be doubled."""
    if isinstance(text, str) and text.isprintable() and len(text) <= FIELD_LIMIT:
        return text
    return printable(text, FIELD_LIMIT)


def as_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """One JSON object, its first members the time, the level and what happened."""
    head = {"timestamp": _utc(event.pop("timestamp")), "level": event.pop("level"), "event": event.pop("event")}
    return msgspec.json.encode({**head, **event}, enc_hook=_as_text).decode()


def as_text(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """The local time, the level unless it is the usual one, what happened, and the fields."""
    at = datetime.fromtimestamp(event.pop("timestamp"))
    level, what = event.pop("level"), event.pop("event")
    trace = "\n" + event.pop("exception") if "exception" in event else ""
    clock = at.strftime("%H:%M:%S.") + f"{at.microsecond // 1000:03d}"
    fields = [f"{name}={_escaped(str(value))}" for name, value in event.items()]
    return "  ".join([clock, what if level == "info" else f"{level}: {what}", *fields]) + trace


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _as_text(value: Any) -> str:
    return _escaped(str(value))


class _Forward(logging.Handler):
    """Hands records of the standard library's log to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        log = structlog.stdlib.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
