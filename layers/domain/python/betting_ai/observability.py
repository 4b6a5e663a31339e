"""Logs as lines of JSON, and unexpected errors told: the same under a server and under Lambda.

What a person or a program wants to find again is a key of its own (``extra={"event_id": ...}``),
never part of the sentence. Whatever is logged passes the `Redactor` last, so that no secret leaves,
however it got there.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import json
import logging
import math
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TextIO
from urllib.parse import quote, quote_plus, unquote, urlsplit

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that is being answered; part of every line that is logged meanwhile."""

HIDDEN: Final = "[hidden]"

_ACCESS: Final = "betting_ai.access"
_access: Final = logging.getLogger(_ACCESS)
_SHORTEST: Final = 6  # a shorter known secret would hide half the log
_SHORT: Final = 80  # as most texts are, which come again and again
_DEEPEST: Final = 8

_NAMES: Final = (
    "authorization", "cookie", "signature", "password", "passwd", "secret", "token", "api_key",
    "apikey", "private_key", "dsn", "credential",
)  # fmt: skip
"""What is kept under a key with one of these in its name is never shown."""

_SIGNS: Final = (
    "bai", "@", "authori", "cookie", "signature", "bearer", "basic", "passw", "pwd", "secret",
    "token", "key", "dsn", "=:",
)  # fmt: skip
"""A text without any of these has nothing that a pattern below could find; most have none."""

# A quoted value ends at its quote; one that is not, or within other quotes, where the line does.
_QUOTED: Final = r"""(?P<q>['"])(?:\\.|(?!(?P=q))[^\\])*"""
_LINE: Final = r"[^\r\n]+"
_PATTERNS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), put)
    for pattern, put in (
        # Our own tokens, wherever they stand.
        (r"bai(?:_|%5f)[\w%.~-]+", f"bai_{HIDDEN}"),
        # Who logs in, in addresses; a password may hold any sign that is not a space.
        (r"://[^\s'\"<>]{0,1000}@", f"://{HIDDEN}@"),
        # Headers, in any way that a language writes them down.
        (
            r"((?:authorization|cookie)\\?['\"]?\s*(?:[:=]|(?<=['\"]),)\s*b?)"
            rf"(?:{_QUOTED}|{_LINE})",
            rf"\1{HIDDEN}",
        ),
        (
            r"(signature(?:-input)?\\?['\"]?\s*(?:[:=]|(?<=['\"]),)\s*b?)"
            rf"(?=\\?['\"]?\w+=)(?:{_QUOTED}|{_LINE})",
            rf"\1{HIDDEN}",
        ),
        (r"=:[\w+/=-]{16,}:", f"=:{HIDDEN}:"),
        (r"\b(bearer|basic)(\s+|%20)[\w+/=.~%-]{15,}", rf"\1 {HIDDEN}"),
        # Pairs of name and value, as in addresses, forms and connection strings.
        (
            r"((?:passw(?:or)?d|pwd|secret|token|(?:api|access|private|signing)[-_]?key|dsn)"
            r"\\?['\"]?\s*(?:[:=]|%3d|(?<=['\"]),)\s*b?)"
            rf"(?:{_QUOTED}|\\['\"]{_LINE}|[^\s&,;'\"]+)",
            rf"\1{HIDDEN}",
        ),
    )
)


CHATTY: Final = (
    *("httpx", "httpcore", "alembic.runtime.plugins"),
    # They tell at DEBUG what was asked for and what was answered: of a secret, the secret.
    *("boto3", "botocore", "s3transfer", "urllib3"),
)
"""Loggers of libraries that tell of nothing below a warning, whatever level is asked for."""


