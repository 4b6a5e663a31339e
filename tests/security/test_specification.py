"""Whatever the specification allows or forbids, the application answers as it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from pg8000.native import Connection
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from betting_ai.adapters.local.postgres import EmbeddedPostgres
from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.api.client import KeyAuth
from betting_ai.clock import FixedClock
from betting_ai.domain.protections import Limits
from betting_ai.errors import InvalidInputError
from integration.api_world import Api, served
from integration.conftest import fresh
from integration.record_world import MORNING, World, match, pick, slate

NOW = MORNING + timedelta(minutes=5)
TRANSFER = UUID("3f0c1f0a-0d6c-4f3b-9a3a-1a2b3c4d5e6f")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    missing_required_header,
    unsupported_method,
    allow_header_conformance,
    ignored_auth,
]


class Signed(AuthBase):
    """Lets our own client sign what another library is about to send, whatever that is."""

    def __init__(self, auth: KeyAuth) -> None:
        self._auth = auth

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        ours = httpx.Request(
            request.method or "GET",
            request.url or "",
            headers={"Content-Type": request.headers.get("Content-Type", "application/json")},
            content=body.encode() if isinstance(body, str) else body,
        )
        try:
            signed = next(self._auth.auth_flow(ours))
        except InvalidInputError:  # such as one with a query string: sent without a signature
            signed = ours
        request.headers.update(signed.headers)
        return request


@pytest.fixture(scope="module")
def api(
    postgres: EmbeddedPostgres,
    administration: Connection,
    template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Api]:
    """Matches, picks, a session and a transfer, so that there is something to answer."""
    with fresh(administration, template) as name:
        url = postgres.url(name)
        engine = connect(url)
        world = World(engine)
        world.tell(*(match(number) for number in range(4)), at=MORNING - timedelta(hours=1))
        world.publish(slate(pick(0, 1), pick(1, 2)))
        world.change(
            "INSERT INTO transactions (id, chain_id, token, from_address, to_address, amount,"
            f" status) VALUES ('{TRANSFER}', 56, 'USDT', '0xaa', '0xbb', 12.50, 'sent')"
        )
        with SqlUnitOfWork(engine) as unit:
            unit.bets.open_session("test", "paper", "units", Decimal(1000), Limits(), MORNING)
            unit.commit()
        engine.dispose()
        home = tmp_path_factory.mktemp("home")
        quick: dict[str, Any] = {"paper_rejects": 0, "paper_delay": 0}
        with served(url, home, clock=FixedClock(NOW), **quick) as api:
            yield api


@pytest.fixture(scope="module")
def auth(api: Api) -> Signed:
    made = api.key("read", "bet", "transfer")
    return Signed(KeyAuth(made.token, made.signing_secret, clock=api.app.clock))


SPECIFICATION = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
whole = schemathesis.openapi.from_dict(json.loads(SPECIFICATION.read_text()))


@whole.parametrize()
@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_it_answers_as_it_says(case: schemathesis.Case, api: Api, auth: Signed) -> None:
    spoilt = case.meta is not None and case.meta.is_negative_at(ParameterLocation.HEADER)
    case.call_and_validate(base_url=api.url, auth=None if spoilt else auth, checks=CHECKS)
