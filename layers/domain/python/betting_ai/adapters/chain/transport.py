"""JSON-RPC to one endpoint, of which nothing is ever told: its address may hold a key."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from betting_ai.domain.chains import Chain
from betting_ai.errors import InvalidInputError

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_WITNESSES: Final = 2


@dataclass(frozen=True)
class RpcLimits:
    """How endpoints are treated.

    Attributes:
        timeout: seconds for one answer, all of it.
        largest: bytes of the largest answer that is read.
        least: how many endpoints have to answer.
        stale_after: an endpoint whose newest block is older does not keep up.
        rest: how long an endpoint that failed is left alone, while others do.
        attempts: how often what disagrees is read again before that is an error; two endpoints
            may see the chain's tip change at different moments.
    """

    timeout: float = 5.0
    largest: int = 4_000_000
    least: int = 1
    stale_after: timedelta = timedelta(minutes=1)
    rest: timedelta = timedelta(seconds=30)
    attempts: int = 2


class EndpointFailedError(Exception):
    """An endpoint cannot be relied on now; the message says why, without any word of its own."""


class RpcProvider(JSONBaseProvider):
    """How web3 reaches an endpoint.

    Its own transport would log the address and raise errors that name it. Proxies and credentials
    of the environment are not used, and redirects are not followed.
    """

    # Else an answer of a contract could send this process to addresses of the contract's choice.
    global_ccip_read_enabled = False

    def __init__(self, url: SecretStr, limits: RpcLimits) -> None:
        super().__init__()
        self._url = url
        self._limits = limits
        self._client = httpx.Client(
            timeout=limits.timeout,
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        """One question and its answer, which may be an error."""
        return cast(RPCResponse, self._post(self.encode_rpc_request(method, params)))

    def make_batch_request(
        self, requests: list[tuple[RPCEndpoint, Any]]
    ) -> list[RPCResponse] | RPCResponse:
        """Several questions at once, and their answers in the same order."""
        body = self.encode_batch_rpc_request(requests)
        answers = self._post(body)
        if not isinstance(answers, list):
            return cast(RPCResponse, answers)
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        asked = [question["id"] for question in json.loads(body)]
        if by_id.keys() != set(asked):
            raise EndpointFailedError("left questions of a batch unanswered")
        return [cast(RPCResponse, by_id[one]) for one in asked]

    def _post(self, body: bytes) -> object:
        deadline = time.monotonic() + self._limits.timeout
        content = b""
        with self._client.stream("POST", self._url.get_secret_value(), content=body) as response:
            if response.status_code != httpx.codes.OK:
                raise EndpointFailedError(f"answered {response.status_code}")
            for chunk in response.iter_raw():
                content += chunk
                if len(content) > self._limits.largest:
                    raise EndpointFailedError("sent more than can be an answer")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer trickles")
        return json.loads(content)


def check_urls(urls: Sequence[SecretStr], setting: str) -> tuple[SecretStr, ...]:
    """Addresses of endpoints: each https, or this machine itself, and none of them twice.

    Raises:
        InvalidInputError: they are not; the message never quotes one.
    """
    told = [url.get_secret_value() for url in urls]
    if not told or not all(map(_usable, told)):
        raise InvalidInputError(f"{setting} must be https://..., http only on this machine itself")
    if len(set(told)) < len(told):
        raise InvalidInputError(f"{setting} names an endpoint twice, which would be no witness")
    return tuple(urls)


def limits_of(chain: Chain, urls: Sequence[SecretStr]) -> RpcLimits:
    """How the endpoints of a chain are treated: where money is real, none is believed alone.

    A node on this machine is its owner's own, and is.

    Raises:
        InvalidInputError: they are fewer than have to agree, or all of one provider.
    """
    hosts = {urlsplit(url.get_secret_value()).hostname for url in urls}
    if chain.testnet or hosts <= _LOOPBACK:
        return RpcLimits()
    if len(hosts) < _WITNESSES:
        raise InvalidInputError(
            "where money is real no endpoint is believed alone: BETTING_AI_RPC_URLS needs two of"
            " different providers, and three to go on while one of them is down"
        )
    return RpcLimits(least=_WITNESSES)


def _usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    return bool(host) and safe