class Redactor:
    """Makes anything fit to be logged: JSON-ready, and without secrets.

    A secret is what is known to be one, what looks like one, and what has the name of one.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Learn the secrets of this configuration.

        Args:
            secrets: never shown, in whatever way addresses or JSON would write them; of an
                address with a password, the password too.
        """
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        self._known = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """A text, with ``[hidden]`` in the place of every secret."""
        for form in self._known:
            if form in text:
                text = text.replace(form, HIDDEN)
        if len(text) > _SHORT or _is_suspect(text):
            for pattern, put in _PATTERNS:
                text = pattern.sub(put, text)
        return text

    def value(self, value: object, depth: int = 0) -> Any:  # noqa: ANN401 - JSON
        """Anything, as JSON knows it."""
        if value is None or isinstance(value, int):  # bool too
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        if depth < _DEEPEST and isinstance(value, Mapping):
            return {
                self.text(_shown(key)): self.under(_shown(key), each, depth + 1)
                for key, each in value.items()
            }
        if depth < _DEEPEST and isinstance(value, (list, tuple, set, frozenset)):
            if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], (str, bytes)):
                name = _shown(value[0])  # as headers are kept
                return [self.text(name), self.under(name, value[1], depth + 1)]
            return [self.value(each, depth + 1) for each in value]
        return self.text(_shown(value))

    def under(self, name: str, value: object, depth: int = 0) -> Any:  # noqa: ANN401 - JSON
        """What stands under a name."""
        if value is not None and _is_secret(name):
            return HIDDEN
        return self.value(value, depth)


@lru_cache(maxsize=1024)
def _is_suspect(text: str) -> bool:
    lowered = text.lower()
    return any(sign in lowered for sign in _SIGNS)


@lru_cache(maxsize=512)
def _is_secret(name: str) -> bool:
    plain = name.lower().replace("-", "_")
    return any(secret in plain for secret in _NAMES)


def _forms(secret: str) -> Iterable[str]:
    """The ways in which a secret may be written down, and those of the password in it."""
    parts = [secret]
    if "://" in secret:
        with contextlib.suppress(ValueError):
            parts.append(urlsplit(secret).password or "")
        parts.append(secret.partition("://")[2].rpartition("@")[0].partition(":")[2])
    for part in parts:
        for plain in (part, unquote(part)):
            yield from (plain, quote(plain, safe=""), quote(plain), quote_plus(plain))
            yield from (json.dumps(plain)[1:-1], repr(plain)[1:-1])


def _shown(value: object) -> str:
    try:
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    except Exception:  # a log must not fail because of what it tells
        return f"<{type(value).__name__}>"


_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message", "asctime", "taskName", "color_message",
}  # fmt: skip


