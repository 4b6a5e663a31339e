"""Calls to a bookmaker's API, and what each way of failing says about a bet.

A question (GET) is asked again until it is answered. A bet (POST) is sent once: what fails before
it can have left leaves no doubt, anything later leaves one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from betting_ai.errors import (
    InvalidInputError,
    VenueAnswerError,
    VenueOfflineError,
    VenueUnknownError,
)

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_TURNED_AWAY: Final = frozenset({401, 403})
_ANSWERED: Final = frozenset({200, 404})  # 404: there is no such thing, which is an answer
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

Sign = Callable[[str, str, str, bytes], Mapping[str, str]]
"""(method, path, query, body), all as sent -> the headers that say who asks."""

Parsed = TypeVar("Parsed", bound=BaseModel)


@dataclass(frozen=True)
class CallLimits:
    """How a venue is treated.

    Attributes:
        attempts: how often a question is asked before giving up; a bet is sent once.
        timeout: seconds to connect, to send and to wait for each part of an answer; one that is
            not all there by then is given up on too.
        pause: seconds before the second attempt; doubles with each further one.
        longest_pause: seconds; a venue that asks for more by ``Retry-After`` is given up on.
        largest: bytes of the largest answer that is read.
    """

    attempts: int = 3
    timeout: float = 10.0
    pause: float = 0.5
    longest_pause: float = 20.0
    largest: int = 4_000_000


@dataclass(frozen=True)
class Answer:
    """What a venue sent back.

    Attributes:
        status: of HTTP.
        body: not yet understood.
        retry_after: seconds it asks to be left alone; 0 where it does not say.
    """

    status: int
    body: bytes
    retry_after: float = 0.0


class VenueCalls:
    """HTTP to one venue; for many threads at once.

    Nothing of a key or signature is ever part of a message: of what the transport says only the
    kind of failure is told. Proxies and credentials of the environment are not used, redirects are
    not followed, and no connection is used twice: one that the venue has closed meanwhile would
    leave a doubt about a bet where there need be none.
    """

    def __init__(self, venue: str, url: str, sign: Sign, limits: CallLimits | None = None) -> None:
        self._venue = venue
        self._url = url.rstrip("/")
        self._sign = sign
        self._limits = limits or CallLimits()
        self._client = httpx.Client(
            timeout=self._limits.timeout,
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def get(self, path: str, query: Iterable[tuple[str, str]] = ()) -> Answer:
        """Ask, patiently.

        Returns:
            An answer with status 200 or 404.

        Raises:
            VenueOfflineError: no answer, or too busy, each time; or the key was turned away.
            VenueAnswerError: an answer that no documented one is.
        """
        why, pause = "", self._limits.pause
        for attempt in range(self._limits.attempts):
            if attempt:
                time.sleep(pause)
                pause *= 2
            try:
                answer = self._send("GET", path, urlencode(list(query)), b"")
            except httpx.TimeoutException:
                why = f"gave no answer within {self._limits.timeout:g} s"
            except httpx.TransportError as error:
                why = f"cannot be reached ({type(error).__name__})"
            else:
                if answer.status != httpx.codes.TOO_MANY_REQUESTS and answer.status < 500:
                    return self._documented(answer)
                why = f"answered {answer.status}"
                if answer.retry_after > self._limits.longest_pause:
                    why += f" and asks to be left alone for {answer.retry_after:g} s"
                    break
                pause = max(pause, answer.retry_after)
        raise VenueOfflineError(f"{self._venue} {why}; try again later")

    def post(self, path: str, body: bytes) -> Answer:
        """Send a bet, once.

        Returns:
            An answer with a status of 200 to 299 or 400 to 499.

        Raises:
            VenueOfflineError: it never left.
            VenueUnknownError: it may have arrived.
        """
        try:
            answer = self._send("POST", path, "", body)
        except _NOT_SENT as error:
            why = type(error).__name__
            raise VenueOfflineError(
                f"{self._venue} cannot be reached ({why}); nothing was sent"
            ) from None
        except httpx.TransportError as error:
            raise self.doubt(f"no answer ({type(error).__name__})") from None
        except VenueAnswerError as error:
            raise self.doubt(str(error)) from None
        if answer.status // 100 not in {2, 4}:
            raise self.doubt(f"answered {answer.status}")
        return answer

    def doubt(self, why: str) -> VenueUnknownError:
        """The error that says a bet may have been taken."""
        return VenueUnknownError(
            f"{self._venue} may have taken the bet ({why}); ask for its status, never send it again"
        )

    def understand(self, model: type[Parsed], body: bytes) -> Parsed:
        """An answer as it is documented.

        Raises:
            VenueAnswerError: it is not; the message names the place and never quotes the answer.
        """
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole of it"
            raise VenueAnswerError(
                f"the answer of {self._venue} cannot be understood ({place}: {first['type']})"
            ) from None

    def _documented(self, answer: Answer) -> Answer:
        if answer.status in _TURNED_AWAY:
            raise VenueOfflineError(
                f"{self._venue} turned the call away ({answer.status}); check its key and the clock"
            )
        if answer.status not in _ANSWERED:
            raise VenueAnswerError(f"{self._venue} answered {answer.status}, which it should not")
        return answer

    def _send(self, method: str, path: str, query: str, body: bytes) -> Answer:
        target = f"{self._url}{path}?{query}" if query else f"{self._url}{path}"
        request = self._client.build_request(method, target, content=body)
        # What is signed is what is sent, to the byte.
        sent_path, _, sent_query = request.url.raw_path.decode().partition("?")
        request.headers.update(self._sign(method, sent_path, sent_query, body))
        if body:
            request.headers["Content-Type"] = "application/json"
        deadline = time.monotonic() + self._limits.timeout
        response = self._client.send(request, stream=True)
        try:
            content = b""
            for chunk in response.iter_raw():
                content += chunk
                if len(content) > self._limits.largest:
                    raise VenueAnswerError(f"{self._venue} sent more than can be an answer")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer trickles")
        finally:
            response.close()
        return Answer(response.status_code, content, _seconds(response.headers.get("Retry-After")))


def check_url(url: str, setting: str) -> str:
    """An address that secrets may be sent to: https, or this machine itself.

    Raises:
        InvalidInputError: it is none; the message never quotes it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    if host and plain and safe:
        return url
    raise InvalidInputError(f"{setting} must be https://host, http only on this machine itself")


def check_key(key: SecretStr, setting: str) -> SecretStr:
    """A key that can stand in a header.

    Raises:
        InvalidInputError: it cannot; the message never quotes it.
    """
    text = key.get_secret_value()
    if text and text.isascii() and text.isprintable() and " " not in text:
        return key
    raise InvalidInputError(f"{setting} is empty or holds characters that no key has")


def _seconds(header: str | None) -> float:
    """``Retry-After`` in seconds; its other form, a date, is taken for silence."""
    return float(header) if header and header.isascii() and header.isdigit() else 0.0
