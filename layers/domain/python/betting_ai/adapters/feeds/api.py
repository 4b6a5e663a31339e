"""One API behind a key: patient where patience helps, and silent about the key.

The key joins a request below the client that logs and reports it, so neither a log line nor an
error can repeat it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self

import httpx
from pydantic import SecretStr

from betting_ai.clock import Clock
from betting_ai.errors import (
    FeedError,
    FeedKeyError,
    FeedOfflineError,
    FeedQuotaError,
    InvalidInputError,
)

_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_NO_ENTRY: Final = frozenset({401, 403})
_LONGEST_MESSAGE: Final = 160
_NO_CREDITS: Final = "OUT_OF_USAGE_CREDITS"
_KEY: Final = re.compile(r"[!-~]{8,}")

Sign = Callable[[httpx.Request, str], None]
"""Puts the key into a request."""


@dataclass(frozen=True)
class ApiLimits:
    """How an API is treated.

    Attributes:
        attempts: how often a question is asked before giving up.
        timeout: seconds to wait for an answer.
        pause: seconds before the second attempt; doubles with each further one.
        longest_wait: seconds that are waited when the API says how long; not asked again if more.
    """

    attempts: int = 3
    timeout: float = 20.0
    pause: float = 1.0
    longest_wait: float = 30.0


@dataclass(frozen=True)
class ApiAddress:
    """Where an API is, and what opens it.

    Attributes:
        name: what people call it.
        url: base address.
        key: the secret.
        setting: name of the variable that holds the key.
    """

    name: str
    url: str
    key: SecretStr
    setting: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise InvalidInputError(f"{self.url!r} is no address of {self.name}; write https://...")
        if not _KEY.fullmatch(self.key.get_secret_value()):  # a library would quote it in an error
            raise InvalidInputError(f"{self.setting} holds what cannot be a key of {self.name}")


class Api:
    """Asks one API with GET; use it as a context, which closes its connections."""

    def __init__(
        self, address: ApiAddress, sign: Sign, clock: Clock, limits: ApiLimits | None = None
    ) -> None:
        self._address = address
        self._limits = limits or ApiLimits()
        self._clock = clock
        self._base = address.url.rstrip("/")
        secret = address.key.get_secret_value()
        self._client = httpx.Client(
            transport=_Signed(sign, secret), timeout=self._limits.timeout, follow_redirects=False
        )

    def get(
        self,
        path: str,
        params: Mapping[str, str | list[str]],
        asked: Callable[[], None] = lambda: None,
        heard: Callable[[httpx.Response], None] = lambda _answer: None,
    ) -> httpx.Response:
        """The answer, if it is 200 or 404.

        Args:
            path: below the base address.
            params: query.
            asked: called before every attempt.
            heard: called with every answer, also with those that are failures.

        Raises:
            FeedKeyError: the key is not accepted.
            FeedQuotaError: the API says that nothing is left of it.
            FeedOfflineError: no usable answer after all attempts, or asked to wait for long.
            FeedError: any other answer.
        """
        why, answer = "", None
        for attempt in range(self._limits.attempts):
            if attempt:
                self._wait(why, answer, attempt)
            asked()
            answer, why = self._once(path, params)
            if answer is not None:
                heard(answer)
                if answer.status_code not in _BUSY:
                    return self._checked(path, answer)
        raise FeedOfflineError(
            f"{self._base}{path} {why}, {self._limits.attempts} times; try again later"
        )

    def _once(
        self, path: str, params: Mapping[str, str | list[str]]
    ) -> tuple[httpx.Response | None, str]:
        try:
            answer = self._client.get(self._base + path, params=dict(params))
        except httpx.TimeoutException:
            return None, f"gave no answer within {self._limits.timeout:g} s"
        except httpx.TransportError as error:
            return None, f"cannot be reached ({error or type(error).__name__})"
        return answer, f"answered {answer.status_code}"

    def _wait(self, why: str, answer: httpx.Response | None, attempt: int) -> None:
        seconds = self._limits.pause * 2 ** (attempt - 1)
        told = self._retry_after(answer) if answer is not None else None
        if told is not None and told > self._limits.longest_wait:
            raise FeedOfflineError(
                f"{self._address.name} {why} and asks to wait {told:.0f} s; try again then"
            )
        time.sleep(max(seconds, told or 0.0))

    def _retry_after(self, answer: httpx.Response) -> float | None:
        """Seconds to wait, as the header tells: a number, or a date."""
        told = answer.headers.get("Retry-After", "").strip()
        if told.isdigit():
            return float(told)
        try:
            moment = parsedate_to_datetime(told)
        except (TypeError, ValueError):
            return None
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        return max(0.0, (moment - self._clock.now()).total_seconds())

    def _checked(self, path: str, answer: httpx.Response) -> httpx.Response:
        name, status = self._address.name, answer.status_code
        key = self._address.key.get_secret_value()
        said = _said(answer).replace(key, "***")
        if status in _NO_ENTRY and _told(answer).get("error_code") == _NO_CREDITS:
            raise FeedQuotaError(f"{name}: nothing is left of the quota{said}")
        if status in _NO_ENTRY:
            raise FeedKeyError(
                f"{name} does not accept the key in {self._address.setting} ({status}{said})"
            )
        if status not in (httpx.codes.OK, httpx.codes.NOT_FOUND):
            raise FeedError(f"{self._base}{path} answered {status}{said}")
        if key.encode() in answer.content:
            raise FeedError(f"{name}: the answer of {path} repeats the key, so it is not kept")
        return answer

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.__exit__(kind, error, trace)


def _told(answer: httpx.Response) -> dict[str, object]:
    """A JSON error; empty where it is none."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _said(answer: httpx.Response) -> str:
    """What a JSON error says of itself."""
    message = _told(answer).get("message")
    words = " ".join(message.split()) if isinstance(message, str) else ""
    return f": {words[:_LONGEST_MESSAGE]}" if words else ""


class _Signed(httpx.BaseTransport):
    """Adds the key on the last metre."""

    def __init__(self, sign: Sign, secret: str) -> None:
        self._sign = sign
        self._secret = secret
        self._wire = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        signed = httpx.Request(
            request.method, request.url, headers=request.headers, extensions=request.extensions
        )
        self._sign(signed, self._secret)
        return self._wire.handle_request(signed)

    def close(self) -> None:
        self._wire.close()