_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, message, logger, request_id, then the extras."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The line; it has ASCII alone, so that no sign in it can begin another one."""
        if isinstance(record.msg, _Whole):
            return record.msg
        hide = self._redactor
        try:
            message = record.getMessage()
        except Exception:  # arguments that do not fit are told as they are
            message = f"{_shown(record.msg)} {_shown(record.args)}"
        line: dict[str, Any] = {
            "time": _rfc3339(record.created),
            "level": record.levelname,
            "message": hide.text(message),
            "logger": record.name,
        }
        if (request := request_id.get()) is not None:
            line["request_id"] = hide.text(request)
        for key, value in record.__dict__.items():
            if key not in _STANDARD and key not in line:
                line[key] = hide.under(key, value)
        if record.exc_info and record.exc_info[1] is not None:
            kind = type(record.exc_info[1])
            line["error"] = f"{kind.__module__}.{kind.__qualname__}"
            line["trace"] = hide.text(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = hide.text(self.formatStack(record.stack_info))
        return _ENCODE(line)


def _rfc3339(seconds: float) -> str:
    """``2025-03-15T08:00:00.123Z``."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03d}Z"


@lru_cache(maxsize=4)
def _second(whole: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))


class _Lines(logging.StreamHandler[TextIO]):
    """Writes lines in their order; those of requests together, once a turn of the event loop.

    A busy server answers many requests in one turn, and a write is what costs most of a line.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[str] = []
        self._turn: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Take one line."""
        loop = _running_loop() if isinstance(record.msg, _Whole) else None
        if loop is None:
            self._write()
            super().emit(record)
            return
        self._waiting.append(record.msg)
        if self._turn is not loop:  # one that ended meanwhile calls nobody any more
            self._turn = loop
            loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits."""
        with self.lock or contextlib.nullcontext():
            self._turn = None
            self._write()
            super().flush()

    def _write(self) -> None:
        if self._waiting:
            lines, self._waiting = self._waiting, []
            with contextlib.suppress(OSError, ValueError):  # as everywhere in a log
                self.stream.write("\n".join([*lines, ""]))


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def configure(level: str, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Let every logger of the process write lines of JSON, and nothing else.

    Args:
        level: the least that is told, such as ``"INFO"``.
        secrets: of the configuration, see `Redactor`.
        stream: stderr by default.
    """
    handler = _Lines(stream or sys.stderr)
    handler.setFormatter(JsonLines(Redactor(secrets)))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(True)
    # What no line shows need not be found out.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.raiseExceptions = False  # its complaints would be no JSON, and pass no redactor
    pool = "betting_ai.adapters.sql.engine._Pool"  # told by SQLAlchemy, in its own words
    for chatty in (*CHATTY, pool):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def access(
    method: str,
    route: str,
    status: int,
    seconds: float,
    *,
    key_id: str | None = None,
    request: str | None = None,
) -> None:
    """One line for one request, written without a detour: there are thousands a second.

    Args:
        method: of HTTP, one of those that there are.
        route: the template, such as ``/api/v1/betting/events/{event_id}``; never the path, which
            is the caller's own text.
        status: of HTTP.
        seconds: it took.
        key_id: of the application key; None without one.
        request: its id; letters, digits and dashes.
    """
    if not _access.isEnabledFor(logging.INFO):
        return
    now = time.time()
    told = (
        f'{{"time":"{_rfc3339(now)}",{_asked(method, route, status)},'
        f'"duration_ms":{seconds * 1000:.2f},"key_id":{_ENCODE(key_id)},'
        f'"request_id":{_ENCODE(request)}}}'
    )
    _access.handle(logging.LogRecord(_ACCESS, logging.INFO, "", 0, _Whole(told), None, None))


class _Whole(str):
    """A line as it is written; nothing in it is a caller's free choice, so nothing is hidden."""

    __slots__ = ()


@lru_cache(maxsize=1024)
def _asked(method: str, route: str, status: int) -> str:
    """The part of a line that comes again and again."""
    told = {
        "level": "INFO",
        "message": "request",
        "logger": _ACCESS,
        "method": method,
        "route": route,
        "status": status,
    }
    return _ENCODE(told)[1:-1]


def tell_errors(
    dsn: str, secrets: Iterable[str] = (), environment: str = "selfhost"
) -> Callable[[], None]:
    """Tell Sentry of every line that is logged as an error, from now on.

    What is sent is the kind of error, its words as the log has them, where in the code it arose,
    and the request's id: no headers, bodies, query strings, addresses, variables or people.

    Args:
        dsn: Sentry's address of the project.
        secrets: as `configure`.
        environment: as Sentry shall call it.

    Returns:
        A function that sends what still waits, within two seconds.
    """
    # Nobody without a DSN loads this.
    import sentry_sdk  # noqa: PLC0415
    from sentry_sdk.integrations.dedupe import DedupeIntegration  # noqa: PLC0415
    from sentry_sdk.integrations.logging import LoggingIntegration  # noqa: PLC0415

    redactor = Redactor([*secrets, dsn])

    def fit(event: Event, hint: Hint) -> Event:
        return _fit_to_tell(event, redactor)

    sentry_sdk.init(
        dsn,
        release=importlib.metadata.version("betting-ai"),
        environment=environment,
        default_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR),
            DedupeIntegration(),
        ],
        before_send=fit,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        send_client_reports=False,
        auto_session_tracking=False,
    )
    return lambda: sentry_sdk.flush(timeout=2.0)


_TOLD: Final = ("event_id", "timestamp", "level", "logger", "platform", "release", "environment")
_FRAME: Final = ("filename", "function", "module", "lineno", "in_app")


def _fit_to_tell(event: Event, redactor: Redactor) -> Event:
    """An event with what is listed here and nothing else."""
    given: dict[str, Any] = dict(event)
    told: dict[str, Any] = {name: given[name] for name in _TOLD if name in given}
    if entry := given.get("logentry"):
        told["logentry"] = {"message": redactor.text(entry.get("formatted") or entry["message"])}
    values = (given.get("exception") or {}).get("values") or []
    told["exception"] = {
        "values": [
            {
                "type": one.get("type"),
                "module": one.get("module"),
                "value": redactor.text(str(one.get("value") or "")),
                "stacktrace": {
                    "frames": [
                        {name: frame[name] for name in _FRAME if name in frame}
                        for frame in (one.get("stacktrace") or {}).get("frames", [])
                    ]
                },
            }
            for one in values
        ]
    }
    named = request_id.get() or (given.get("extra") or {}).get("request_id")
    told["tags"] = {"request_id": redactor.text(str(named))} if named else {}
    return told  # type: ignore[return-value]
